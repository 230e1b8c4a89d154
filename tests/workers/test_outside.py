"""Workers whose jobs work elsewhere: killed, stopped in order, and taking more work meanwhile."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.errors import JobFailed
from domain.hub import Hub, Limits
from domain.jobs import control
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from events.sources import UploadSource
from tests.domain.conftest import hub, memory
from tests.domain.jobs.elsewhere import Site
from tests.domain.jobs.processes import add_source, get, until, writer
from workers.context import JobContext, Registration
from workers.worker import Worker

__all__ = ["hub", "memory"]


@pytest.fixture
def site(hub: Hub) -> Iterator[Site]:
    """Where work is done elsewhere; none is left."""
    site = Site(hub)
    yield site
    site.end()


def registered(site: Site, **values: Any) -> Registration:
    """Uploads that are made elsewhere."""
    known = {"command": UploadSource, "handler": site.upload, "retry": Retry(base=0.0)}
    return Registration(**{**known, "outside": lambda command, hub: site.outside, **values})


@asynccontextmanager
async def working(hub: Hub, registration: Registration, slots: int = 1) -> AsyncIterator[Worker]:
    """A worker in this process."""
    worker = Worker(hub, (registration,), slots)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def upload(hub: Hub, source: str = "s") -> str:
    """Ask for an upload."""
    return (await ask(hub, UploadSource(source=source))).job.id


async def becomes(hub: Hub, id: str, state: str) -> None:
    """Wait until the job is in that state."""

    async def seen() -> bool:
        return (await get(hub, id)).state == state

    await until(seen, 20.0)


async def start(hub: Hub) -> asyncio.subprocess.Process:
    """A worker in a process of its own."""
    words = (sys.executable, "-m", "tests.workers.outside_worker", str(hub.data))
    return await asyncio.create_subprocess_exec(*words, cwd=Path(__file__).parents[2])


async def test_work_outlives_a_worker_that_is_killed(hub: Hub, site: Site) -> None:
    """kill -9 of the process that looks after it: the work runs on, the next process adopts it, and it was done once."""
    id = await upload(hub)
    first = await start(hub)
    await site.until_begun()

    first.send_signal(signal.SIGKILL)
    await first.wait()
    [name] = site.begun()
    assert site.outside.listed()
    second = await start(hub)
    site.open()
    await becomes(hub, id, "FINISHED")
    second.terminate()

    assert await second.wait() == 0
    job = await get(hub, id)
    assert (job.outcome, job.failures, site.begun()) == ("SUCCEEDED", 0, [name])


async def test_a_worker_that_stops_leaves_work_at_once(hub: Hub, site: Site) -> None:
    """SIGTERM: put back with its handle long before the grace time is over, nothing stopped or dropped; the next one ends it."""
    id = await upload(hub)
    first = await start(hub)
    await site.until_begun()

    began = time.monotonic()
    first.terminate()
    assert await first.wait() == 0
    assert time.monotonic() - began < 10.0
    job = await get(hub, id)
    assert (job.state, job.handle, job.failures) == ("QUEUED", f"{id}.1", 0)
    assert site.outside.listed()
    assert await writer(hub) == f"{id}.1"
    second = await start(hub)
    site.open()
    await becomes(hub, id, "FINISHED")
    second.terminate()

    assert await second.wait() == 0
    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert site.begun() == [f"{id}.1"]


async def test_work_elsewhere_takes_no_slot(hub: Hub, site: Site) -> None:
    """A worker with one slot has many jobs work elsewhere at a time, and each frees its slot once: afterwards there is one."""
    ids = [await upload(hub)]
    for number in range(3):
        await add_source(hub, f"s{number}")
        ids.append(await upload(hub, f"s{number}"))
    async with working(hub, registered(site)) as worker:
        await site.until_begun(4)
        assert len(worker.running) == 4
        site.open()
        for id in ids:
            await becomes(hub, id, "FINISHED")

        async def none_runs() -> bool:
            return not worker.running

        await until(none_runs)
        assert worker._intakes["upload"]._running == 0
    assert len(site.begun()) == 4


async def test_adopted_work_takes_no_slot(hub: Hub, site: Site) -> None:
    """What is put back and claimed again makes room at once, before its handler comes to its work."""
    late = asyncio.Event()

    async def slow(command: UploadSource, context: JobContext) -> Any:
        if context.job.handle:
            await late.wait()
        return await site.upload(command, context)

    first = await upload(hub)
    async with working(hub, registered(site)):
        await site.until_begun()
    await add_source(hub, "t")
    second = await upload(hub, "t")
    async with working(hub, registered(site, handler=slow)):
        await site.until_begun(2)
        late.set()
        site.open()
        for id in (first, second):
            await becomes(hub, id, "FINISHED")


async def test_cancelling_reaches_work_elsewhere(hub: Hub, site: Site) -> None:
    """By the control word; while it stops, the job beats, and no other one gets its noun."""
    id = await upload(hub)
    async with working(hub, registered(site)):
        await site.until_begun()
        await control.cancel(hub, id)
        await becomes(hub, id, "FINISHED")
    assert (await get(hub, id)).outcome == "CANCELED"
    assert site.outside.listed() == []
    assert await writer(hub) == ""


async def test_a_job_beats_while_its_stop_is_refused(hub: Hub, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than a lease: nobody takes it for dead, and it ends as soon as it can; SIGTERM does not wait for that."""
    tries, is_away = 0, True
    stop = site.outside.stop

    async def refused(name: str) -> None:
        nonlocal tries
        tries += 1
        if is_away:
            raise JobFailed("no")
        await stop(name)

    monkeypatch.setattr(site.outside, "stop", refused)
    quick = replace(hub, limits=Limits(lease=0.15, grace=0.0, quiet=0.0))
    id = await upload(hub)
    async with working(quick, registered(site)):
        await site.until_begun()
        await control.cancel(hub, id)

        async def refused_thrice() -> bool:
            return tries >= 3

        await until(refused_thrice)
        before = (await get(hub, id)).beat

        async def beats() -> bool:
            return (await get(hub, id)).beat > before + 2

        await until(beats)
    job = await get(hub, id)
    assert (job.state, job.ending, job.handle) == ("QUEUED", "canceled", f"{id}.1")
    is_away = False
    async with working(quick, registered(site)):
        await becomes(hub, id, "FINISHED")
    assert (await get(hub, id)).outcome == "CANCELED"


async def test_a_command_without_outside_says_so(hub: Hub, site: Site) -> None:
    """A handler that asks for what its registration does not have is a mistake that its job names."""
    id = await upload(hub)
    async with working(hub, registered(site, outside=None, retry=Retry(attempts=1))):
        await becomes(hub, id, "FINISHED")
    job = (await JOBS.get(hub.records, id)).value
    assert job.error
    assert "registered without `outside`" in job.error.message


async def test_a_job_without_a_handle_is_as_it_was(hub: Hub, site: Site) -> None:
    """A command that may work elsewhere and does not keeps its slot, its noun is freed, and its output dropped when it fails."""

    async def failing(command: UploadSource, context: JobContext) -> Any:
        await context.hub.documents.create(context.output)
        raise ValueError("no")

    id = await upload(hub)
    async with working(hub, registered(site, handler=failing, retry=Retry(attempts=1))):
        await becomes(hub, id, "FINISHED")
    assert (await get(hub, id)).outcome == "FAILED"
    assert await hub.documents.names() == []
    assert await writer(hub) == ""
