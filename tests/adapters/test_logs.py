"""Jobs' logs over every adapter of Files: said by one process, read by another, while it runs and after it was killed."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.logs import LogWriter
from domain.ports.files import Files
from tests.adapters.places import Place
from tests.adapters.processes import process
from tests.domain.jobs.processes import open_hub


@pytest.fixture
async def hub(files: Files, tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub over each adapter of Files."""
    async with open_hub(tmp_path) as opened:
        yield replace(opened, files=files)


async def test_a_log_grows_and_goes(hub: Hub, files: Files) -> None:
    """Line after line is read as it is stored, the middle of what is too long is dropped, and all of it with the job."""
    small = replace(hub, limits=replace(hub.limits, log_size=2**20))
    log = LogWriter(small, "j", "r", 1)
    for number in range(1, 25):
        for _ in range(30):
            log.add("x" * 3900, "info")
        await log.flush()
        [last] = (await logs.tail(hub, "j", 1)).lines
        assert last.line.number == number * 30
    numbers = [line.number for _, line in (await logs.read(hub, "j")).lines]
    assert numbers[0] == 1
    assert 150 < len(numbers) < 300
    await logs.drop(hub, "j", 1)
    assert await files.find() == []


async def test_who_was_killed_had_its_lines_read(hub: Hub, files_place: Place) -> None:
    """Another process reads them within a second of being said, each once and in order; what was stored outlives kill -9."""
    async with process("log_for_ever", files_place) as running:
        assert running.stdout
        while not (page := await logs.tail(hub, "j", 1)).lines or page.lines[0].line.number < 400:
            for one in page.lines:
                assert time.time() - one.line.at < 5, "seconds, on a machine that is busy"
            await running.stdout.readline()
        running.kill()
        confirmed = [int(line) for line in (await running.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")]
    await asyncio.sleep(0)
    numbers = [line.number for _, line in (await logs.read(hub, "j", limit=10**6)).lines]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= max(confirmed, default=400)
