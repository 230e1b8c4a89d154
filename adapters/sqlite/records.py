"""Records on SQLite: one file, safe for several processes of one machine, with writes that wait for each other's commit gathered
into one transaction."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import aiosqlite
import orjson

from domain.errors import Stale, Unavailable
from domain.ports.records import Kind, Record, Records

BUSY = 30.0
"""Seconds that a write waits for another process's transaction."""
BATCH = 500
"""Writes that one transaction takes at most."""
NUMBERED = 1
"""`user_version` of a file whose rows are numbered over all of its tables; before, each table counted by itself."""
INFINITY = "9e999"
"""A number of JSON that SQLite reads as infinite: JSON has no word for that."""

# A batch is one statement per operation and kind, fed by one JSON text: a thread hop and a statement per write would cost more
# than the writing. RETURNING tells which of the writes took effect.
STATEMENTS = {
    "insert": 'INSERT INTO "{}" (rowid, id, version, body)'
    " SELECT coalesce(value ->> 3, {} + key), value ->> 0, value ->> 2, value ->> 1 FROM json_each(?) WHERE true"
    " ON CONFLICT DO NOTHING RETURNING id",
    "replace": 'UPDATE "{}" AS old SET version = old.version + 1, body = new.body'
    " FROM (SELECT value ->> 0 AS id, value ->> 1 AS body, value ->> 2 AS version FROM json_each(?)) AS new"
    " WHERE old.id = new.id AND old.version = new.version RETURNING id",
    "delete": 'DELETE FROM "{0}" WHERE rowid IN (SELECT old.rowid FROM json_each(?) AS new CROSS JOIN "{0}" AS old'
    " ON old.id = new.value ->> 0 AND old.version = coalesce(new.value ->> 2, old.version)) RETURNING id",
}


TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class Write(NamedTuple):
    """A write that waits for its transaction."""

    operation: Literal["insert", "replace", "delete"]
    kind: str
    id: str
    body: str
    version: int | None
    sequence: int | None
    took_effect: "asyncio.Future[bool]"


