"""Each rule of docs/model/OUTSIDE.md, by what goes wrong without it, with real processes elsewhere."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from domain.data.sources import SOURCES
from domain.errors import JobFailed, JobTimedOut, NotReady, Unavailable
from domain.hub import Hub
from domain.jobs import control, garbage, jobs, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim, seize
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS, Run
from domain.jobs.retries import Retry
from domain.jobs.settling import WorkerLost, settle
from domain.jobs.verdicts import Failed, GaveUp, Stopped, Succeeded, Waiting, ended, given_up
from domain.ports.outside import Outside, Seen
from events.sources import SourceUploaded, UploadSource
from tests.domain.jobs import processes
from tests.domain.jobs.elsewhere import Site
from tests.domain.jobs.processes import get, impatient, other, until, writer
from workers.context import JobContext, Registration
from workers.outside import pause
from workers.runner import Runner
from workers.running import RunningJob

RETRY = Retry(attempts=3, base=0.0)


@pytest.fixture
def site(hub: Hub) -> Iterator[Site]:
    """Where work is done elsewhere; none is left."""
    site = Site(hub)
    yield site
    site.end()


def registered(site: Site, outside: Outside | None = None, **values: Any) -> Registration:
    """Uploads that are made elsewhere."""
    chosen = outside or site.outside
    return Registration(
        **{"command": UploadSource, "handler": site.upload, "retry": RETRY, "outside": lambda command, hub: chosen, **values}
    )


async def asked(hub: Hub) -> str:
    """An upload that was asked for."""
    return (await ask(hub, UploadSource(source="s"))).job.id


async def begin(hub: Hub, id: str, registration: Registration) -> tuple[RunningJob, "asyncio.Task[None]"]:
    """Claim it and let it run, as a worker of this process."""
    attempt = await claim(hub, id, hub.process, registration.retry)
    assert attempt
    runner = Runner(hub)
    job = runner.prepare(attempt)
    return job, asyncio.create_task(runner.run(job, registration))


async def perform(hub: Hub, id: str, registration: Registration) -> RunningJob:
    """As `begin`, to its end."""
    job, running = await begin(hub, id, registration)
    async with asyncio.timeout(20):
        await running
    return job


async def put_back(hub: Hub, site: Site) -> str:
    """A job whose work runs elsewhere, and whose first owner stopped in order."""
    id = await asked(hub)
    job, running = await begin(hub, id, registered(site))
    await site.until_begun()
    job.stop("stopped")
    await running
    return id


def uploaded(output: str) -> SourceUploaded:
    """The event of an upload with this output."""
    return SourceUploaded(source="s", release="1", output=output, dump="", code="")


# -- the record, as pure functions ----------------------------------------------------------------------------------------


def running_job(**values: Any) -> Job:
    """A job whose work runs elsewhere."""
    known: dict[str, Any] = {"state": "RUNNING", "attempt": 2, "handle": "j.1", "handle_at": 5.0, "work": {"a": 1}, "pins": ("p",)}
    return Job(run_id="j", command={}, type="UploadSource", queue="upload", input_hash="", created_at=0.0, **{**known, **values})


FAILURE = Failed(JobFailed("no"), RETRY)
LOST = Failed(WorkerLost("gone"), RETRY, "lost")


@pytest.mark.parametrize("verdict", [LOST, Stopped(), Waiting("k"), FAILURE, Failed(Unavailable("away"), RETRY)])
@pytest.mark.parametrize("state", ["RUNNING", "CANCELING"])
def test_an_attempt_that_ends_leaves_the_handle(verdict: Any, state: Any) -> None:
    """`keep`, `pins`, `unsettled`: QUEUED with its handle, work and pins, however the attempt ended; a cancel is to be heard."""
    job = ended("j", running_job(state=state, ending="canceled" if state == "CANCELING" else ""), verdict)

    assert (job.state, job.handle, job.handle_at, job.work, job.pins) == ("QUEUED", "j.1", 5.0, {"a": 1}, ("p",))
    assert (job.ending == "canceled") is (state == "CANCELING")


@pytest.mark.parametrize("verdict", [LOST, Stopped()])
def test_a_lost_owner_of_a_handle_spends_no_failure(verdict: Any) -> None:
    """`lost`: however many are lost, at once due again."""
    job = running_job(failures=2)

    back = ended("j", job, verdict)

    assert (back.failures, back.not_before) == (2, 0.0)


def test_an_outage_gives_nothing_up_however_often() -> None:
    """What runs goes on when the handler could not reach a server, even when its retries are spent; the job waits a while."""
    job = running_job(outages=1000)

    back = ended("j", job, Failed(Unavailable("away"), RETRY))

    assert (back.state, back.ending, back.handle, back.outages) == ("QUEUED", "", "j.1", 1001)
    assert back.not_before > time.time()


@pytest.mark.parametrize(
    ("error", "failures", "ending"),
    [
        (JobFailed("no"), 0, "again"),
        (JobFailed("no"), 2, "failed"),
        (NotReady("no"), 2, "failed"),
        (NotReady("no"), 0, "again"),
        (JobTimedOut("slow"), 0, "timed_out"),
    ],
)
def test_what_becomes_of_a_job_is_decided_when_it_is_given_up(error: Exception, failures: int, ending: str) -> None:
    """Counted once, with the error, and a later attempt needs to know nothing but the record."""
    verdict = Failed(error, RETRY)

    job = given_up(running_job(failures=failures), verdict)

    assert (job.state, job.ending, job.failures) == ("RUNNING", ending, failures + 1)
    assert job.error
    assert given_up(job, verdict) == job
    state, outcome = {"again": ("QUEUED", None), "failed": ("FINISHED", "FAILED"), "timed_out": ("FINISHED", "TIMED_OUT")}[ending]
    over = ended("j", job, GaveUp())
    assert (over.state, over.outcome, over.failures, over.error) == (state, outcome, failures + 1, job.error)
    assert (over.handle, over.handle_at, over.work, over.ending, over.pins) == ("", 0.0, None, "", ())


def test_a_cancel_overrides_a_failure_that_was_given_up() -> None:
    """Whichever way the job was to go, it is CANCELED once nothing runs."""
    job = jobs.canceling("j", given_up(running_job(), FAILURE))

    assert (job.state, job.ending) == ("CANCELING", "canceled")
    assert given_up(job, FAILURE) == job
    assert ended("j", job, GaveUp()).outcome == "CANCELED"


def test_a_finished_job_has_no_handle() -> None:
    """Whoever finishes it."""
    job = ended("j", running_job(ending="canceled", state="CANCELING"), Succeeded(uploaded("j.2"), switched=True))

    assert (job.outcome, job.handle, job.handle_at, job.work, job.ending) == ("SUCCEEDED", "", 0.0, None, "")


def test_a_cancelled_job_sets_no_handle() -> None:
    """`mine`: only in RUNNING, and only where there is none."""
    canceled = running_job(state="CANCELING", handle="", handle_at=0.0, work=None)

    assert jobs.with_handle(canceled, "j.2", {}) == canceled
    assert jobs.with_handle(running_job(), "j.2", {}) == running_job()


def test_looks_become_rarer() -> None:
    """A tenth of what it has run, between a tenth of a second and half a minute."""
    assert [pause(age) for age in (0.0, 1.0, 100.0, 1e6)] == [0.1, 0.1, 10.0, 30.0]


# -- starting and adopting ------------------------------------------------------------------------------------------------


async def test_work_is_done_elsewhere(hub: Hub, site: Site) -> None:
    """It succeeds with what was made, the handle is gone, and the noun free."""
    site.open()
    id = await asked(hub)

    await perform(hub, id, registered(site))

    job = await get(hub, id)
    assert (job.outcome, job.handle) == ("SUCCEEDED", "")
    assert site.begun() == [f"{id}.1"]
    assert await writer(hub) == ""
    assert await hub.documents.names() == [f"{id}.1"]


async def test_the_handle_is_in_the_record_before_anything_is_started(hub: Hub, site: Site) -> None:
    """`first`: with what is to be done, and after what the work reads was pinned."""
    seen: list[Job] = []

    class Looking(Spy):
        async def start(self, name: str, work: dict[str, Any]) -> None:
            seen.append(await get(hub, id))
            await super().start(name, work)

    site.open()
    id = await asked(hub)
    await perform(hub, id, registered(site, Looking(site)))

    assert [(job.handle, job.work, job.pins) for job in seen] == [(f"{id}.1", site.work, ("input",))]


async def test_who_stops_in_order_leaves_what_runs(hub: Hub, site: Site) -> None:
    """`keep`, `writer`, `pins`: QUEUED and sent, its noun taken, nothing dropped, and no failure; the next attempt adopts it."""
    id = await put_back(hub, site)
    job = await get(hub, id)
    assert (job.state, job.handle, job.failures, job.pins) == ("QUEUED", f"{id}.1", 0, ("input",))
    assert job.sent_at
    assert await writer(hub) == f"{id}.1"
    await impatient(hub).look_at_everything()
    assert await writer(hub) == f"{id}.1"

    second, running = await begin(other(hub), id, registered(site))
    assert (await get(hub, id)).pins == ("input",)
    site.open()
    await running

    job = await get(hub, id)
    assert (job.outcome, job.attempt, second.output) == ("SUCCEEDED", 2, f"{id}.2")
    assert site.begun() == [f"{id}.1"]
    await impatient(hub).clean()
    await impatient(hub).clean()
    assert not site.result(f"{id}.1").exists()  # garbage, now that the noun lists what the second attempt made of it
    assert await hub.documents.names() == [f"{id}.2"]


async def test_another_job_waits_while_work_goes_on_without_an_owner(hub: Hub, site: Site) -> None:
    """`writer`: it may not switch to something newer which the adopted work would then replace by something older."""
    id = await put_back(hub, site)
    second = await asked(hub)

    await processes.perform(other(hub), second, processes.registrations())

    assert (await get(hub, second)).waiting_for == id


async def test_who_settles_a_dead_attempt_leaves_what_runs(hub: Hub, site: Site) -> None:
    """`keep`, `output`, `lost`: the owner is called dead, nothing is dropped or stopped, no failure is spent; two owners know of
    one work, and only the one that adopted it ends the job."""
    id = await asked(hub)
    first, running = await begin(hub, id, registered(site))
    await site.until_begun()
    assert await settle(other(hub), first.attempt.stored)
    job = await get(hub, id)
    assert (job.state, job.handle, job.failures, job.attempt) == ("QUEUED", f"{id}.1", 0, 2)

    second, adopted = await begin(other(hub), id, registered(site))
    site.open()
    await asyncio.gather(running, adopted)

    job = await get(hub, id)
    assert (job.outcome, job.attempt) == ("SUCCEEDED", 3)
    assert job.result
    assert job.result["output"] == second.output
    assert site.begun() == [f"{id}.1"]


async def test_what_is_adopted_is_what_was_described_first(hub: Hub, site: Site) -> None:
    """The next attempt would ask for something else: it is told what was asked for, and starts just that."""
    told: list[Any] = []

    async def upload(command: UploadSource, context: JobContext) -> Any:
        async def describe() -> dict[str, Any]:
            return {"script": "exit 1"}

        told.append(await context.outside(describe))
        return await processes.upload(command, context)

    id = await put_back(hub, site)
    site.open()
    await perform(other(hub), id, registered(site, handler=upload))

    assert [(done.name, done.work) for done in told] == [(f"{id}.1", site.work)]


async def test_an_owner_that_died_before_its_start_is_replaced(hub: Hub, site: Site) -> None:
    """`restart`: the handle names what is not there: who adopts it starts it."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", RETRY)
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    await attempt.set_handle(site.work)
    assert await settle(other(hub), attempt.stored)
    site.open()

    await perform(other(hub), id, registered(site))

    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert site.begun() == [f"{id}.1"]


