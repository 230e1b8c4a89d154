"""Where an adapter under test keeps its data: a value that a test can hand to another process, which opens the same data."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from adapters.files.folder import FolderFiles
from adapters.files.s3 import S3Files
from adapters.mongodb.documents import MongoDocuments
from adapters.mongodb.records import MongoRecords
from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from domain.ports.documents import Document, Documents
from domain.ports.files import Files
from domain.ports.records import Kind, Records

KIND = Kind(name="thing", indexes=(("state",), ("state", "place")), order=("created_at", "finished_at"))
"""The kind of record that the suites work with."""


class Place(NamedTuple):
    """An adapter's name, and its data."""

    adapter: str
    url: str
    hub: str
    folder: str

    @classmethod
    def new(cls, adapter: str, folder: Path, url: str = "") -> "Place":
        """A place that no other test knows: in an empty folder, or at the server of the URL."""
        return cls(adapter, url, f"test-{uuid.uuid4().hex[:12]}", str(folder))


def open_records(place: Place) -> AbstractAsyncContextManager[Records]:
    """The Records of a place."""
    if place.adapter == "mongodb":
        return MongoRecords.open(place.url, place.hub)
    return SqliteRecords.open(Path(place.folder) / "records.db")


@asynccontextmanager
async def prepared_records(place: Place) -> AsyncIterator[Records]:
    """The Records of a place, with the suites' kind."""
    async with open_records(place) as records:
        await records.prepare([KIND])
        yield records


def open_documents(place: Place) -> AbstractAsyncContextManager[Documents]:
    """The Documents of a place."""
    if place.adapter == "mongodb":
        return MongoDocuments.open(place.url, place.hub)
    return SqliteDocuments.open(Path(place.folder) / "documents")


def open_files(place: Place) -> AbstractAsyncContextManager[Files]:
    """The Files of a place."""
    if place.adapter == "s3":
        return S3Files.connect(place.url, place.hub, Path(place.folder) / "cache")
    return FolderFiles.open_folder(Path(place.folder) / "files")


def document(id: str, **values: Any) -> Document:
    """A document as Leat writes it: canonical bytes and their digest."""
    body = orjson.dumps({"_id": id, **values}, option=orjson.OPT_SORT_KEYS)
    return Document(id, body, hashlib.sha256(body).digest()[:16])
