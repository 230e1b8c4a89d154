"""Mappings: Elasticsearch `properties` as a flat list of fields and back, checked, merged and edited."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from domain.errors import Invalid
from domain.wording import listed

Properties = dict[str, Any]

LOWERCASE = "keyword_lowercase_normalizer"
"""The normalizer that makes a keyword's case irrelevant, as BioThings names it."""
DEFAULT = "all"
"""The text field that a query without a path looks at; what is searched by default is copied there."""
TYPES = ("keyword", "text", "integer", "long", "float", "double", "boolean", "date")
ANALYZERS = ("standard", "string_lowercase", "whitespace_lowercase")
ENGINES_NAMES = frozenset(
    (
        "_data_stream_timestamp",
        "_doc_count",
        "_field_names",
        "_ignored",
        "_ignored_source",
        "_index",
        "_nested_path",
        "_routing",
        "_seq_no",
        "_source",
        "_version",
    )
)
"""Elasticsearch's own fields: it takes none of these names for another, neither in a mapping nor at the top of a document."""
OWN_NAMES = frozenset((DEFAULT, "_id", "_exists_", "_score", "__id")) | ENGINES_NAMES
"""Top-level names that mean something else in an index or a query."""
DEEPEST = 20
"""Levels of objects: Elasticsearch's own limit."""

KEPT = "object"
"""The type of a field whose values are objects that are only kept: `enabled: false`."""

WIDER = {
    frozenset(("integer", "long")): "long",
    frozenset(("integer", "float")): "double",
    frozenset(("long", "float")): "double",
    frozenset(("integer", "double")): "double",
    frozenset(("long", "double")): "double",
    frozenset(("float", "double")): "double",
    frozenset(("keyword", "text")): "text",
}
"""The type that holds the values of both."""

LEAF_PARAMETERS = frozenset(("type", "index", "copy_to", "normalizer", "analyzer", "ignore_above"))
OBJECT_PARAMETERS = frozenset(("type", "properties", "dynamic", "enabled"))


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A path that holds values."""

    path: str
    """Dotted, such as `cgi.gene`."""
    type: str
    """One of TYPES, or KEPT."""
    indexed: bool = True
    """False: a text is found by no query; other values are, more slowly on Elasticsearch."""
    searched_by_default: bool = False
    """Its values are found by words without a path."""
    copied_to: tuple[str, ...] = ()
    """Other fields under which its values are found too."""
    case_sensitive: bool = False
    """A keyword without `keyword_lowercase_normalizer`."""
    analyzer: str = "standard"
    """How a text is cut into words: one of ANALYZERS."""
    ignore_above: int = 0
    """A longer keyword (characters) is not indexed; 0: no limit."""


class Merged(NamedTuple):
    """One mapping for all sources, and what had to give way."""

    properties: Properties
    notes: tuple[str, ...]


def flatten(properties: Mapping[str, Any]) -> list[Field]:
    """The fields of a mapping, in its order. Raises Invalid naming the path that can't be used."""
    fields = list(_leaves(properties, ()))
    seen: set[str] = set()
    for field in fields:
        if field.path in seen:
            raise _invalid(field.path, "it is mapped twice")
        seen.add(field.path)
    _refuse_below_values(seen)
    targets = {field.path for field in fields if field.type != KEPT}
    for field in fields:
        if lost := sorted({*field.copied_to} - targets):
            raise _invalid(field.path, f"it is copied to {lost[0]}, which is not mapped")
    return fields


def unmapped(suggested: Mapping[str, Any], properties: Mapping[str, Any]) -> list[str]:
    """Paths that hold values by the mapping that an inspection suggests, and that `properties` does not have."""
    fields = flatten(properties)
    known = {field.path for field in fields}
    kept = tuple(f"{field.path}." for field in fields if field.type == KEPT)
    return [field.path for field in flatten(suggested) if field.path not in known and not field.path.startswith(kept)]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a mapping that takes another one's place changes, a line for each kind: paths that come, go, or change their type."""
    before, after = ({field.path: field.type for field in flatten(properties)} for properties in (old, new))
    both = before.keys() & after.keys()
    changed = [f"{path} (from {before[path]} to {after[path]})" for path in sorted(both) if before[path] != after[path]]
    kinds = (("added", sorted(after.keys() - both)), ("gone", sorted(before.keys() - both)), ("of another type", changed))
    return [f"{len(paths)} {kind}: {listed(paths, 10)}" for kind, paths in kinds if paths]