async def test_an_attempt_that_was_called_dead_sets_no_handle(hub: Hub, site: Site) -> None:
    """`mine`: it is late, and the new one's stands."""
    id = await asked(hub)
    late = asyncio.Event()

    async def upload(command: UploadSource, context: JobContext) -> Any:
        await late.wait()
        return await site.upload(command, context)

    _, running = await begin(hub, id, registered(site, handler=upload))
    assert await settle(other(hub), await JOBS.get(hub.records, id))
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, not_before=0.0))
    _, second = await begin(other(hub), id, registered(site))
    await site.until_begun()
    late.set()
    await running

    site.open()
    await second
    assert site.begun() == [f"{id}.3"]
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_a_start_that_was_lost_is_sent_again(hub: Hub, site: Site) -> None:
    """`restart`: nothing is there though it was started: the request was lost on its way."""

    class Losing(Spy):
        async def start(self, name: str, work: dict[str, Any]) -> None:
            self.asked.append("start")
            if len(self.asked) > 2:
                await site.outside.start(name, work)

    site.open()
    id = await asked(hub)
    await perform(hub, id, registered(site, Losing(site)))

    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert site.begun() == [f"{id}.1"]


# -- garbage --------------------------------------------------------------------------------------------------------------


async def test_garbage_collection_keeps_what_the_handle_names(hub: Hub, site: Site) -> None:
    """`garbage`: output and scratch folder of the superseded attempt that set the handle stay; those of another one go."""
    id = await put_back(hub, site)
    await seize(hub, id, 1)
    kept, gone = hub.data / "scratch" / f"{id}.1", hub.data / "scratch" / f"{id}.2"
    attempt = await claim(hub, id, "third", RETRY)
    assert attempt
    await seize(hub, id, attempt.number)
    for folder in (kept, gone):
        folder.mkdir(parents=True)
    site.open()
    await until(lambda: _exists(site, f"{id}.1"))
    (site.results / f"{id}.2").mkdir()
    (site.results / f"{id}.2" / "file").touch()

    for _ in range(2):
        await garbage.collect(hub, age=0.0)

    assert (kept.exists(), gone.exists()) == (True, False)
    assert await hub.files.folders("dumps") == [f"{id}.1"]


