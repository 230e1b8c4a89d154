"""What a noun adds to the schema."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gateway.context import Info
from gateway.graphql.nodes import Node

Finder = Callable[[Info, str], Awaitable[Node | None]]
"""Finds a thing again by its name or UUID; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class Noun:
    """Every part that a noun has, as gateway/schema.py adds them up."""

    query: type | None = None
    mutation: type | None = None
    subscription: type | None = None
    types: tuple[type, ...] = ()
    """Types that no field names, such as those that implement an interface."""
    finders: Mapping[str, Finder] = field(default_factory=dict)
    """How `node` finds each type again."""
