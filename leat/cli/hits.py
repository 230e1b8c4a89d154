"""How documents that were found are printed: a line of JSON each, or a row of a table that spreadsheets read."""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

FORMATS = ("ndjson", "csv")


def show(form: str, hits: Sequence[Mapping[str, Any]], fields: Iterable[str]) -> None:
    """Print them. Columns of CSV are the named paths, or all that any of the documents has in the order in which they come."""
    if form == "csv":
        _rows(hits, [field for field in fields if not field.startswith("-")])
        return
    for hit in hits:
        print(json.dumps(hit, ensure_ascii=False))


def _rows(hits: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    flat = [_flat(hit) for hit in hits]
    found = dict.fromkeys(path for row in flat for path in row if path not in ("_id", "_score"))
    names = list(dict.fromkeys(("_id", *(_below(columns, found) if columns else found))))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in flat:
        writer.writerow([_cell(row.get(name, ())) for name in names])


def _below(columns: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    """The columns as they were named; an object's name stands for its fields, and one with `*` for what it fits."""
    for column in columns:
        named = re.compile(".*".join(map(re.escape, column.split("*"))) + r"(\..*)?", re.DOTALL)
        below = [path for path in found if named.fullmatch(path)]
        yield from below or (() if "*" in column else (column,))


def _flat(value: Any, path: str = "") -> dict[str, list[Any]]:
    """Each path of a document, with all the values that lie there."""
    rows: dict[str, list[Any]] = {}
    if isinstance(value, Mapping):
        parts = [_flat(inner, f"{path}.{name}" if path else name) for name, inner in value.items()]
    elif isinstance(value, list):
        parts = [_flat(inner, path) for inner in value]
    else:
        return {path: [value]}
    for part in parts:
        for name, values in part.items():
            rows.setdefault(name, []).extend(values)
    return rows


def _cell(values: Sequence[Any]) -> str:
    """Text as it is, what is no text as JSON, and several values as a list of JSON."""
    if len(values) == 1:
        return values[0] if isinstance(values[0], str) else "" if values[0] is None else json.dumps(values[0])
    return json.dumps(values, ensure_ascii=False) if values else ""