async def _exists(site: Site, name: str) -> bool:
    return site.result(name).exists()


async def test_a_scratch_folder_outlives_a_handler_that_stops(hub: Hub, site: Site) -> None:
    """It has the name of what runs, which may use it."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        (context.scratch / "file").touch()
        return await site.upload(command, context)

    id = await asked(hub)
    job, running = await begin(hub, id, registered(site, handler=upload))
    await site.until_begun()
    job.stop("stopped")
    await running

    assert (hub.data / "scratch" / f"{id}.1" / "file").exists()


# -- stopping -------------------------------------------------------------------------------------------------------------


class Spy(Outside):
    """The site's outside, with what was asked of it; what comes may be held up, or refused."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked: list[str] = []
        self.failing: list[Exception] = []
        """Raised by the next stops."""
        self.held = asyncio.Event()
        self.held.set()
        self.waits = asyncio.Event()

    async def start(self, name: str, work: dict[str, Any]) -> None:
        self.asked.append("start")
        await self.site.outside.start(name, work)

    async def look(self, name: str) -> Seen:
        return await self.site.outside.look(name)

    async def stop(self, name: str) -> None:
        self.asked.append("stop")
        self.waits.set()
        await self.held.wait()
        if self.failing:
            raise self.failing.pop(0)
        await self.site.outside.stop(name)


