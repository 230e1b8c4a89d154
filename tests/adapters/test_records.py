"""What every adapter of Records promises."""

import asyncio
import hashlib
import math
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sqlite.records import SqliteRecords
from domain.errors import Stale, Unavailable
from domain.ports.records import Kind, Record, Records
from tests.adapters.places import KIND, Place, open_records, prepared_records
from tests.adapters.processes import process

ALL_JSON: dict[str, Any] = {
    "created_at": 1763690000.123456,
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest": 2**63 - 1,
    "least": -(2**63),
    "beyond": [2**63, {"unsigned": 2**64 - 1}],
    "float": 0.1,
    "whole float": 3.0,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "text": "naïve 東京 🧬 \u0000 \\ \" ' \n",
    "list": [1, [2, [3, {}]], [], None, {"a": []}],
    "dict": {"": 1, "a.b": {"$set": {"c.d": 2}}, "$where": "x", "_id": 3, "id": 4, "%2E": 5, "ключ": 6, "a.b.c": None},
    "a.b": 1,
    "$x": 2,
    "version": "its own",
    "body": "its own",
}


async def test_a_record_comes_back_as_it_went_in(records: Records) -> None:
    """Every JSON value, under any key, is read as it was written, with the types it had."""
    assert await records.insert(KIND, "all/JSON.$ 東京", ALL_JSON)
    record = await records.get(KIND, "all/JSON.$ 東京")
    assert record == Record("all/JSON.$ 東京", 1, ALL_JSON)
    assert orjson.dumps(record.body, option=orjson.OPT_SORT_KEYS) == orjson.dumps(ALL_JSON, option=orjson.OPT_SORT_KEYS)


async def test_an_absent_record_is_none(records: Records) -> None:
    """Reading what is not there gives None."""
    assert await records.get(KIND, "nobody") is None


async def test_insert_changes_nothing_where_the_id_exists(records: Records) -> None:
    """The second insert says False and leaves the first one's body and version."""
    assert await records.insert(KIND, "a", {"created_at": 1.0})
    assert not await records.insert(KIND, "a", {"created_at": 2.0})
    assert await records.get(KIND, "a") == Record("a", 1, {"created_at": 1.0})


async def test_kinds_do_not_meet(records: Records) -> None:
    """The same id in two kinds is two records."""
    other = Kind(name="order")
    await records.prepare([other, KIND])
    assert await records.insert(KIND, "a", {"created_at": 1.0})
    assert await records.insert(other, "a", {"created_at": 2.0})
    assert await records.delete(KIND, "a")
    assert await records.get(other, "a") == Record("a", 1, {"created_at": 2.0})


async def test_replace_asks_for_the_version(records: Records) -> None:
    """A replace with the version that was read gives the next one; with any other, or without a record, it is Stale."""
    await records.insert(KIND, "a", {"created_at": 1.0, "old": 1})
    assert await records.replace(KIND, "a", {"created_at": 2.0}, 1) == 2
    for version in (1, 3):
        with pytest.raises(Stale):
            await records.replace(KIND, "a", {"created_at": 3.0}, version)
    with pytest.raises(Stale):
        await records.replace(KIND, "nobody", {"created_at": 3.0}, 1)
    assert await records.get(KIND, "a") == Record("a", 2, {"created_at": 2.0})


async def test_delete_may_ask_for_the_version(records: Records) -> None:
    """Delete tells whether there was something; with another version it is Stale and leaves the record."""
    await records.insert(KIND, "a", {"created_at": 1.0})
    await records.insert(KIND, "b", {"created_at": 1.0})
    with pytest.raises(Stale):
        await records.delete(KIND, "a", 2)
    assert await records.delete(KIND, "a", 1)
    assert not await records.delete(KIND, "a", 1)
    assert not await records.delete(KIND, "a")
    assert await records.delete(KIND, "b")
    assert await records.count(KIND) == 0


async def test_one_writer_wins_each_version(records: Records) -> None:
    """Of many writers that hold the same version exactly one replaces it, version after version."""
    await records.insert(KIND, "a", {"created_at": 0.0, "writer": -1})

    async def attempt(writer: int, version: int) -> int | None:
        try:
            await records.replace(KIND, "a", {"created_at": 0.0, "writer": writer}, version)
        except Stale:
            return None
        return writer

    for version in range(1, 6):
        tried = await asyncio.gather(*(attempt(writer, version) for writer in range(20)))
        [winner] = [writer for writer in tried if writer is not None]
        assert await records.get(KIND, "a") == Record("a", version + 1, {"created_at": 0.0, "writer": winner})


