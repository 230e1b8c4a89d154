"""Documents on SQLite: each collection is a file of its own, written without a journal and made readable by its final name."""

import asyncio
import os
import shutil
import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote, unquote

import orjson

from domain.errors import Conflict, DiskFull, NotReady, Unavailable
from domain.ports.documents import BATCH_BYTES, Document, Documents, Sealed
from domain.room import is_full

T = TypeVar("T")

SEALED, UNSEALED = ".sqlite", ".unsealed"
"""File name suffixes: a file gets the first one when it is whole and synced, so what a crash left is known by the second."""
OPEN_COLLECTIONS = 32
"""Collections that are kept open for point reads."""
SEEN = 1.0
"""Seconds for which a collection that was read counts as being there: so long may a reader go on with one that was dropped."""
POINTS = 100
"""Ids that `get` looks up in the event loop; more go to a thread."""

# No journal and no syncs before sealing: a file that isn't sealed is dropped, never repaired.
WRITING = """
PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -4000; PRAGMA temp_store = FILE;
CREATE TABLE documents (id TEXT NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE sealed (count INTEGER NOT NULL, meta TEXT NOT NULL) STRICT;
"""


@dataclass
class Writer:
    """An unsealed collection, and the one thread that writes it: what was asked of it happens in order, even if who asked
    was cancelled."""

    connection: sqlite3.Connection
    count: int = 0
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "documents"))

    async def run(self, function: Callable[[], T]) -> T:
        """The result of the function, in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function)

    def close(self) -> None:
        """Close after what is under way."""
        self.thread.submit(self.connection.close)
        self.thread.shutdown(wait=False)


class Reader(NamedTuple):
    """A sealed collection that is kept open, which file it was, and when (monotonic) it was last seen to be there."""

    connection: sqlite3.Connection
    file: tuple[int, int]
    seen: float


class SqliteDocuments(Documents):
    """Collections as files of one folder: `async with SqliteDocuments.open(folder) as documents`.

    A collection is written and sealed by the process that created it; every process of the machine may read what is sealed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Writer] = {}
        self._readers: OrderedDict[str, Reader] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Self]:
        """Open the folder, made where it is missing; what is unsealed at the end stays unsealed."""
        documents = cls(_folder(folder))
        try:
            yield documents
        finally:
            for name in list(documents._writers):
                documents._close_writer(name)
            for reader in documents._readers.values():
                reader.connection.close()

    async def create(self, name: str) -> None:
        await self.drop(name)
        with _translated(name):
            self._writers[name] = Writer(await asyncio.to_thread(_create, self._path(name, UNSEALED)))

    async def write(self, name: str, documents: Sequence[Document]) -> None:
        writer = self._writer(name)
        try:
            with _translated(name):
                await writer.run(lambda: _insert(writer.connection, documents))
        except Unavailable:
            self._close_writer(name)  # without a journal, what a failed write left is anything
            raise
        writer.count += len(documents)

    async def seal(self, name: str, meta: Mapping[str, Any]) -> Sealed:
        writer = self._writer(name)
        sealed = Sealed(name=name, count=writer.count, size=0, meta=dict(meta))
        unsealed, path = self._path(name, UNSEALED), self._path(name, SEALED)
        try:
            with _translated(name):
                await writer.run(lambda: _seal(writer.connection, sealed, unsealed, path))
        finally:
            self._close_writer(name)
        return await self.describe(name)

    async def describe(self, name: str) -> Sealed:
        with _translated(name):
            reader = self._reader(name)
            count, meta = reader.execute("SELECT count, meta FROM sealed").fetchone()
            return Sealed(name=name, count=count, size=self._path(name, SEALED).stat().st_size, meta=orjson.loads(meta))

    async def scan(
        self, name: str, *, after: str = "", until: str = "", bodies: bool = True, batch: int = 1000
    ) -> AsyncIterator[list[Document]]:
        count = 0
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "scan") as thread:
            opening = thread.submit(_connect, name, self._path(name, SEALED))
            try:
                with _translated(name):
                    connection = await asyncio.wrap_future(opening)
                    rows = _select(connection, after, until, bodies)
                    [expected] = connection.execute("SELECT count FROM sealed").fetchone()
                while documents := await loop.run_in_executor(thread, _take, name, rows, batch):
                    count += len(documents)
                    yield documents
            finally:
                thread.submit(lambda: opening.result().close())  # behind the opening, which who is cancelled meanwhile never sees
        if not after and not until and count != expected:
            raise NotReady(f"collection {name} was sealed with {expected} documents, but {count} were read")

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        # A read by key takes about 10 µs, a hop to a thread several times that.
        with _translated(name):
            if len(ids) <= POINTS:
                return _get(self._reader(name), ids)
            return await asyncio.to_thread(_get_many, name, self._path(name, SEALED), ids)

    async def room(self) -> int:
        return shutil.disk_usage(self._folder).free

    async def names(self) -> list[str]:
        with _translated("(all)"):
            files = await asyncio.to_thread(os.listdir, self._folder)
        return sorted({unquote(Path(file).stem) for file in files if file.endswith((SEALED, UNSEALED))})

    async def drop(self, name: str) -> None:
        self._close_writer(name)
        self._forget_reader(name)
        with _translated(name):
            for suffix in (UNSEALED, SEALED):
                await asyncio.to_thread(self._path(name, suffix).unlink, missing_ok=True)

    async def ping(self) -> None:
        await self.names()

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (quote(name, safe="") + suffix)

    def _writer(self, name: str) -> Writer:
        if name not in self._writers:
            raise NotReady(f"collection {name} is not being written here")
        return self._writers[name]

    def _close_writer(self, name: str) -> None:
        if name in self._writers:  # a drop may have been faster
            self._writers.pop(name).close()

    def _reader(self, name: str) -> sqlite3.Connection:
        """A connection for reads in the event loop. Whether its file is still that of the name is looked at once a second, since
        to ask the file system costs more than to read a document."""
        reader, now = self._readers.get(name), time.monotonic()
        if reader is None or now - reader.seen >= SEEN:
            reader = self._looked_after(name, reader, now)
        return reader.connection

    def _looked_after(self, name: str, reader: Reader | None, now: float) -> Reader:
        path = self._path(name, SEALED)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            self._forget_reader(name)
            raise _not_sealed(name) from None
        file = (status.st_ino, status.st_mtime_ns)
        if reader is None or reader.file != file:
            self._forget_reader(name)
            connection = _connect(name, path)
            # Point reads only: a scan is no faster mapped, and its process would look as large as the file.
            connection.execute(f"PRAGMA mmap_size = {2**40}")
        else:
            connection = reader.connection
        reader = self._readers[name] = Reader(connection, file, now)
        self._readers.move_to_end(name)
        if len(self._readers) > OPEN_COLLECTIONS:
            self._forget_reader(next(iter(self._readers)))
        return reader

    def _forget_reader(self, name: str) -> None:
        if name in self._readers:
            self._readers.pop(name).connection.close()


