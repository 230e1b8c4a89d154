"""Many workers race over each adapter of Records: every job ends once, as it should, and nothing is left."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.catalogue import CATALOGUE
from domain.data import pipelines
from domain.errors import Conflict
from domain.hub import Hub, Limits
from domain.jobs import control
from domain.jobs.jobs import JOBS
from domain.jobs.reaper import Intervals, Reaper
from domain.jobs.retries import Retry
from domain.nouns import owner
from domain.ports.records import Records
from events.sources import UploadSource
from tests.adapters.conftest import records, records_place
from tests.domain.jobs import processes
from tests.domain.jobs.processes import add_api, add_build, add_source, hub_over, is_quiet, nouns, other, registrations, until
from workers.context import JobContext
from workers.worker import Worker

__all__ = ["records", "records_place"]

INTERVALS = Intervals(due=0.1, beats=0.2, chains=0.1, silence=0.5, garbage=60.0, unsent=0.1)
SOURCES = 3
RUNS = {"SqliteRecords": 12, "MongoRecords": 4}
"""A server may be slow while other suites use it."""


@pytest.fixture
async def shared(records: Records, memory: Path) -> AsyncIterator[Hub]:
    """A hub over the adapter."""
    await records.prepare(CATALOGUE.kinds)
    async with hub_over(records, memory, Limits(lease=3.0, grace=0.0, quiet=0.0)) as opened:
        yield opened


async def flaky(command: UploadSource, context: JobContext) -> Any:
    """Fails now and then, before or after its switch, and is slow now and then."""
    chance = random.random()
    await asyncio.sleep(chance * 0.01)
    if chance < 0.15:
        raise ValueError("before the switch")
    event = await processes.upload(command, context)
    if chance > 0.85:
        raise ValueError("after the switch")
    return event


async def meddle(hub: Hub, ids: list[str]) -> None:
    """Cancel a few jobs at any moment, and send messages twice."""
    for id in random.sample(ids, len(ids) // 3):
        await asyncio.sleep(random.random() * 0.02)
        try:
            await control.cancel(hub, id)
        except Conflict:
            continue
    for stored in await JOBS.every(hub.records):
        await hub.bus.send(UploadSource(source="s0", job_id=stored.id, run_id=stored.value.run_id))


async def test_workers_race(shared: Hub) -> None:
    """Uploads of few sources by many workers, failing, cancelled, stopped and sent twice; and runs among them."""
    hub = shared
    for number in range(SOURCES):
        await add_source(hub, f"s{number}")
    await add_build(hub, sources=("s0",), automatic=True)
    await add_api(hub, automatic=True)
    known = registrations(Retry(attempts=50, base=0.0), UploadSource=flaky)
    reaping = [asyncio.create_task(Reaper(other(hub, f"reaper {n}"), INTERVALS).run()) for n in range(2)]
    workers = [Worker(other(hub, f"worker {n}"), known, 3) for n in range(4)]
    working = [asyncio.create_task(worker.run()) for worker in workers]
    count = RUNS[type(hub.records).__name__]
    started = [await pipelines.start_upload(hub, f"s{number % SOURCES}") for number in range(count)]
    await meddle(hub, [each.job.id for each in started])
    workers[0].stop()
    await working[0]

    async def quiet() -> bool:
        return await is_quiet(hub)

    await until(quiet, 60.0)
    for worker in workers:
        worker.stop()
    await asyncio.gather(*working)
    for task in reaping:
        task.cancel()
    await asyncio.gather(*reaping, return_exceptions=True)
    await check(hub, count)


async def check(hub: Hub, count: int) -> None:
    """Whoever SUCCEEDED has switched once, whoever did not never has; every list of events is dense."""
    found = {stored.id: stored.value for stored in await JOBS.every(hub.records)}
    outcomes = Counter(job.outcome for job in found.values())
    assert set(outcomes) <= {"SUCCEEDED", "CANCELED"}
    assert outcomes["SUCCEEDED"] >= count
    for id, job in found.items():
        assert job.seq == len(job.events)
        domain_events = [event for event in job.events if not event["type"].startswith("Job")]
        assert len(domain_events) == (job.outcome == "SUCCEEDED")
        assert all(owner(event["output"])[0] == id for event in domain_events)
    listed = [owner(event.output)[0] for noun in await nouns(hub) for event in noun.outputs]
    assert len(listed) == len(set(listed))
    assert {found[id].outcome for id in listed} == {"SUCCEEDED"}
