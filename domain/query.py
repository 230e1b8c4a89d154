"""Queries in Lucene syntax: text to a small tree that both engines answer alike (docs/queries.md has the grammar).

`parse` reads what users write. Code that asks for something builds nodes (`Term`, `any_of`, …) and never puts text together.
"""

from collections.abc import Iterable

from domain.query_parser import parse
from domain.query_tree import (
    Bool,
    Boost,
    Exists,
    Fuzzy,
    Leaf,
    MatchAll,
    MatchNone,
    Phrase,
    Query,
    Range,
    Regex,
    Term,
    Wildcard,
)

__all__ = [
    "Bool",
    "Boost",
    "Exists",
    "Fuzzy",
    "Leaf",
    "MatchAll",
    "MatchNone",
    "Phrase",
    "Query",
    "Range",
    "Regex",
    "Term",
    "Wildcard",
    "all_of",
    "any_of",
    "match_all",
    "multi_match",
    "negation",
    "parse",
]


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


def multi_match(text: str, scopes: Iterable[str]) -> Query:
    """What has `text` (all its words, in a text path) in one of these paths; `*` in a scope stands for any characters."""
    return any_of(Term(path=scope, text=text) for scope in scopes)
