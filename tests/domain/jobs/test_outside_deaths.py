"""Processes die, stop or hear of a cancel at any moment of a job that works elsewhere: one work runs, and none is left."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

import workers.outside
from domain.hub import Hub
from domain.jobs import control
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS, Job
from domain.jobs.retries import Retry
from domain.jobs.settling import settle
from domain.nouns import owner
from domain.ports.outside import Outside
from domain.ports.records import Records
from events.sources import UploadSource
from tests.domain.jobs.elsewhere import MortalOutside, Prompted, Site
from tests.domain.jobs.processes import (
    Died,
    Mortal,
    add_source,
    get,
    go_on,
    nouns,
    open_hub,
    other,
    registrations,
    until,
    work_off,
)
from workers.context import Registration
from workers.runner import Runner
from workers.running import RunningJob

ID = "00000000-0000-4000-8000-000000000001"
RETRY = Retry(attempts=3, base=0.0)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs is looked at all the time."""
    monkeypatch.setattr(workers.outside, "SOONEST", 0.01)


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    """Where work is done elsewhere; none is left."""
    sites: list[Site] = []
    yield sites
    for site in sites:
        site.end()


def known(site: Site, outside: Outside | None = None) -> tuple[Registration, ...]:
    """Every command; uploads are made elsewhere."""
    chosen = outside or site.outside
    rest = [each for each in registrations() if each.command is not UploadSource]
    made = Registration(command=UploadSource, handler=site.upload, retry=RETRY, outside=lambda command, hub: chosen)
    return (*rest, made)


async def prepare(hub: Hub, sites: list[Site], failing: bool = False) -> Site:
    """A source, and a site whose work ends as soon as it begins."""
    await add_source(hub)
    site = Site(hub)
    sites.append(site)
    site.open()
    if failing:
        site.failing.touch()
    return site


async def begin(hub: Hub, registration: Registration) -> tuple[RunningJob, "asyncio.Task[None]"]:
    """Ask for the upload, claim it and let it run."""
    await ask(hub, UploadSource(source="s"), id=ID)
    attempt = await claim(hub, ID, hub.process, registration.retry)
    assert attempt
    runner = Runner(hub)
    job = runner.prepare(attempt)
    return job, asyncio.create_task(runner.run(job, registration))


async def nothing_runs(site: Site) -> None:
    """What has begun has ended; what is on its way, of a start that came too late, begins nothing."""
    begun = site.begun()
    assert [name for name in begun if (await site.outside.look(name)).state == "runs"] == []

    async def none_is_listed() -> bool:
        return not site.outside.listed()

    await until(none_is_listed)
    assert site.begun() == begun


async def check(hub: Hub, site: Site, outcome: str, begun: int = 1) -> Job:
    """What must hold when everything is quiet."""
    job = await get(hub, ID)
    assert job.outcome == outcome
    assert (job.handle, job.work, job.ending, job.pins) == ("", None, "", ())
    await nothing_runs(site)
    assert len(site.begun()) <= begun
    assert len(set(site.begun())) == len(site.begun())
    listed = [event.output for noun in await nouns(hub) for event in noun.outputs]
    assert [owner(output)[0] for output in listed] == [ID] * (outcome == "SUCCEEDED")
    assert await hub.documents.names() == listed
    assert set(await hub.files.folders("dumps")) <= set(listed)
    return job


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("failing", [False, True], ids=["succeeds", "fails once"])
async def test_a_process_dies_at_any_write(memory: Path, sites: list[Site], failing: bool, before: bool) -> None:
    """Before or after each write, and each request to the outside: the work is done once, or once more where it had failed."""
    death, seen = 0, list[str]()
    while True:
        folder = memory / str(death)
        folder.mkdir()
        async with open_hub(folder) as hub:
            site = await prepare(hub, sites, failing)
            mortal = Mortal(hub.records, death, before=before)
            process = other(hub, "mortal", records=cast(Records, mortal))
            try:
                await ask(process, UploadSource(source="s"), id=ID)
                await work_off(process, known(site, MortalOutside(site.outside, mortal)))
                if failing:
                    await go_on(process, known(site, MortalOutside(site.outside, mortal)))
            except (Died, BaseExceptionGroup):
                pass
            seen = mortal.written
            if not mortal.dead:
                break
            left = (await ask(hub, UploadSource(source="s"), id=ID)).job.value
            await go_on(other(hub, "second"), known(site))
            job = await check(hub, site, "SUCCEEDED", begun=1 + failing)
            assert job.failures <= failing + (left.state == "RUNNING" and not left.handle)  # lost with nothing elsewhere
        death += 1
    assert {f"start {ID}.1"} <= set(seen)
    assert (f"stop {ID}.1" in seen) is failing
    assert death >= 10


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_process_dies_as_it_cancels(memory: Path, sites: list[Site], before: bool) -> None:
    """At each write and request of who claims a cancelled job to stop what runs: nothing is left running."""
    death = 0
    while True:
        folder = memory / str(death)
        folder.mkdir()
        async with open_hub(folder) as hub:
            site = await prepare(hub, sites)
            site.gate.unlink()
            job, running = await begin(hub, known(site)[-1])
            await site.until_begun()
            job.stop("stopped")
            await running
            await control.cancel(hub, ID)
            mortal = Mortal(hub.records, death, before=before)
            process = other(hub, "mortal", records=cast(Records, mortal))
            with contextlib.suppress(Died):
                await work_off(process, known(site, MortalOutside(site.outside, mortal)))
            await go_on(other(hub, "second"), known(site))
            await check(hub, site, "CANCELED")
            if not mortal.dead:
                break
        death += 1
    assert death > 4