async def test_one_insert_wins(records: Records) -> None:
    """Of many inserts of one id exactly one says True, and its body is what is kept."""
    tried = await asyncio.gather(*(records.insert(KIND, "a", {"created_at": 0.0, "n": n}) for n in range(20)))
    record = await records.get(KIND, "a")
    assert tried.count(True) == 1
    assert record == Record("a", 1, {"created_at": 0.0, "n": tried.index(True)})


async def test_mixed_writes_of_many_tasks_all_happen(records: Records) -> None:
    """Inserts, replaces and deletes of several kinds that wait at the same time all take effect, each on its own record."""
    other = Kind(name="other")
    await records.prepare([other])

    async def life(n: int) -> None:
        kind = other if n % 2 else KIND
        assert await records.insert(kind, str(n), {"created_at": float(n)})
        assert await records.replace(kind, str(n), {"created_at": float(n), "again": True}, 1) == 2
        if n % 3 == 0:
            assert await records.delete(kind, str(n), 2)

    await asyncio.gather(*(life(n) for n in range(60)))
    kept = [*await records.find(KIND), *await records.find(other)]
    assert {record.id for record in kept} == {str(n) for n in range(60) if n % 3}
    assert all(record.version == 2 and record.body["again"] for record in kept)


async def test_a_cancelled_writer_harms_nobody(records: Records) -> None:
    """Writes that wait together with a cancelled one still happen."""
    tasks = [asyncio.ensure_future(records.insert(KIND, str(n), {"created_at": 0.0})) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for n, result in enumerate(results) if n != 3] == [True] * 9
    assert await records.insert(KIND, "after", {"created_at": 0.0})


async def test_a_body_that_is_not_json_is_its_writer_s_mistake(records: Records) -> None:
    """A value that JSON doesn't know fails that write alone."""
    good = records.insert(KIND, "good", {"created_at": 0.0})
    bad = records.insert(KIND, "bad", {"created_at": 0.0, "set": {1}})
    assert [type(result) for result in await asyncio.gather(good, bad, return_exceptions=True)] != [bool, bool]
    assert await records.get(KIND, "good")
    assert await records.get(KIND, "bad") is None


async def fill(records: Records) -> None:
    """Twelve records: three places, two states, times with ties."""
    for n in range(12):
        body = {"created_at": float(n // 3), "finished_at": -float(n), "state": "DONE" if n % 2 else "OPEN", "place": n % 3}
        await records.insert(KIND, f"{n:02}", body)


def ids(records: list[Record]) -> list[str]:
    """Their ids, in order."""
    return [record.id for record in records]


async def test_find_compares_declared_fields(records: Records) -> None:
    """One field, two fields, booleans, null, numbers and absent values are compared; count agrees."""
    await fill(records)
    assert ids(await records.find(KIND, {"state": "DONE"})) == ["01", "03", "05", "07", "09", "11"]
    assert ids(await records.find(KIND, {"place": 1, "state": "DONE"})) == ["01", "07"]
    assert ids(await records.find(KIND, {"place": 1.0, "state": "DONE"})) == ["01", "07"]
    assert await records.find(KIND, {"state": "LOST"}) == []
    assert await records.count(KIND) == 12
    assert await records.count(KIND, {"state": "OPEN"}) == 6
    assert await records.count(KIND, {"state": "OPEN", "place": 0}) == 2
    await records.insert(KIND, "n", {"created_at": 0.0, "state": None})
    await records.insert(KIND, "t", {"created_at": 0.0, "state": True})
    await records.insert(KIND, "f", {"created_at": 0.0, "state": False})
    assert ids(await records.find(KIND, {"state": None})) == ["n"]
    assert ids(await records.find(KIND, {"state": True})) == ["t"]
    assert ids(await records.find(KIND, {"state": False})) == ["f"]


async def test_find_orders_by_a_field_then_by_id(records: Records) -> None:
    """Either way, ties are ordered by id, in the same direction."""
    await fill(records)
    everything = [f"{n:02}" for n in range(12)]
    assert ids(await records.find(KIND, order="created_at")) == everything
    assert ids(await records.find(KIND, order="created_at", descending=True)) == everything[::-1]
    assert ids(await records.find(KIND, order="finished_at")) == everything[::-1]
    assert ids(await records.find(KIND, {"state": "OPEN"}, descending=True, limit=2)) == ["10", "08"]


async def test_ids_are_ordered_by_their_bytes(records: Records) -> None:
    """Ids that tie come in the order of their UTF-8 bytes, capitals before small letters."""
    for id in ("b", "a", "B", "é", "z", "🧬", "\uffff", "Z10", "Z9"):
        await records.insert(KIND, id, {"created_at": 0.0})
    assert ids(await records.find(KIND, order="created_at")) == ["B", "Z10", "Z9", "a", "b", "z", "é", "\uffff", "🧬"]


async def inserted(records: Records, times: Sequence[float], kind: Kind = KIND) -> list[str]:
    """The ids of records of these times, in the order in which they were inserted; their own order is another one."""
    names = [hashlib.sha256(f"{kind.name} {n}".encode()).hexdigest() for n in range(len(times))]
    for name, time in zip(names, times, strict=True):
        assert await records.insert(kind, name, {"created_at": time, "state": "OPEN"})
    return names


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.floats(-1e12, 1e12), max_size=9), size=st.integers(1, 4), descending=st.booleans())
async def test_no_clock_turns_a_list_around(records: Records, times: list[float], size: int, descending: bool) -> None:
    """Whatever time a process takes it to be, records are listed as they were inserted, page by page, also changed ones."""
    kind = Kind(name=f"clock{next(example)}", indexes=(("state",),))
    await records.prepare([kind])
    names = await inserted(records, times, kind)
    for name in names[::2]:
        await records.replace(kind, name, {"created_at": 0.0, "state": "OPEN"}, 1)

    for equals in ({}, {"state": "OPEN"}):
        read: list[str] = []
        after: tuple[float, str] | None = None
        while page := await records.find(kind, equals, descending=descending, after=after, limit=size):
            read += ids(page)
            after = page[-1].place()
        assert read == (names[::-1] if descending else names)


