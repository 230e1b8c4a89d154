"""What records keep of errors: enough to mend it, and nothing of servers and their drivers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aio_pika
import aiohttp
import pytest
from elasticsearch import AsyncElasticsearch
from motor.motor_asyncio import AsyncIOMotorClient

from adapters.elasticsearch.search import ElasticsearchSearch
from adapters.files.s3 import S3Files
from adapters.mongodb.documents import MongoDocuments
from adapters.mongodb.records import MongoRecords
from domain.errors import LeatError
from domain.jobs.failures import error_of, shown
from domain.jobs.jobs import JobError
from events.bus import BusError
from events.rabbitmq import RabbitBus
from workers.child import error_from

NAMES = ("127.0.0.1", "localhost", "mongo", "motor", "elastic", "rabbit", "amqp", "aiormq", "pika", "obstore", "botocore", "Errno")
"""What no client is to read: addresses, products, drivers."""


class Odd(asyncio.Protocol):
    """A server's end of a connection, on which it says nothing, or what nobody understands."""

    open: ClassVar[list[asyncio.Transport]] = []

    def __init__(self, manner: str) -> None:
        self.manner = manner

    def connection_made(self, transport: Any) -> None:
        """Keep it open, or answer at once."""
        self.open.append(transport)
        if self.manner == "talks nonsense":
            transport.write(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 22\r\n\r\nnode 127.0.0.1 is away")
            transport.close()


@asynccontextmanager
async def server(manner: str) -> AsyncIterator[int]:
    """The port of a server that refuses connections, hangs, or answers what nobody understands."""
    if manner == "refuses":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        yield port
        return

    listening = await asyncio.get_running_loop().create_server(lambda: Odd(manner), "127.0.0.1", 0)
    Odd.open.clear()
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    for transport in Odd.open:
        transport.abort()
    await asyncio.sleep(0)  # transports end in the loop's next round


async def entered(context: Any) -> None:
    """Open and close it."""
    async with context as there:
        await there.ping()


SHORT = "serverSelectionTimeoutMS=300&connectTimeoutMS=300&socketTimeoutMS=300"
PORTS: dict[str, Callable[[int, Any], Awaitable[Any]]] = {
    "records": lambda port, folder: entered(MongoRecords.open(f"mongodb://127.0.0.1:{port}/?{SHORT}", "h")),
    "documents": lambda port, folder: entered(MongoDocuments.open(f"mongodb://127.0.0.1:{port}/?{SHORT}", "h")),
    "search": lambda port, folder: entered(ElasticsearchSearch.open(f"http://127.0.0.1:{port}", "h")),
    "bus": lambda port, folder: RabbitBus.open(f"amqp://127.0.0.1:{port}/", "h", patience=0.5),
    "files": lambda port, folder: entered(
        S3Files.connect(
            f"s3://b?endpoint=http://127.0.0.1:{port}&allow_http=true&access_key_id=a&secret_access_key=b&timeout=1s", "h", folder
        )
    ),
}
"""What is asked of a server behind each port."""


def nothing_is_named(error: JobError) -> bool:
    """Does it name none of NAMES?"""
    text = f"{error.code} {error.message} {error.detail}".lower()
    assert [name for name in NAMES if name.lower() in text] == []
    return bool(error.message)


@pytest.mark.parametrize("manner", ["refuses", "hangs", "talks nonsense"])
@pytest.mark.parametrize("port", PORTS)
async def test_a_server_that_is_away_is_named_in_no_record(port: str, manner: str, tmp_path: Any) -> None:
    """Refused, silent or not understood: a job's record says that a server does not answer, and its error says to whoever runs the
    hub more than that."""
    async with server(manner) as number:
        with pytest.raises((LeatError, BusError)) as raised:
            async with asyncio.timeout(20):
                await PORTS[port](number, tmp_path)

    assert nothing_is_named(error_of(raised.value))
    assert len(str(raised.value)) > len(error_of(raised.value).message) or port == "bus"


async def ask_mongodb(port: int) -> None:
    """Through its driver alone."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(f"mongodb://127.0.0.1:{port}/?{SHORT}")
    try:
        await client.admin.command("ping")
    finally:
        client.close()


async def ask_elasticsearch(port: int) -> None:
    """Through its driver alone."""
    async with AsyncElasticsearch(f"http://127.0.0.1:{port}") as client:
        await client.info()


async def ask_over_http(port: int) -> None:
    """Through a library."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}"):
        pass


@pytest.mark.parametrize(
    "ask",
    [
        ask_mongodb,
        ask_elasticsearch,
        ask_over_http,
        lambda port: aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{port}/"),
        lambda port: asyncio.open_connection("127.0.0.1", port),
        lambda port: asyncio.to_thread(socket.create_connection, ("127.0.0.1", port)),
    ],
)
async def test_what_no_adapter_translates_is_named_in_no_record(ask: Callable[[int], Awaitable[Any]]) -> None:
    """An error that came through a driver by a way that nobody thought of is an internal one, whatever raised it."""
    async with server("refuses") as port:
        with pytest.raises(Exception) as raised:  # noqa: PT011  # whichever it is
            await ask(port)
    outer = RuntimeError("the step failed")
    outer.__cause__ = raised.value

    for error in (raised.value, outer):
        assert error_of(error).code == "INTERNAL" or isinstance(error, BusError)
        assert nothing_is_named(error_of(error))


def test_a_mistake_of_ours_is_told_with_its_traceback(tmp_path: Any) -> None:
    """What says nothing of servers is kept whole: the message, a file's name, and where it was raised."""
    for wrong in (lambda: {}["key"], (tmp_path / "absent.tsv").read_text, lambda: int("x")):
        with pytest.raises((KeyError, OSError, ValueError)) as raised:
            wrong()
        told = error_of(raised.value)

        assert str(raised.value) in told.message
        assert "test_failures.py" in told.detail


OLD = {
    "MongoDB can't be reached, or refuses: db:27017: [Errno 111] Connection refused": "MongoDB can't be reached, or refuses",
    "LEAT_DOCUMENTS=mongodb://db.internal:27017/x can't be used (Connection refused): start that server": "a server can't be used",
    "ServerSelectionTimeoutError: pymongo.errors: db.internal:27017": "a server that the hub needs did not answer, or refused",
    "it stopped at mongodb+srv://db.internal/x, and amqps://q.internal:5671": "it stopped at ***, and ***",
    "the object store can't be used: Generic S3 error at http://s3.internal": "the object store can't be used",
    "column 3 has no gene": "column 3 has no gene",
}
"""What yesterday's records say, and what is shown of it."""


@pytest.mark.parametrize("text", OLD)
def test_old_records_are_shown_without_servers(text: str) -> None:
    """What a version before this one kept of a driver's words is not shown; a plugin's own words are."""
    error = JobError(code="UNAVAILABLE", message=text, detail="Traceback: pymongo.errors.AutoReconnect: db.internal")

    assert shown(error).message == OLD[text]
    assert "internal" not in shown(error).detail
    assert shown(JobError(code="PLUGIN_FAILED", message=text)).message == text


def test_what_a_child_says_keeps_what_is_for_the_log() -> None:
    """An outage that a heavy step met comes to the worker in two parts, as it was raised."""
    plain = {"type": "Unavailable", "code": "UNAVAILABLE", "message": "a server is away", "detail": "", "cause": "db.internal:1"}

    error = error_from(plain)

    assert (error.message, str(error)) == ("a server is away", "a server is away: db.internal:1")
