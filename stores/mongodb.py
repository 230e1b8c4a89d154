"""Records and Documents on MongoDB, or any server that speaks its protocol; the only module that knows motor."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self
from urllib.parse import quote, unquote

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError, CursorNotFound, DocumentTooLarge, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from domain.errors import Conflict, JobFailed, NotReady, Stale, Unavailable
from domain.ports import BATCH_BYTES, Document, Documents, Kind, Record, Records, Sealed
from stores.mongodb_json import DIGEST, escaped, from_bson, to_bson, unescaped

Fields = dict[str, Any]

DATABASE = "leat"
"""Where the URL names none."""
PATIENCE = 10_000
"""Milliseconds that an operation waits for a server to be found, where the URL doesn't say."""
BATCH_DOCUMENTS = 1000
"""What one bulk write (which ends at BATCH_BYTES too), or one `$in`, takes at most."""
STEP = 100
"""Documents that a scan takes at once from what the server sent, before it looks at their size."""
DURABLE = WriteConcern("majority", j=True)
COMMITTED = ReadConcern("majority")
DUPLICATE = 11000


class MongoRecords(Records):
    """Records in one collection per kind, `<hub>.<kind>`: `async with MongoRecords.open(url, hub) as records`.

    A write returns when a majority of the servers has it in its journal; keys that MongoDB dislikes are escaped.
    """

    def __init__(self, database: "AsyncIOMotorDatabase[Fields]", hub: str) -> None:
        self._database = database
        self._hub = hub

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, hub: str) -> AsyncIterator[Self]:
        """Connect; raises Unavailable where no server answers. `url` is mongodb://…/database."""
        async with _connect(url) as database:
            yield cls(database, hub)

    async def prepare(self, kinds: Iterable[Kind]) -> None:
        with _translated():
            for kind in kinds:
                for order in kind.order:
                    for fields in ((), *kind.indexes):
                        await self._of(kind).create_index([*((f"body.{field}", 1) for field in (*fields, order)), ("_id", 1)])

    async def get(self, kind: Kind, id: str) -> Record | None:
        with _translated():
            found = await self._of(kind).find_one({"_id": id})
        return _record(found) if found else None

    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any]) -> bool:
        with _translated():
            try:
                await self._of(kind).insert_one({"_id": id, "version": 1, "body": escaped(body)})
            except DuplicateKeyError:
                return False
        return True

    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        with _translated():
            new = {"version": version + 1, "body": escaped(body)}
            result = await self._of(kind).replace_one({"_id": id, "version": version}, new)
        if not result.matched_count:
            raise _stale(kind, id, version)
        return version + 1

    async def delete(self, kind: Kind, id: str, version: int | None = None) -> bool:
        with _translated():
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
        order: str = "created_at",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Record]:
        kind.check(equals or {}, order)
        wanted, field = _equal(equals or {}), f"body.{order}"
        behind, direction = ("$lt", -1) if descending else ("$gt", 1)
        if after:
            wanted["$or"] = [{field: {behind: after[0]}}, {field: after[0], "_id": {behind: after[1]}}]
        with _translated():
            cursor = self._of(kind).find(wanted).sort([(field, direction), ("_id", direction)]).limit(limit)
            return [_record(found) for found in await cursor.to_list(limit)]

    async def count(self, kind: Kind, equals: Mapping[str, Any] | None = None) -> int:
        kind.check(equals or {}, kind.order[0])
        with _translated():
            return await self._of(kind).count_documents(_equal(equals or {}))

    async def ping(self) -> None:
        with _translated():
            await self._database.command("ping")

    def _of(self, kind: Kind) -> "AsyncIOMotorCollection[Fields]":
        name = f"{self._hub}.{kind.name}"
        return self._database.get_collection(name, write_concern=DURABLE, read_concern=COMMITTED)


