"""Records on MongoDB: one collection a kind."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import orjson
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import UpdateOne, WriteConcern
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from adapters.mongodb.connection import Fields, connect, translated
from adapters.mongodb.json_values import escaped, unescaped
from adapters.mongodb.sequence import Sequence
from domain.errors import Stale, Unavailable
from domain.ports.records import Kind, Record, Records

DURABLE = WriteConcern("majority", j=True)
COMMITTED = ReadConcern("majority")
BATCH = 1000
EARLIER = -(2**53)
"""Microseconds are added to this for the place of what an earlier version inserted: before all that are counted."""
UNNUMBERED = -(2**60)
"""Said to be the place of what such a version wrote beside this one, until a process starts again: before all others."""
LOOKS = 60
"""Times that everything is read at most to find it twice the same, where the server has no snapshots."""


class MongoRecords(Records):
    """Records in one collection per kind, `<hub>.<kind>`: `async with MongoRecords.open(url, hub) as records`.

    A write returns when a majority of the servers has it in its journal; keys that MongoDB dislikes are escaped.
    """

    def __init__(self, database: "AsyncIOMotorDatabase[Fields]", hub: str) -> None:
        self._database = database
        self._hub = hub
        self._sequence = Sequence(database[f"{hub}.sequence"])

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, hub: str) -> AsyncIterator[Self]:
        """Connect; raises Unavailable where no server answers. `url` is mongodb://…/database."""
        async with connect(url, "records") as database:
            yield cls(database, hub)

    async def prepare(self, kinds: Iterable[Kind]) -> None:
        with translated():
            for kind in kinds:
                wanted = [_index(fields, order) for fields, order in kind.lookups()]
                for keys in wanted:
                    await self._of(kind).create_index(keys)
                for name, index in (await self._of(kind).index_information()).items():
                    if name != "_id_" and [(field, int(way)) for field, way in index["key"]] not in wanted:
                        await self._drop_index(kind, name)
                await self._number(kind)

    async def _drop_index(self, kind: Kind, name: str) -> None:
        """One that a former version asked for: each costs every write. Another process that starts may be quicker."""
        with suppress(OperationFailure):
            await self._of(kind).drop_index(name)

    async def _number(self, kind: Kind) -> None:
        """Give those a place that an earlier version wrote, before all others: each by its own time, so that several processes may
        do so at a time."""
        updates: list[UpdateOne] = []
        async for found in self._of(kind).find({"sequence": None}, {"body.created_at": 1}):
            place = EARLIER + int(float(found["body"].get("created_at") or 0) * 1e6)
            updates.append(UpdateOne({"_id": found["_id"], "sequence": None}, {"$set": {"sequence": place}}))
        for first in range(0, len(updates), BATCH):
            await self._of(kind).bulk_write(updates[first : first + BATCH], ordered=False)

    async def get(self, kind: Kind, id: str) -> Record | None:
        with translated():
            found = await self._of(kind).find_one({"_id": id})
        return _record(found)._replace(sequence=0) if found else None

    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any], version: int = 1, sequence: int = 0) -> bool:
        with translated():
            place = await (self._sequence.reach(sequence) if sequence else self._sequence.next())
            try:
                await self._of(kind).insert_one({"_id": id, "version": version, "sequence": place, "body": escaped(body)})
            except DuplicateKeyError:
                return False
        return True

    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        with translated():
            new = {"version": version + 1, "body": escaped(body)}
            result = await self._of(kind).update_one({"_id": id, "version": version}, {"$set": new})
        if not result.matched_count:
            raise _stale(kind, id, version)
        return version + 1

    async def delete(self, kind: Kind, id: str, version: int | None = None) -> bool:
        with translated():
            wanted = {"_id": id} if version is None else {"_id": id, "version": version}
            result = await self._of(kind).delete_one(wanted)
        if result.deleted_count:
            return True
        if version is not None and await self.get(kind, id):
            raise _stale(kind, id, version)
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
        wanted, field = _equal(equals or {}), _field(order)
        behind, direction = ("$lt", -1) if descending else ("$gt", 1)
        if after:
            same = None if after[0] == UNNUMBERED else after[0]
            wanted["$or"] = [{field: {behind: after[0]}}, {field: same, "_id": {behind: after[1]}}]
            if descending and not order and same is not None:
                wanted["$or"].append({field: None})  # which MongoDB compares with no number
        bounds = {operator: bound for operator, bound in (("$gte", least), ("$lt", below)) if bound is not None}
        if bounds:
            wanted[field] = bounds
        with translated():
            cursor = self._of(kind).find(wanted).sort([(field, direction), ("_id", direction)]).limit(limit)
            return [_record(found) for found in await cursor.to_list(limit)]

    async def count(self, kind: Kind, equals: Mapping[str, Any] | None = None) -> int:
        kind.check(equals or {}, "")
        with translated():
            return await self._of(kind).count_documents(_equal(equals or {}))

    async def snapshot(self, kinds: Iterable[Kind]) -> AsyncIterator[tuple[Kind, Record]]:
        """A replica set has snapshots. A single server has none: what has the same versions before and after it was read was so in
        between. Until that is known, it lies in a file."""
        wanted = tuple(kinds)
        with translated():
            has_snapshots = "setName" in await self._database.command("hello")
        if has_snapshots:
            async with await self._database.client.start_session(snapshot=True) as session:
                async for kind, record in self._read(wanted, session):
                    yield kind, record
            return
        kinds_by_name = {kind.name: kind for kind in wanted}
        before = await self._versions(wanted)
        for _ in range(LOOKS):
            with tempfile.TemporaryFile() as file:
                async for kind, record in self._read(wanted):
                    file.write(orjson.dumps([kind.name, list(record)]) + b"\n")
                after = await self._versions(wanted)
                if after == before:
                    file.seek(0)
                    for line in file:
                        name, record = orjson.loads(line)
                        yield kinds_by_name[name], Record(*record)
                    return
                before = after
        raise Unavailable("the records never held still: try again when fewer jobs run, or make MongoDB a replica set")

    async def _read(self, kinds: Iterable[Kind], session: Any = None) -> AsyncIterator[tuple[Kind, Record]]:
        for kind in kinds:
            of = self._database[f"{self._hub}.{kind.name}"] if session else self._of(kind)
            cursor = of.find(session=session).sort([("sequence", 1), ("_id", 1)])
            while found := await _next(cursor):
                for fields in found:
                    yield kind, _record(fields)

    async def _versions(self, kinds: Iterable[Kind]) -> bytes:
        """A digest of which records are there, and in which versions. One that was removed and inserted anew has another number."""
        digest = hashlib.sha256()
        for kind in kinds:
            cursor = self._of(kind).find({}, {"version": 1, "sequence": 1}).sort([("sequence", 1), ("_id", 1)])
            while found := await _next(cursor):
                for fields in found:
                    digest.update(repr((kind.name, fields["_id"], fields["version"], fields.get("sequence"))).encode())
        return digest.digest()

    async def ping(self) -> None:
        with translated():
            await self._database.command("ping")

    def _of(self, kind: Kind) -> "AsyncIOMotorCollection[Fields]":
        name = f"{self._hub}.{kind.name}"
        return self._database.get_collection(name, write_concern=DURABLE, read_concern=COMMITTED)


async def _next(cursor: Any) -> list[Fields]:
    with translated():
        found: list[Fields] = await cursor.to_list(BATCH)
    return found


def _record(found: Fields) -> Record:
    return Record(found["_id"], found["version"], unescaped(found["body"]), found.get("sequence") or UNNUMBERED)


def _field(order: str) -> str:
    return f"body.{order}" if order else "sequence"


def _index(fields: Iterable[str], order: str) -> list[tuple[str, int]]:
    return [*((f"body.{field}", 1) for field in fields), (_field(order), 1), ("_id", 1)]


def _equal(equals: Mapping[str, Any]) -> Fields:
    return {f"body.{name}": value for name, value in equals.items()}


def _stale(kind: Kind, id: str, version: int) -> Stale:
    return Stale(f"{kind.name} {id!r} has another version than {version}")
