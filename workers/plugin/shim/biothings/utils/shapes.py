"""Dicts and lists in another shape."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def dict_convert(_dict: Mapping[Any, Any], keyfn: Any = None, valuefn: Any = None) -> dict[Any, Any]:
    """With keys and values replaced by what the functions make of them; the first level only."""
    return {keyfn(key) if keyfn else key: valuefn(value) if valuefn else value for key, value in _dict.items()}


def dict_apply(d: Mapping[Any, Any], key: Any, value: Any, sort: bool = True) -> dict[Any, Any]:
    """With a value added to the list under a key."""
    changed = dict(d)
    values = [*listitems(changed.get(key, [])), *listitems(value)]
    values = list_nondup(values)
    changed[key] = sorted(values) if sort else values
    return changed


def dict_traverse(d: dict[Any, Any], func: Callable[[Any, Any], tuple[Any, Any]], traverse_list: bool = False) -> None:
    """Replace each (key, value), in place and at any depth, by what the function returns for it."""
    for key, value in list(d.items()):
        if isinstance(value, dict):
            dict_traverse(value, func, traverse_list)
        elif isinstance(value, list) and traverse_list:
            for item in value:
                if isinstance(item, dict):
                    dict_traverse(item, func, traverse_list)
        new_key, new_value = func(key, value)
        if new_key != key:
            del d[key]
        d[new_key] = new_value


def dict_walk(dictionary: Any, key_func: Callable[[Any], Any]) -> Any:
    """A copy whose keys are what the function makes of them, in dicts at any depth."""
    if not isinstance(dictionary, dict):
        return dictionary
    return {key_func(key): dict_walk(value, key_func) for key, value in dictionary.items()}


def dict_nodup(_dict: dict[Any, Any], sort: bool = True) -> dict[Any, Any]:
    """Lists in it without repetitions, in place."""
    for key, value in _dict.items():
        if isinstance(value, list):
            kept = list_nondup(value)
            _dict[key] = sorted(kept) if sort else kept
    return _dict


def dict_to_list(gene_d: Mapping[Any, Any]) -> list[Any]:
    """The values in the order of their keys."""
    return [gene_d[key] for key in sorted(gene_d)]


def updated_dict(_dict: Mapping[Any, Any], attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """A copy with other values."""
    return {**_dict, **attrs}


def alwayslist(value: Any) -> list[Any]:
    """A list or tuple as it is, None as an empty list, all else in a list of its own."""
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]  # type: ignore[return-value]  # the SDK keeps tuples


def listitems(a_list: Any, *idx: int) -> list[Any]:
    """The list, or the items at some of its places."""
    items = a_list if isinstance(a_list, list | tuple) else [a_list]
    return [items[place] for place in idx] if idx else list(items)


def listsort(a_list: Iterable[Any], by: int, reverse: bool = False, cmp: Any = None, key: Any = None) -> list[Any]:
    """Rows sorted by a column."""
    return sorted(a_list, key=key or (lambda row: row[by]), reverse=reverse)


def list_nondup(a_list: Iterable[Any]) -> list[Any]:
    """Without repetitions, in the order of first appearance."""
    kept: list[Any] = []
    for item in a_list:
        if item not in kept:
            kept.append(item)
    return kept


def list_itemcnt(a_list: Iterable[Any]) -> list[tuple[Any, int]]:
    """(item, how often), the most frequent first."""
    counts: dict[Any, int] = {}
    for item in a_list:
        counts[item] = counts.get(item, 0) + 1
    return sorted(counts.items(), key=lambda pair: pair[1], reverse=True)


def list_split(d: dict[Any, Any], sep: str) -> dict[Any, Any]:
    """Text that holds the separator becomes a list, in place and at any depth."""
    for key, value in d.items():
        if isinstance(value, dict):
            list_split(value, sep)
        elif isinstance(value, str) and sep in value:
            d[key] = [part.strip() for part in value.strip().strip(sep).split(sep)]
    return d


def id_strip(id_list: Any) -> list[str]:
    """Ids of a text separated by `|`, or of a list, without spaces around them."""
    return [str(each).strip() for each in (id_list.split("|") if isinstance(id_list, str) else id_list)]
