"""Clauses as Elasticsearch's query DSL."""

from collections.abc import Callable
from typing import Any

from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Weighted, Words
from domain.query.patterns import Characters, Pattern

DSL = dict[str, Any]

ID = "__id"
"""The keyword copy of `_id`, which Elasticsearch can neither sort nor search by parts."""


def name_of(path: str) -> str:
    """The field that holds a path's values."""
    return ID if path == "_id" else path


def query(clause: Clause) -> DSL:
    """The query of a clause."""
    return MAKERS[type(clause)](clause)


def _combined(clause: Combined) -> DSL:
    parts = {
        "must": list(map(query, clause.must)),
        "should": list(map(query, clause.should)),
        "must_not": list(map(query, clause.must_not)),
    }
    made: DSL = {name: part for name, part in parts.items() if part}
    if clause.should and not clause.must:
        made["minimum_should_match"] = 1
    return {"bool": made}


def _words(clause: Words) -> DSL:
    if clause.slop is None:
        return {"match": {clause.field.path: {"query": clause.text, "operator": "or" if clause.either else "and"}}}
    return {"match_phrase": {clause.field.path: {"query": clause.text, "slop": clause.slop}}}


def _near(clause: Near) -> DSL:
    # Without its own rewriting Elasticsearch would look at the 50 nearest terms only.
    wanted = {"value": clause.text, "fuzziness": clause.edits, "transpositions": True, "rewrite": "constant_score"}
    return {"fuzzy": {name_of(clause.field.path): wanted}}


def _between(clause: Between) -> DSL:
    name, type, bounds = name_of(clause.field.path), clause.field.type, clause.bounds
    if type == "boolean":
        return {"term": {name: bool(bounds.lower)}}
    signs = ("gte" if bounds.include_lower else "gt", bounds.lower), ("lte" if bounds.include_upper else "lt", bounds.upper)
    limits: DSL = {sign: value for sign, value in signs if value is not None}
    if type == "date":
        limits["format"] = "epoch_millis"
    return {"range": {name: limits}}


def _has(clause: Has) -> DSL:
    found = [{"exists": {"field": name_of(path)}} for path in clause.paths]
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _like(clause: Like) -> DSL:
    return {"regexp": {name_of(clause.field.path): {"value": regex_of(clause.pattern), "flags": "NONE"}}}


def regex_of(pattern: Pattern) -> str:
    """A pattern as a regular expression of Lucene's."""
    return "".join(_class(part) if isinstance(part, Characters) else _part(part) for part in pattern)


def _part(part: str) -> str:
    return _literal(part[1:]) if part.startswith("=") else part


def _literal(character: str) -> str:
    return f"\\{character}" if character.isascii() and not character.isalnum() else character


def _class(part: Characters) -> str:
    ranges = (_literal(first) if first == last else f"{_literal(first)}-{_literal(last)}" for first, last in part.ranges)
    return f"[{'^' if part.negated else ''}{''.join(ranges)}]"


MAKERS: dict[type[Clause], Callable[[Any], DSL]] = {
    Everything: lambda _: {"match_all": {}},
    Nothing: lambda _: {"match_none": {}},
    Combined: _combined,
    Best: lambda best: {"dis_max": {"queries": list(map(query, best.clauses))}},
    Weighted: lambda weighted: {"bool": {"must": [query(weighted.clause)], "boost": weighted.factor}},
    Equals: lambda equals: {"term": {name_of(equals.field.path): {"value": equals.value}}},
    Words: _words,
    Like: _like,
    Near: _near,
    Between: _between,
    Has: _has,
}