async def test_records_of_all_kinds_are_in_one_sequence(records: Records, records_place: Place) -> None:
    """What one process inserts after another's insert returned has the larger number, whatever the kind; removing and what waits
    together take nobody's place."""
    behind = Kind(name="behind")
    told: dict[str, int] = {}
    async with open_records(records_place) as other:
        await records.prepare([KIND, behind])
        await other.prepare([KIND, behind])
        for n in range(12):
            writer, kind = (records, other)[n % 2], (KIND, KIND, behind)[n % 3]
            await asyncio.gather(*(writer.insert(kind, f"{n:02}.{i}", {"created_at": -float(n)}) for i in range(3)))
            await writer.delete(kind, f"{n:02}.2")
        async for _, record in records.snapshot([KIND, behind]):
            told[record.id] = record.sequence

    assert len(told) == len(set(told.values())) == 24
    assert [id.partition(".")[0] for id in sorted(told, key=told.__getitem__)] == [f"{n:02}" for n in range(12) for _ in range(2)]


async def test_a_copy_keeps_its_places(records: Records) -> None:
    """What is inserted with a number has that one, and what comes later goes on behind it."""
    for id, sequence in (("b", 70), ("c", -3), ("a", 9)):
        await records.insert(KIND, id, {"created_at": 0.0}, 4, sequence)
    await records.insert(KIND, "later", {"created_at": -1.0})

    found = await records.find(KIND)

    assert [(record.id, record.version) for record in found] == [("c", 4), ("a", 4), ("b", 4), ("later", 1)]
    assert [record.sequence for record in found[:3]] == [-3, 9, 70]
    assert found[3].sequence > 70


@pytest.mark.parametrize("order", ["", "created_at"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 12, 20])
async def test_pages_join_without_gap_or_overlap(records: Records, order: str, descending: bool, size: int) -> None:
    """Reading on behind the last (value, id) of each page gives every record once, ties included."""
    await fill(records)
    read: list[str] = []
    after: tuple[float, str] | None = None
    while page := await records.find(KIND, order=order, after=after, limit=size, descending=descending):
        read += ids(page)
        after = page[-1].place(order)
    assert read == sorted((f"{n:02}" for n in range(12)), reverse=descending)


async def test_pages_join_at_any_float(records: Records) -> None:
    """Times are compared to the last bit, however they are stored."""
    times = [1763690000.1234567 + n * 1e-6 / 3 for n in range(200)]
    await asyncio.gather(*(records.insert(KIND, f"{n:03}", {"created_at": time}) for n, time in enumerate(times)))
    read: list[str] = []
    after: tuple[float, str] | None = None
    while page := await records.find(KIND, order="created_at", after=after, limit=7):
        read += ids(page)
        after = page[-1].place("created_at")
    assert sorted(read) == [f"{n:03}" for n in range(200)]