async def gone(hub: Hub, site: Site, id: str, name: str) -> None:
    """Nothing runs, the noun is free, no output is left, and the name is barred."""
    assert site.outside.listed() == []
    assert await writer(hub) == ""
    assert not site.result(name).parent.exists()
    assert await hub.documents.names() == []
    assert (await site.outside.look(name)).state in ("stopped", "failed")
    job = await get(hub, id)
    assert (job.handle, job.work, job.ending) == ("", None, "")


async def test_a_cancel_stops_what_runs(hub: Hub, site: Site) -> None:
    """`intent`, `confirm`: given up in the record, stopped, and only then CANCELED."""
    id = await asked(hub)
    spy = Spy(site)
    spy.held.clear()
    job, running = await begin(hub, id, registered(site, spy))
    await site.until_begun()

    await control.cancel(hub, id)
    await job.notice()
    await spy.waits.wait()
    record = await get(hub, id)
    assert (record.state, record.ending, record.handle) == ("CANCELING", "canceled", f"{id}.1")
    spy.held.set()
    await running

    assert (await get(hub, id)).outcome == "CANCELED"
    await gone(hub, site, id, f"{id}.1")


async def test_a_stop_that_is_refused_is_tried_again(hub: Hub, site: Site) -> None:
    """`confirm`: neither a server that is away nor a refusal ends the job while something runs."""
    id = await asked(hub)
    spy = Spy(site)
    spy.failing = [Unavailable("away"), JobFailed("no"), Unavailable("away")]
    job, running = await begin(hub, id, registered(site, spy))
    await site.until_begun()

    await control.cancel(hub, id)
    await job.notice()
    await running

    assert spy.asked == ["start", "stop", "stop", "stop", "stop"]
    assert (await get(hub, id)).outcome == "CANCELED"
    await gone(hub, site, id, f"{id}.1")