class SqliteRecords(Records):
    """Records in one SQLite file: `async with SqliteRecords.open(path) as records`. Its folder must exist."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection, points: sqlite3.Connection) -> None:
        self._path = path
        self._writer = writer
        self._reader = reader
        self._points = points
        self._next_sequence = "1"
        self._waiting: list[Write] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open the file, made where it is missing, and close it after the writes that were asked for. Raises Unavailable."""
        async with _connect(path) as writer, _connect(path) as reader:
            with _translated():
                points = sqlite3.connect(path, isolation_level=None)
            records = cls(path, writer, reader, points)
            try:
                yield records
            finally:
                if records._writing:
                    await records._writing
                points.close()

    async def prepare(self, kinds: Iterable[Kind]) -> None:
        wanted = tuple(kinds)
        with _translated():
            try:
                await self._execute("BEGIN IMMEDIATE", *map(_table, wanted))
                for kind in wanted:
                    await self._drop_other_indexes(kind)
                tables = [name for (name,) in await self._writer.execute_fetchall(TABLES)]
                await self._number(tables)
                await self._execute(*(statement for kind in wanted for statement in _create_indexes(kind)), "COMMIT")
                self._next_sequence = _next_sequence(tables)
            except sqlite3.Error:
                await self._roll_back()
                raise

    async def _number(self, tables: list[str]) -> None:
        """Number the rows of a file that an earlier version wrote, once, by what it ordered them by."""
        [(form,)] = await self._writer.execute_fetchall("PRAGMA user_version")
        if form < NUMBERED:
            await self._execute(*_numbering(tables), f"PRAGMA user_version = {NUMBERED}")

    async def _drop_other_indexes(self, kind: Kind) -> None:
        """Those that a former version asked for: each costs every write."""
        declared = {name for name, _, _ in _indexes(kind)}
        there = await self._writer.execute_fetchall(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (kind.name,)
        )
        for (name,) in there:
            if name not in declared:
                await self._writer.execute(f'DROP INDEX IF EXISTS "{name}"')

    async def get(self, kind: Kind, id: str) -> Record | None:
        # A read by key takes about 10 µs, a hop to a thread several times that; in WAL mode it never waits for a writer.
        try:
            row = self._points.execute(f'SELECT version, body FROM "{kind.name}" WHERE id = ?', (id,)).fetchone()
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        return row and Record(id, row[0], orjson.loads(row[1]))

    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any], version: int = 1, sequence: int = 0) -> bool:
        return await self._write("insert", kind, id, body, version, sequence or None)

    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        if not await self._write("replace", kind, id, body, version):
            raise Stale(f"{kind.name} {id!r} has another version than {version}")
        return version + 1

    async def delete(self, kind: Kind, id: str, version: int | None = None) -> bool:
        if await self._write("delete", kind, id, {}, version):
            return True
        if version is not None and await self.get(kind, id):
            raise Stale(f"{kind.name} {id!r} has another version than {version}")
        return False

    async def find(
        self,
        kind: Kind,
        equals: Mapping[str, Any] | None = None,
        *,
        order: str = "",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        least: float | None = None,
        below: float | None = None,
        limit: int = 100,
    ) -> list[Record]:
        kind.check(equals or {}, order, least, below)
        conditions, parameters = _equal(equals or {})
        column, direction, behind = _ordered(order), "DESC" if descending else "ASC", "<" if descending else ">"
        if after:
            value = _value(after[0])
            conditions += [f"{column} {behind}= json_extract(?, '$')", f"({column} {behind} json_extract(?, '$') OR id {behind} ?)"]
            parameters += [value, value, after[1]]
        for comparison, bound in ((">=", least), ("<", below)):
            if bound is not None:
                conditions.append(f"{column} {comparison} json_extract(?, '$')")
                parameters.append(_value(bound) if math.isfinite(bound) else str(bound).replace("inf", INFINITY))
        ordered = f"ORDER BY {column} {direction}, id {direction} LIMIT ?"
        sql = f'SELECT id, version, body, rowid FROM "{kind.name}" {_where(conditions)} {ordered}'
        rows = await self._read(sql, [*parameters, limit])
        return [_record(row) for row in rows]

    async def count(self, kind: Kind, equals: Mapping[str, Any] | None = None) -> int:
        kind.check(equals or {}, "")
        conditions, parameters = _equal(equals or {})
        [(count,)] = await self._read(f'SELECT count(*) FROM "{kind.name}" {_where(conditions)}', parameters)
        return int(count)

    async def snapshot(self, kinds: Iterable[Kind]) -> AsyncIterator[tuple[Kind, Record]]:
        async with _connect(self._path) as reader:  # of its own: what is read elsewhere must not be held at this moment
            with _translated():
                await reader.execute("BEGIN")
            for kind in kinds:
                with _translated():
                    cursor = await reader.execute(f'SELECT id, version, body, rowid FROM "{kind.name}" ORDER BY rowid')
                while rows := await _next_rows(cursor):
                    for row in rows:
                        yield kind, _record(row)

    async def _execute(self, *statements: str) -> None:
        for statement in statements:
            await self._writer.execute(statement)

    async def ping(self) -> None:
        await self._read("SELECT count(*) FROM sqlite_master", [])

    async def _read(self, sql: str, parameters: list[Any]) -> list[Any]:
        with _translated():
            return list(await self._reader.execute_fetchall(sql, parameters))

    async def _write(
        self,
        operation: Literal["insert", "replace", "delete"],
        kind: Kind,
        id: str,
        body: Mapping[str, Any],
        version: int | None = None,
        sequence: int | None = None,
    ) -> bool:
        """Whether the write took effect, once its transaction is on disk."""
        took_effect: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(Write(operation, kind.name, id, orjson.dumps(body).decode(), version, sequence, took_effect))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_what_waits())
        return await took_effect

    async def _write_what_waits(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                await self._commit(batch)
            except sqlite3.Error as error:
                for write in batch:
                    if not write.took_effect.done():
                        write.took_effect.set_exception(_unavailable(error))
            finally:
                for write in batch:
                    write.took_effect.cancel()  # does nothing unless what was raised is a mistake in this module

    def _next_batch(self) -> list[Write]:
        """What waits, in order, but each record at most once: a statement can't tell two writes of one record apart."""
        batch: dict[tuple[str, str], Write] = {}
        rest: list[Write] = []
        for write in self._waiting:
            key = (write.kind, write.id)
            if key in batch or len(batch) == BATCH:
                rest.append(write)
            else:
                batch[key] = write
        self._waiting = rest
        return list(batch.values())

    async def _commit(self, batch: list[Write]) -> None:
        groups: dict[tuple[str, str], list[Write]] = {}
        for write in batch:
            groups.setdefault((write.operation, write.kind), []).append(write)
        done: list[tuple[list[Write], set[str]]] = []
        try:
            # A single statement is a transaction by itself, and saves two thread hops.
            if len(groups) > 1:
                await self._writer.execute("BEGIN IMMEDIATE")
            for (operation, kind), writes in groups.items():
                values = orjson.dumps([(write.id, write.body, write.version, write.sequence) for write in writes]).decode()
                rows = await self._writer.execute_fetchall(STATEMENTS[operation].format(kind, self._next_sequence), (values,))
                done.append((writes, {id for (id,) in rows}))
            if len(groups) > 1:
                await self._writer.execute("COMMIT")
        except sqlite3.Error:
            await self._roll_back()
            raise
        for writes, ids in done:
            for write in writes:
                if not write.took_effect.done():
                    write.took_effect.set_result(write.id in ids)

    async def _roll_back(self) -> None:
        if self._writer.in_transaction:
            await self._writer.execute("ROLLBACK")


@asynccontextmanager
async def _connect(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    connection: aiosqlite.Connection | None = None
    try:
        connection = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY)
        await _use_wal(connection)
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA mmap_size = 268435456")
    except sqlite3.Error as error:
        if connection:
            await connection.close()
        raise Unavailable(f"{path} can't be opened: {error}") from error
    try:
        yield connection
    finally:
        await connection.close()


async def _next_rows(cursor: aiosqlite.Cursor) -> list[Any]:
    with _translated():
        return list(await cursor.fetchmany(BATCH))


async def _use_wal(connection: aiosqlite.Connection) -> None:
    """Switch to WAL mode; SQLite does not wait by itself where several processes do so at a time."""
    deadline = asyncio.get_running_loop().time() + BUSY
    while True:
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.01)
        else:
            return


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _unavailable(error) from error


