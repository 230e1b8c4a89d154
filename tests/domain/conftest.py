"""What tests of the domain start from."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from domain.hub import Hub
from tests.domain.jobs.processes import add_source, open_hub


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where the machine has that: for what writes much and needs no disk."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
async def hub(memory: Path) -> AsyncIterator[Hub]:
    """A hub with a source `s`."""
    async with open_hub(memory) as opened:
        await add_source(opened)
        yield opened