async def test_a_queued_job_is_cancelled_by_whoever_claims_it(hub: Hub, site: Site) -> None:
    """`later`: it stays QUEUED, given up and due at once; the claim is into CANCELING, and the handler is not called."""
    id = await put_back(hub, site)
    assert site.outside.listed()

    await control.cancel(hub, id)
    await control.cancel(hub, id)
    record = await get(hub, id)
    assert (record.state, record.ending, record.handle, record.not_before) == ("QUEUED", "canceled", f"{id}.1", 0.0)
    assert [event["type"] for event in record.events].count("JobCanceling") == 1
    spy = Spy(site)
    await perform(other(hub), id, registered(site, spy))

    assert spy.asked == ["stop"]
    record = await get(hub, id)
    assert record.outcome == "CANCELED"
    assert [event["type"] for event in record.events][-3:] == ["JobStarted", "JobCanceling", "JobFinished"]
    await gone(hub, site, id, f"{id}.1")


async def test_a_cancelled_job_waits_for_nothing(hub: Hub, site: Site) -> None:
    """`later`: one that waits for its next try is sent at once, so that what runs is stopped now."""
    id = await put_back(hub, site)
    stored = await JOBS.get(hub.records, id)
    later = time.time() + 1000.0
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, not_before=later, due_at=later, sent_at=0.0))

    await control.cancel(hub, id)

    record = await get(hub, id)
    assert record.sent_at > 0.0
    await perform(other(hub), id, registered(site))
    assert (await get(hub, id)).outcome == "CANCELED"


async def test_the_word_of_a_cancel_does_not_keep_from_stopping(hub: Hub, site: Site) -> None:
    """A process that remembers the word, or hears it again while it stops, stops what runs all the same, in one attempt."""
    id = await put_back(hub, site)
    await control.cancel(hub, id)
    attempt = await claim(hub, id, "second", RETRY)
    assert attempt
    runner, spy = Runner(hub), Spy(site)
    spy.held.clear()
    job = runner.prepare(attempt)

    await job.notice()
    running = asyncio.create_task(runner.run(job, registered(site, spy)))
    await asyncio.wait_for(spy.waits.wait(), 20)
    await job.notice()
    spy.held.set()
    await running

    record = await get(hub, id)
    assert (record.outcome, record.attempt, spy.asked) == ("CANCELED", 2, ["stop"])