def _unavailable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"the records in SQLite can't be read or written: {error}")


def _table(kind: Kind) -> str:
    """`rowid` is a record's `sequence`."""
    columns = "rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body TEXT NOT NULL"
    return f'CREATE TABLE IF NOT EXISTS "{kind.name}" ({columns}) STRICT;'


def _create_indexes(kind: Kind) -> Iterable[str]:
    for name, columns, known in _indexes(kind):
        yield f'CREATE INDEX IF NOT EXISTS "{name}" ON "{kind.name}" ({columns}) {known};'


def _next_sequence(tables: Iterable[str]) -> str:
    """The number that comes behind those of all tables: each largest one is found at the end of its table."""
    largest = ", ".join(f'coalesce((SELECT max(rowid) FROM "{table}"), 0)' for table in tables)
    return f"max(0, {largest}) + 1"


def _numbering(tables: Sequence[str]) -> Iterable[str]:
    """Negative numbers come first, so that no row meets the number of another on its way."""
    of_each = (f"SELECT '{table}' AS kind, rowid AS old, id, {_field('created_at')} AS at FROM \"{table}\"" for table in tables)
    yield (
        "CREATE TEMP TABLE numbered AS SELECT kind, old, row_number() OVER (ORDER BY at, id, kind) AS new"
        f" FROM ({' UNION ALL '.join(of_each)});"
    )
    yield "CREATE UNIQUE INDEX temp.numbered_rows ON numbered (kind, old);"
    for table in tables:
        new = f"SELECT new FROM numbered WHERE kind = '{table}' AND old = \"{table}\".rowid"
        yield f'UPDATE "{table}" SET rowid = -({new});'
        yield f'UPDATE "{table}" SET rowid = -rowid;'
    yield "DROP TABLE numbered;"


def _indexes(kind: Kind) -> Iterable[tuple[str, str, str]]:
    """(name, columns, condition) of each index. A record without the fields that an index compares is not in it: most records lack
    most of them, so that writing is cheaper."""
    for fields, order in kind.lookups():
        if not fields and not order:
            continue  # the table itself is in this order, and so is what an index finds equal
        compared = fields or (() if order in kind.order else (order,))
        known = [f"{_field(field)} IS NOT NULL" for field in compared]
        name = "_".join([kind.name, *fields, "by", order or "sequence", *(["known"] if known else [])])
        columns = [*map(_field, fields), *([_field(order), "id"] if order else [])]
        yield name, ", ".join(columns), _where(known)


def _field(name: str) -> str:
    return f"""json_extract(body, '$."{name}"')"""


def _ordered(order: str) -> str:
    return _field(order) if order else "rowid"


def _record(row: tuple[str, int, str, int]) -> Record:
    id, version, body, sequence = row
    return Record(id, version, orjson.loads(body), sequence)


def _value(value: object) -> str:
    return orjson.dumps(value).decode()


def _equal(equals: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """Conditions and their parameters. Values go through SQLite's own JSON reader, as the stored ones did, so that equal
    numbers are equal to the last bit."""
    conditions = [f"{_field(name)} {'IS' if value is None else '='} json_extract(?, '$')" for name, value in equals.items()]
    return conditions, [_value(value) for value in equals.values()]


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
