"""Mappings as plugins write them for Elasticsearch, changed into what Leat knows, with a note of what was changed or left out."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from domain.query.mappings import ANALYZERS, DEFAULT, LEAF_PARAMETERS, LOWERCASE, Properties
from domain.wording import listed

KINDRED = {
    "byte": "integer",
    "constant_keyword": "keyword",
    "date_nanos": "date",
    "half_float": "float",
    "ip": "keyword",
    "match_only_text": "text",
    "scaled_float": "double",
    "search_as_you_type": "text",
    "short": "integer",
    "string": "text",
    "unsigned_long": "long",
    "version": "keyword",
    "wildcard": "keyword",
}
"""Types of Elasticsearch, and the one that finds the same values here."""
UNLIKE = frozenset(
    (
        "alias",
        "binary",
        "completion",
        "date_range",
        "dense_vector",
        "double_range",
        "flattened",
        "float_range",
        "geo_point",
        "geo_shape",
        "histogram",
        "integer_range",
        "ip_range",
        "join",
        "long_range",
        "percolator",
        "point",
        "rank_feature",
        "rank_features",
        "shape",
        "sparse_vector",
        "token_count",
    )
)
"""Types of Elasticsearch that have no counterpart here."""
DATE_FORMATS = frozenset(
    (
        "date",
        "date_optional_time",
        "date_time",
        "date_time_no_millis",
        "epoch_millis",
        "strict_date",
        "strict_date_optional_time",
        "strict_date_optional_time_nanos",
        "strict_date_time",
        "strict_date_time_no_millis",
        "strict_year",
        "strict_year_month",
        "year",
        "year_month",
        "yyyy",
        "yyyy-MM",
        "yyyy-MM-dd",
    )
)
"""Formats of dates that are read here anyway."""
INDEXED = {"true": True, "false": False, "analyzed": True, "not_analyzed": True, "no": False}
"""Values of `index` as text: those that Elasticsearch reads, and those that it read where the type was `string`."""
IDLE = frozenset(
    ("coerce", "doc_values", "eager_global_ordinals", "index_options", "meta", "norms", "similarity", "store", "term_vector")
)
"""Parameters of fields that change nothing in what a query finds: they are left out without a note."""


class _Notes(dict[str, list[str]]):
    """What was changed or left out, and where."""

    def add(self, kind: str, path: str) -> None:
        self.setdefault(kind, []).append(path)


def adopt(properties: Mapping[str, Any]) -> tuple[Properties, list[str]]:
    """The mapping, as far as an index can be made with it, and a line for each kind of thing in it that was changed or left out.
    What Elasticsearch would refuse too is left for `domain.query.mappings.check` to refuse."""
    notes = _Notes()
    kept = {name: field for name, field in properties.items() if name != DEFAULT}
    adopted = _adopted(kept, "", notes)
    _drop_copies(adopted, {*_paths(adopted)}, "", notes)
    return adopted, [f"{kind}: {listed(paths, 10)}" for kind, paths in notes.items()]


def _adopted(properties: Mapping[str, Any], at: str, notes: _Notes) -> Properties:
    adopted: Properties = {}
    for name, definition in properties.items():
        path = f"{at}{name}"
        if not isinstance(definition, Mapping):
            adopted[name] = definition
        elif "properties" in definition or definition.get("type") in ("object", "nested"):
            adopted[name] = _object(definition, path, notes)
        elif str(definition.get("type")) in UNLIKE:
            notes.add(f"left out, since no type here is like {definition['type']}", path)
        else:
            adopted[name] = _leaf(definition, path, notes)
    return adopted


def _object(definition: Mapping[str, Any], path: str, notes: _Notes) -> Properties:
    nested = definition.get("type") == "nested"
    if nested:
        notes.add("nested taken as object, so that a query may find its parts in different ones", path)
    inner = definition.get("properties") or {}
    if definition.get("enabled") in (False, "false"):
        return {"type": "object", "enabled": False}
    _drop(set(definition) - {"type", "properties", "dynamic", "enabled", "include_in_parent", "include_in_root"}, path, notes)
    kept = {"type": definition["type"]} if "type" in definition and not nested else {}
    return {**kept, "properties": _adopted(inner, f"{path}.", notes) if isinstance(inner, Mapping) else inner}


def _leaf(definition: Mapping[str, Any], path: str, notes: _Notes) -> Properties:
    leaf: Properties = {key: value for key, value in definition.items() if key in LEAF_PARAMETERS}
    if "type" in definition:
        leaf["type"] = _type(definition, path, notes)
    if isinstance(leaf.get("index"), str):
        leaf["index"] = INDEXED.get(leaf["index"], leaf["index"])
    for name in definition["fields"] if isinstance(definition.get("fields"), Mapping) else ():
        notes.add(f"found without .{name} behind it", path)
    _drop(set(definition) - LEAF_PARAMETERS - IDLE - {"fields", "format"}, path, notes)
    _cut(leaf, path, notes)
    return leaf


def _type(definition: Mapping[str, Any], path: str, notes: _Notes) -> Any:
    type = definition["type"]
    if type == "string" and definition.get("index") == "not_analyzed":
        return "keyword"
    type = KINDRED.get(type, type) if isinstance(type, str) else type
    format = definition.get("format")
    if type == "date" and format and not {part.strip() for part in str(format).split("||")} <= DATE_FORMATS:
        notes.add(f"keyword, since dates as {format!r} are not read", path)
        return "keyword"
    return type


def _paths(adopted: Properties, at: str = "") -> Iterator[str]:
    """The paths of the fields that others may be copied to."""
    for name, field in adopted.items():
        if isinstance(field, dict) and isinstance(field.get("properties"), dict):
            yield from _paths(field["properties"], f"{at}{name}.")
        elif isinstance(field, dict) and "enabled" not in field:
            yield f"{at}{name}"


def _drop_copies(adopted: Properties, known: Set[str], at: str, notes: _Notes) -> None:
    """A field that is not mapped, or was left out, gets no copies: Elasticsearch makes none either, where nothing is dynamic."""
    for name, field in adopted.items():
        if isinstance(field, dict) and isinstance(field.get("properties"), dict):
            _drop_copies(field["properties"], known, f"{at}{name}.", notes)
        elif isinstance(field, dict) and isinstance(field.get("copy_to"), str | list):
            copied = field["copy_to"]
            targets = [copied] if isinstance(copied, str) else copied
            lost = [target for target in targets if target != DEFAULT and target not in known]
            for target in lost:
                notes.add(f"not copied to {target}", f"{at}{name}")
            if left := [target for target in targets if target not in lost]:
                field["copy_to"] = list(dict.fromkeys(left))
            else:
                del field["copy_to"]


def _cut(leaf: Properties, path: str, notes: _Notes) -> None:
    """Normalizer and analyzer: a keyword's case, and a text's words."""
    type, normalizer, analyzer = leaf.get("type"), leaf.pop("normalizer", None), leaf.pop("analyzer", None)
    if type == "keyword" and normalizer in (LOWERCASE, "lowercase"):
        leaf["normalizer"] = LOWERCASE
    elif type == "keyword" and normalizer:
        notes.add(f"case matters, since there is no normalizer {normalizer}", path)
    if type == "text" and analyzer in ANALYZERS:
        leaf["analyzer"] = analyzer
    elif type == "text" and analyzer:
        notes.add(f"words as the standard analyzer cuts them, since there is no {analyzer}", path)
    if type != "keyword":
        leaf.pop("ignore_above", None)


def _drop(parameters: Iterable[str], path: str, notes: _Notes) -> None:
    for name in sorted(map(str, parameters)):
        notes.add(f"without {name}", path)
