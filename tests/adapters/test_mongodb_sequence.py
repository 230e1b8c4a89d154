"""The places of records on MongoDB: what an earlier version wrote, before and beside this one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

from domain.ports.records import Kind
from tests.adapters.places import KIND, Place, open_records, prepared_records

pytestmark = pytest.mark.parametrize("records_place", ["mongodb"], indirect=True)


@asynccontextmanager
async def fields_of(place: Place) -> AsyncIterator["AsyncIOMotorDatabase[dict[str, Any]]"]:
    """The database of a place, as the driver shows it."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(place.url)
    yield client.get_default_database("leat")
    await asyncio.to_thread(client.close)


FORMER = {f"f{n}": 1700000000.0 + at for n, at in enumerate((5.5, -3.0, 0.25, 0.5, 9.0, -3.5))}
"""Ids and times of records that the version before wrote."""


async def test_records_of_a_former_version_keep_their_order(records_place: Place) -> None:
    """What an earlier version ordered by its times is in that order, over all kinds, however many processes start at a time, and
    what is inserted comes behind it, whatever its time says."""
    place, kinds = records_place, (KIND, Kind(name="run"))
    async with open_records(place) as records, open_records(place) as other, fields_of(place) as database:
        for number, (id, at) in enumerate(FORMER.items()):
            of = database[f"{place.hub}.{kinds[number % 2].name}"]
            await of.insert_one({"_id": id, "version": 4, "body": {"created_at": at, "state": "OPEN"}})
        await asyncio.gather(records.prepare(kinds), other.prepare(kinds))
        await records.insert(KIND, "new", {"created_at": 1.0, "state": "OPEN"})
        await other.prepare(kinds)
        told = [record async for _, record in records.snapshot(kinds)]

        order = [*sorted(FORMER, key=FORMER.__getitem__), "new"]
        assert [record.id for record in sorted(told, key=lambda record: record.sequence)] == order
        assert [record.id for record in await records.find(KIND)] == [id for id in order if id in ("f0", "f2", "f4", "new")]


@pytest.mark.parametrize("descending", [False, True])
async def test_what_a_former_version_writes_beside_is_in_every_list(records_place: Place, descending: bool) -> None:
    """A record that an older process inserted or replaced, which has no number, is read once, the first of all, page by page."""
    async with prepared_records(records_place) as records, fields_of(records_place) as database:
        for id in ("a", "b", "c", "d"):
            await records.insert(KIND, id, {"created_at": 1.0})
        of = database[f"{records_place.hub}.{KIND.name}"]
        await of.replace_one({"_id": "c"}, {"version": 2, "body": {"created_at": 1.0}})
        await of.insert_one({"_id": "e", "version": 1, "body": {"created_at": 1.0}})

        read: list[str] = []
        after: tuple[float, str] | None = None
        while page := await records.find(KIND, descending=descending, after=after, limit=1):
            read += [record.id for record in page]
            after = page[-1].place()

        assert read == (["c", "e", "a", "b", "d"][::-1] if descending else ["c", "e", "a", "b", "d"])


async def test_indexes_that_nothing_asks_for_any_more_go(records_place: Place) -> None:
    """A later version declares others; those of the former one would make every write dearer for ever."""
    async with open_records(records_place) as records, fields_of(records_place) as database:
        await records.prepare([Kind(name="thing", indexes=(("colour",),), order=("due_at",))])
        await records.prepare([Kind(name="thing", indexes=(("shape",),))])
        indexes = await database[f"{records_place.hub}.thing"].index_information()

    told = sorted("+".join(field for field, _ in index["key"]) for index in indexes.values())
    assert told == ["_id", "body.shape+sequence+_id", "sequence+_id"]
