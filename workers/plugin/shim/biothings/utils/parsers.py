"""Parsers for whole files of JSON, that manifests can name."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from .common import anyfile

Documents = Iterator[Any]


def ndjson_parser(data_folder: Any = None, patterns: Sequence[str] | None = None) -> Any:
    """The documents of files with one a line, `*.ndjson` where no patterns are given. Without a folder, or with patterns in its
    place as the SDK documents it, a parser that takes the folder."""
    return _parser(data_folder, patterns, ("*.ndjson", "*.ndjson.gz", "*.jsonl"), _lines)


def json_array_parser(data_folder: Any = None, patterns: Sequence[str] | None = None) -> Any:
    """The documents of files with a list of them, `*.json` where no patterns are given; else as `ndjson_parser`."""
    return _parser(data_folder, patterns, ("*.json", "*.json.gz"), _array)


def _parser(folder: Any, patterns: Sequence[str] | None, usual: Sequence[str], read: Callable[[str], Documents]) -> Any:
    if not isinstance(folder, str | os.PathLike):
        wanted = folder if folder is not None else patterns
        return lambda data_folder, **_: _parser(data_folder, wanted, usual, read)
    return _documents(folder, patterns or usual, read)


def _documents(folder: Any, patterns: Sequence[str] | str, read: Callable[[str], Documents]) -> Documents:
    wanted = [patterns] if isinstance(patterns, str) else patterns
    paths = {path for pattern in wanted for path in glob.glob(os.path.join(glob.escape(os.fspath(folder)), pattern))}
    for path in sorted(paths):
        yield from read(path)


def _lines(path: str) -> Documents:
    with anyfile(path, "rb") as file:
        for line in file:
            if line.strip():
                yield orjson.loads(line)


def _array(path: str) -> Documents:
    with anyfile(path, "rb") as file:
        found = orjson.loads(file.read())
    yield from found if isinstance(found, list) else [found]
