"""Documents of files that need no code, whatever their format.

It is called in the plugin's process as a plugin's own function is, with the folder of the files and the object's keys.
"""

import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from . import records, tables
from .refusal import FileRefused

FORMATS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
"""What the ending of a file's name says, `.gz` behind it or not."""
READERS = {"tsv": tables.documents, "csv": tables.documents, "jsonl": records.of_lines, "json": records.of_list}


def documents(folder: str, files: Sequence[str] = (), format: str = "", **options: Any) -> Iterator[dict[str, Any]]:
    """The documents of the files, one after the other. Raises FileRefused naming file, line and column."""
    return chain.from_iterable(_each(folder, files, format, options))


def _each(folder: str, files: Sequence[str], format: str, options: Mapping[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
    """The documents of each file."""
    for name in _chosen(folder, files, format):
        found = format or format_of(name)
        if not found:
            raise FileRefused(f"{name}: its name does not say what it is; add `format`: {', '.join(READERS)}")
        yield READERS[found](os.path.join(folder, name), name, {**options, "format": found})


def _chosen(folder: str, patterns: Sequence[str], format: str) -> list[str]:
    """Names below the folder, in order, each once."""
    held = _names(folder)
    if not patterns:
        return [_only(held, format)]
    chosen: list[str] = []
    for pattern in patterns:
        found = [name for name in held if name == pattern or fnmatch.fnmatchcase(name, pattern)]
        if not found:
            raise FileRefused(f"`files`: the dump has no {pattern}; it has {_listed(held)}")
        chosen += [name for name in found if name not in chosen]
    return chosen


def _only(held: list[str], format: str) -> str:
    """The file that is meant where the manifest names none: one of the format, packed ones only where they were not unpacked."""
    fitting = [name for name in held if format_of(name) and (not format or format_of(name) == format)]
    fitting = [name for name in fitting if name.removesuffix(".gz") == name or name.removesuffix(".gz") not in held]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and len(held) == 1 and format:
        return held[0]
    told = f"which of {_listed(fitting)} is meant?" if fitting else f"none of {_listed(held)} is {format or 'known'} by its name;"
    raise FileRefused(f"{told} Name it, or several, in the parser's `files`")


def _names(folder: str) -> list[str]:
    found = []
    for below, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(below, name), folder) for name in names]
    return sorted(found)


def format_of(name: str) -> str:
    """The format that a file's name says; empty where it says none."""
    return FORMATS.get(os.path.splitext(name.lower().removesuffix(".gz"))[1], "")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else "no files"
