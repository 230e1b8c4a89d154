"""Queues and the backlog they report."""

import time
from typing import Any

import msgspec

from domain.hub import Hub
from domain.jobs import asking, jobs
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Stopped, Succeeded
from events.catalogue import QUEUES
from events.sources import InspectSource, UploadSource
from tests.gateway.conftest import Client, done, started

ASKED = "{ queues { name depth oldest consumers rate } }"


async def queue(client: Client, name: str = "upload") -> Any:
    """One of the queues."""
    found = {each["name"]: each for each in (await client.ask(ASKED))["queues"]}
    assert sorted(found) == sorted(QUEUES)
    return found[name]


async def test_the_backlog_is_the_work_that_waits(client: Client, hub: Hub) -> None:
    """Depth and age count what waits for a worker: not what is put off, not what waits for another job."""
    assert await queue(client) == {"name": "upload", "depth": 0, "oldest": None, "consumers": 0, "rate": 0}
    await asking.ask(hub, InspectSource(source="later"), delay=3600)
    assert await queue(client) == {"name": "upload", "depth": 0, "oldest": None, "consumers": 0, "rate": 0}

    await asking.ask(hub, UploadSource(source="a"))
    await asking.ask(hub, UploadSource(source="b"))
    found = await queue(client)
    assert found["depth"] == 2
    assert 0 <= found["oldest"] < 60


async def test_the_oldest_is_measured_from_when_it_began_to_wait(client: Client, hub: Hub) -> None:
    """A job that was put back waits anew."""
    asked = await asking.ask(hub, UploadSource(source="a"))
    await JOBS.change(hub.records, asked.job.id, lambda job: _asked_at(job, time.time() - 7200))
    old = await queue(client)
    attempt = await claim(hub, asked.job.id, "a worker", Retry())
    assert attempt is not None
    running = await queue(client)
    doing = {each["name"]: each["running"] for each in (await client.ask("{ queues { name running } }"))["queues"]}
    await attempt.finish(Stopped())
    again = await queue(client)

    assert 7200 <= old["oldest"] < 7260
    assert running["oldest"] is None
    assert doing == dict.fromkeys(QUEUES, 0) | {"upload": 1}
    assert again["oldest"] < 60


def _asked_at(job: jobs.Job, at: float) -> jobs.Job:
    event = {**job.events[0], "at": at}
    return msgspec.structs.replace(job, created_at=at, events=(event, *job.events[1:]))


async def test_the_rate_counts_what_finished(client: Client, hub: Hub) -> None:
    """Jobs that ended in the last minute, by queue."""
    async with client.watch("subscription { hubEvents(kinds: [JOB_FINISHED]) { events { jobId } } }") as finished:
        await finished.next()
        for source in ("a", "b"):
            attempt = await started(hub, source)
            await attempt.finish(Succeeded(done(attempt), True))
            await finished.next()

    assert (await queue(client))["rate"] == 2
    assert (await queue(client, "dump"))["rate"] == 0
