"""Rows of tables in files, plain or packed."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from .common import anyfile

csv.field_size_limit(10_000_000)

Row = list[str]


def tabfile_feeder(
    datafile: Any,
    header: int = 1,
    sep: str = "\t",
    includefn: Callable[[Row], Any] | None = None,
    coerce_unicode: bool = True,
    assert_column_no: int | None = None,
) -> Iterator[Row]:
    """Rows behind the first `header` ones, as far as `includefn` wants them. Raises ValueError at one of another length."""
    with anyfile(datafile) as file:
        for number, row in enumerate(csv.reader(file, delimiter=sep), 1):
            if number <= header:
                continue
            if assert_column_no is not None and len(row) != assert_column_no:
                raise ValueError(f"{datafile}, line {number}: {len(row)} columns, {assert_column_no} expected")
            if includefn is None or includefn(row):
                yield row


def tabfile_tester(datafile: Any, header: int = 1, sep: str = "\t") -> None:
    """Raise ValueError where rows differ in length."""
    expected: int | None = None
    for row in tabfile_feeder(datafile, header, sep):
        expected = len(row) if expected is None else expected
        if len(row) != expected:
            raise ValueError(f"{datafile}: {len(row)} columns, {expected} expected")


def tab2list(datafile: Any, cols: int | Sequence[int], **kwargs: Any) -> list[Any]:
    """One column as a list, or some as a list of tuples."""
    return [_columns(row, cols) for row in tabfile_feeder(datafile, **kwargs)]


def tab2dict(datafile: Any, cols: Sequence[int], key: int, alwayslist: bool = False, **kwargs: Any) -> dict[str, Any]:
    """The other columns by the one at `key` among `cols`; rows that share it in a list."""
    found: dict[str, list[Any]] = {}
    for row in tabfile_feeder(datafile, **kwargs):
        name, value = _keyed(row, cols, key)
        found.setdefault(name, []).append(value)
    return {name: values if alwayslist or len(values) > 1 else values[0] for name, values in found.items()}


def tab2dict_iter(datafile: Any, cols: Sequence[int], key: int, alwayslist: bool = False, **kwargs: Any) -> Iterator[Any]:
    """As `tab2dict`, for files sorted by that column: a dict of one key at a time."""
    rows = (_keyed(row, cols, key) for row in tabfile_feeder(datafile, **kwargs))
    for name, group in groupby(rows, lambda pair: pair[0]):
        values = [value for _, value in group]
        yield {name: values if alwayslist or len(values) > 1 else values[0]}


def csvsort(infile: Any, outfile: str, sortkey: Any = None, header: int = 1, sep: str = "\t") -> None:
    """Write the rows of one file sorted into another."""
    rows = list(tabfile_feeder(infile, header=0, sep=sep))
    with open(outfile, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=sep, lineterminator="\n")
        writer.writerows(rows[:header])
        writer.writerows(sorted(rows[header:], key=sortkey))


def dupline_seperator(dupline: Row, dup_sep: str, dup_idx: Iterable[int] | None = None, strip: bool = False) -> Iterator[Row]:
    """One row for each combination of the values that some columns hold, separated by `dup_sep`."""
    places = list(dup_idx) if dup_idx is not None else list(range(len(dupline)))
    rows = [list(dupline)]
    for place in places:
        values = dupline[place].split(dup_sep)
        rows = [[*row[:place], value.strip() if strip else value, *row[place + 1 :]] for row in rows for value in values]
    yield from rows


def _columns(row: Row, cols: int | Sequence[int]) -> Any:
    return row[cols] if isinstance(cols, int) else tuple(row[col] for col in cols)


def _keyed(row: Row, cols: Sequence[int], key: int) -> tuple[str, Any]:
    values = [row[col] for col in cols]
    name = values.pop(key)
    return name, values[0] if len(values) == 1 else tuple(values)
