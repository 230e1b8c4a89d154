"""What documents really hold: one pass over their JSON counts types, ranges and samples per path, column by column."""

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
import orjson

CHUNK = 2**17
"""Bytes of JSON that are decoded at a time: a block that fits a processor's cache takes half the time."""
SAMPLES = 5
SAMPLED = 10_000
"""Values of a path that samples are taken of."""
SAMPLE_LENGTH = 80
KEYS = 1000
"""Keys of one object that are followed; documents keyed by ids have millions, which are values, not fields."""
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?")
"""The ISO 8601 forms that both search engines take without being told a format."""


class Observed(msgspec.Struct):
    """All values of one path; lists are transparent, so their items count as values of the same path."""

    present: int = 0
    """Objects that had the key."""
    types: dict[str, int] = {}
    """Values by type: string, integer, float, boolean, object, null."""
    lists: int = 0
    list_min: int | None = None
    """Items of the shortest list."""
    list_max: int | None = None
    number_min: float | None = None
    number_max: float | None = None
    number_sum: float = 0
    single: bool = True
    """Every number so far is the same in 32 bits as a float has them."""
    length_min: int | None = None
    """Characters of the shortest string."""
    length_max: int | None = None
    length_sum: int = 0
    split: int = 0
    """Strings with a blank inside: more than one word."""
    dates: bool = True
    """Every string so far is an ISO 8601 date or time of a day that exists."""
    integers: bool = True
    """Every string so far is a whole number."""
    samples: list[Any] = []
    """A few different values, shortened."""
    children: dict[str, "Observed"] = {}
    other_keys: int = 0
    """Times that a key beyond the first thousand was met and not followed."""


class Inspection:
    """Partial results of any number of documents; two of them can be merged."""

    def __init__(self) -> None:
        self.documents = 0
        self.root = Observed()

    def add(self, bodies: Sequence[bytes]) -> None:
        """Look at JSON objects."""
        if len(bodies) > 1 and sum(map(len, bodies)) > CHUNK:
            half = len(bodies) // 2
            self.add(bodies[:half])
            self.add(bodies[half:])
        elif bodies:
            self.documents += len(bodies)
            observe(self.root, orjson.loads(b"[%b]" % b",".join(bodies)))

    def merge(self, other: "Inspection") -> None:
        """Take over what another pass saw of other documents."""
        self.documents += other.documents
        merge(self.root, other.root)


def observe(path: Observed, values: Sequence[Any]) -> None:
    """Count values, None and lists among them."""
    kinds = set(map(type, values))
    for kind in kinds:
        _OBSERVERS[kind](path, values if len(kinds) == 1 else [value for value in values if type(value) is kind])


def _count(path: Observed, name: str, values: Sequence[Any]) -> None:
    path.types[name] = path.types.get(name, 0) + len(values)


def _none(path: Observed, values: Sequence[None]) -> None:
    _count(path, "null", values)


def _boolean(path: Observed, values: Sequence[bool]) -> None:
    _count(path, "boolean", values)
    _sample(path, values)


def _integer(path: Observed, values: Sequence[int]) -> None:
    _count(path, "integer", values)
    _number(path, values)


def _float(path: Observed, values: Sequence[float]) -> None:
    _count(path, "float", values)
    _number(path, values)


def _number(path: Observed, values: Sequence[float]) -> None:
    path.number_min = _least(path.number_min, min(values))
    path.number_max = _most(path.number_max, max(values))
    path.number_sum += math.fsum(values)
    path.single = path.single and array("f", values).tolist() == list(values)
    _sample(path, values)


def _string(path: Observed, values: Sequence[str]) -> None:
    _count(path, "string", values)
    lengths = list(map(len, values))
    path.length_min = _least(path.length_min, min(lengths))
    path.length_max = _most(path.length_max, max(lengths))
    path.length_sum += sum(lengths)
    path.split += sum([" " in value for value in values])
    path.integers = path.integers and all(map(INTEGER.fullmatch, values))
    path.dates = path.dates and _are_dates(values)
    _sample(path, values)


def _list(path: Observed, values: Sequence[list[Any]]) -> None:
    lengths = list(map(len, values))
    path.lists += len(values)
    path.list_min = _least(path.list_min, min(lengths))
    path.list_max = _most(path.list_max, max(lengths))
    observe(path, list(chain.from_iterable(values)))


def _object(path: Observed, values: Sequence[dict[str, Any]]) -> None:
    _count(path, "object", values)
    columns: dict[str, list[Any]] = defaultdict(list)
    for value in values:
        for key, item in value.items():
            columns[key].append(item)
    for key, column in columns.items():
        child = path.children.get(key)
        if child is None:
            if len(path.children) >= KEYS:
                path.other_keys += len(column)
                continue
            child = path.children[key] = Observed()
        child.present += len(column)
        observe(child, column)


_OBSERVERS: dict[type, Callable[[Observed, Any], None]] = {
    type(None): _none,
    bool: _boolean,
    int: _integer,
    float: _float,
    str: _string,
    list: _list,
    dict: _object,
}


def _are_dates(texts: Sequence[str]) -> bool:
    """Whether each is an ISO 8601 date, or date and time, that the calendar has."""
    if not all(map(DATE.fullmatch, texts)):
        return False
    try:
        return all(map(datetime.fromisoformat, texts))
    except ValueError:
        return False


def _sample(path: Observed, values: Iterable[Any]) -> None:
    if len(path.samples) < SAMPLES and sum(path.types.values()) < SAMPLED:
        for value in values:
            short = value[:SAMPLE_LENGTH] if type(value) is str else value
            if short not in path.samples:
                path.samples.append(short)
                if len(path.samples) == SAMPLES:
                    return


def merge(path: Observed, other: Observed) -> None:
    """Add what `other` saw to `path`."""
    for name in ("present", "lists", "number_sum", "length_sum", "split", "other_keys"):
        setattr(path, name, getattr(path, name) + getattr(other, name))
    for name, better in _RANGES.items():
        setattr(path, name, better(getattr(path, name), getattr(other, name)))
    for name, number in other.types.items():
        path.types[name] = path.types.get(name, 0) + number
    path.single = path.single and other.single
    path.dates = path.dates and other.dates
    path.integers = path.integers and other.integers
    path.samples += [sample for sample in other.samples if sample not in path.samples]
    del path.samples[SAMPLES:]
    for key, child in other.children.items():
        if key not in path.children and len(path.children) >= KEYS:
            path.other_keys += child.present
        else:
            merge(path.children.setdefault(key, Observed()), child)


def _least(one: Any, other: Any) -> Any:
    return other if one is None or (other is not None and other < one) else one


def _most(one: Any, other: Any) -> Any:
    return other if one is None or (other is not None and other > one) else one


_RANGES = {
    "list_min": _least,
    "list_max": _most,
    "number_min": _least,
    "number_max": _most,
    "length_min": _least,
    "length_max": _most,
}
