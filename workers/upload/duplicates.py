"""Documents that share their `_id`: staged beside each other in a scratch file, sorted once, and settled as the manifest says."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import orjson

from domain.canonical import encoded
from domain.data.manifests import Duplicates
from domain.data.merging import merge_struct
from domain.ports.documents import BATCH_BYTES, Document

T = TypeVar("T")

BATCH = 10_000
"""Documents of a batch in BioThings' storage, which `ignore` counts with."""
AS_LIST = "__aslistofdict__"
"""A key of documents that names the field that merging keeps as a list of objects; it is not stored."""
ADVICE = "let the manifest say `on_duplicates: merge` or `ignore`, if documents may share their `_id`"
"""What is told where they may not."""
STAGING = """
PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -64000; PRAGMA temp_store = FILE;
CREATE TABLE staged (id TEXT NOT NULL, job INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL);
"""

Row = tuple[str, int, int, bytes]
"""(id, parallel job, number within that job, body)"""


class Staging:
    """A file of documents on their way; each settled group of equal ids becomes one."""

    def __init__(self, path: Path, policy: Duplicates) -> None:
        self.settle: Callable[[Sequence[Row]], bytes] = ignored if policy == "ignore" else merged
        self.duplicates = 0
        self._numbers: dict[int, int] = {}
        self._thread = ThreadPoolExecutor(1, "staging")
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.executescript(STAGING)

    async def add(self, job: int, ids: Sequence[str], bodies: Sequence[bytes]) -> None:
        """Stage documents of a parallel job in the order in which its parser gave them."""
        first = self._numbers.get(job, 0)
        self._numbers[job] = first + len(ids)
        rows = [(id, job, first + offset, body) for offset, (id, body) in enumerate(zip(ids, bodies, strict=True))]
        await self._run(lambda: self._insert(rows))

    async def settled(self, size: int) -> AsyncIterator[list[Document]]:
        """One document for each `_id`, in their order, in batches of about `size` documents."""
        documents = self._documents()
        while batch := await self._run(lambda: _take(documents, size)):
            yield batch

    async def close(self) -> None:
        """Close the file."""
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _insert(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO staged VALUES (?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def _documents(self) -> Iterator[Document]:
        rows = self._connection.execute("SELECT id, job, number, body FROM staged ORDER BY id, job, number")
        for id, group in groupby(rows, itemgetter(0)):
            same = list(group)
            self.duplicates += len(same) - 1
            yield encoded(id, self.settle(same))


def ignored(rows: Sequence[Row]) -> bytes:
    """BioThings' choice: within a batch of 10 000 documents the last one counts, of several batches the first."""
    _, job, number, _ = rows[0]
    batch = number // BATCH
    return [row for row in rows if row[1] == job and row[2] // BATCH == batch][-1][3]


def merged(rows: Sequence[Row]) -> bytes:
    """All of them in one, merged in their order: where values become a list, the later document's comes first."""
    bodies = [row[3] for row in rows]
    if len(bodies) == 1 and AS_LIST.encode() not in bodies[0]:
        return bodies[0]
    documents = [orjson.loads(body) for body in bodies]
    listed = {key for document in documents if isinstance(key := document.pop(AS_LIST, None), str)}
    if len(documents) > 1:
        documents = [_wrapped(document, listed) for document in documents]
    whole = documents[0]
    for document in documents[1:]:
        whole = merge_struct(document, whole)
    if len(documents) > 1:
        whole = _unwrapped(whole, listed)
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


def _wrapped(value: Any, listed: set[str]) -> Any:
    """With each object at a listed key in a list of its own, so that merging adds it to the others instead of mixing them."""
    if not listed or not isinstance(value, dict):
        return value
    return {key: [inner] if key in listed and isinstance(inner, dict) else _wrapped(inner, listed) for key, inner in value.items()}


def _unwrapped(value: Any, listed: set[str]) -> Any:
    """With objects that were equal in all documents single again."""
    if not listed or not isinstance(value, dict):
        return value
    return {
        key: inner[0]
        if key in listed and isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict)
        else _unwrapped(inner, listed)
        for key, inner in value.items()
    }


def _take(documents: Iterator[Document], most: int) -> list[Document]:
    taken: list[Document] = []
    size = 0
    for document in islice(documents, most):
        taken.append(document)
        size += len(document.body)
        if size >= BATCH_BYTES:
            break
    return taken