def check(properties: Mapping[str, Any]) -> None:
    """Raises Invalid naming the path whose type, analyzer or parameter Leat does not know."""
    flatten(properties)


def nest(fields: Iterable[Field]) -> Properties:
    """Elasticsearch `properties` of these fields, sorted by path."""
    properties: Properties = {}
    for field in sorted(fields, key=lambda field: field.path):
        *parents, name = field.path.split(".")
        level = properties
        for parent in parents:
            level = level.setdefault(parent, {"properties": {}})["properties"]
        level[name] = _definition(field)
    return properties


def edit(
    properties: Mapping[str, Any],
    path: str,
    *,
    type: str | None = None,
    indexed: bool | None = None,
    searched_by_default: bool | None = None,
    case_sensitive: bool | None = None,
) -> Properties:
    """The mapping with one field changed, or added where a type is given. Raises Invalid where it is not mapped and has no type,
    or what comes out can't be used."""
    fields = {field.path: field for field in flatten(properties)}
    if path not in fields and not type:
        raise _invalid(path, "it is not mapped; with a type it is added")
    changes = {
        "type": type,
        "indexed": indexed,
        "searched_by_default": searched_by_default,
        "case_sensitive": case_sensitive,
    }
    wanted = {name: value for name, value in changes.items() if value is not None}
    fields[path] = msgspec.structs.replace(fields.get(path) or Field(path=path, type=type or ""), **wanted)
    _refuse_below_values(fields)
    changed = nest(fields.values())
    check(changed)
    return changed


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
    _index_what_is_kept_only(fields, notes)
    _check_levels(fields, origins)
    return Merged(nest(fields.values()), tuple(notes))


def _leaves(properties: Mapping[str, Any], parents: tuple[str, ...]) -> Iterator[Field]:
    for name, definition in properties.items():
        path = ".".join((*parents, name))
        if is_blank(name) or "*" in name:
            raise _invalid(path or "''", "a name can't be empty, and has no * in it")
        if not isinstance(definition, Mapping):
            raise _invalid(path, "it has no definition")
        if not parents and name.split(".")[0] in OWN_NAMES:
            raise _invalid(path, "the name is Leat's own")
        if path.count(".") >= DEEPEST:
            raise _invalid(path, f"it is more than {DEEPEST} levels deep")
        if "properties" in definition or definition.get("type") == "object" or "enabled" in definition:
            yield from _below(path, definition, (*parents, name))
        else:
            yield _leaf(path, definition)


def is_blank(key: str) -> bool:
    """Whether a key, or one of the names in it, is empty or white space: no engine's field has such a name."""
    return not all(map(str.strip, key.split(".")))


def _below(path: str, definition: Mapping[str, Any], parents: tuple[str, ...]) -> Iterator[Field]:
    if definition.get("type", "object") != "object":
        raise _invalid(path, f"type {definition['type']!r} with properties is not supported")
    if unknown := set(definition) - OBJECT_PARAMETERS:
        raise _invalid(path, f"{', '.join(sorted(unknown))} is not supported")
    inner, enabled = definition.get("properties", {}), definition.get("enabled", True)
    if not isinstance(inner, Mapping):
        raise _invalid(path, "its properties are no object")
    if not isinstance(enabled, bool):
        raise _invalid(path, "enabled is true or false")
    return _leaves(inner, parents) if enabled else iter([Field(path=path, type=KEPT, indexed=False)])


