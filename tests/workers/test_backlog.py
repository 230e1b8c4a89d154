"""The backlog that queues report, while workers take from them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.hub import Hub
from domain.jobs import asking, backlog, presence
from domain.jobs.jobs import JOBS
from events.bus import Bus
from events.embedded import EmbeddedBus
from events.message import Event
from events.rabbitmq import RabbitBus
from events.sources import UploadSource
from tests.domain.jobs.processes import add_source, open_hub, registrations, until, upload
from tests.events.buses import remove
from tests.services import need
from workers.context import JobContext
from workers.worker import Worker

SOURCES = [f"s{number}" for number in range(5)]


@asynccontextmanager
async def open_bus(name: str) -> AsyncIterator[Bus]:
    """One of the two buses; on RabbitMQ, what was declared is taken away again."""
    if name == "embedded":
        async with EmbeddedBus() as bus:
            yield bus
        return
    url, hub = need("rabbitmq"), f"test-{secrets.token_hex(4)}"
    try:
        async with await RabbitBus.open(url, hub) as opened:
            yield opened
    finally:
        await remove(url, hub)


@pytest.fixture(params=["embedded", "rabbitmq"])
async def hub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub over each bus, with some sources."""
    async with open_bus(request.param) as bus, open_hub(tmp_path) as opened:
        for source in SOURCES:
            await add_source(opened, source)
        yield replace(opened, bus=bus)


class Gate:
    """An upload that goes on only when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Semaphore(0)

    async def __call__(self, command: UploadSource, context: JobContext) -> Event:
        """Wait, then do what uploads do."""
        await self.open.acquire()
        return await upload(command, context)


async def depth(hub: Hub) -> int:
    """Commands that wait in the queue of uploads."""
    return next(each.depth for each in await backlog.read(hub) if each.queue == "upload")


async def standing(hub: Hub) -> tuple[int, int, int]:
    """How many uploads wait, run, and are finished, as the records have it."""
    counts = [
        await hub.records.count(JOBS.kind, {"queue": "upload", "state": state}) for state in ("QUEUED", "RUNNING", "FINISHED")
    ]
    return counts[0], counts[1], counts[2]


@pytest.mark.parametrize("slots", [1, 2])
async def test_the_backlog_is_true_while_a_worker_works(hub: Hub, slots: int) -> None:
    """With one worker, whatever its slots: each time it has begun what it can, the queue's depth is just the work that waits, and
    stays so; no message is held back where it would not be counted."""
    gate: Any = Gate()
    worker = Worker(hub, registrations(UploadSource=gate), slots)
    working = asyncio.create_task(worker.run())
    for source in SOURCES:
        await asking.ask(hub, UploadSource(source=source))
    for done in range(len(SOURCES) + 1):
        running = min(slots, len(SOURCES) - done)
        waiting = len(SOURCES) - done - running
        await until(lambda wanted=(waiting, running, done): _is(hub, wanted), 20)  # type: ignore[misc]
        await until(lambda wanted=waiting: _deep(hub, wanted), 20)  # type: ignore[misc]
        for _ in range(10):
            assert await depth(hub) == waiting
            await asyncio.sleep(0)
        gate.open.release()
    worker.stop()
    await working


async def _is(hub: Hub, wanted: tuple[int, int, int]) -> bool:
    return await standing(hub) == wanted


async def _deep(hub: Hub, wanted: int) -> bool:
    return await depth(hub) == wanted


async def test_workers_of_several_processes_are_told(hub: Hub) -> None:
    """Each says what it takes and what it does, as soon as it does it; who has left is no more among them."""
    gate: Any = Gate()
    workers = [Worker(replace(hub, process=name), registrations(UploadSource=gate), 1) for name in ("first", "second")]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    for source in SOURCES[:3]:
        await asking.ask(hub, UploadSource(source=source))

    async def both_busy() -> bool:
        found = await presence.page(hub)
        return [len(each.value.running) for each in found] == [1, 1]

    await until(both_busy, 20)
    found = await presence.page(hub)
    assert {each.id for each in found} == {"first", "second"}
    assert all(each.value.queues["upload"] == 1 for each in found)
    await until(lambda: _deep(hub, 1), 20)
    for _ in SOURCES:
        gate.open.release()
    for worker in workers:
        worker.stop()
    await asyncio.gather(*tasks)
    assert await presence.page(hub) == []
