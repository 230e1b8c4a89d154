"""A gateway over embedded adapters, served on a free port, and a client that speaks to it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from adapters.files.folder import FolderFiles
from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from adapters.tantivy.search import TantivySearch
from domain.callers import ADMINISTRATOR
from domain.catalogue import CATALOGUE
from domain.hub import Hub
from domain.jobs import asking
from domain.jobs.attempts import Attempt, claim
from domain.jobs.retries import Retry
from events.embedded import EmbeddedBus
from events.sources import InspectSource, SourceInspected
from gateway.app import make_app
from gateway.authentication import Authentication

TOKEN = "a-token-for-tests"
KNOWN = Authentication({TOKEN: ADMINISTRATOR})


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub of embedded adapters, without workers."""
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(SqliteRecords.open(tmp_path / "records.db"))
        await records.prepare(CATALOGUE.kinds)
        documents = await stack.enter_async_context(SqliteDocuments.open(tmp_path / "documents"))
        yield Hub(
            name="test",
            data=tmp_path,
            documents=documents,
            search=TantivySearch(tmp_path / "search", documents),
            files=await stack.enter_async_context(FolderFiles.open_folder(tmp_path / "files")),
            records=records,
            bus=await stack.enter_async_context(EmbeddedBus()),
            process="test",
            catalogue=CATALOGUE,
        )


@dataclass
class Client:
    """Speaks GraphQL to a gateway, with a token."""

    url: str
    session: aiohttp.ClientSession
    token: str = TOKEN

    async def post(self, body: Any, **headers: str) -> tuple[int, Any]:
        """Status and decoded body of a POST to the endpoint."""
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with self.session.post(f"{self.url}/graphql", json=body, headers=sent) as response:
            return response.status, await response.json(content_type=None)

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of a query or mutation that has no errors."""
        status, body = await self.post({"query": query, "variables": variables})
        assert (status, body.get("errors")) == (200, None)
        return body["data"]

    async def refused(self, query: str, **variables: Any) -> list[Any]:
        """The errors of an operation."""
        _, body = await self.post({"query": query, "variables": variables})
        return cast("list[Any]", body["errors"])

    def socket(self, **options: Any) -> Any:
        """A context: a graphql-transport-ws socket that is not initialised yet."""
        return self.session.ws_connect(f"{self.url}/graphql", protocols=("graphql-transport-ws",), max_msg_size=0, **options)

    @asynccontextmanager
    async def watch(self, query: str, **variables: Any) -> "AsyncIterator[Watch]":
        """A subscription on a socket of its own."""
        async with self.socket() as socket:
            await socket.send_json({"type": "connection_init", "payload": {"token": self.token}})
            assert (await socket.receive_json())["type"] == "connection_ack"
            await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}})
            yield Watch(socket)


@dataclass
class Watch:
    """A live subscription, read message by message."""

    socket: aiohttp.ClientWebSocketResponse

    async def message(self) -> Any:
        """The next message, within ten seconds."""
        return await self.socket.receive_json(timeout=10)

    async def next(self) -> Any:
        """The next answer's one root field."""
        message = await self.message()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        (batch,) = message["payload"]["data"].values()
        return batch

    async def rest(self) -> list[Any]:
        """All answers until it completes."""
        batches = []
        while (message := await self.message())["type"] == "next":
            batches.append(next(iter(message["payload"]["data"].values())))
        assert message["type"] == "complete", message
        return batches


@asynccontextmanager
async def serve(hub: Hub, known: Authentication = KNOWN, **options: Any) -> AsyncIterator[Client]:
    """A gateway on a free port, and its client."""
    async with TestServer(make_app(hub, known, **options)) as server, aiohttp.ClientSession() as session:
        yield Client(str(server.make_url("")).rstrip("/"), session)


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[Client]:
    """A gateway with its usual limits."""
    async with serve(hub) as served:
        yield served


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The folder of a plugin with one part."""
    folder = tmp_path / "genes"
    folder.mkdir()
    manifest = {"version": "0.3", "dumper": {"data_url": ["file:///nowhere.tsv"]}, "uploader": {"parser": "parser:load"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "parser.py").write_text("def load(folder):\n    yield {'_id': '1'}\n")
    return folder


async def started(hub: Hub, source: str = "genes") -> Attempt:
    """A job of one step that a worker has claimed: an upload's inspection, as any other."""
    asked = await asking.ask(hub, InspectSource(source=source))
    attempt = await claim(hub, asked.job.id, "a worker", Retry())
    assert attempt is not None
    return attempt


def done(attempt: Attempt) -> SourceInspected:
    """What such a job ends with."""
    return SourceInspected(source=attempt.job.command["source"], output=attempt.name, upload="")
