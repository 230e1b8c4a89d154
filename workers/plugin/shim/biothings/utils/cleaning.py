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
    number = to_number(val) if isinstance(val, str) else None
    return val if number is None or isinstance(number, str) else float(number)


def safe_type(f: Callable[[str], Any], val: Any) -> Any:
    """What `f` makes of a text, or the value as it is: where it is none, or `f` can't."""
    if not isinstance(val, str):
        return val
    try:
        return f(val)
    except ValueError:
        return val


def to_boolean(val: Any, true_str: Collection[Any] | None = None, false_str: Collection[Any] | None = None) -> bool | None:
    """Text as True, False, or None where it is neither; of what is no text its truth, as Python has it."""
    if not isinstance(val, str):
        return bool(val)
    if val in (true_str or TRUE):
        return True
    if val in (false_str or FALSE):
        return False
    return None


def boolean_convert(d: dict[str, Any], convert_keys: Collection[str] | None = None, level: int = 0) -> dict[str, Any]:
    """The values at these dotted paths as booleans, in place, in lists item by item. A path may begin in any dict; `level` says how
    much of it is behind `d`."""
    paths = [parts for parts in (path.split(".") for path in convert_keys or ()) if len(parts) > level]
    for key, value in d.items():
        if isinstance(value, dict):
            boolean_convert(value, convert_keys)
        if not any(parts[level] == key for parts in paths):
            continue
        if isinstance(value, dict):
            boolean_convert(value, convert_keys, level + 1)
        elif isinstance(value, list | tuple):
            d[key] = [
                boolean_convert(item, convert_keys, level + 1) if isinstance(item, dict) else to_boolean(item) for item in value
            ]
        else:
            d[key] = to_boolean(value)
    return d


def float_convert(d: Any, include_keys: Iterable[str] | None = None, exclude_keys: Iterable[str] | None = None) -> Any:
    """Text as floats, in place: at the dotted paths to include, or at all but those to exclude."""
    return value_convert_incexcl(d, to_float, include_keys, exclude_keys)


def int_convert(d: Any, include_keys: Iterable[str] | None = None, exclude_keys: Iterable[str] | None = None) -> Any:
    """Text as integers, in place: at the dotted paths to include, or at all but those to exclude."""
    return value_convert_incexcl(d, to_int, include_keys, exclude_keys)


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
    """As `value_convert`, for the dotted paths to include, or for all but those to exclude. Where the SDK keeps one value of a
    list, or writes one object's into all of them, each stays here, converted."""
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


def value_convert_to_number(d: Any, skipped_keys: Collection[str] | None = None) -> Any:
    """Text that is a number becomes one, in place and at any depth of dicts, except as the value of a key of those names. As in the
    SDK, a dict below such a key is converted all the same, and lists inside of lists are not."""
    skipped = skipped_keys or ()
    for key, value in d.items():
        if isinstance(value, dict):
            value_convert_to_number(value, skipped)
        elif key in skipped:
            continue
        elif isinstance(value, list | tuple):
            items = (value_convert_to_number(item, skipped) if isinstance(item, dict) else to_number(item) for item in value)
            d[key] = tuple(items) if isinstance(value, tuple) else list(items)
        else:
            d[key] = to_number(value)
    return d


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
