"""Chooses the adapter behind each port by the scheme of its URL, and opens it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from domain.hub import Limits, Stores
from domain.ports import Documents, Files, Records, Search
from events.bus import Bus


@asynccontextmanager
async def open_stores(address: dict[str, Any]) -> AsyncIterator[Stores]:
    """What heavy steps need of the hub, from the plain values that `Hub.address` holds."""
    name, data = address["name"], Path(address["data"])
    async with AsyncExitStack() as stack:
        documents = await stack.enter_async_context(open_documents(address["documents"], data, name))
        yield Stores(
            name=name,
            data=data,
            documents=documents,
            search=await stack.enter_async_context(open_search(address["search"], data, name, documents)),
            files=await stack.enter_async_context(open_files(address["files"], data, name)),
            limits=msgspec.convert(address["limits"], Limits),
            address=address,
        )


@asynccontextmanager
async def open_records(url: str, data: Path, name: str) -> AsyncIterator[Records]:
    match urlsplit(url).scheme:
        case "sqlite":
            from stores.sqlite_records import SqliteRecords

            async with SqliteRecords.open(data / "records.db") as records:
                yield records
        case _:
            from stores.mongodb import MongoRecords

            async with MongoRecords.open(url, name) as records:
                yield records


@asynccontextmanager
async def open_documents(url: str, data: Path, name: str) -> AsyncIterator[Documents]:
    match urlsplit(url).scheme:
        case "sqlite":
            from stores.sqlite_documents import SqliteDocuments

            async with SqliteDocuments.open(data / "documents") as documents:
                yield documents
        case _:
            from stores.mongodb import MongoDocuments

            async with MongoDocuments.open(url, name) as documents:
                yield documents


@asynccontextmanager
async def open_search(url: str, data: Path, name: str, documents: Documents) -> AsyncIterator[Search]:
    match urlsplit(url).scheme:
        case "tantivy":
            from stores.tantivy_search import TantivySearch

            yield TantivySearch(data / "search", documents)
        case _:
            from stores.elasticsearch_search import ElasticsearchSearch

            async with ElasticsearchSearch.open(url, name) as search:
                yield search


@asynccontextmanager
async def open_files(url: str, data: Path, name: str) -> AsyncIterator[Files]:
    match urlsplit(url).scheme:
        case "file":
            from stores.folder import FolderFiles

            path = urlsplit(url).path
            async with FolderFiles.open_folder(Path(path) / name if path else data / "files") as files:
                yield files
        case _:
            from stores.s3 import S3Files

            async with S3Files.connect(url, name, data / "copies") as files:
                yield files


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
