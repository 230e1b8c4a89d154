"""What only MongoDB can do wrong: connections that break, and what other tools see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import bson
import orjson
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from adapters.mongodb.documents import MongoDocuments
from adapters.mongodb.json_values import escaped, from_bson, to_bson, unescaped
from adapters.mongodb.records import MongoRecords
from domain.errors import NotReady, Unavailable
from domain.ports.documents import Document
from tests.adapters.places import KIND, Place, document
from tests.services import need


class Wire:
    """A wire to a server that can be cut, and mended."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.mended = True
        self.open: set[asyncio.StreamWriter] = set()
        self.carrying: set[asyncio.Task[None]] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's bytes both ways until either side ends."""
        task = asyncio.current_task()
        assert task
        self.carrying.add(task)
        if not self.mended:
            writer.close()
            return
        there, here = await asyncio.open_connection(*self.server)
        self.open |= {writer, here}
        await asyncio.gather(self.carry(reader, here), self.carry(there, writer))
        self.open -= {writer, here}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes in one direction."""
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def cut(self) -> None:
        """End every connection at once."""
        for writer in self.open:
            writer.transport.abort()


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the server of this URL, and the URL at its near end."""
    parts = urlsplit(url)
    opened = Wire(parts.hostname or "", parts.port or 27017)
    server = await asyncio.start_server(opened.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield opened, f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=500"
    finally:
        server.close()
        opened.cut()
        await asyncio.gather(*opened.carrying)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Data on the server, taken away again."""
    place = Place.new("mongodb", tmp_path, need("mongodb"))
    yield place
    async with MongoDocuments.open(place.url, place.hub) as documents:
        for name in await documents.names():
            await documents.drop(name)


async def test_a_scan_goes_on_over_a_broken_connection(place: Place) -> None:
    """A scan whose cursor is lost twice reads on behind the last id: every document once, in order."""
    async with wire(place.url) as (opened, url), MongoDocuments.open(url, place.hub) as documents:
        await documents.create("job.1")
        await documents.write("job.1", [document(f"{n:04}") for n in range(1000)])
        await documents.seal("job.1", {})
        read: list[str] = []
        async for batch in documents.scan("job.1", batch=100):
            read += [found.id for found in batch]
            if len(read) in (200, 500):
                opened.cut()
        assert read == [f"{n:04}" for n in range(1000)]


async def test_a_scan_without_its_server_ends(place: Place) -> None:
    """A scan whose server does not come back is Unavailable, not a short answer."""
    async with wire(place.url) as (opened, url), MongoDocuments.open(url, place.hub) as documents:
        await documents.create("job.1")
        await documents.write("job.1", [document(f"{n:04}") for n in range(1000)])
        await documents.seal("job.1", {})
        batches = documents.scan("job.1", batch=100)
        assert len(await anext(batches)) == 100
        opened.mended = False
        opened.cut()
        with pytest.raises(Unavailable):
            [batch async for batch in batches]


async def test_records_without_their_server_are_unavailable_and_come_back(place: Place) -> None:
    """Every operation says Unavailable while the server is away, and works when it is there again."""
    async with wire(place.url) as (opened, url), MongoRecords.open(url, place.hub) as records:
        assert await records.insert(KIND, "a", {"created_at": 0.0})
        opened.mended = False
        opened.cut()
        for operation in (
            records.get(KIND, "a"),
            records.insert(KIND, "b", {}),
            records.replace(KIND, "a", {}, 1),
            records.delete(KIND, "a"),
            records.find(KIND),
            records.ping(),
        ):
            with pytest.raises(Unavailable):
                await operation
        opened.mended = True
        async with asyncio.timeout(30):  # the driver looks for its server every so often
            while True:
                with suppress(Unavailable):
                    await records.ping()
                    break
        record = await records.get(KIND, "a")
        assert record
        assert record.version == 1
        assert await records.delete(KIND, "a")


async def test_opening_says_when_nobody_answers() -> None:
    """A URL without a server is Unavailable."""
    with pytest.raises(Unavailable):
        async with MongoRecords.open("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "test"):
            pass


async def test_documents_are_bson_that_other_tools_query(place: Place) -> None:
    """Fields of a stored document are found by their paths, with MongoDB's own query language."""
    async with MongoDocuments.open(place.url, place.hub) as documents:
        await documents.create("job.1")
        await documents.write("job.1", [document("a", cgi={"gene": ["X", "Y"], "n": 7}), document("b", cgi={"n": 3})])
        await documents.seal("job.1", {})
        client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(place.url)
        stored = client["leat"][f"{place.hub}.documents.job.1"]
        for query in ({"cgi.gene": "Y"}, {"cgi.n": {"$gt": 5}}):
            assert [found["_id"] async for found in stored.find(query)] == ["a"]
        await asyncio.to_thread(client.close)


async def test_documents_that_went_missing_are_noticed(place: Place) -> None:
    """A scan that ends on another count than was sealed is NotReady."""
    async with MongoDocuments.open(place.url, place.hub) as documents:
        await documents.create("job.1")
        await documents.write("job.1", [document(f"{n}") for n in range(5)])
        await documents.seal("job.1", {})
        client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(place.url)
        await client["leat"][f"{place.hub}.documents.job.1"].delete_one({"_id": "3"})
        await asyncio.to_thread(client.close)
        with pytest.raises(NotReady, match="5"):
            [batch async for batch in documents.scan("job.1")]


@pytest.mark.parametrize(
    "value",
    [
        {"": {"": ""}},
        {"%": 1, "%%": 2, "%25": 3, "%list": [1], "%digest": 4, "%body": 5, "%2E": 6},
        {".": 1, "..": 2, "a.b.": 3, "$": 4, "a$": 5, "$a.$b": 6, "\0": 7, "a\0b": 8},
        [[], [[]], [[[1], {"a": [[{"$x": 1}]]}]]],
        {"%list": {"%list": [[1]]}},
        {"%integer": 2**64 - 1, "a": [2**63 - 1, -(2**63), 2**63, [-(2**63) - 1]]},
    ],
)
def test_escaping_is_reversible(value: object) -> None:
    """Whatever a document's keys and lists are, they come back, and none of them is one that MongoDB dislikes."""
    text = orjson.dumps(escaped({"value": value})).decode()
    assert bson.decode(bson.encode(escaped({"value": value}))) == escaped({"value": value})
    assert unescaped(escaped(value)) == value
    assert not any(bad in text for bad in ('".', '."', '"$', "\\u0000", '"":', "[["))


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" * 400])
def test_long_integers_keep_their_digits(number: str) -> None:
    """An integer that BSON has no room for is a double for queries, and comes back as its digits."""
    body = f'{{"_id":"a","n":[{number}]}}'.encode()
    values = to_bson(Document("a", body, b"d"))
    assert isinstance(values["n"][0], float)
    assert from_bson(values) == Document("a", body, b"d")
