"""What an inspection suggests: a mapping that refuses none of the documents, a JSON Schema, and warnings."""

import re
from typing import Any, NamedTuple

from domain.data.inspection import SAMPLES, Inspection, Observed, merge
from domain.query.mappings import DEEPEST, DEFAULT, LOWERCASE, OWN_NAMES, is_blank

KEYWORD = {"type": "keyword", "normalizer": LOWERCASE}
SPLIT_SHARE = 0.1
"""Share of strings with several words from which on a path is text: with a single blank among codes they stay keywords."""
FEW = 1000
"""Strings from which on a path with fewer different values than samples are kept is a kind or a state, not a name."""
TERM_LENGTH = 8191
"""Characters that certainly fit a keyword: Lucene's terms have at most 32 766 bytes, and a character at most 4."""


class Warned(NamedTuple):
    """Something about a path that its author may want to change."""

    code: str
    message: str


def expanded(path: Observed, depth: int = 0) -> Observed:
    """The same with dotted keys taken apart, since `{"a.b": 1}` is indexed like `{"a": {"b": 1}}`. A key such as `a..b` can't be
    taken apart and stays, and so does one that would end deeper than an index goes."""
    result = Observed()
    merge(result, path)
    result.children = {}
    for key, child in path.children.items():
        names = key.split(".")
        if not all(names) or depth + len(names) > DEEPEST:
            names = [key]
        parent = result
        for name in names[:-1]:
            parent = parent.children.setdefault(name, Observed())
            parent.types["object"] = parent.types.get("object", 0) + child.present
            parent.present += child.present
        merge(parent.children.setdefault(names[-1], Observed()), expanded(child, depth + len(names)))
    return result


def properties(path: Observed, depth: int = 0) -> dict[str, Any]:
    """Elasticsearch `properties` for the keys of an object. What an index can't hold is left out; the index takes it unindexed."""
    fields = {key: field(child, depth + 1) for key, child in path.children.items() if is_indexable(key, depth)}
    return {key: found for key, found in sorted(fields.items()) if found is not None}


def is_indexable(key: str, depth: int) -> bool:
    """Whether an index may have a field of this name, `depth` levels below the document."""
    names = key.split(".")
    return not is_blank(key) and "*" not in key and depth + len(names) <= DEEPEST and (depth > 0 or names[0] not in OWN_NAMES)


def field(path: Observed, depth: int = 0) -> dict[str, Any] | None:
    """How to index one path; None where it holds nothing, or objects beside other values."""
    types = set(path.types) - {"null"}
    if "object" in types:
        if types != {"object"} or path.other_keys:
            return None
        inner = properties(path, depth)
        return {"properties": inner} if inner else None
    if not types:
        return None
    if types == {"boolean"}:
        return {"type": "boolean"}
    if types <= {"integer", "float"}:
        return {"type": _number(path, types)}
    if types == {"string"} and path.dates:
        return {"type": "date"}
    if path.split >= SPLIT_SHARE * path.types.get("string", 0) > 0 or (path.length_max or 0) > TERM_LENGTH:
        return {"type": "text"} | _searched(path, types)
    return KEYWORD | _searched(path, types)


def _searched(path: Observed, types: set[str]) -> dict[str, Any]:
    """`copy_to` where a word without a field before it should find the values: names, descriptions and ids; not addresses, nor what
    has a few values only, such as a strand or a state, which would find nearly everything."""
    few = len(path.samples) < SAMPLES and path.types.get("string", 0) >= FEW
    addresses = all(re.match(r"[a-z]+://", str(sample)) for sample in path.samples)
    return {"copy_to": [DEFAULT]} if types == {"string"} and not few and not addresses else {}


def _number(path: Observed, types: set[str]) -> str:
    low, high = path.number_min or 0, path.number_max or 0
    if "float" not in types:
        for name, bits in (("integer", 31), ("long", 63)):
            if -(2**bits) <= low and high < 2**bits:
                return name
    return "float" if path.single else "double"


def schema(path: Observed) -> dict[str, Any]:
    """A JSON Schema that every document seen fulfils."""
    types = set(path.types)
    found: dict[str, Any] = {}
    if "float" in types:
        types = types - {"integer", "float"} | {"number"}
    if types:
        found["type"] = sorted(types) if len(types) > 1 else types.pop()
    if "object" in path.types:
        found["properties"] = {key: _member(child) for key, child in sorted(path.children.items())}
        required = sorted(key for key, child in path.children.items() if child.present == path.types["object"])
        if required:
            found["required"] = required
    return found


