"""Every adapter of Records, Documents and Files, each with data of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.ports import Documents, Files, Records
from tests.stores.places import Place, open_documents, open_files, prepared_records


@pytest.fixture(params=["sqlite"])
def records_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Data for one adapter of Records, empty."""
    return Place.new(request.param, str(tmp_path))


@pytest.fixture
async def records(records_place: Place) -> AsyncIterator[Records]:
    """Each adapter of Records."""
    async with prepared_records(records_place) as opened:
        yield opened


@pytest.fixture(params=["sqlite"])
def documents_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Data for one adapter of Documents, empty."""
    return Place.new(request.param, str(tmp_path))


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
