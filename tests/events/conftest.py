"""A bus for each test of what every bus does."""

from collections.abc import AsyncIterator

import pytest

from tests.events.buses import Bench, Proxy, embedded, rabbit
from tests.services import need


@pytest.fixture(params=["embedded", "rabbitmq"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Every adapter in turn."""
    adapter = embedded() if request.param == "embedded" else rabbit(need("rabbitmq"))
    async with adapter as opened:
        yield opened


@pytest.fixture
async def cuttable() -> AsyncIterator[tuple[Bench, Proxy]]:
    """A bus that has a cable, and the cable."""
    async with rabbit(need("rabbitmq")) as opened:
        assert opened.proxy is not None
        yield opened, opened.proxy