async def interrupted(hub: Hub, site: Site, number: int, act: Any) -> bool:
    """Run the job, and let something happen behind the n-th write of its owner; False where there was no such write."""
    prompted = Prompted(hub.records, number, lambda: act(job))
    await ask(hub, UploadSource(source="s"), id=ID)
    attempt = await claim(other(hub, records=cast(Records, prompted)), ID, "first", RETRY)
    if attempt is None:
        return True
    process = attempt.hub
    runner = Runner(process)
    job = runner.prepare(attempt)
    await runner.run(job, known(site)[-1])
    return prompted.has_acted


@pytest.mark.parametrize("failing", [False, True], ids=["succeeds", "fails once"])
async def test_a_cancel_at_any_write(memory: Path, sites: list[Site], failing: bool) -> None:
    """The job is CANCELED, unless it had switched; nothing runs on."""
    number = 1  # the claim is the first one
    while True:
        folder = memory / str(number)
        folder.mkdir()
        async with open_hub(folder) as hub:
            site = await prepare(hub, sites, failing)

            noticing: list[asyncio.Task[None]] = []

            async def cancel(job: RunningJob, hub: Hub = hub, noticing: list[Any] = noticing) -> None:
                if (await get(hub, ID)).state != "FINISHED":
                    await control.cancel(hub, ID)
                    noticing.append(asyncio.create_task(job.notice()))  # the write that it is behind has the attempt's lock

            acted = await interrupted(hub, site, number, cancel)
            await asyncio.gather(*noticing)
            await go_on(other(hub, "second"), known(site))
            switched = any(noun.outputs for noun in await nouns(hub))
            job = await check(hub, site, "SUCCEEDED" if switched else "CANCELED", begun=1 + failing)
            assert job.failures <= failing
            if not acted:
                break
            assert switched or acted
        number += 1
    assert number > 5


@pytest.mark.parametrize("failing", [False, True], ids=["succeeds", "fails once"])
@pytest.mark.parametrize("reason", ["stopped", "superseded"])
async def test_an_owner_goes_at_any_write(memory: Path, sites: list[Site], reason: Any, failing: bool) -> None:
    """SIGTERM, or a wrong verdict on its lease, behind each write: the work is done once, and no failure is spent on that."""
    number = 1
    while True:
        folder = memory / str(number)
        folder.mkdir()
        async with open_hub(folder) as hub:
            site = await prepare(hub, sites, failing)

            left: list[Job] = []

            async def go(job: RunningJob, hub: Hub = hub, left: list[Job] = left) -> None:
                left.append(await get(hub, ID))
                if reason == "stopped":
                    job.stop("stopped")
                else:
                    await settle(other(hub), await JOBS.get(hub.records, ID))

            acted = await interrupted(hub, site, number, go)
            stored = await get(hub, ID)
            assert stored.state != "FINISHED" or stored.outcome == "SUCCEEDED"
            await go_on(other(hub, "second"), known(site))
            job = await check(hub, site, "SUCCEEDED", begun=1 + failing)
            assert job.failures <= failing + any(job.state == "RUNNING" and not job.handle for job in left)
            if not acted:
                break
        number += 1
    assert number > 5


async def test_two_processes_die_one_after_the_other(memory: Path, sites: list[Site]) -> None:
    """Who adopts may die as well; the third one ends it, and the work was done once."""
    for death in range(0, 14, 2):
        folder = memory / str(death)
        folder.mkdir()
        async with open_hub(folder) as hub:
            site = await prepare(hub, sites)
            for number, writes in enumerate((death, 2 + death % 7)):
                mortal = Mortal(hub.records, writes, before=bool(number))
                process = other(hub, f"mortal {number}", records=cast(Records, mortal))
                try:
                    await ask(process, UploadSource(source="s"), id=ID)
                    await go_on(process, known(site, MortalOutside(site.outside, mortal)))
                except (Died, BaseExceptionGroup):
                    pass
            await ask(hub, UploadSource(source="s"), id=ID)
            await go_on(other(hub, "third"), known(site))
            await check(hub, site, "SUCCEEDED")


async def test_requests_of_dead_processes_arrive_late(memory: Path, sites: list[Site]) -> None:
    """A start and a stop that were under way when their process died come behind everything: nothing runs, nothing is lost."""
    async with open_hub(memory) as hub:
        site = await prepare(hub, sites, failing=True)
        await ask(hub, UploadSource(source="s"), id=ID)
        await go_on(hub, known(site))

        for name in site.begun():
            await site.outside.start(name, msgspec.to_builtins(site.work))
            await site.outside.stop(name)

        await site.outside.start("later.1", {"script": "true"})

        async def done() -> bool:
            return (await site.outside.look("later.1")).state == "done"

        await until(done)
        await check(hub, site, "SUCCEEDED", begun=2)
