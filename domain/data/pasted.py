"""Mappings as people paste them: what Elasticsearch prints around the properties is taken off."""

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from domain.errors import Invalid
from domain.query.mappings import DEEPEST, DEFAULT, Properties, flatten
from domain.wording import listed

ENVELOPES = ("properties", "mappings", "template", "index_template")
"""Members of what Elasticsearch prints, and of its templates, that lead to the properties."""
MADE: Properties = {DEFAULT: {"type": "text"}}
"""What every index has that BioThings or Leat made, and nobody wrote."""
SETTINGS = frozenset(("settings", "aliases", "_default_"))
"""Members beside them that say nothing of fields."""


class _Reading(NamedTuple):
    """Something that may be meant, and how far from likely it is."""

    rank: int
    properties: Mapping[str, Any]
    name: str
    """Of the type or index that it is the mapping of; empty where there is none."""


def unwrapped(given: Any, known: Set[str] = frozenset()) -> Properties:
    """The properties that are meant: without `mappings`, index settings, a type's or an index's name around them.

    The field of all defaults goes too, where it is as Leat makes it: what an index of BioThings' prints has it.

    A field may be called `mappings`, or like a type: so a reading of which documents have a field goes before others. `known` has
    the paths of documents, where they are known. Raises Invalid where the mappings of several types or indexes are given, and it
    can't be told which is meant.
    """
    if not isinstance(given, Mapping):
        raise Invalid("the mapping is an object: Elasticsearch properties, each with its type", ("mapping",))
    readings = [(*_likeliness(reading, known), reading) for reading in _readings(given, 0)]
    if not readings:
        return _written(given)
    first = min(readings, key=lambda each: each[:3])
    alike = [reading for *likeliness, reading in readings if tuple(likeliness) == first[:3]]
    if any(reading.properties != first[3].properties for reading in alike):
        names = listed(sorted({reading.name for reading in alike}), 5)
        raise Invalid(f"these are the mappings of several types or indexes ({names}): give the properties of one", ("mapping",))
    return _written(first[3].properties)


def _written(properties: Mapping[str, Any]) -> Properties:
    """Without what nobody wrote."""
    return {name: field for name, field in properties.items() if MADE.get(name) != field}


def unseen(properties: Mapping[str, Any], known: Set[str]) -> list[str]:
    """The mapped paths that no document has, but for those that others are copied to."""
    fields = flatten(properties)
    copied = {path for field in fields for path in field.copied_to}
    return [field.path for field in fields if field.path not in known | copied]


def check_seen(part: str, properties: Mapping[str, Any], known: Set[str]) -> None:
    """Raises Invalid where documents are known, and have none of the mapped paths: such a mapping finds nothing."""
    paths = unseen(properties, known) if known else []
    if paths and len(paths) == len(flatten(properties)):
        there = listed(sorted(known - {"_id"}), 5)
        raise Invalid(
            f"no document of {part} has any of the fields that this maps ({listed(paths, 5)}); they have {there}", ("mapping",)
        )


def _readings(given: Mapping[str, Any], rank: int, name: str = "") -> Iterator[_Reading]:
    """What may be meant by an object, or by what is in it."""
    envelopes = {key: given[key] for key in ENVELOPES if _is_envelope(given.get(key))}
    for key, held in envelopes.items():
        if key == "properties" and any(map(_is_definition, held.values())):
            yield _Reading(rank, held, name)
            yield from _named(held, rank + 1)
        elif key == "mappings" and not isinstance(held.get("properties"), Mapping):
            yield from _named(held, rank)
        elif key != "properties":
            yield from _readings(held, rank, name)
    if given and all(map(_is_definition, given.values())):
        yield _Reading(rank + bool(envelopes), given, name)
    if not envelopes:
        yield from _named(given, rank + 1)


def _named(given: Mapping[str, Any], rank: int) -> Iterator[_Reading]:
    """What may be meant where the members are types or indexes."""
    for name, held in given.items():
        wraps = name not in SETTINGS and isinstance(held, Mapping) and any(_is_envelope(held.get(key)) for key in ENVELOPES)
        if wraps and rank <= DEEPEST:
            yield from _readings(held, rank, name)


def _is_envelope(held: Any) -> bool:
    """Whether it may hold properties: a field's definition has a type."""
    return isinstance(held, Mapping) and not isinstance(held.get("type"), str)


def _is_definition(given: Any) -> bool:
    """Whether a field is defined so."""
    return isinstance(given, Mapping) and (isinstance(given.get("type"), str) or not {"properties", "enabled"}.isdisjoint(given))


def _likeliness(reading: _Reading, known: Set[str]) -> tuple[bool, int, int]:
    """What sorts the likeliest reading first: that documents have some of its paths, its rank, how many of its paths they have."""
    there = len(known & {*_paths(reading.properties, "", 0)})
    return not there, reading.rank, -there


def _paths(properties: Mapping[str, Any], at: str, depth: int) -> Iterator[str]:
    for name, definition in properties.items():
        yield f"{at}{name}"
        inner = definition.get("properties") if isinstance(definition, Mapping) else None
        if isinstance(inner, Mapping) and depth < DEEPEST:
            yield from _paths(inner, f"{at}{name}.", depth + 1)