async def test_a_range_is_half_open(records: Records) -> None:
    """The least value is in it and what it ends at is not, either way, beside equals and behind a cursor; what has no value is in
    none."""
    await fill(records)
    await records.insert(KIND, "timeless", {"created_at": None, "state": "OPEN"})
    assert ids(await records.find(KIND, order="created_at", least=1.0, below=2.0)) == ["03", "04", "05"]
    assert ids(await records.find(KIND, order="created_at", least=3)) == ["09", "10", "11"]
    assert ids(await records.find(KIND, {"state": "OPEN"}, order="created_at", below=2.0, descending=True)) == ["04", "02", "00"]
    assert ids(await records.find(KIND, {"state": "OPEN"}, order="finished_at", least=-4.0, below=-1.0)) == ["04", "02"]
    assert ids(await records.find(KIND, order="created_at", least=1.0, below=3.0, after=(1.0, "04"), limit=3)) == ["05", "06", "07"]
    assert ids(await records.find(KIND, order="created_at", least=1.0, after=(0.0, "00"), limit=1)) == ["03"]
    assert await records.find(KIND, order="created_at", least=2.0, below=2.0) == []
    assert len(await records.find(KIND, order="created_at", least=-math.inf, below=math.inf)) == 12
    assert (
        await records.find(KIND, order="created_at", least=math.inf)
        == await records.find(KIND, order="created_at", below=-math.inf)
        == []
    )
    with pytest.raises(ValueError, match="NaN"):
        await records.find(KIND, order="created_at", least=math.nan)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1)
example = count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.lists(NUMBERS, max_size=8), bounds=st.tuples(NUMBERS, NUMBERS), neighbours=st.booleans())
async def test_ranges_hold_at_any_number(
    records: Records, stored: list[float], bounds: tuple[float, float], neighbours: bool
) -> None:
    """What is found in two ranges that join, and in neither, is what arithmetic says, to the last bit."""
    state = f"example {next(example)}"
    if neighbours:
        stored = [
            *stored,
            *(math.nextafter(bound, side) for bound in bounds for side in (-math.inf, math.inf) if abs(bound) < 1e308),
        ]
    for n, value in enumerate(stored):
        await records.insert(KIND, f"{state} {n}", {"created_at": value, "state": state})
    least, middle, below = sorted((bounds[0], bounds[1], stored[0] if stored else 0))

    async def found(least: float, below: float) -> list[float]:
        read = await records.find(KIND, {"state": state}, order="created_at", least=least, below=below)
        return [record.body["created_at"] for record in read]

    assert await found(least, middle) == sorted(value for value in stored if least <= value < middle)
    assert await found(middle, below) == sorted(value for value in stored if middle <= value < below)


async def test_what_is_not_declared_is_refused(records: Records) -> None:
    """A find that would have to read every record is a mistake of the caller."""
    with pytest.raises(ValueError, match="place"):
        await records.find(KIND, {"place": 1})
    with pytest.raises(ValueError, match="body"):
        await records.find(KIND, order="body")
    with pytest.raises(ValueError, match="a range is one of a field"):
        await records.find(KIND, least=1.0)
    with pytest.raises(ValueError, match="other"):
        await records.count(KIND, {"other": 1})


async def test_a_large_record_is_kept_whole(records: Records) -> None:
    """A record of a few megabytes, as a long job's is, comes back."""
    body = {"created_at": 0.0, "events": [{"seq": n, "text": "x" * 1000} for n in range(3000)]}
    await records.insert(KIND, "large", body)
    assert await records.get(KIND, "large") == Record("large", 1, body)


async def test_a_second_opener_sees_every_write_at_once(records: Records, records_place: Place) -> None:
    """A write that has returned is seen by whoever reads next, by key and by find."""
    async with prepared_records(records_place) as other:
        for n in range(1, 20):
            if n == 1:
                await records.insert(KIND, "a", {"created_at": 0.0, "state": "S1"})
            else:
                await records.replace(KIND, "a", {"created_at": 0.0, "state": f"S{n}"}, n - 1)
            assert await other.get(KIND, "a") == Record("a", n, {"created_at": 0.0, "state": f"S{n}"})
            assert ids(await other.find(KIND, {"state": f"S{n}"})) == ["a"]