async def test_a_dead_owner_that_was_cancelling_leaves_it_to_the_next(hub: Hub, site: Site) -> None:
    """`unsettled`: who settles can't reach what runs: QUEUED and given up, then stopped by whoever claims it."""
    id = await asked(hub)
    job, running = await begin(hub, id, registered(site))
    await site.until_begun()
    await control.cancel(hub, id)
    assert await settle(other(hub), await JOBS.get(hub.records, id))
    await job.notice()
    await running
    record = await get(hub, id)
    assert (record.state, record.ending) == ("QUEUED", "canceled")
    assert site.outside.listed()

    await perform(other(hub), id, registered(site))

    assert (await get(hub, id)).outcome == "CANCELED"
    await gone(hub, site, id, f"{id}.1")


async def test_a_job_that_switched_is_not_cancelled(hub: Hub, site: Site) -> None:
    """`look`: the owner died behind its switch, or hears of the cancel behind it: SUCCEEDED, and nothing is stopped."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        event = await site.upload(command, context)
        await control.cancel(hub, id)
        await asyncio.Event().wait()
        return event

    site.open()
    id = await asked(hub)
    spy = Spy(site)
    job, running = await begin(hub, id, registered(site, spy, handler=upload))

    async def canceling() -> bool:
        return (await get(hub, id)).state == "CANCELING"

    await until(canceling)
    await job.notice()
    await running

    record = await get(hub, id)
    assert (record.outcome, record.handle) == ("SUCCEEDED", "")
    assert spy.asked == ["start"]


async def test_a_dead_owner_that_had_switched_has_succeeded(hub: Hub, site: Site) -> None:
    """`look`, for who settles: it is not put back with its handle."""
    id = await asked(hub)
    attempt = await _holding(hub, id, site)
    await writers.switch(hub, SOURCES, "s", attempt.name, lambda noun: noun.with_output(uploaded(attempt.name), 3))

    assert await settle(other(hub), attempt.stored)

    job = await get(hub, id)
    assert (job.outcome, job.handle) == ("SUCCEEDED", "")
    assert await writer(hub) == ""


async def _holding(hub: Hub, id: str, site: Site) -> Attempt:
    attempt = await claim(hub, id, "first", RETRY)
    assert attempt
    await writers.take(hub, "source/s", id, attempt.number)
    await attempt.set_handle(site.work)
    return attempt


async def test_work_that_fails_is_done_again_under_a_new_name(hub: Hub, site: Site) -> None:
    """`name`: what it says of its failure is the job's error; the next attempt starts afresh and succeeds."""
    site.failing.touch()
    site.open()
    id = await asked(hub)
    await perform(hub, id, registered(site))
    job = await get(hub, id)
    assert (job.state, job.failures, job.handle) == ("QUEUED", 1, "")
    assert job.error
    assert (job.error.code, job.error.message, job.error.detail) == ("FAILED_OUTSIDE", "it ended with code 3", "sorry\n")
    await gone(hub, site, id, f"{id}.1")

    await perform(hub, id, registered(site))

    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert site.begun() == [f"{id}.1", f"{id}.2"]


async def test_a_handler_that_fails_gives_up_what_runs(hub: Hub, site: Site) -> None:
    """Beside the wait, or behind it: given up, stopped, dropped, and FAILED where its retries are spent."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        async with asyncio.timeout(0.3):
            await site.upload(command, context)

    id = await asked(hub)
    await perform(hub, id, registered(site, handler=upload, retry=Retry(attempts=1)))

    job = await get(hub, id)
    assert (job.outcome, job.failures) == ("FAILED", 1)
    await gone(hub, site, id, f"{id}.1")


@pytest.mark.parametrize("error", [Unavailable("away"), asyncio.CancelledError()])
async def test_a_server_that_is_away_gives_nothing_up(hub: Hub, site: Site, error: BaseException) -> None:
    """Work of days is not done again because a store could not be reached for a minute, nor because a process ended."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        await site.upload(command, context)

    async def failing(command: UploadSource, context: JobContext) -> Any:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await site.upload(command, context)
        raise error

    id = await asked(hub)
    with contextlib.suppress(asyncio.CancelledError):
        await perform(hub, id, registered(site, handler=failing))

    job = await get(hub, id)
    assert (job.handle, job.ending) == (f"{id}.1", "")
    assert site.outside.listed()
    assert await writer(hub) == f"{id}.1"