def _leaf(path: str, definition: Mapping[str, Any]) -> Field:
    type = definition.get("type")
    if type not in TYPES:
        raise _invalid(path, f"type {type!r} is not one of {', '.join(TYPES)}")
    if unknown := set(definition) - LEAF_PARAMETERS:
        raise _invalid(path, f"{', '.join(sorted(unknown))} is not supported")
    copy_to = definition.get("copy_to", [])
    targets = [copy_to] if isinstance(copy_to, str) else copy_to
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets) or len({*targets}) < len(targets):
        raise _invalid(path, "copy_to is a list of fields, each once")
    normalizer, analyzer = definition.get("normalizer"), definition.get("analyzer", "standard")
    if normalizer not in (None, LOWERCASE) or (normalizer and type != "keyword"):
        raise _invalid(path, f"normalizer {normalizer!r}: only a keyword has one, {LOWERCASE}")
    if analyzer not in ANALYZERS or ("analyzer" in definition and type != "text"):
        raise _invalid(path, f"analyzer {analyzer!r}: only text has one, of {', '.join(ANALYZERS)}")
    if not isinstance(definition.get("index", True), bool):
        raise _invalid(path, "index is true or false")
    ignore_above = definition.get("ignore_above", 0)
    whole = isinstance(ignore_above, int) and not isinstance(ignore_above, bool)
    if not whole or not 0 <= ignore_above < 2**31 or (ignore_above and type != "keyword"):
        raise _invalid(path, "ignore_above is a keyword's number of characters")
    return Field(
        path=path,
        type=type,
        indexed=definition.get("index", True),
        searched_by_default=DEFAULT in targets,
        copied_to=tuple(sorted({*targets} - {DEFAULT})),
        case_sensitive=type == "keyword" and normalizer is None,
        analyzer=analyzer,
        ignore_above=ignore_above,
    )


def _definition(field: Field) -> Properties:
    if field.type == KEPT:
        return {"type": KEPT, "enabled": False}
    definition: Properties = {"type": field.type}
    if field.type == "keyword" and not field.case_sensitive:
        definition["normalizer"] = LOWERCASE
    if field.type == "text" and field.analyzer != "standard":
        definition["analyzer"] = field.analyzer
    if field.type == "keyword" and field.ignore_above:
        definition["ignore_above"] = field.ignore_above
    if not field.indexed:
        definition["index"] = False
    if field.searched_by_default or field.copied_to:
        definition["copy_to"] = [*[DEFAULT] * field.searched_by_default, *field.copied_to]
    return definition


def _refuse_below_values(paths: Collection[str]) -> None:
    for path in paths:
        parts = path.split(".")
        if outer := next((".".join(parts[:n]) for n in range(1, len(parts)) if ".".join(parts[:n]) in paths), ""):
            raise _invalid(path, f"{outer} holds values itself, so nothing can be below it")


def _invalid(path: str, reason: str) -> Invalid:
    return Invalid(f"{path}: {reason}", ("mapping", path))


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
        copied_to=tuple(sorted({*first.copied_to, *second.copied_to})),
        case_sensitive=type == "keyword" and first.case_sensitive and second.case_sensitive,
        analyzer=texts[0].analyzer if texts else "standard",
        ignore_above=max(limits) if all(limits) and type == "keyword" else 0,
    )


def _index_what_is_kept_only(fields: dict[str, Field], notes: list[str]) -> None:
    """Objects that one source only keeps are indexed where another one maps what is in them."""
    for path in [path for path, field in fields.items() if field.type == KEPT]:
        if any(other.startswith(f"{path}.") for other in fields):
            notes.append(f"{path}: an object that one source only keeps is indexed as another one maps it")
            del fields[path]


def _check_levels(fields: Mapping[str, Field], origins: Mapping[str, str]) -> None:
    for path in fields:
        parts = path.split(".")
        for length in range(1, len(parts)):
            outer = ".".join(parts[:length])
            if outer in fields:
                raise Invalid(
                    f"{outer}: {fields[outer].type} in {origins[outer]}, an object in {origins[path]} ({path})", ("mapping", outer)
                )
