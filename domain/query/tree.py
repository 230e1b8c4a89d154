"""The tree of a query: what was asked for, before anybody looks at a mapping.

Code that asks for something builds nodes (`Term`, `any_of`, …) and never puts text together.
"""

from collections.abc import Iterable

import msgspec


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a query."""

    position: int = 0
    """Index of the character in the query's text at which the node begins; where a path stands before a value, at which the value
    begins."""


class Leaf(Query, frozen=True, kw_only=True):
    """A node that looks at values of `path`: a dotted path, in which `*` stands for any characters; empty for `_id` and the default
    fields."""

    path: str = ""


class MatchAll(Query, frozen=True, kw_only=True):
    """Every document."""


class MatchNone(Query, frozen=True, kw_only=True):
    """No document."""


class Term(Leaf, frozen=True, kw_only=True):
    """A keyword, number, date or boolean that is `text`; all the words of `text`, in any order, where the path holds text."""

    text: str
    either: bool = False
    """One of the words is enough."""


class Phrase(Leaf, frozen=True, kw_only=True):
    """The words of `text` side by side in one value of a text path, moved by `slop` at most; anywhere else like Term."""

    text: str
    slop: int = 0


class Wildcard(Leaf, frozen=True, kw_only=True):
    """A whole keyword, or word of a text, like `pattern`: `*` any characters, `?` one, backslash takes the next as it is."""

    pattern: str


class Regex(Leaf, frozen=True, kw_only=True):
    """A whole keyword, or word of a text, that the regular expression `pattern` describes (see domain.query.patterns)."""

    pattern: str


class Fuzzy(Leaf, frozen=True, kw_only=True):
    """A keyword, or word of a text, at most `edits` insertions, deletions, changes or swaps of neighbours away from `text`."""

    text: str
    edits: int | None = None
    """0 to 2; None: 0 for up to two characters, 1 for up to five, else 2."""


class Range(Leaf, frozen=True, kw_only=True):
    """A value between bounds, given as text; None is open."""

    lower: str | None = None
    upper: str | None = None
    include_lower: bool = True
    include_upper: bool = True


class Exists(Leaf, frozen=True, kw_only=True):
    """A value at `path`, or below it, whatever it is (`null`, `[]` and `{}` are none)."""


class Boost(Query, frozen=True, kw_only=True):
    """The same documents as `query`, with its share in the score multiplied."""

    query: Query
    factor: float


class Bool(Query, frozen=True, kw_only=True):
    """All of `must`, none of `must_not`, and at least one of `should` where `must` is empty and `should` is not."""

    must: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()
    mixed: bool = False
    """AND and OR stood side by side without parentheses, or OR before NOT: it may not mean what it seems to."""


def match_all() -> Query:
    """Every document."""
    return MatchAll()


def all_of(queries: Iterable[Query]) -> Query:
    """What matches each of them; every document where there are none."""
    must = tuple(queries)
    if len(must) == 1:
        return must[0]
    return Bool(must=must) if must else MatchAll()


def any_of(queries: Iterable[Query]) -> Query:
    """What matches one of them; no document where there are none."""
    should = tuple(queries)
    if len(should) == 1:
        return should[0]
    return Bool(should=should) if should else MatchNone()


def negation(query: Query) -> Query:
    """What does not match it."""
    return Bool(must_not=(query,))


def multi_match(text: str, scopes: Iterable[str | tuple[str, float]]) -> Query:
    """What has `text` (all its words, in a text path) in one of these paths, which may have a boost; `*` in a path stands for any
    characters."""
    return any_of(
        Term(path=scope, text=text) if isinstance(scope, str) else Boost(query=Term(path=scope[0], text=text), factor=scope[1])
        for scope in scopes
    )
