"""What parameters say that is to be found: query strings, filters, sort keys, and the terms of a POST with their scopes."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from domain.errors import QueryInvalid
from domain.ports.search import Sort
from domain.query import parser
from domain.query.tree import MatchAll, MatchNone, Query, all_of, multi_match
from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments
from gateway.rest.limits import Limits

Scope = str | tuple[str, float]
"""A path that terms are looked for in, with its boost where it has one."""

_BOOSTED = re.compile(r"([^^]+)\^(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})", re.ASCII)


def read_query(text: str | None, keyword: str = "q") -> Query:
    """The tree of a query string: everything for None and `__all__`, nothing for an empty one. Raises QueryInvalid."""
    if text is None or text in ("__all__", "__any__"):
        return MatchAll()
    return _parsed(text, keyword) if text else MatchNone()


def read_filter(text: str | None, keyword: str) -> Query | None:
    """The tree of a `filter` or `post_filter`; None where it is empty. BioThings joins their words by OR, unlike those of `q`."""
    return _parsed(text, keyword, either=True) if text else None


def _parsed(text: str, keyword: str, *, either: bool = False) -> Query:
    try:
        return parser.parse(text, either=either)
    except QueryInvalid as error:
        raise QueryInvalid(error.message, error.position, (keyword,)) from error


def read_sort(keys: list[str]) -> tuple[Sort, ...]:
    """The keys to sort by: `-field` and `field:desc` turn the order round, and the best score comes first without either. By the
    score alone hits are sorted anyway."""
    found = tuple(map(_sort, keys))
    return () if found == (Sort(path="_score", descending=True),) else found


def _sort(key: str) -> Sort:
    if key.startswith("-"):
        return Sort(path=key[1:], descending=True)
    path, _, order = key.rpartition(":")
    if path and order in ("asc", "desc"):
        return Sort(path=path, descending=order == "desc")
    return Sort(path=key, descending=key == "_score")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a POST looks for, each term by itself."""

    values: list[Any]
    """As the client wrote them; a list has one value for each scope (BioThings' compound queries)."""
    scopes: list[list[Scope]]
    """Where they are looked for; nowhere: terms are query strings."""

    def queries(self) -> Iterator[Query]:
        """What each term means, made when it is its turn: all of them at once might fill the memory. Raises QueryInvalid."""
        anywhere = [scope for scopes in self.scopes for scope in scopes]
        for value in self.values:
            if isinstance(value, list):
                yield all_of(multi_match(_text(part), scopes) for part, scopes in zip(value, self.scopes, strict=True))
            else:
                yield multi_match(_text(value), anywhere) if anywhere else read_query(_text(value))

    def paths(self) -> Iterator[str]:
        """The paths that each of them is looked for in."""
        return (scope if isinstance(scope, str) else scope[0] for scopes in self.scopes for scope in scopes)

    @property
    def are_ids(self) -> bool:
        """Whether they are looked for in `_id` alone."""
        return self.scopes == [["_id"]] and not any(isinstance(value, list) for value in self.values)


def read_terms(arguments: Arguments, limits: Limits) -> Terms:
    """`q` and `scopes` of a POST. Raises RequestInvalid, as BioThings does for terms that are empty."""
    values = arguments.items("q", most=limits.terms)
    if values is None:
        raise RequestInvalid("", keyword="q", missing=True)
    scopes = arguments.items("scopes", most=limits.items)
    read: list[list[Scope]] = [["_id"]] if scopes is None else [_scopes(scope) for scope in scopes]
    if not values or any(_is_empty(part) for value in values for part in (value if isinstance(value, list) and value else [value])):
        raise RequestInvalid("A term can't be empty.", keyword="q")
    if any(isinstance(value, list) and len(value) != len(read) for value in values):
        raise RequestInvalid("A compound term has one value for each scope.", keyword="q")
    return Terms(values=values, scopes=read)


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict | list) and value:
        raise RequestInvalid("A term is text, a number, or a list of them.", keyword="q")
    return value is None or value in ("", [], {})


def _scopes(scope: Any) -> list[Scope]:
    scopes = scope if isinstance(scope, list) else [scope]
    if not scopes or not all(isinstance(each, str) and each for each in scopes):
        raise RequestInvalid("A scope is the name of a field, or a list of them.", keyword="scopes")
    return [_scope(each) for each in scopes]


def _scope(text: str) -> Scope:
    if "^" not in text:
        return text
    boosted = _BOOSTED.fullmatch(text)
    if boosted is None:
        raise RequestInvalid("A boost is ^ and a number behind the name of a field.", keyword="scopes")
    return boosted[1], float(boosted[2])


def _text(value: Any) -> str:
    """A value of a JSON body as it is looked for."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
