"""Values made clean: empty ones swept away, lists of one opened, text read as numbers."""

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

EMPTY = (".", "-", "", "NA", "none", " ", "Not Available", "unknown")
"""What `dict_sweep` removes where it is not told."""
TRUE = frozenset({"true", "1", "t", "y", "yes", "Y", "Yes", "YES"})
FALSE = frozenset({"false", "0", "f", "n", "N", "no", "NO", "No"})


def dict_sweep(d: Any, vals: Any = None, remove_invalid_list: bool = False) -> Any:
    """Remove, in place and at any depth, keys whose value is one of `vals`, and what that empties; returns d.

    As in the SDK, items are removed from a list while it is walked through, so that of two such items in a row the second stays;
    with `remove_invalid_list` all of them go.
    """
    unwanted = EMPTY if vals is None else [vals] if isinstance(vals, str) else vals
    for key, value in list(d.items()):
        if _among(value, unwanted):
            del d[key]
        elif isinstance(value, list):
            _sweep_list(value, unwanted, remove_invalid_list)
            if not value:
                del d[key]
        elif isinstance(value, dict):
            dict_sweep(value, unwanted, remove_invalid_list)
            if not value:
                del d[key]
    return d


def _sweep_list(items: list[Any], unwanted: Collection[Any], thoroughly: bool) -> None:
    if thoroughly:
        items[:] = [item for item in items if not _among(item, unwanted)]
    for item in items:
        if _among(item, unwanted):
            items.remove(item)
        elif isinstance(item, dict):
            dict_sweep(item, unwanted, thoroughly)


def _among(value: Any, unwanted: Collection[Any]) -> bool:
    try:
        return value in unwanted
    except (TypeError, ValueError):  # sets don't take lists; arrays don't compare as one
        return False


def unlist(d: Any) -> Any:
    """Lists of one item become that item, in place and at any depth; returns d."""
    if isinstance(d, dict):
        for key, value in d.items():
            if isinstance(value, list) and len(value) == 1:
                d[key] = value[0]
            unlist(d[key])
    elif isinstance(d, list):
        for item in d:
            unlist(item)
    return d


def unlist_incexcl(d: Any, include_keys: Iterable[str] | None = None, exclude_keys: Iterable[str] | None = None) -> Any:
    """As `unlist`, for the dotted paths to include, or for all but those to exclude."""
    return value_convert_incexcl(d, _opened, include_keys, exclude_keys, whole_lists=True)


def _opened(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def to_number(val: Any) -> Any:
    """Text as an integer, else as a float, else as it is. `nan` and `inf` stay text: no store takes them as numbers."""
    if not isinstance(val, str):
        return val
    try:
        return int(val)
    except ValueError:
        pass
    try:
        number = float(val)
    except ValueError:
        return val
    return number if math.isfinite(number) else val


def to_int(val: Any) -> Any:
    """Text as an integer, or as it is."""
    number = to_number(val)
    return number if isinstance(number, int) else val


def to_float(val: Any) -> Any:
    """Text as a float, or as it is."""
    number = to_number(val)
    return float(number) if isinstance(number, int | float) else val


def to_boolean(val: Any, true_str: Collection[Any] | None = None, false_str: Collection[Any] | None = None) -> bool | None:
    """True, False, or None where it is neither."""
    if isinstance(val, bool):
        return val
    text = val if isinstance(val, str) else str(val)
    if text in (TRUE if true_str is None else true_str):
        return True
    if text in (FALSE if false_str is None else false_str):
        return False
    return None


def value_convert(_dict: Any, fn: Callable[[Any], Any], traverse_list: bool = True) -> Any:
    """Every value replaced by what `fn` makes of it, in place; in lists item by item. A dict's own values where it is one."""
    for key, value in _dict.items():
        if isinstance(value, dict):
            value_convert(value, fn, traverse_list)
        elif isinstance(value, list | tuple) and traverse_list:
            _dict[key] = [value_convert(item, fn) if isinstance(item, dict) else fn(item) for item in value]
        else:
            _dict[key] = fn(value)
    return _dict


def value_convert_incexcl(
    d: Any,
    fn: Callable[[Any], Any],
    include_keys: Iterable[str] | None = None,
    exclude_keys: Iterable[str] | None = None,
    *,
    whole_lists: bool = False,
) -> Any:
    """As `value_convert`, for the dotted paths to include, or for all but those to exclude."""
    included, excluded = set(include_keys or ()), set(exclude_keys or ())

    def convert(value: Any, path: str) -> Any:
        chosen = path in included if included else path not in excluded
        if chosen and isinstance(value, list) and whole_lists:
            value = fn(value)
        if isinstance(value, dict):
            for key in value:
                value[key] = convert(value[key], f"{path}.{key}" if path else str(key))
            return value
        if isinstance(value, list):
            return [convert(item, path) if isinstance(item, dict | list) or not whole_lists else item for item in value]
        return fn(value) if chosen and not whole_lists else value

    return convert(d, "")


def value_convert_to_number(d: Any, skipped_keys: Collection[str] = ()) -> Any:
    """Text that is a number becomes one, at any depth, except below keys of those names."""
    if isinstance(d, dict):
        for key, value in d.items():
            if key not in skipped_keys:
                d[key] = value_convert_to_number(value, skipped_keys)
        return d
    if isinstance(d, list):
        return [value_convert_to_number(item, skipped_keys) for item in d]
    if isinstance(d, tuple):
        return tuple(value_convert_to_number(item, skipped_keys) for item in d)
    return to_number(d)


def normalized_value(value: Any, sort: bool = True) -> Any:
    """A list without repetitions, sorted; of one item that item."""
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for item in value:
        if item not in kept:
            kept.append(item)
    if sort:
        kept.sort()
    return kept[0] if len(kept) == 1 else kept
