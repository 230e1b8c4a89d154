"""Every adapter of Records, Documents and Files, each with data of its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from domain.ports import Documents, Files, Records
from tests.services import need
from tests.stores.places import Place, open_documents, open_files, prepared_records


async def new_place(adapter: str, folder: Path) -> AsyncIterator[Place]:
    """Empty data for an adapter of Records or Documents; on a server, taken away again."""
    if adapter == "sqlite":
        yield Place.new(adapter, str(folder))
        return
    place = Place.new(adapter, need("mongodb"))
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


@pytest.fixture(params=["folder"])
def files_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Data for one adapter of Files, empty."""
    return Place.new(request.param, str(tmp_path / "files"))


@pytest.fixture
async def files(files_place: Place) -> AsyncIterator[Files]:
    """Each adapter of Files."""
    async with open_files(files_place) as opened:
        yield opened
