"""Documents on MongoDB: an upload beside plain `insert_many`, a build beside BioThings' sequential upserts, on the same server.

    .venv/bin/python -m bench.mongodb [--documents 1000] [--rounds 3] [--url mongodb://127.0.0.1:27017]

The upserts are how BioThings merges: source after source, batch by batch, `update_one({_id}, {$set: document}, upsert)` in a bulk
write. Commands are counted by the driver. The ratio depends on the server: one that is not MongoDB says nothing about MongoDB.
"""

import argparse
import asyncio
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import UpdateOne, monitoring

from bench import variants
from bench.merge import INPUTS, Silent
from bench.processes import Measured, address, measure_here, show
from domain.canonical import document
from domain.hub import Stores
from domain.ports.documents import Document
from leat.adapters import open_stores
from workers.build.merge import merge

Database = AsyncIOMotorDatabase[dict[str, Any]]
HUB = f"bench-{secrets.token_hex(4)}"
BATCH = 1000
UPSERTS = 50
"""BioThings takes a thousand and more; FerretDB 1.23 stands still for ever behind a few hundred in one command."""
OUTPUT = "00000000-0000-4000-8000-00000000000c.1"


class Commands(monitoring.CommandListener):
    """Counts what every client of this process asks."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Count it."""
        self.seen[event.command_name] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Counted before."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Counted before."""

    def take(self) -> str:
        """What was asked since the last time; `ping` and its like left out."""
        asked = {name: number for name, number in self.seen.items() if name not in ("ping", "hello", "endSessions")}
        self.seen.clear()
        return f"{sum(asked.values())} commands ({', '.join(f'{name} {number}' for name, number in sorted(asked.items()))})"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Stores]:
    """The stores, with documents on the server."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_stores({**address(Path(folder)), "name": HUB, "documents": url}) as stores:
            yield stores


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """The database by itself."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url)
    try:
        yield client.get_default_database("leat")
    finally:
        await asyncio.to_thread(client.close)


async def upload(url: str, documents: list[Document]) -> None:
    """Ours: create, write, seal."""
    async with opened(url) as stores:
        await stores.documents.create(OUTPUT)
        for start in range(0, len(documents), BATCH):
            await stores.documents.write(OUTPUT, documents[start : start + BATCH])
        await stores.documents.seal(OUTPUT, {})


async def insert(url: str, documents: list[Document]) -> None:
    """Plain."""
    async with connected(url) as database:
        for start in range(0, len(documents), BATCH):
            rows = [orjson.loads(each.body) for each in documents[start : start + BATCH]]
            await database[f"{HUB}.plain"].insert_many(rows, ordered=False)


async def build(url: str) -> None:
    """Ours: the merge step."""
    async with opened(url) as stores:
        await merge(stores, {"output": OUTPUT, "inputs": INPUTS, "meta": {"mapping": {}, "metadata": {}}}, Silent())


async def upsert(url: str) -> None:
    """The peer's."""
    async with connected(url) as database:
        target = database[f"{HUB}.plain"]
        for name in (variants.A, variants.B):
            cursor = database[f"{HUB}.documents.{name}"].find().batch_size(UPSERTS)
            while found := await cursor.to_list(UPSERTS):
                asked = [UpdateOne({"_id": each["_id"]}, {"$set": each}, upsert=True) for each in found]
                await target.bulk_write(asked, ordered=False)


async def store(url: str, count: int) -> None:
    """Both sources."""
    async with opened(url) as stores:
        await variants.store(stores, variants.A, variants.associations(count))
        await variants.store(stores, variants.B, variants.accessions(count))


async def clean(url: str, *, every: bool = False) -> None:
    """Drop what a round wrote; with `every`, whatever is ours."""
    async with connected(url) as database:
        for name in await database.list_collection_names():
            if name in (f"{HUB}.plain", f"{HUB}.documents.{OUTPUT}") or (every and name.startswith(HUB)):
                await database.drop_collection(name)


def compare(given: argparse.Namespace, commands: Commands, sides: dict[str, Any], documents: int) -> None:
    """Rounds in turn, medians, and what each asks of the server."""
    found: dict[str, list[Measured]] = {side: [] for side in sides}
    asked: dict[str, str] = {}
    for _ in range(given.rounds):
        for side, work in sides.items():
            commands.seen.clear()
            found[side].append(measure_here(lambda work=work: asyncio.run(work())))  # type: ignore[misc]
            asked[side] = commands.take()
            asyncio.run(clean(given.url))
    show(found, documents)
    for side, counted in asked.items():
        print(f"{side:16} {counted}")


def main() -> None:
    """Print medians, ratios and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default=os.environ.get("LEAT_TEST_MONGODB_URL", "mongodb://127.0.0.1:27017/"))
    given = parser.parse_args()
    commands = Commands()
    monitoring.register(commands)
    documents = [document(each) for each in variants.associations(given.documents)]
    uploads = {"insert_many": lambda: insert(given.url, documents), "upload": lambda: upload(given.url, documents)}
    builds = {"upserts": lambda: upsert(given.url), "build": lambda: build(given.url)}
    try:
        compare(given, commands, uploads, given.documents)
        asyncio.run(store(given.url, given.documents))
        compare(given, commands, builds, 2 * given.documents)
    finally:
        asyncio.run(clean(given.url, every=True))


if __name__ == "__main__":
    main()
