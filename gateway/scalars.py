"""Scalars: 64-bit counts, times in UTC, and JSON documents."""

import re
from datetime import UTC, datetime
from typing import Any, NewType

import msgspec
import orjson
import strawberry
from graphql import ValueNode, value_from_ast_untyped

from domain.masking import masked

Long = NewType("Long", int)
DateTime = NewType("DateTime", float)
JSON = NewType("JSON", object)

BOUND = 2**63


def _long(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -BOUND <= value < BOUND:
        raise ValueError(f"{value!r} is no integer of 64 bits")
    return value


def _time(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("a time is text in ISO 8601, such as 2026-11-21T09:30:00Z")
    parsed = datetime.fromisoformat(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _shown(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    return value_from_ast_untyped(node, variables)


def time(value: float) -> DateTime | None:
    """Unix seconds as the API gives them; 0, which records keep for `not yet`, is null."""
    return DateTime(value) if value else None


def shown(value: msgspec.Struct) -> JSON:
    """A record or an event as JSON, with the secrets of the URLs in it masked."""
    return JSON(orjson.loads(masked(msgspec.json.encode(value).decode())))


SCALARS: dict[object, Any] = {
    Long: strawberry.scalar(
        name="Long", description="An integer of 64 bits; text of digits is taken as well.", serialize=int, parse_value=_long
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, ISO 8601 with milliseconds: 2026-11-21T09:30:00.000Z.",
        serialize=_shown,
        parse_value=_time,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value: documents, mappings, metadata.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
        parse_literal=_literal,
    ),
}
