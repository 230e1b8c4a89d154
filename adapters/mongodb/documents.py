"""Documents on MongoDB: one collection a collection, and a register of those that are sealed."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote, unquote

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError, CursorNotFound, DocumentTooLarge
from pymongo.read_concern import ReadConcern

from adapters.mongodb.connection import DISK_FULL, DUPLICATE, Fields, connect, translated
from adapters.mongodb.json_values import DIGEST, escaped, from_bson, to_bson, unescaped
from domain.errors import Conflict, DiskFull, JobFailed, NotReady, Unavailable
from domain.ports.documents import BATCH_BYTES, Document, Documents, Sealed

BATCH_DOCUMENTS = 1000
"""What one bulk write (which ends at BATCH_BYTES too), or one `$in`, takes at most."""
STEP = 100
"""Documents that a scan takes at once from what the server sent, before it looks at their size."""
DURABLE = WriteConcern("majority", j=True)
COMMITTED = ReadConcern("majority")


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
        async with connect(url, "documents") as database:
            yield cls(database, hub)

    async def create(self, name: str) -> None:
        await self.drop(name)
        with translated():
            await self._register.insert_one({"_id": name, "sealed": False})
        self._written[name] = (0, 0)

    async def write(self, name: str, documents: Sequence[Document]) -> None:
        count, size = self._progress(name)
        collection = self._of(name)
        for batch in _batches(documents):
            try:
                with translated():
                    await collection.insert_many([to_bson(document) for document in batch], ordered=False)
            except BulkWriteError as error:
                raise _refused(error) from error
            except DocumentTooLarge as error:
                largest = max(batch, key=lambda document: len(document.body))
                raise JobFailed(f"the document {largest.id!r} is larger than the database takes") from error
        self._written[name] = (count + len(documents), size + sum(len(document.body) for document in documents))

    async def seal(self, name: str, meta: Mapping[str, Any]) -> Sealed:
        count, size = self._progress(name)
        with translated():
            sealed = {"sealed": True, "count": count, "size": size, "meta": escaped(meta)}
            await self._register.replace_one({"_id": name}, sealed)
        del self._written[name]
        return await self.describe(name)

    async def describe(self, name: str) -> Sealed:
        with translated():
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
                with translated():
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
            with translated():
                wanted = {"_id": chunk[0] if len(chunk) == 1 else {"$in": chunk}}
                found += await self._of(name).find(wanted).to_list(None)
        if len(found) < len(ids):
            await self.describe(name)  # absent ids, or a dropped collection
        return {document.id: document.body for document in map(from_bson, found)}

    async def names(self) -> list[str]:
        with translated():
            created = [found["_id"] for found in await self._register.find({}, {"_id": True}).to_list(None)]
            stored = await self._database.list_collection_names()
        prefix = self._prefix
        return sorted({*created, *(unquote(name[len(prefix) :]) for name in stored if name.startswith(prefix))})

    async def room(self) -> int | None:
        with translated():
            told = await self._database.command("dbStats")
        return int(told["fsTotalSize"] - told["fsUsedSize"]) if told.get("fsTotalSize") else None

    async def drop(self, name: str) -> None:
        self._written.pop(name, None)
        self._known.discard(name)
        with translated():
            await self._register.delete_one({"_id": name})
            await self._of(name).drop()

    async def ping(self) -> None:
        with translated():
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


def _refused(error: BulkWriteError) -> Exception:
    """What a bulk write's errors mean: a repeated `_id`, or documents that the server won't have."""
    errors: list[Fields] = (error.details or {}).get("writeErrors", [])
    for refused in errors:
        if refused.get("code") == DISK_FULL:
            return DiskFull(f"the database's disk is full: {refused.get('errmsg', '')}")
        if refused.get("code") == DUPLICATE:
            return Conflict(f"the _id {refused['op']['_id']!r} occurs more than once")
    if not errors:
        return Unavailable("the database did not keep a batch of documents", f"MongoDB: {error}")
    reasons = "; ".join(f"{refused['op']['_id']!r}: {refused.get('errmsg', '')}" for refused in errors[:10])
    return JobFailed(f"the database refuses {len(errors)} documents: {reasons}")


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


def _key(values: Fields) -> Document:
    return Document(values["_id"], b"", values[DIGEST])