async def test_processes_lose_no_update(records: Records, records_place: Place) -> None:
    """Three processes that add to one counter, started on data that none has prepared, end on the sum of their additions."""
    await records.insert(KIND, "shared", {"created_at": 0.0, "n": 0})
    async with (
        process("add", records_place, 20) as first,
        process("add", records_place, 20) as second,
        process("add", records_place, 20) as third,
    ):
        for running in (first, second, third):
            _, errors = await running.communicate()
            assert running.returncode == 0, errors.decode()
    assert await records.get(KIND, "shared") == Record("shared", 61, {"created_at": 0.0, "n": 60})


async def test_a_killed_process_loses_nothing_that_returned(records_place: Place) -> None:
    """After kill -9 in the middle of writes every write that had returned is there, and no record is half written."""
    returned: dict[str, int] = {}
    async with process("write_for_ever", records_place, 16) as running:
        assert running.stdout
        while len(returned) < 60:
            id, number = (await running.stdout.readline()).decode().split()
            returned[id] = int(number)
        running.kill()
        for line in (await running.stdout.read()).splitlines(keepends=True):
            if line.endswith(b"\n"):
                id, number = line.decode().split()
                returned[id] = int(number)
    async with prepared_records(records_place) as records:
        for id, version in returned.items():
            record = await records.get(KIND, id)
            assert record
            assert record.version >= version
        for record in await records.find(KIND, limit=10**6):
            assert record.body["n"] == record.body["twin"] == record.version
            assert len(record.body["fill"]) == 1000


async def test_ping(records: Records) -> None:
    """What is open answers."""
    await records.ping()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """Opening something else says which file it is."""
    path = tmp_path / "records.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match=r"records\.db"):
        async with SqliteRecords.open(path):
            pass


async def test_a_snapshot_is_of_one_moment(records: Records) -> None:
    """While records of two kinds are written one after the other, the second is never ahead of the first in what is read."""
    behind = Kind(name="behind")
    await records.prepare([KIND, behind])
    await records.insert(KIND, "a", {"created_at": 1.0, "n": 0}, version=7)
    await records.insert(behind, "a", {"created_at": 2.0, "n": 0})
    ended = asyncio.Event()

    async def write() -> None:
        for number in count(1):
            for kind, version in ((KIND, 6 + number), (behind, number)):
                await records.replace(kind, "a", {"created_at": 1.0, "n": number}, version)
            if ended.is_set():
                return
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    try:
        for _ in range(20):
            read = {kind: record async for kind, record in records.snapshot([KIND, behind])}

            assert read[KIND].body["n"] - read[behind].body["n"] in (0, 1)
            assert read[KIND].version - 7 == read[KIND].body["n"]
    finally:
        ended.set()
        await writing


async def test_a_snapshot_keeps_its_moment(records: Records) -> None:
    """What is written after its first record was read is not in it."""
    behind = Kind(name="behind")
    await records.prepare([KIND, behind])
    await records.insert(KIND, "a", {"created_at": 1.0})
    await records.insert(behind, "a", {"created_at": 1.0})

    snapshot = records.snapshot([KIND, behind])
    read = [await anext(snapshot)]
    await records.replace(behind, "a", {"created_at": 2.0}, 1)
    await records.insert(behind, "b", {"created_at": 3.0})
    read += [one async for one in snapshot]

    assert read == [(KIND, Record("a", 1, {"created_at": 1.0}, 1)), (behind, Record("a", 1, {"created_at": 1.0}, 2))]


async def test_a_snapshot_is_of_more_than_one_batch(records: Records) -> None:
    """Every record is in it once, with every value that it holds, in the order of insertion, kind by kind."""
    behind = Kind(name="behind")
    await records.prepare([KIND, behind])
    names = [f"{n * 7919 % 1201:04}" for n in range(1201)]
    for first in range(0, len(names), 400):
        await asyncio.gather(*(records.insert(KIND, name, {"created_at": 0.0}) for name in names[first : first + 400]))
    await records.insert(behind, "all", ALL_JSON)

    read = [(kind.name, record) async for kind, record in records.snapshot([KIND, behind])]

    assert [record.id for _, record in read[:-1]] == [record.id for record in await records.find(KIND, limit=2000)]
    assert len(read) == 1202
    assert (read[-1][0], read[-1][1].body) == ("behind", ALL_JSON)
