"""What only SQLite's files have: damage, which reaches whoever asked, in words; and indexes, which each write pays for."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from domain.errors import Unavailable
from domain.ports.records import Kind
from tests.adapters.places import KIND, document


def spoil(path: Path) -> None:
    """Write nonsense over every page of a SQLite file but the first one, with which it still opens."""
    size = int.from_bytes(path.read_bytes()[16:18], "big")
    with path.open("r+b") as file:
        file.seek(size)
        file.write(b"\xff" * (path.stat().st_size - size))


@pytest.fixture
async def spoiled(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    """Records in a file that was damaged while nobody had it open."""
    async with SqliteRecords.open(tmp_path / "records.db") as whole:
        await whole.prepare([KIND])
        await asyncio.gather(*(whole.insert(KIND, str(n), {"created_at": float(n), "fill": "x" * 500}) for n in range(100)))
    spoil(tmp_path / "records.db")
    async with SqliteRecords.open(tmp_path / "records.db") as records:
        yield records


async def refused(asked: Coroutine[Any, Any, Any]) -> bool:
    """Is it refused as Unavailable, with what SQLite says of a damaged file?"""
    with pytest.raises(Unavailable, match="malformed"):
        await asked
    return True


async def test_reads_of_damaged_records_are_unavailable(spoiled: SqliteRecords) -> None:
    """By id, by field and counted."""
    assert await refused(spoiled.get(KIND, "1"))
    assert await refused(spoiled.find(KIND))
    assert await refused(spoiled.count(KIND, {"state": "OPEN"}))
    assert await refused(spoiled.prepare([KIND, KIND.__class__(name="thing", indexes=(("place",),))]))


async def test_writes_of_damaged_records_are_unavailable(spoiled: SqliteRecords) -> None:
    """Alone and in a batch of several operations; nobody who waits is left with a cancellation that no one asked for."""
    assert await refused(spoiled.insert(KIND, "new", {"created_at": 1.0}))
    assert await refused(spoiled.delete(KIND, "1"))
    batch = (spoiled.insert(KIND, "a", {}), spoiled.replace(KIND, "1", {}, 1), spoiled.delete(KIND, "2"))
    told = await asyncio.gather(*batch, return_exceptions=True)
    assert [type(error) for error in told] == [Unavailable] * 3


async def test_a_folder_that_is_no_place_for_records_is_unavailable(tmp_path: Path) -> None:
    """Where the file can't be made, opening says which."""
    with pytest.raises(Unavailable, match=r"nowhere/records\.db"):
        async with SqliteRecords.open(tmp_path / "nowhere" / "records.db"):
            pass


async def test_damaged_documents_are_unavailable(tmp_path: Path) -> None:
    """A collection that was damaged after it was sealed says so to every reader, by id and in order."""
    async with SqliteDocuments.open(tmp_path) as whole:
        await whole.create("c.1")
        await whole.write("c.1", [document(f"{n:05}", fill="x" * 500) for n in range(500)])
        await whole.seal("c.1", {})
    spoil(tmp_path / "c.1.sqlite")

    async def scan() -> None:
        async for _ in documents.scan("c.1"):
            pass

    async with SqliteDocuments.open(tmp_path) as documents:
        assert await refused(documents.get("c.1", ["00001"]))
        assert await refused(documents.get("c.1", [f"{n:05}" for n in range(500)]))
        assert await refused(documents.describe("c.1"))
        assert await refused(scan())


async def test_a_file_that_is_no_collection_is_unavailable(tmp_path: Path) -> None:
    """What lies under a sealed name without being a database is told as such."""
    (tmp_path / "c.1.sqlite").write_bytes(b"not a database" * 1000)
    async with SqliteDocuments.open(tmp_path) as documents:
        with pytest.raises(Unavailable, match="not a database"):
            await documents.get("c.1", ["a"])


ONE = Kind(name="thing", indexes=(("colour",), ("colour", "size")), ranges=(((), "due_at"), (("colour",), "due_at")))
OTHER = Kind(name="thing", indexes=(("shape",),))


async def test_every_declared_look_up_goes_by_an_index(tmp_path: Path) -> None:
    """None reads the whole table, and none sorts what it found."""
    async with SqliteRecords.open(tmp_path / "records.db") as records:
        await records.prepare([ONE])
    plans: list[str] = []
    connection = sqlite3.connect(tmp_path / "records.db")
    for fields, order in ONE.lookups():
        ordered = f"json_extract(body, '$.\"{order}\"')" if order else "rowid"
        conditions = [f"json_extract(body, '$.\"{field}\"') = json_extract(?, '$')" for field in fields]
        conditions += [f"{ordered} >= json_extract(?, '$')"]
        sql = f"SELECT id, version, body FROM thing WHERE {' AND '.join(conditions)} ORDER BY {ordered}, id"
        plans += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["1"] * len(conditions))]
    connection.close()

    assert len(plans) == len(tuple(ONE.lookups()))
    assert plans[0].startswith("SEARCH thing USING INTEGER PRIMARY KEY")
    assert all(plan.startswith("SEARCH thing USING INDEX") for plan in plans[1:]), plans


async def test_indexes_that_nothing_asks_for_any_more_go(tmp_path: Path) -> None:
    """A later version declares others; those of the former one would make every write dearer for ever."""
    async with SqliteRecords.open(tmp_path / "records.db") as records:
        await records.prepare([ONE])
        await records.insert(ONE, "a", {"created_at": 0.1, "colour": "red", "shape": "round"})
        await records.prepare([OTHER])
        found = await records.find(OTHER, {"shape": "round"})
    connection = sqlite3.connect(tmp_path / "records.db")
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")]
    connection.close()

    assert [record.id for record in found] == ["a"]
    assert sorted(names) == ["thing_shape_by_sequence_known"]


FORMER = """
CREATE TABLE "{0}" (rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX "{0}_by_created_at" ON "{0}" (json_extract(body, '$."created_at"'), id);
"""
"""As the version before wrote a kind: each counted its rows by itself."""


async def test_a_former_file_keeps_its_order(tmp_path: Path) -> None:
    """What an earlier version ordered by its times is in that order, over all kinds, once, and what is inserted comes behind it,
    whatever its time says."""
    rows = {"thing": [("t1", 5.0), ("t2", 1.0), ("t3", 3.0)], "run": [("r1", 4.0), ("r2", 3.0), ("r3", 1700000000.25)]}
    connection = sqlite3.connect(tmp_path / "records.db")
    for table, those in rows.items():
        connection.executescript(FORMER.format(table))
        bodies = [(id, f'{{"created_at": {at}, "state": "OPEN"}}') for id, at in those]
        connection.executemany(f'INSERT INTO "{table}" (id, version, body) VALUES (?, 4, ?)', bodies)
    connection.commit()
    connection.close()

    kinds = (KIND, Kind(name="run"))
    for opened in ("once", "again"):
        async with SqliteRecords.open(tmp_path / "records.db") as records:
            await records.prepare(kinds)
            await records.insert(KIND, opened, {"created_at": -9.0, "state": "OPEN"})
            listed = [record.id for record in await records.find(KIND, {"state": "OPEN"})]
            told = [record async for _, record in records.snapshot(kinds)]

    order = ["t2", "r2", "t3", "r1", "t1", "r3", "once", "again"]
    assert [record.id for record in sorted(told, key=lambda record: record.sequence)] == order
    assert listed == [id for id in order if not id.startswith("r")]
    assert {record.version for record in told} == {4, 1}