class MongoDocuments(Documents):
    """Each collection is one of MongoDB's, `<hub>.documents.<name>`, of plain BSON documents that anybody may query; their
    digest is in `%digest`. `async with MongoDocuments.open(url, hub) as documents`.

    What `<hub>.collections` holds for a collection says that it is sealed; it is written last and dropped first, journaled by a
    majority, and so is whatever was written before. A collection is written and sealed by the process that created it.
    """

    def __init__(self, database: "AsyncIOMotorDatabase[Fields]", hub: str) -> None:
        self._database = database
        self._prefix = f"{hub}.documents."
        self._register: AsyncIOMotorCollection[Fields] = database.get_collection(
            f"{hub}.collections", write_concern=DURABLE, read_concern=COMMITTED
        )
        self._written: dict[str, tuple[int, int]] = {}  # count and bytes of what is being written
        self._known: set[str] = set()  # seen sealed

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, hub: str) -> AsyncIterator[Self]:
        """Connect; raises Unavailable where no server answers. `url` is mongodb://…/database."""
        async with _connect(url) as database:
            yield cls(database, hub)

    async def create(self, name: str) -> None:
        await self.drop(name)
        with _translated():
            await self._register.insert_one({"_id": name, "sealed": False})
        self._written[name] = (0, 0)

    async def write(self, name: str, documents: Sequence[Document]) -> None:
        count, size = self._progress(name)
        collection = self._of(name)
        for batch in _batches(documents):
            try:
                with _translated():
                    await collection.insert_many([to_bson(document) for document in batch], ordered=False)
            except BulkWriteError as error:
                raise _refused(error) from error
            except DocumentTooLarge as error:
                largest = max(batch, key=lambda document: len(document.body))
                raise JobFailed(f"the document {largest.id!r} is larger than MongoDB takes: {error}") from error
        self._written[name] = (count + len(documents), size + sum(len(document.body) for document in documents))

    async def seal(self, name: str, meta: Mapping[str, Any]) -> Sealed:
        count, size = self._progress(name)
        with _translated():
            sealed = {"sealed": True, "count": count, "size": size, "meta": escaped(meta)}
            await self._register.replace_one({"_id": name}, sealed)
        del self._written[name]
        return await self.describe(name)

    async def describe(self, name: str) -> Sealed:
        with _translated():
            found = await self._register.find_one({"_id": name})
        if found is None or not found["sealed"]:
            self._known.discard(name)
            raise NotReady(f"there is no sealed collection {name}")
        self._known.add(name)
        return Sealed(name=name, count=found["count"], size=found["size"], meta=unescaped(found["meta"]))

    async def scan(
        self, name: str, *, after: str = "", until: str = "", bodies: bool = True, batch: int = 1000
    ) -> AsyncIterator[list[Document]]:
        sealed = await self.describe(name)
        last, count, resumable = after, 0, True
        while True:
            cursor = self._cursor(name, last, until, bodies, batch)
            try:
                with _translated():
                    while documents := await _take(cursor, bodies, batch):
                        last, count, resumable = documents[-1].id, count + len(documents), True
                        yield documents
                    break
            except (Unavailable, CursorNotFound):
                # Servers forget a cursor after minutes, or with a connection; the last id is all that it knew.
                await self.describe(name)
                if not resumable:
                    raise
                resumable = False
            finally:
                await cursor.close()
        if count != sealed.count and not after and not until:
            raise NotReady(f"collection {name} was sealed with {sealed.count} documents, but {count} were read")
        await self.describe(name)  # a cursor just ends where its collection is dropped

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        if name not in self._known:
            await self.describe(name)
        found: list[Fields] = []
        for start in range(0, len(ids), BATCH_DOCUMENTS):
            chunk = list(ids[start : start + BATCH_DOCUMENTS])
            with _translated():
                wanted = {"_id": chunk[0] if len(chunk) == 1 else {"$in": chunk}}
                found += await self._of(name).find(wanted).to_list(None)
        if len(found) < len(ids):
            await self.describe(name)  # absent ids, or a dropped collection
        return {document.id: document.body for document in map(from_bson, found)}

    async def names(self) -> list[str]:
        with _translated():
            created = [found["_id"] for found in await self._register.find({}, {"_id": True}).to_list(None)]
            stored = await self._database.list_collection_names()
        prefix = self._prefix
        return sorted({*created, *(unquote(name[len(prefix) :]) for name in stored if name.startswith(prefix))})

    async def drop(self, name: str) -> None:
        self._written.pop(name, None)
        self._known.discard(name)
        with _translated():
            await self._register.delete_one({"_id": name})
            await self._of(name).drop()

    async def ping(self) -> None:
        with _translated():
            await self._database.command("ping")

    def _progress(self, name: str) -> tuple[int, int]:
        if name not in self._written:
            raise NotReady(f"collection {name} is not being written here")
        return self._written[name]

    def _of(self, name: str) -> "AsyncIOMotorCollection[Fields]":
        """MongoDB takes neither `$` nor `..` nor a dot at the end of a name."""
        return self._database[self._prefix + re.sub(r"\.(?=\.|$)", "%2E", quote(name, safe=" "))]

    def _cursor(self, name: str, after: str, until: str, bodies: bool, batch: int) -> Any:
        bounds = {operator: id for operator, id in {"$gt": after, "$lte": until}.items() if id}
        fields = None if bodies else {"_id": True, DIGEST: True}
        return self._of(name).find({"_id": bounds} if bounds else {}, fields).sort("_id", 1).batch_size(batch)


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator["AsyncIOMotorDatabase[Fields]"]:
    patience: Fields = {} if "serverselectiontimeoutms" in url.lower() else {"serverSelectionTimeoutMS": PATIENCE}
    client: AsyncIOMotorClient[Fields] = AsyncIOMotorClient(url, **patience)
    try:
        database = client.get_default_database(DATABASE)
        with _translated():
            await database.command("ping")
        yield database
    finally:
        await asyncio.to_thread(client.close)  # it tells the server, and waits for an answer


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BulkWriteError, CursorNotFound, DocumentTooLarge):
        raise
    except PyMongoError as error:
        reason = str(error).partition(", Timeout:")[0]  # what follows describes the driver's state at length
        raise Unavailable(f"MongoDB can't be reached, or refuses: {reason}") from error


