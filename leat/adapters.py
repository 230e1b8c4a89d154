"""Chooses the adapter behind each port by the scheme of its URL, and opens it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from domain.errors import Invalid, Unavailable
from domain.hub import Limits, Stores
from domain.masking import masked
from domain.ports.documents import Documents
from domain.ports.files import Files
from domain.ports.records import Records
from domain.ports.search import Search
from events.bus import Bus, BusError
from events.tracing import NoTracing, Tracing
from leat import data_folder

T = TypeVar("T")

EMBEDDED = ("embedded", "sqlite", "tantivy", "file")
"""Schemes behind which there is no server."""
NOISE = (
    (r"(Multiple exceptions: )?(\[Errno -?\d+\] )?Connect call failed .*\)", "Connection refused"),
    (r" \(configured timeouts: .*\)|\[Errno -?\d+\] ", ""),
    (r"Cannot connect to host (\S+) ssl:\S+ \[(.*)\]", r"\1: \2"),
)
"""What drivers say beside the reason."""


class Unreached(Unavailable):
    """The server that a setting names does not answer when the hub is opened."""

    def __init__(self, message: str, port: str) -> None:
        super().__init__(f"the server that LEAT_{port.upper()} names can't be used", message)
        self.args = (self.cause,)
        self.port = port


@contextmanager
def reaching(port: str, url: str) -> Iterator[None]:
    """A server that does not answer within is told in one line: the setting that names it, why, and what to do."""
    try:
        yield
    except (Unavailable, BusError) as error:
        if urlsplit(url).scheme in EMBEDDED:
            raise
        reason, setting = " ".join(str(error).split()), f"LEAT_{port.upper()}"
        for noise, plain in NOISE:
            reason = re.sub(noise, plain, reason)
        told = f"{setting}={masked(url)} can't be used ({reason}): start that server, or set {setting} to one that runs"
        raise Unreached(told, port) from error


async def opened(stack: AsyncExitStack, port: str, url: str, adapter: AbstractAsyncContextManager[T]) -> T:
    """Open the adapter until the stack is left."""
    with reaching(port, url):
        return await stack.enter_async_context(adapter)


@asynccontextmanager
async def open_stores(address: dict[str, Any]) -> AsyncIterator[Stores]:
    """What heavy steps need of the hub, from the plain values that `Hub.address` holds."""
    name, data = address["name"], Path(address["data"])
    async with AsyncExitStack() as stack:
        urls = {port: address[port] for port in ("documents", "search", "files")}
        tracing = open_tracing(address.get("traces", ""), name)
        if address.get("traces"):
            stack.push_async_callback(asyncio.to_thread, tracing.close)
        documents = await opened(stack, "documents", urls["documents"], open_documents(urls["documents"], data, name))
        yield Stores(
            name=name,
            data=data,
            documents=documents,
            search=await opened(stack, "search", urls["search"], open_search(urls["search"], data, name, documents)),
            files=await opened(stack, "files", urls["files"], open_files(urls["files"], data, name)),
            limits=msgspec.convert(address["limits"], Limits),
            tracing=tracing,
            address=address,
        )


@asynccontextmanager
async def open_records(url: str, data: Path, name: str) -> AsyncIterator[Records]:
    match urlsplit(url).scheme:
        case "sqlite":
            from adapters.sqlite.records import SqliteRecords

            async with SqliteRecords.open(data / data_folder.RECORDS) as records:
                yield records
        case _:
            from adapters.mongodb.records import MongoRecords

            async with MongoRecords.open(url, name) as records:
                yield records


@asynccontextmanager
async def open_documents(url: str, data: Path, name: str) -> AsyncIterator[Documents]:
    match urlsplit(url).scheme:
        case "sqlite":
            from adapters.sqlite.documents import SqliteDocuments

            async with SqliteDocuments.open(data / data_folder.DOCUMENTS) as documents:
                yield documents
        case _:
            from adapters.mongodb.documents import MongoDocuments

            async with MongoDocuments.open(url, name) as documents:
                yield documents


@asynccontextmanager
async def open_search(url: str, data: Path, name: str, documents: Documents) -> AsyncIterator[Search]:
    match urlsplit(url).scheme:
        case "tantivy":
            from adapters.tantivy.search import TantivySearch

            async with TantivySearch.open(data / data_folder.SEARCH, documents) as embedded:
                yield embedded
        case _:
            from adapters.elasticsearch.search import ElasticsearchSearch

            async with ElasticsearchSearch.open(url, name) as search:
                yield search


@asynccontextmanager
async def open_files(url: str, data: Path, name: str) -> AsyncIterator[Files]:
    match urlsplit(url).scheme:
        case "file":
            from adapters.files.folder import FolderFiles

            path = urlsplit(url).path
            async with FolderFiles.open_folder(Path(path) / name if path else data / data_folder.FILES) as files:
                yield files
        case _:
            from adapters.files.s3 import S3Files

            async with S3Files.connect(url, name, data / data_folder.COPIES) as files:
                yield files


def open_tracing(url: str, name: str) -> Tracing:
    """Raises Invalid where what it needs is not installed."""
    if not url:
        return NoTracing()
    try:
        from adapters.opentelemetry.tracing import OpenTelemetryTracing
    except ImportError as error:
        raise Invalid(f"LEAT_TRACES needs {error.name}, which is not installed: install leat[traces]") from error
    return OpenTelemetryTracing.to(url, name)


@asynccontextmanager
async def open_bus(url: str, name: str) -> AsyncIterator[Bus]:
    match urlsplit(url).scheme:
        case "embedded":
            from events.embedded import EmbeddedBus

            async with EmbeddedBus() as bus:
                yield bus
        case _:
            from events.rabbitmq import RabbitBus

            async with await RabbitBus.open(url, name) as bus:
                yield bus
