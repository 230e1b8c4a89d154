"""A hub's place on the three servers, and on RabbitMQ alone: settings of its own, and what it made there taken away again."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from elasticsearch import AsyncElasticsearch
from motor.motor_asyncio import AsyncIOMotorClient

from tests.events.buses import remove
from tests.leat.hubs import Line
from tests.services import need


@asynccontextmanager
async def on_rabbitmq(folder: Path, **settings: str) -> AsyncIterator[Line]:
    """The command line of a hub over RabbitMQ, embedded otherwise."""
    url, id = need("rabbitmq"), secrets.token_hex(4)
    try:
        yield Line(folder, LEAT_BUS=url, LEAT_NAME="test", LEAT_ID=id, **settings)
    finally:
        await remove(url, f"test-{id}")


@asynccontextmanager
async def on_servers(folder: Path, **settings: str) -> AsyncIterator[Line]:
    """The command line of a hub over RabbitMQ, MongoDB and Elasticsearch, its files in a shared folder."""
    bus, mongodb, search, name = need("rabbitmq"), need("mongodb"), need("elasticsearch"), f"t{secrets.token_hex(4)}"
    database = f"{mongodb.rstrip('/')}/{name}"
    urls = {"LEAT_BUS": bus, "LEAT_RECORDS": database, "LEAT_DOCUMENTS": database, "LEAT_SEARCH": search}
    try:
        yield Line(folder, LEAT_NAME=name, LEAT_ID="0", LEAT_FILES=(folder / "files").as_uri(), **urls, **settings)
    finally:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongodb)
        await client.drop_database(name)
        await asyncio.to_thread(client.close)
        async with AsyncElasticsearch(search) as engine:
            for index in await engine.indices.get(index=f"{name}-*", expand_wildcards="all"):
                await engine.indices.delete(index=index)
        await remove(bus, f"{name}-0")