async def test_a_handler_must_wait_for_what_runs(hub: Hub, site: Site) -> None:
    """One that ends, or switches, without having seen the end of it fails, with what to do; nothing is left running."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        if context.job.attempt == 0:
            return None
        await processes.upload(command, context)
        return uploaded(context.output)

    id = await put_back(hub, site)
    await perform(other(hub), id, registered(site, handler=upload, retry=Retry(attempts=1)))

    job = await get(hub, id)
    assert job.outcome == "FAILED"
    assert job.error
    assert "did not wait" in job.error.message
    await gone(hub, site, id, f"{id}.1")


async def test_an_event_alone_does_not_end_what_runs(hub: Hub, site: Site) -> None:
    """A handler that finds nothing to do beside something that runs has failed, too."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        return uploaded("before")

    id = await put_back(hub, site)
    await perform(other(hub), id, registered(site, handler=upload, retry=Retry(attempts=1)))

    assert (await get(hub, id)).outcome == "FAILED"
    await gone(hub, site, id, f"{id}.1")


async def test_what_takes_too_long_is_stopped(hub: Hub, site: Site) -> None:
    """TIMED_OUT, counted from the handle and not from the claim, so that adopting gives no new time."""
    id = await put_back(hub, site)
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, handle_at=stored.value.handle_at - 1000.0))

    await perform(other(hub), id, registered(site, timeout=900.0))

    job = await get(hub, id)
    assert job.outcome == "TIMED_OUT"
    await gone(hub, site, id, f"{id}.1")


async def test_what_ended_while_nobody_looked_has_ended(hub: Hub, site: Site) -> None:
    """Its time is over long since, but it was done in time: no worker was there to see it."""
    id = await put_back(hub, site)
    site.open()
    await until(lambda: _done(site, f"{id}.1"))
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, handle_at=1.0))

    await perform(other(hub), id, registered(site, timeout=60.0))

    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def _done(site: Site, name: str) -> bool:
    return (await site.outside.look(name)).state == "done"


async def test_waiting_spends_nothing_of_the_handlers_time(hub: Hub, site: Site) -> None:
    """Its limit stands still while it waits, and goes on behind."""
    left: list[float] = []

    async def upload(command: UploadSource, context: JobContext) -> Any:
        assert isinstance(context, RunningJob)
        assert context.limit
        before = context.limit.when()
        event = await site.upload(command, context)
        left.append((context.limit.when() or 0.0) - (before or 0.0))
        return event

    id = await asked(hub)
    job, running = await begin(hub, id, registered(site, handler=upload, timeout=60.0))
    await site.until_begun()
    assert job.limit
    assert job.limit.when() is None
    site.open()
    await running

    assert left[0] > 0.0


# -- two owners -----------------------------------------------------------------------------------------------------------


async def test_an_owner_that_was_called_dead_stops_nothing(hub: Hub, site: Site) -> None:
    """`intent`: its handler fails, another attempt has adopted what runs: it may not say so in the record, and so it stops
    nothing."""
    late = asyncio.Event()

    async def failing(command: UploadSource, context: JobContext) -> Any:
        waiting = asyncio.ensure_future(site.upload(command, context))
        await late.wait()
        waiting.cancel()
        raise ValueError("a dead worker's")

    id = await asked(hub)
    spy = Spy(site)
    first, running = await begin(hub, id, registered(site, spy, handler=failing))
    await site.until_begun()
    assert await settle(other(hub), first.attempt.stored)
    _, adopted = await begin(other(hub), id, registered(site))
    late.set()
    await running
    assert spy.asked == ["start"]
    assert site.outside.listed()

    site.open()
    await adopted
    job = await get(hub, id)
    assert (job.outcome, job.failures) == ("SUCCEEDED", 0)


