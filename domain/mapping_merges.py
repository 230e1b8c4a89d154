"""Merges the mappings of several sources into a build's."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from domain.errors import Invalid
from domain.mappings import Field, Properties, flatten, nest

WIDER = {
    frozenset(("integer", "long")): "long",
    frozenset(("integer", "float")): "float",
    frozenset(("long", "float")): "double",
    frozenset(("integer", "double")): "double",
    frozenset(("long", "double")): "double",
    frozenset(("float", "double")): "double",
    frozenset(("keyword", "text")): "text",
}
"""The type that holds the values of both."""


class Merged(NamedTuple):
    """One mapping for all sources, and what had to give way."""

    properties: Properties
    notes: tuple[str, ...]


def merge(mappings: Mapping[str, Mapping[str, Any]]) -> Merged:
    """The mapping that fits the documents of all sources, given by the sources' names.

    Types that differ are widened where one holds the values of both, with a note; else raises Invalid naming path and sources.
    A path is indexed, and searched by default, if one source wants it so.
    """
    fields: dict[str, Field] = {}
    origins: dict[str, str] = {}
    notes: list[str] = []
    for source, properties in mappings.items():
        for field in flatten(properties):
            known = fields.get(field.path)
            if known is None:
                fields[field.path], origins[field.path] = field, source
            elif known != field:
                fields[field.path] = _both(known, field, origins[field.path], source, notes)
    _check_levels(fields, origins)
    return Merged(nest(fields.values()), tuple(notes))


def _both(first: Field, second: Field, first_source: str, second_source: str, notes: list[str]) -> Field:
    path, type = first.path, first.type
    if first.type != second.type:
        type = WIDER.get(frozenset((first.type, second.type)), "")
        if not type:
            raise Invalid(
                f"{path}: {first.type} in {first_source}, {second.type} in {second_source}, and no type holds both",
                ("mapping", path),
            )
        notes.append(f"{path}: {first.type} in {first_source}, {second.type} in {second_source}: {type}")
    texts = [field for field in (first, second) if field.type == "text"]
    if len({field.analyzer for field in texts}) > 1:
        raise Invalid(
            f"{path}: analyzer {first.analyzer} in {first_source}, {second.analyzer} in {second_source}", ("mapping", path)
        )
    if first.type == second.type and first.case_sensitive != second.case_sensitive:
        notes.append(f"{path}: case matters in {(first_source if first.case_sensitive else second_source)} only: it does not")
    limits = (first.ignore_above, second.ignore_above)
    return msgspec.structs.replace(
        first,
        type=type,
        indexed=first.indexed or second.indexed,
        searched_by_default=first.searched_by_default or second.searched_by_default,
        case_sensitive=type == "keyword" and first.case_sensitive and second.case_sensitive,
        analyzer=texts[0].analyzer if texts else "standard",
        ignore_above=max(limits) if all(limits) and type == "keyword" else 0,
    )


def _check_levels(fields: Mapping[str, Field], origins: Mapping[str, str]) -> None:
    for path in fields:
        parts = path.split(".")
        for length in range(1, len(parts)):
            outer = ".".join(parts[:length])
            if outer in fields:
                raise Invalid(
                    f"{outer}: {fields[outer].type} in {origins[outer]}, an object in {origins[path]} ({path})", ("mapping", outer)
                )
