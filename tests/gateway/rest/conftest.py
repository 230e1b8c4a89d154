"""The application that the tests of the published APIs ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.rest.site import Site, open_site
from tests.services import need


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The application with the API `genes`."""
    async with open_site(tmp_path) as site:
        yield site


@pytest.fixture(params=["tantivy", "elasticsearch"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """The same on each search engine."""
    async with open_site(tmp_path, "tantivy:" if request.param == "tantivy" else need("elasticsearch")) as site:
        yield site