class _translated:  # as a generator it would cost more than the read of a document
    """Failures of file system and SQLite as Unavailable, or as DiskFull."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            if is_full(error):
                raise DiskFull(f"collection {self.name} can't be written: {error}") from error
            raise Unavailable(f"collection {self.name} can't be read or written: {error}") from error


def _folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def _not_sealed(name: str) -> NotReady:
    return NotReady(f"there is no sealed collection {name}")


def _connect(name: str, path: Path) -> sqlite3.Connection:
    """Open a sealed file: it never changes, so SQLite needs no locks."""
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError:
        if not path.exists():
            raise _not_sealed(name) from None
        raise
    return connection


def _create(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript(WRITING)
    return connection


def _insert(connection: sqlite3.Connection, documents: Sequence[Document]) -> None:
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", documents)
    connection.execute("COMMIT")


def _seal(connection: sqlite3.Connection, sealed: Sealed, unsealed: Path, path: Path) -> None:
    """Make the index that reads go by, look for repeated ids, sync, and give the file its final name."""
    connection.execute("CREATE INDEX by_id ON documents (id, digest)")
    repeated = connection.execute("SELECT id FROM documents GROUP BY id HAVING count(*) > 1 LIMIT 1").fetchone()
    if repeated:
        raise Conflict(f"the _id {repeated[0]!r} occurs more than once")
    connection.execute("INSERT INTO sealed VALUES (?, ?)", (sealed.count, orjson.dumps(sealed.meta).decode()))
    connection.close()
    _sync(unsealed)
    unsealed.rename(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _select(connection: sqlite3.Connection, after: str, until: str, bodies: bool) -> sqlite3.Cursor:
    """Rows of Document by id; text is compared by its UTF-8 bytes, and without bodies the index answers alone."""
    conditions = {"id > ?": after, "id <= ?": until}
    wanted = {condition: value for condition, value in conditions.items() if value}
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    columns = "id, body, digest" if bodies else "id, x'' AS body, digest"
    sql = f"SELECT {columns} FROM documents INDEXED BY by_id {where} ORDER BY id"
    return connection.execute(sql, list(wanted.values()))


def _take(name: str, rows: sqlite3.Cursor, batch: int) -> list[Document]:
    taken: list[Document] = []
    size = 0
    with _translated(name):
        for row in rows:
            taken.append(Document._make(row))
            size += len(row[1])
            if len(taken) == batch or size >= BATCH_BYTES:
                break
    return taken


def _get(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for id in ids:
        row = connection.execute("SELECT body FROM documents WHERE id = ?", (id,)).fetchone()
        if row:
            found[id] = row[0]
    return found


def _get_many(name: str, path: Path, ids: Sequence[str]) -> dict[str, bytes]:
    connection = _connect(name, path)
    try:
        return _get(connection, ids)
    finally:
        connection.close()