async def test_what_was_given_up_is_never_adopted(hub: Hub, site: Site) -> None:
    """`doomed`: an owner gives up, is called dead as it stops: the next attempt stops as well, and counts nothing again."""
    site.failing.touch()
    site.open()
    id = await asked(hub)
    spy = Spy(site)
    spy.held.clear()
    first, running = await begin(hub, id, registered(site, spy))
    await spy.waits.wait()
    assert await settle(other(hub), await JOBS.get(hub.records, id))
    record = await get(hub, id)
    assert (record.state, record.ending, record.handle, record.failures) == ("QUEUED", "again", f"{id}.1", 1)

    second = Spy(site)
    await perform(other(hub), id, registered(site, second))
    assert second.asked == ["stop"]
    record = await get(hub, id)
    assert (record.state, record.handle, record.failures) == ("QUEUED", "", 1)
    _, third = await begin(other(hub), id, registered(site))
    await site.until_begun(2)
    spy.held.set()
    await asyncio.gather(running, third)

    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert site.begun() == [f"{id}.1", f"{id}.4"]
    assert first.reason in (None, "superseded")


async def test_a_start_that_comes_too_late_starts_nothing(hub: Hub, site: Site) -> None:
    """`bar`: it was under way while its owner was called dead and the job was cancelled."""
    id = await asked(hub)
    attempt = await _holding(hub, id, site)
    assert await settle(other(hub), attempt.stored)
    await control.cancel(hub, id)
    await perform(other(hub), id, registered(site))
    assert (await get(hub, id)).outcome == "CANCELED"

    await site.outside.start(f"{id}.1", site.work)
    await site.outside.start("later.1", site.work)
    await site.until_begun()

    assert site.begun() == ["later.1"]


async def test_a_process_that_ends_while_it_stops_leaves_the_rest(hub: Hub, site: Site) -> None:
    """SIGTERM as the stop waits, of a cancelled job or of one that failed: QUEUED, given up as it was; the next one ends it."""
    for failing in (False, True):
        id = await asked(hub)
        spy = Spy(site)
        spy.held.clear()
        if failing:
            site.failing.touch()
            site.open()
        job, running = await begin(hub, id, registered(site, spy))
        await site.until_begun(1 + failing)
        if not failing:
            await control.cancel(hub, id)
            await job.notice()
        await spy.waits.wait()

        job.stop("canceled")
        job.stop("stopped")
        await running

        record = await get(hub, id)
        assert (record.state, record.ending) == ("QUEUED", "again" if failing else "canceled")
        await perform(other(hub), id, registered(site))
        assert (await get(hub, id)).state == ("QUEUED" if failing else "FINISHED")


async def test_a_cancelled_run_stops_what_runs_for_it(hub: Hub, site: Site) -> None:
    """A claim finds that the run was cancelled: not CANCELED at once, but into CANCELING."""
    id = await put_back(hub, site)
    stored = await JOBS.get(hub.records, id)
    run = Run(title="", input_hash="", created_at=0.0, steps=(), cancelled=True)
    await RUNS.insert(hub.records, "run", run)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, run_id="run"))

    await perform(other(hub), id, registered(site))

    assert (await get(hub, id)).outcome == "CANCELED"
    await gone(hub, site, id, f"{id}.1")


async def test_a_version_that_knows_no_outside_leaves_it_alone(hub: Hub, site: Site) -> None:
    """A process whose command has nothing elsewhere finds a handle: it waits for one that can go on."""
    id = await put_back(hub, site)

    await perform(other(hub), id, msgspec.structs.replace(registered(site), outside=None))

    job = await get(hub, id)
    assert (job.state, job.handle, job.ending, job.outages) == ("QUEUED", f"{id}.1", "", 1)
    assert site.outside.listed()