def _member(path: Observed) -> dict[str, Any]:
    """The schema of a key's value, which may be a list of what `schema` describes."""
    items = schema(path)
    if not path.lists:
        return items
    array = {"type": "array", "items": items}
    return array if path.lists >= path.present else {"anyOf": [items, array]}


def warnings(key: str, path: Observed) -> list[Warned]:
    """What is unusual about a key and its values. W001 to W004 are BioThings'."""
    found = []
    if re.search(r"\s", key):
        found.append(Warned("W001", "the name has white space"))
    if re.search(r"[A-Z]", key):
        found.append(Warned("W002", "the name has upper-case letters"))
    if re.search(r"[^\w\s.]", key):
        found.append(Warned("W003", "the name has special characters"))
    if not all(key.split(".")):
        found.append(Warned("W005", "the name has nothing between dots: Elasticsearch refuses such documents"))
    elif "." in key:
        found.append(Warned("W005", "the name has dots: it is indexed as if it were nested objects"))
    types = sorted(set(path.types) - {"null"} - ({"integer"} if "float" in path.types else set()))
    if len(types) > 1:
        how = "it can't be indexed" if "object" in types else "all are indexed as strings"
        found.append(Warned("W004", f"several types ({', '.join(types)}): {how}"))
    if path.other_keys:
        found.append(Warned("W006", "too many different keys, values used as names: what lies below is not indexed"))
    if "integer" in types and not -(2**63) <= (path.number_min or 0) <= (path.number_max or 0) < 2**63:
        found.append(Warned("W007", "integers beyond 64 bits lose digits in the index"))
    if not types:
        found.append(Warned("W008", "nothing but null or empty lists: it is not indexed"))
    return found


def describe(inspection: Inspection) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(a document per dotted path, in order of the paths; documents, mapping, schema and warnings of the whole)."""
    warned: dict[str, list[dict[str, str]]] = {}
    _warn(inspection.root, "", warned)
    root = expanded(inspection.root)
    rows: dict[str, dict[str, Any]] = {}
    _rows(root, "", 0, warned, rows)
    summary = {
        "documents": inspection.documents,
        "mapping": properties(root),
        "schema": schema(inspection.root),
        "warnings": [{"path": path, **each} for path, several in sorted(warned.items()) for each in several],
    }
    return sorted(rows.values(), key=lambda row: row["_id"].encode()), summary


def _warn(path: Observed, prefix: str, warned: dict[str, list[dict[str, str]]]) -> None:
    for key, child in path.children.items():
        name = prefix + key
        if name == "_id":
            continue
        found = warnings(key, child)
        if not prefix and key.split(".")[0] in OWN_NAMES:
            found.append(Warned("W009", "the name is Leat's own: it is not indexed"))
        if found:
            warned.setdefault(name, []).extend(each._asdict() for each in found)
        _warn(child, f"{name}.", warned)


def _rows(
    path: Observed, prefix: str, depth: int, warned: dict[str, list[dict[str, str]]], rows: dict[str, dict[str, Any]]
) -> None:
    """By path: where keys with dots spell one path in several ways, the first. `depth` is that of the children, or beyond the
    deepest where nothing below is indexed."""
    for key, child in path.children.items():
        name = prefix + key
        row = _row(child) | {"_id": name, "warnings": warned.get(name, [])}
        suggested = field(child, depth + 1) if is_indexable(key, depth) else None
        if suggested and "properties" not in suggested:
            row["mapping"] = suggested
        rows.setdefault(name, row)
        _rows(child, f"{name}.", depth + 1 if suggested else DEEPEST, warned, rows)


def _row(path: Observed) -> dict[str, Any]:
    """The statistics of one path; ranges only where there is something to measure."""
    numbers = path.types.get("integer", 0) + path.types.get("float", 0)
    strings = path.types.get("string", 0)
    row: dict[str, Any] = {
        "types": {kind: number for kind, number in path.types.items() if kind != "null"},
        "none": path.types.get("null", 0),
        "present": path.present,
        "samples": path.samples,
    }
    if path.lists:
        row["lists"] = {"count": path.lists, "min": path.list_min, "max": path.list_max}
    if numbers:
        row["numbers"] = {"min": path.number_min, "max": path.number_max, "mean": path.number_sum / numbers}
    if strings:
        row["lengths"] = {"min": path.length_min, "max": path.length_max, "mean": path.length_sum / strings}
        row["split"] = path.split
        row["strings"] = "date" if path.dates else "integer" if path.integers else ""
    return row
