"""Every adapter of Records, Documents and Files, each with data of its own."""

import asyncio
import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from domain.ports.documents import Documents
from domain.ports.files import Files
from domain.ports.records import Records
from tests.adapters.places import Place, open_documents, open_files, prepared_records
from tests.services import missing, need


async def new_place(adapter: str, folder: Path) -> AsyncIterator[Place]:
    """Empty data for an adapter of Records or Documents; on a server, taken away again."""
    if adapter == "sqlite":
        yield Place.new(adapter, folder)
        return
    place = Place.new(adapter, folder, need("mongodb"))
    yield place
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(place.url)
    database = client.get_default_database("leat")
    for name in await database.list_collection_names():
        if name.startswith(place.hub):
            await database.drop_collection(name)
    await asyncio.to_thread(client.close)


@pytest.fixture(params=["sqlite", "mongodb"])
async def records_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Data for each adapter of Records."""
    async for place in new_place(request.param, tmp_path):
        yield place


@pytest.fixture
async def records(records_place: Place) -> AsyncIterator[Records]:
    """Each adapter of Records."""
    async with prepared_records(records_place) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "mongodb"])
async def documents_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Data for each adapter of Documents."""
    async for place in new_place(request.param, tmp_path):
        yield place


@pytest.fixture
async def documents(documents_place: Place) -> AsyncIterator[Documents]:
    """Each adapter of Documents."""
    async with open_documents(documents_place) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of a bucket on an S3-compatible server over HTTP, started for the tests."""
    if importlib.util.find_spec("moto") is None:
        missing("s3", "moto is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        make_bucket(f"http://127.0.0.1:{port}/bucket")
        yield f"s3://bucket/below?endpoint=http://127.0.0.1:{port}&region=us-east-1&access_key_id=key&secret_access_key=secret"
    finally:
        server.kill()
        server.wait()


def make_bucket(url: str) -> None:
    """Make a bucket as soon as the server answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="PUT")):
                return
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(params=["folder", "s3"])
def files_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Data for one adapter of Files, empty."""
    return Place.new(request.param, tmp_path, "" if request.param == "folder" else request.getfixturevalue("s3"))


@pytest.fixture
async def files(files_place: Place) -> AsyncIterator[Files]:
    """Each adapter of Files."""
    async with open_files(files_place) as opened:
        yield opened