def _refused(error: BulkWriteError) -> Exception:
    """What a bulk write's errors mean: a repeated `_id`, or documents that the server won't have."""
    errors: list[Fields] = (error.details or {}).get("writeErrors", [])
    for refused in errors:
        if refused.get("code") == DUPLICATE:
            return Conflict(f"the _id {refused['op']['_id']!r} occurs more than once")
    if not errors:
        return Unavailable(f"MongoDB did not keep a batch: {error}")
    reasons = "; ".join(f"{refused['op']['_id']!r}: {refused.get('errmsg', '')}" for refused in errors[:10])
    return JobFailed(f"MongoDB refuses {len(errors)} documents: {reasons}")


def _batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in documents:
        if batch and (len(batch) == BATCH_DOCUMENTS or size + len(document.body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document.body)
    if batch:
        yield batch


async def _take(cursor: Any, bodies: bool, batch: int) -> list[Document]:
    taken: list[Document] = []
    size = 0
    while len(taken) < batch and size < BATCH_BYTES:
        found = await cursor.to_list(min(STEP, batch - len(taken)))
        if not found:
            break
        documents = [from_bson(values) if bodies else _key(values) for values in found]
        taken += documents
        size += sum(len(document.body) for document in documents)
    return taken


def _record(found: Fields) -> Record:
    return Record(found["_id"], found["version"], unescaped(found["body"]))


def _equal(equals: Mapping[str, Any]) -> Fields:
    return {f"body.{name}": value for name, value in equals.items()}


def _stale(kind: Kind, id: str, version: int) -> Stale:
    return Stale(f"{kind.name} {id!r} has another version than {version}")


def _key(values: Fields) -> Document:
    return Document(values["_id"], b"", values[DIGEST])
