"""Columns: what becomes of their values, a batch of rows at a time, so that nearly all of the work is done in C."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})
TYPES = {
    "integer": "integer of 64 bits",
    "number": "finite number",
    "boolean": "boolean (true, t, yes, y, 1 or false, f, no, n, 0)",
}


class NotOfType(Exception):
    """A value does not convert; `args` are its text and what it is not."""


class Column:
    """What the manifest says of one column."""

    def __init__(self, name: str, options: Mapping[str, Any], missing: frozenset[str]) -> None:
        self.name = name
        self.path = tuple(options.get("rename", {}).get(name, name).split("."))
        self.type = options.get("types", {}).get(name, "text")
        self.separator = options.get("lists", {}).get(name, "")
        self.strip = options.get("strip", False)
        self.missing = missing
        self.typed = CONVERSIONS[self.type]

    def values(self, texts: Sequence[str]) -> tuple[Sequence[Any], bool]:
        """The values of these rows, None where one is missing, and whether one may be. Raises NotOfType."""
        if self.strip:
            texts = list(map(str.strip, texts))
        if self.separator:
            lists = self.lists(texts)
            return lists, None in lists
        missing = self.missing
        if missing.isdisjoint(texts):
            return self.typed(texts), False
        if self.type == "text":
            return [None if text in missing else text for text in texts], True
        values = iter(self.typed([text for text in texts if text not in missing]))
        return [None if text in missing else next(values) for text in texts], True

    def lists(self, texts: Sequence[str]) -> list[Any]:
        """The lists of these rows, None where there are no members."""
        if self.type == "text":
            members = self.separator.join(texts).split(self.separator)
            if self.missing.isdisjoint(members) and members == list(map(str.strip, members)):
                return [text.split(self.separator) for text in texts]
        return [self.members(text) for text in texts]

    def members(self, text: str) -> Sequence[Any] | None:
        """The members of a list; None where there are none."""
        if text in self.missing:
            return None
        members = [member for member in map(str.strip, text.split(self.separator)) if member and member not in self.missing]
        return list(self.typed(members)) or None

    def value(self, text: str) -> Any:
        """One value. Raises NotOfType."""
        return self.values([text])[0][0]


def _same(texts: Sequence[str]) -> Sequence[str]:
    return texts


def _integers(texts: Sequence[str]) -> Sequence[int]:
    values = _numbers_of(int, texts, "integer")
    if values and not (min(values) >= INT_MIN and max(values) <= INT_MAX):
        raise NotOfType(str(next(value for value in values if not INT_MIN <= value <= INT_MAX)), TYPES["integer"])
    return values


def _floats(texts: Sequence[str]) -> Sequence[float]:
    values = _numbers_of(float, texts, "number")
    if not all(map(math.isfinite, values)):
        raise NotOfType(next(text for text in texts if not math.isfinite(float(text))), TYPES["number"])
    return values


def _numbers_of(kind: Callable[[str], Any], texts: Sequence[str], type: str) -> list[Any]:
    """Python reads 1_000 too, which no other program wrote for a number."""
    try:
        values = list(map(kind, texts))
    except ValueError:
        raise NotOfType(next(text for text in texts if not _reads(kind, text)), TYPES[type]) from None
    if "_" in "".join(texts):
        raise NotOfType(next(text for text in texts if "_" in text), TYPES[type])
    return values


def _reads(kind: Callable[[str], Any], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _booleans(texts: Sequence[str]) -> Sequence[bool]:
    lower = [text.strip().lower() for text in texts]
    if not TRUE.union(FALSE).issuperset(lower):
        raise NotOfType(next(text for text in texts if text.strip().lower() not in TRUE | FALSE), TYPES["boolean"])
    return [text in TRUE for text in lower]


CONVERSIONS: dict[str, Callable[[Sequence[str]], Sequence[Any]]] = {
    "text": _same,
    "integer": _integers,
    "number": _floats,
    "boolean": _booleans,
}


def missing(options: Mapping[str, Any], *always: str) -> frozenset[str]:
    """The texts that stand for no value."""
    return frozenset(always) | frozenset(options.get("missing", ()))


def wanted(options: Mapping[str, Any], name: str) -> bool:
    """Whether a column is part of the documents."""
    only = options.get("only")
    return name not in options.get("drop", ()) and (not only or name in only)


def id_of(options: Mapping[str, Any]) -> tuple[list[str], Callable[..., str] | None]:
    """The columns that make `_id`, and what makes it of their values; None where a single one's value is it."""
    id = options.get("id") or "_id"
    if isinstance(id, list):
        return (id, None) if len(id) == 1 else (id, lambda *values: "_".join(values))
    names = re.findall(r"\{([^{}]+)\}", id)
    if not names:
        return [id], None
    return names, re.sub(r"\{[^{}]+\}", "{}", id).format


def conflict(paths: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    """What keeps these (column, path) from being members of one document; empty where nothing does."""
    taken: dict[tuple[str, ...], str] = {}
    for name, path in paths:
        if not all(part.strip() for part in path):
            return f"the column {name!r} can't be a field's name: add it to `rename`"
        inside = [path[:length] for length in range(1, len(path) + 1)]
        if other := next(
            (taken[above] for above in inside if above in taken), next((taken[p] for p in taken if p[: len(path)] == path), "")
        ):
            return f"the columns {other!r} and {name!r} would both be at {'.'.join(path)}: add one of them to `rename` or `drop`"
        taken[path] = name
    return ""
