"""Nodes and pages: opaque ids, and connections with keyset cursors."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry import argument, field

from domain.errors import Invalid
from domain.nouns import Stored

SEQUENCE = re.compile(r"-?[0-9]{1,18}")
"""Of 64 bits."""
T = TypeVar("T")
S = TypeVar("S")

First = Annotated[int, argument(description="How many, 1 to 100.")]
After = Annotated[str | None, argument(description="A cursor: what comes behind it.")]
Name = Annotated[str, argument(description="Its name.")]


@strawberry.interface(description="Anything that `node` finds again by its id.")
class Node:
    """What has a global id."""

    id: strawberry.ID = field(description="Opaque; never parse it.")


def encode(text: str) -> str:
    """Opaque text for ids and cursors."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str) -> str | None:
    """What `encode` was given; None where it was not made by it."""
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return None


def global_id(type: str, id: str) -> strawberry.ID:
    """The opaque id of a node."""
    return strawberry.ID(encode(f"{type}:{id}"))


def local_id(type: str, id: str) -> str:
    """The name or UUID within a type, from its opaque id, or given as it is: commands and logs speak of UUIDs."""
    prefix, _, rest = (decode(id) or "").partition(":")
    return rest if prefix == type else id


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """Relay's, forwards only."""

    has_next_page: bool = field(description="Whether there is more.")
    end_cursor: str | None = field(description="`after` of the next page.")


@strawberry.type(description="One item of a page.")
class Edge(Generic[T]):
    """Relay's edge."""

    cursor: str = field(description="`after` of what comes behind this item.")
    node: T = field(description="The item.")


@strawberry.type(description="A page of a list that grows, in the list's own order.")
class Connection(Generic[T]):
    """Relay's connection."""

    edges: list[Edge[T]] = field(description="The items with their cursors.")
    page_info: PageInfo = field(description="Where the page ends.")

    @strawberry.field(description="The items alone.")
    def nodes(self) -> list[T]:
        """For clients that need no cursors."""
        return [edge.node for edge in self.edges]


def page_size(first: int) -> int:
    """`first` where it is 1 to 100; raises Invalid."""
    if not 1 <= first <= 100:
        raise Invalid("first is 1 to 100", ("first",))
    return first


def few(ids: list[str]) -> list[str]:
    """The ids where they are not too many; raises Invalid."""
    if len(ids) > 1000:
        raise Invalid("at most 1000 ids at a time", ("ids",))
    return ids


def cursor(sequence: int, id: str) -> str:
    """What `position` reads: where this item of a list is."""
    return encode(f"{sequence}:{id}")


def position(after: str | None) -> tuple[float, str] | None:
    """(sequence, id) of a cursor; raises Invalid where it is not one of ours."""
    if after is None:
        return None
    value, _, id = (decode(after) or "").partition(":")
    if not SEQUENCE.fullmatch(value):
        raise Invalid("that is no cursor of this list: leave `after` out to begin anew", ("after",))
    return int(value), id


def connection(found: Sequence[Stored[Any]], first: int, made: Callable[[Stored[Any]], T]) -> Connection[T]:
    """A page of at most `first` of these records, as they were inserted; one more than that says that there is a next one."""
    edges = [Edge(cursor=cursor(stored.sequence, stored.id), node=made(stored)) for stored in found[:first]]
    more = len(found) > first
    return Connection(edges=edges, page_info=PageInfo(has_next_page=more, end_cursor=edges[-1].cursor if edges else None))
