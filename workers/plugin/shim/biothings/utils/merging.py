"""Documents, rows and dicts put together."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any


def merge_struct(
    v1: Any,
    v2: Any,
    aslistofdict: str | None = None,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> Any:
    """Both values in one: dicts key by key, lists joined without repetition, different values in a list. v1 may be changed.

    Where the SDK loses a list, or fails, because one side is a dict, the dict joins the list here, or both become one.
    """
    if isinstance(v1, dict) and isinstance(v2, dict):
        return _merged_dicts(v1, v2, aslistofdict, include, exclude)
    if isinstance(v1, list):
        for item in v2 if isinstance(v2, list) else [v2]:
            if item not in v1:
                v1.append(item)
        return v1
    if isinstance(v2, list):
        return merge_struct(v2, v1, aslistofdict, include, exclude)
    return v1 if v1 == v2 else [v1, v2]


def _merged_dicts(
    v1: dict[str, Any],
    v2: dict[str, Any],
    aslistofdict: str | None,
    include: Collection[str] | None,
    exclude: Collection[str] | None,
) -> dict[str, Any]:
    for key, value in v2.items():
        if (include and key not in include) or (exclude and key in exclude):
            continue
        if key not in v1:
            v1[key] = value
        elif key == aslistofdict and v1[key] != value:
            mine = v1[key] if isinstance(v1[key], list) else [v1[key]]
            v1[key] = merge_struct(mine, value if isinstance(value, list) else [value])
        else:
            v1[key] = merge_struct(v1[key], value, aslistofdict, include, exclude)
    return v1


def merge_duplicate_rows(rows: Iterable[Mapping[str, Any]], db: str) -> Any:
    """The first of the rows, with the values that the others have under `row[db]` folded into lists.

    As in the SDK, a value is taken where it differs from all that is there so far together: of A, B, A a list of three comes, and a
    list joins others as one item.
    """
    all_rows: list[Any] = list(rows)
    first = all_rows[0]
    target = first[db]
    for row in all_rows[1:]:
        for key, value in row[db].items():
            if key not in target:
                target[key] = value
            elif value != target[key]:
                target[key] = [*(target[key] if isinstance(target[key], list) else [target[key]]), value]
    return first


def merge_root_keys(doc1: Mapping[str, Any], doc2: Mapping[str, Any], exclude: Collection[str] | None = None) -> dict[str, Any]:
    """A document in which what both have under the same root key stands in a list; of excluded keys the second's counts."""
    kept = {"_id", *(exclude or ())}
    merged: dict[str, Any] = {}
    for key in [*doc1, *(key for key in doc2 if key not in doc1)]:
        if key in doc1 and key in doc2 and key not in kept:
            merged[key] = [item for doc in (doc1, doc2) for item in (doc[key] if isinstance(doc[key], list) else [doc[key]])]
        else:
            merged[key] = doc2.get(key, doc1.get(key))
    return merged


def merge_record(rec1: Mapping[str, Any], rec2: Mapping[str, Any], tsv_keys: Any = None) -> dict[str, Any]:
    """Values that both records have in a list without repetition."""
    merged = dict(rec1)
    for key, value in rec2.items():
        merged[key] = merge_struct([merged[key]], [value]) if key in merged and merged[key] != value else value
    return merged


def merge_dict(dict_li: Sequence[Mapping[Any, Any]], attr_li: Sequence[str], missingvalue: Any = None) -> dict[Any, Any]:
    """One dict per key of any of the dicts: what each of them says, under its attribute's name."""
    keys = sorted({key for each in dict_li for key in each})
    return {key: {name: each.get(key, missingvalue) for name, each in zip(attr_li, dict_li, strict=False)} for key in keys}


def dict_attrmerge(
    dict_li: Iterable[Mapping[str, Any]],
    removedup: bool = True,
    sort: bool = True,
    special_fns: Mapping[str, Callable[[list[Any]], Any]] | None = None,
) -> dict[str, Any]:
    """Lists of what the dicts say under each key."""
    found: dict[str, list[Any]] = {}
    for each in dict_li:
        for key, value in each.items():
            values = found.setdefault(key, [])
            for item in value if isinstance(value, list | tuple) else [value]:
                if not removedup or item not in values:
                    values.append(item)
    merged: dict[str, Any] = {}
    for key, values in found.items():
        if special_fns and key in special_fns:
            merged[key] = special_fns[key](values)
        else:
            merged[key] = sorted(values) if sort else values
    return merged
