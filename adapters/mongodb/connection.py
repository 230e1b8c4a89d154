"""The connection to MongoDB, or a server that speaks its protocol, and what its errors mean. Only this folder knows motor."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import BulkWriteError, CursorNotFound, DocumentTooLarge, PyMongoError

from domain.errors import Unavailable

Fields = dict[str, Any]

DATABASE = "leat"
"""Where the URL names none."""
PATIENCE = 10_000
"""Milliseconds that an operation waits for a server to be found, where the URL doesn't say."""
SILENCE = {"records": 10_000, "documents": 120_000}
"""Milliseconds that a server may be silent in the middle of an operation, where the URL doesn't say: records are small."""
DISK_FULL = 14031
"""The server's code where its disk is full."""
DUPLICATE = 11000
"""The server's code for an `_id` that is there."""


@asynccontextmanager
async def connect(url: str, kind: str) -> AsyncIterator["AsyncIOMotorDatabase[Fields]"]:
    """The database of the URL; closed with the context. Raises Unavailable."""
    patience: Fields = {"serverSelectionTimeoutMS": PATIENCE, "connectTimeoutMS": PATIENCE, "socketTimeoutMS": SILENCE[kind]}
    patience = {name: value for name, value in patience.items() if name.lower() not in url.lower()}
    client: AsyncIOMotorClient[Fields] = AsyncIOMotorClient(url, **patience)
    try:
        database = client.get_default_database(DATABASE)
        with translated():
            await database.command("ping")
        yield database
    finally:
        await asyncio.to_thread(client.close)  # it tells the server, and waits for an answer


@contextmanager
def translated() -> Iterator[None]:
    """What the driver raises within becomes Unavailable, but for what says something of single documents."""
    try:
        yield
    except (BulkWriteError, CursorNotFound, DocumentTooLarge):
        raise
    except PyMongoError as error:
        reason = str(error).partition(", Timeout:")[0]  # what follows describes the driver's state at length
        raise Unavailable("the database does not answer, or refuses", f"MongoDB: {reason}") from error
