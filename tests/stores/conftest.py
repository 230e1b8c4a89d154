"""Every adapter of Records, Documents and Files, each with data of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.ports import Records
from tests.stores.places import Place, prepared_records


@pytest.fixture(params=["sqlite"])
def records_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Data for one adapter of Records, empty."""
    return Place.new(request.param, str(tmp_path))


@pytest.fixture
async def records(records_place: Place) -> AsyncIterator[Records]:
    """Each adapter of Records."""
    async with prepared_records(records_place) as opened:
        yield opened
