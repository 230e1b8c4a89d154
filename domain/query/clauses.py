"""What an index is asked: each clause about one field, with values of its type, the same for both engines."""

import msgspec

from domain.query.mappings import Field
from domain.query.patterns import Pattern
from domain.query.values import Bounds


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on a document."""


class Everything(Clause, frozen=True, kw_only=True):
    """Always true."""


class Nothing(Clause, frozen=True, kw_only=True):
    """Never true."""


class Equals(Clause, frozen=True, kw_only=True):
    """A keyword, in upper or lower case as the query has it."""

    field: Field
    value: str


class Words(Clause, frozen=True, kw_only=True):
    """All words of `text` in a text field, anywhere; with a slop, side by side in one value, moved by that many places at most."""

    field: Field
    text: str
    either: bool = False
    """One of them is enough."""
    slop: int | None = None
    position: int = 0


class Like(Clause, frozen=True, kw_only=True):
    """A whole keyword, or word of a text, that a pattern describes; put into lower case where the field is."""

    field: Field
    pattern: Pattern
    position: int = 0


class Near(Clause, frozen=True, kw_only=True):
    """A keyword, or word of a text, at most `edits` away from `text`; a swap of neighbours is one."""

    field: Field
    text: str
    edits: int


class Between(Clause, frozen=True, kw_only=True):
    """A value within bounds; a number, date (milliseconds) or boolean (0, 1) that is both of them."""

    field: Field
    bounds: Bounds
    position: int = 0


class Has(Clause, frozen=True, kw_only=True):
    """A value in one of these fields."""

    paths: tuple[str, ...]


class Combined(Clause, frozen=True, kw_only=True):
    """All of `must`, none of `must_not`, and one of `should` where `must` is empty and `should` is not."""

    must: tuple[Clause, ...] = ()
    should: tuple[Clause, ...] = ()
    must_not: tuple[Clause, ...] = ()


class Best(Clause, frozen=True, kw_only=True):
    """One of them; the best one's score."""

    clauses: tuple[Clause, ...]


class Weighted(Clause, frozen=True, kw_only=True):
    """A clause, its score multiplied."""

    clause: Clause
    factor: float
