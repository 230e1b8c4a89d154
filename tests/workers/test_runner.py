"""Workers: slots, acknowledgement, cancelling, stopping in order, time limits, progress and logs."""

import asyncio
import errno
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest

from domain.errors import JobFailed, Unavailable, Unreadable
from domain.hub import Hub, Limits
from domain.jobs import control, logs, presence, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim, seize
from domain.jobs.jobs import JOBS, Job
from domain.jobs.logs import LogWriter
from domain.jobs.retries import Retry
from events.apis import ValidateMapping
from events.embedded import EmbeddedBus
from events.jobs import JobFinished, JobProgressed, LogWritten
from events.sources import UploadSource
from tests.domain.conftest import hub, memory
from tests.domain.jobs import processes
from tests.domain.jobs.processes import add_source, get, until, writer
from workers.context import JobContext, Registration
from workers.intake import Intake
from workers.running import RunningJob
from workers.worker import Worker

__all__ = ["hub", "memory"]

QUICK = Limits(lease=0.15, grace=0.0, quiet=0.0)


class Gate:
    """A handler that says when it has begun, and ends when it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.arrived = asyncio.Condition()
        self.opened = asyncio.Event()

    async def __call__(self, command: UploadSource, context: JobContext) -> Any:
        async with self.arrived:
            self.begun.append(context.output)
            self.arrived.notify_all()
        await self.opened.wait()
        return await processes.upload(command, context)

    async def until(self, count: int) -> None:
        """Wait until so many have begun."""
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.begun) >= count)


@asynccontextmanager
async def working(hub: Hub, handler: Any = processes.upload, slots: int = 2, **values: Any) -> AsyncIterator[Worker]:
    """A worker for uploads."""
    known = (Registration(**{"command": UploadSource, "handler": handler, **values}),)
    worker = Worker(hub, known, slots)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def ended(hub: Hub, id: str) -> Job:
    """The job when it has finished."""

    async def finished() -> bool:
        return (await get(hub, id)).state == "FINISHED"

    await until(finished)
    return await get(hub, id)


async def ready(hub: Hub) -> int:
    """Uploads that wait on the bus."""
    [depth] = await hub.bus.depth(["upload"])
    return depth.ready


async def upload(hub: Hub, source: str = "s") -> str:
    """Ask for an upload."""
    return (await ask(hub, UploadSource(source=source))).job.id


async def test_a_worker_does_what_is_asked_for(hub: Hub) -> None:
    """Asked, sent, claimed, done, and its noun free."""
    async with working(hub):
        assert (await ended(hub, await upload(hub))).outcome == "SUCCEEDED"
    assert await writer(hub) == ""


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
async def test_what_waits_stays_in_the_queue(hub: Hub, slots: int) -> None:
    """A worker takes as many as it has slots, all of them, and holds no message beyond: depth is the work that waits."""
    gate = Gate()
    for number in range(slots + 4):
        await add_source(hub, f"s{number}")
        await upload(hub, f"s{number}")
    async with working(hub, gate, slots):
        await gate.until(slots)

        async def rest_waits() -> bool:
            [depth] = await hub.bus.depth(["upload"])
            return depth.ready == 4 and depth.consumers == 0

        await until(rest_waits)
        assert len(gate.begun) == slots
        gate.opened.set()
        await gate.until(slots + 4)
        assert await ready(hub) == 0


async def test_a_second_message_is_acknowledged(hub: Hub) -> None:
    """A job whose message came twice is done once, and nothing stays on the bus."""
    gate = Gate()
    id = await upload(hub)
    await hub.bus.send(UploadSource(source="s", job_id=id, run_id=id))
    async with working(hub, gate):
        await gate.until(1)
        gate.opened.set()
        await ended(hub, id)
        assert await ready(hub) == 0
    assert gate.begun == [f"{id}.1"]


async def test_cancelling_reaches_a_running_job(hub: Hub) -> None:
    """By the control word: the handler is cancelled, the job CANCELED, its output dropped, its noun free."""
    begun = asyncio.Event()

    async def hang(command: UploadSource, context: JobContext) -> Any:
        await context.hub.documents.create(context.output)
        (context.scratch / "file").write_text("x")
        begun.set()
        await asyncio.Event().wait()

    async with working(hub, hang):
        id = await upload(hub)
        await begun.wait()
        async with asyncio.timeout(1):
            await control.cancel(hub, id)
            job = await ended(hub, id)
        assert job.outcome == "CANCELED"
    assert await hub.documents.names() == []
    assert await writer(hub) == ""
    assert list((hub.data / "scratch").iterdir()) == []


async def test_the_beat_notices_what_the_control_word_did_not_say(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost word costs a third of a lease."""

    async def lost(word: Any) -> None:
        return None

    monkeypatch.setattr(hub.bus, "signal", lost)
    gate = Gate()
    async with working(replace(hub, limits=QUICK), gate):
        id = await upload(hub)
        await gate.until(1)
        await control.cancel(hub, id)
        assert (await ended(hub, id)).outcome == "CANCELED"


async def test_a_job_beats_while_it_runs(hub: Hub) -> None:
    """The counter rises, with the progress beside it."""
    quick = replace(hub, limits=QUICK)
    begun = asyncio.Event()

    async def hang(command: UploadSource, context: JobContext) -> Any:
        await context.progress(5, 10, "documents")
        begun.set()
        await asyncio.Event().wait()

    async with working(quick, hang):
        id = await upload(hub)
        await begun.wait()
        first = (await get(hub, id)).beat

        async def beaten() -> bool:
            job = await get(hub, id)
            return job.beat >= first + 2 and job.progress.done == 5

        await until(beaten)


async def test_lists_show_progress_long_before_a_lease_is_renewed(hub: Hub) -> None:
    """The record has it soon after the job has begun, however long the lease."""
    slow, begun = replace(hub, limits=replace(hub.limits, lease=600.0)), asyncio.Event()

    async def hang(command: UploadSource, context: JobContext) -> Any:
        await context.progress(5, 10, "bytes")
        begun.set()
        await asyncio.Event().wait()

    async with working(slow, hang):
        id = await upload(hub)
        await begun.wait()

        async def shown() -> bool:
            return (await get(hub, id)).progress.done == 5

        await until(shown)


async def test_a_job_beats_again_where_a_beat_failed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in beating is tried again while the handler works, and is not what becomes of the job."""
    gate, beat, failed = Gate(), Attempt.beat, asyncio.Event()

    async def fail_once(attempt: Attempt) -> Job:
        if not failed.is_set():
            failed.set()
            raise KeyError("bug")
        return await beat(attempt)

    monkeypatch.setattr(Attempt, "beat", fail_once)
    async with working(replace(hub, limits=QUICK), gate):
        id = await upload(hub)
        await gate.until(1)
        first = (await get(hub, id)).beat

        async def beaten() -> bool:
            return (await get(hub, id)).beat > first

        await until(beaten)
        gate.opened.set()
        assert (await ended(hub, id)).outcome == "SUCCEEDED"
    assert failed.is_set()


@pytest.mark.parametrize("outcome", ["SUCCEEDED", "FAILED"])
async def test_what_becomes_of_a_job_is_its_handlers_word(hub: Hub, monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    """Progress that can't be published, to the last, takes the place neither of a result nor of an error."""

    async def told(command: UploadSource, context: JobContext) -> Any:
        await context.log("a line")
        if outcome == "FAILED":
            raise JobFailed("its own error", code="NO")
        return await processes.upload(command, context)

    async def fail(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(LogWriter, "flush", fail)
    async with working(hub, told, retry=Retry(attempts=1)):
        job = await ended(hub, await upload(hub))
    assert job.outcome == outcome
    assert outcome == "SUCCEEDED" or (job.error and job.error.message == "its own error")


async def test_lines_that_were_being_stored_are_stored(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler ends just while its lines are on their way: they are stored before the job ends."""
    flush, storing = LogWriter.flush, asyncio.Event()

    async def slow(lines: LogWriter) -> None:
        if not storing.is_set():
            storing.set()
            await asyncio.Event().wait()
        await flush(lines)

    async def told(command: UploadSource, context: JobContext) -> Any:
        await context.log("a line")
        await storing.wait()
        return await processes.upload(command, context)

    monkeypatch.setattr(LogWriter, "flush", slow)
    async with working(hub, told):
        id = await upload(hub)
        await ended(hub, id)
    assert [read.line.text for read in (await logs.read(hub, id)).lines] == ["a line"]


async def test_a_superseded_job_is_stopped_and_touches_nothing(hub: Hub) -> None:
    """Its beat is refused: the handler is cancelled, and the record stays as the other one has it."""
    gate = Gate()
    async with working(replace(hub, limits=QUICK), gate) as worker:
        id = await upload(hub)
        await gate.until(1)
        assert await seize(processes.other(hub), id, 1)

        async def gone() -> bool:
            return not worker.running

        await until(gone)
    job = await get(hub, id)
    assert (job.state, job.attempt) == ("RUNNING", 2)
    assert await writer(hub) == f"{id}.1"


async def test_stopping_lets_running_jobs_finish(hub: Hub) -> None:
    """Within the grace time a job ends as usual, and nothing new is taken."""
    gate = Gate()
    patient = replace(hub, limits=replace(hub.limits, grace=5.0))
    worker = Worker(patient, (Registration(command=UploadSource, handler=gate),), 1)
    running = asyncio.create_task(worker.run())
    first = await upload(hub)
    await gate.until(1)
    worker.stop()
    second = await upload(hub)
    gate.opened.set()
    await running
    assert (await get(hub, first)).outcome == "SUCCEEDED"
    assert (await get(hub, second)).state == "QUEUED"


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_stopping_puts_back_what_does_not_finish(hub: Hub, how: str) -> None:
    """After the grace time, or at once where the worker is cancelled: QUEUED again without a failure, sent, noun free."""
    gate = Gate()
    worker = Worker(replace(hub, limits=QUICK), (Registration(command=UploadSource, handler=gate),), 1)
    running = asyncio.create_task(worker.run())
    id = await upload(hub)
    await gate.until(1)
    if how == "stop":
        worker.stop()
        await running
    else:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    job = await get(hub, id)
    assert (job.state, job.failures, job.attempt) == ("QUEUED", 0, 1)
    assert job.sent_at > 0
    assert await ready(hub) == 1
    assert await writer(hub) == ""
    assert await presence.page(hub) == []


async def test_stopping_puts_back_what_was_being_claimed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that is under way when the worker stops is no job that outlives it, with stores that are closed under it."""
    replacing, claiming, released = JOBS.replace, asyncio.Event(), asyncio.Event()

    async def slow(records: Any, old: Any, value: Job) -> Any:
        if value.state == "RUNNING" and not released.is_set():
            claiming.set()
            await released.wait()
        return await replacing(records, old, value)

    async def unconsumed() -> bool:
        [depth] = await hub.bus.depth(["upload"])
        return depth.consumers == 0

    monkeypatch.setattr(JOBS, "replace", slow)
    worker = Worker(replace(hub, limits=QUICK), (Registration(command=UploadSource, handler=Gate()),), 1)
    running = asyncio.create_task(worker.run())
    id = await upload(hub)
    await claiming.wait()
    worker.stop()
    await until(unconsumed)
    released.set()
    await running
    job = await get(hub, id)
    assert (job.state, job.failures, job.attempt) == ("QUEUED", 0, 1)
    assert await writer(hub) == ""


async def test_stopping_leaves_no_consumer(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that was being subscribed to as the worker stopped brings it nothing any more."""
    consume, asking, released = hub.bus.consume, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any) -> Any:
        asking.set()
        await released.wait()
        return await consume(*given)

    monkeypatch.setattr(hub.bus, "consume", slow)
    intake = Intake(hub, "upload", 1, {}, Worker.start)  # type: ignore[arg-type]  # nothing is begun
    running = asyncio.create_task(intake.run())
    await asking.wait()
    await intake.close()
    released.set()
    await running
    [depth] = await hub.bus.depth(["upload"])
    assert depth.consumers == 0


async def test_a_job_ends_with_its_process(hub: Hub) -> None:
    """Cancelled as the event loop ends, it does not end its attempt, even where its handler's tidying up fails: a reaper does."""
    begun = asyncio.Event()

    async def handler(command: UploadSource, context: JobContext) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise Unavailable("closed already")

    async with working(hub, handler) as worker:
        id = await upload(hub)
        await begun.wait()
        [task] = worker._tasks
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert (await get(hub, id)).state == "RUNNING"


async def test_a_job_that_has_switched_finishes_even_when_stopped(hub: Hub) -> None:
    """After the switch only finishing is allowed."""
    switched = asyncio.Event()

    async def hang(command: UploadSource, context: JobContext) -> Any:
        await processes.upload(command, context)
        switched.set()
        await asyncio.Event().wait()

    async with working(replace(hub, limits=QUICK), hang) as worker:
        id = await upload(hub)
        await switched.wait()
        worker.stop()
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_a_job_that_takes_too_long_is_timed_out(hub: Hub) -> None:
    """TIMED_OUT at once, without a retry."""
    async with working(hub, Gate(), timeout=0.02):
        job = await ended(hub, await upload(hub))
    assert (job.outcome, job.attempt) == ("TIMED_OUT", 1)
    assert job.error
    assert job.error.code == "JOB_TIMED_OUT"


async def test_a_full_disk_is_told_with_its_folder(hub: Hub) -> None:
    """The job waits for room, as for a server that is away."""

    async def fill(command: UploadSource, context: JobContext) -> Any:
        raise OSError(errno.ENOSPC, "no room", str(hub.data / "part"))

    async with working(hub, fill):
        id = await upload(hub)
        async with asyncio.timeout(5):
            while not (job := (await JOBS.get(hub.records, id)).value).error:  # noqa: ASYNC110 (the store's word)
                await asyncio.sleep(0.01)

    assert (job.state, job.outages, job.failures) == ("QUEUED", 1, 0)
    assert job.error is not None
    assert (job.error.code, str(hub.data) in job.error.message) == ("DISK_FULL", True)


async def test_a_timeout_of_the_handlers_own_is_a_failure(hub: Hub) -> None:
    """Only the registration's limit is TIMED_OUT."""

    async def slow(command: UploadSource, context: JobContext) -> Any:
        raise TimeoutError("of a server")

    async with working(hub, slow, retry=Retry(attempts=1)):
        job = await ended(hub, await upload(hub))
    assert job.outcome == "FAILED"


async def test_a_message_is_held_while_the_store_cannot_answer(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither lost nor acknowledged, and nothing more is consumed, until the store is back."""
    find, failing, away = JOBS.find_one, asyncio.Event(), True

    async def unavailable(records: Any, id: str) -> Any:
        if not away:
            return await find(records, id)
        failing.set()
        raise Unavailable("away")

    first, second = await upload(hub), await upload(hub)
    monkeypatch.setattr(JOBS, "find_one", unavailable)
    async with working(hub, slots=1):
        await failing.wait()

        async def paused() -> bool:
            [depth] = await hub.bus.depth(["upload"])
            return depth.consumers == 0 and depth.ready == 1

        await until(paused)
        away = False
        for id in (first, second):
            assert (await ended(hub, id)).outcome == "SUCCEEDED"


@pytest.mark.parametrize("failure", [Unreadable("another version"), RuntimeError("nobody foresaw it")])
async def test_a_message_that_cannot_be_claimed_takes_no_slot(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    """It is acknowledged, since a reaper sends it again, and logged; what comes next is done, more of them than there are slots."""
    find = JOBS.find_one
    broken = [await upload(hub) for _ in range(3)]

    async def failing(records: Any, id: str) -> Any:
        if id in broken:
            raise failure
        return await find(records, id)

    monkeypatch.setattr(JOBS, "find_one", failing)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logging.getLogger("bus").error(context["exception"]))
    fine = await upload(hub)
    async with working(hub, slots=2):
        assert (await ended(hub, fine)).outcome == "SUCCEEDED"
        assert await ready(hub) == 0
    assert sum(str(failure) in (record.message, vars(record).get("error")) for record in caplog.records) == len(broken)


async def test_a_job_that_cannot_be_begun_takes_no_slot(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claimed attempt whose start fails is left to a reaper, and the slot is free."""
    start, failed = Worker.start, asyncio.Event()

    async def failing(worker: Worker, attempt: Any, registration: Any) -> None:
        if not failed.is_set():
            failed.set()
            raise Unreadable("another version")
        await start(worker, attempt, registration)

    monkeypatch.setattr(Worker, "start", failing)
    await upload(hub)
    await add_source(hub, "t")
    second = await upload(hub, "t")
    async with working(hub, slots=1):
        assert (await ended(hub, second)).outcome == "SUCCEEDED"


async def test_an_end_waits_for_the_store(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is done while the store is away is finished when it is back, once."""
    replacing, left = JOBS.replace, 3

    async def unavailable(records: Any, old: Any, value: Job) -> Any:
        nonlocal left
        if value.state == "FINISHED" and left:
            left -= 1
            raise Unavailable("away")
        return await replacing(records, old, value)

    monkeypatch.setattr(JOBS, "replace", unavailable)
    async with working(hub):
        job = await ended(hub, await upload(hub))
    assert (job.outcome, job.attempt, left) == ("SUCCEEDED", 1, 0)


async def test_progress_and_log_lines_get_out(hub: Hub) -> None:
    """The newest progress is published and saved, log lines are stored and announced, before the job's last event."""

    async def talk(command: UploadSource, context: JobContext) -> Any:
        for number in range(100):
            await context.progress(number + 1, 100, "documents")
        await context.log("one")
        await context.log("two", "warning")
        return await processes.upload(command, context)

    seen: list[Any] = []
    async with hub.bus.watch() as events, working(hub, talk):
        id = await upload(hub)
        async for event in events:
            seen.append(event)
            if isinstance(event, JobFinished):
                break
    progressed = [event for event in seen if isinstance(event, JobProgressed)]
    assert progressed[-1].done == 100
    assert len(progressed) < 10
    assert any(isinstance(event, LogWritten) and event.upto == 2 for event in seen)
    assert [(read.line.level, read.line.text) for read in (await logs.read(hub, id)).lines] == [("info", "one"), ("warning", "two")]
    assert ((await get(hub, id)).warnings, (await get(hub, id)).warned) == (("two",), 1)


async def test_a_job_keeps_the_first_lines_that_it_warned_of(hub: Hub) -> None:
    """Each once and not for ever; what an attempt before it warned of is not the last one's."""

    async def worry(command: UploadSource, context: JobContext) -> Any:
        if context.output.endswith(".1"):
            await context.log("only at first", "error")
            raise ValueError("once")
        for number in range(60):
            await context.log(f"line {number // 2}" + "x" * 900, "warning")
        return await processes.upload(command, context)

    id = await upload(hub)
    await processes.go_on(hub, processes.registrations(UploadSource=worry))

    job = await get(hub, id)
    assert job.failures == 1
    assert (len(job.warnings), job.warned) == (20, 60)
    assert job.warnings[1] == ("line 1" + "x" * 900)[:500]


async def test_lines_that_could_not_be_stored_are_stored_before_the_job_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store was away when they were said, and nothing more is said after."""
    put, tried, left = hub.files.put, asyncio.Event(), 1

    async def away_once(*args: Any, **kwargs: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            tried.set()
            raise Unavailable("away")
        await put(*args, **kwargs)

    async def talk(command: UploadSource, context: JobContext) -> Any:
        await context.log("said")
        await tried.wait()
        return await processes.upload(command, context)

    monkeypatch.setattr(hub.files, "put", away_once)
    async with working(hub, talk):
        id = await upload(hub)
        assert (await ended(hub, id)).outcome == "SUCCEEDED"
    assert [read.line.text for read in (await logs.read(hub, id)).lines] == ["said"]


async def test_lines_are_readable_while_nothing_more_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that could not be stored at first are tried again while the job goes on."""
    put, gate, left = hub.files.put, Gate(), 1

    async def away_once(*args: Any, **kwargs: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            raise Unavailable("away")
        await put(*args, **kwargs)

    async def talk(command: UploadSource, context: JobContext) -> Any:
        await context.log("said")
        return await gate(command, context)

    monkeypatch.setattr(hub.files, "put", away_once)
    async with working(hub, talk):
        id = await upload(hub)

        async def readable() -> bool:
            return bool((await logs.read(hub, id)).lines)

        await until(readable)
        assert (await get(hub, id)).state == "RUNNING"
        gate.opened.set()


async def test_a_job_ends_after_its_last_line_is_stored(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that line was on its way when the handler ended."""
    put, begun, allowed = hub.files.put, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> None:
        begun.set()
        await allowed.wait()
        await put(*args, **kwargs)

    async def talk(command: UploadSource, context: JobContext) -> Any:
        await context.log("said")
        await begun.wait()
        return await processes.upload(command, context)

    monkeypatch.setattr(hub.files, "put", slow)
    async with working(hub, talk):
        id = await upload(hub)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await ended(hub, id)
        allowed.set()
        assert (await ended(hub, id)).outcome == "SUCCEEDED"
    assert [read.line.text for read in (await logs.read(hub, id)).lines] == ["said"]


async def test_workers_are_seen(hub: Hub) -> None:
    """While it works: its queues, slots and running jobs; afterwards it is gone."""
    gate = Gate()
    async with working(replace(hub, limits=QUICK), gate, slots=3):
        id = await upload(hub)
        await gate.until(1)

        async def shown() -> bool:
            return any(stored.value.running == (id,) for stored in await presence.page(hub))

        await until(shown)
        [stored] = await presence.page(hub)
        assert stored.value.queues == {"upload": 3}
        gate.opened.set()
    assert await presence.page(hub) == []


async def test_workers_tell_how_late_their_loop_was(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest since they spoke before: others see from afar that something holds a worker up."""
    monkeypatch.setattr("events.lateness.PULSE", 0.02)
    gate = Gate()
    async with working(replace(hub, limits=QUICK), gate):
        await upload(hub)
        await gate.until(1)
        time.sleep(0.2)  # noqa: ASYNC251 -- this is what holds it up

        async def shown() -> bool:
            return any(stored.value.lag >= 0.15 for stored in await presence.page(hub))

        await until(shown)
        gate.opened.set()


async def test_a_cancel_word_that_comes_before_the_job_is_known_is_heard(hub: Hub) -> None:
    """Between the claim and the first step of the job in this process: remembered, and the handler does not work."""
    gate = Gate()
    async with working(hub, gate, slots=1, command=ValidateMapping) as worker:
        id = (await ask(hub, ValidateMapping(source="s"), delay=3600.0)).job.id
        stored = await JOBS.get(hub.records, id)
        await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, not_before=0.0))
        attempt = await claim(hub, id, "here", Retry())
        assert attempt
        await control.cancel(hub, id)
        for _ in range(3):
            await asyncio.sleep(0)
        await worker.start(attempt, Registration(command=ValidateMapping, handler=gate))
        assert (await ended(hub, id)).outcome == "CANCELED"
    assert gate.begun == []


async def test_a_cancel_word_that_could_not_be_heeded_is_made_good(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug where a control word is heeded ends neither the worker nor its listening: it begins anew, and looks at every job."""
    gate, notice, failed = Gate(), RunningJob.notice, asyncio.Event()

    async def fail_once(job: RunningJob) -> None:
        if not failed.is_set():
            failed.set()
            raise KeyError("bug")
        await notice(job)

    monkeypatch.setattr(RunningJob, "notice", fail_once)
    async with working(hub, gate):
        id = await upload(hub)
        await gate.until(1)
        await control.cancel(hub, id)
        assert (await ended(hub, id)).outcome == "CANCELED"
    assert failed.is_set()


async def test_a_cancel_word_that_was_missed_is_made_good(hub: Hub) -> None:
    """Where the bus says that words may have been missed, a worker looks at each of its jobs."""
    gate = Gate()
    async with working(replace(hub, limits=Limits(lease=600.0)), gate):
        id = await upload(hub)
        await gate.until(1)
        await JOBS.change(hub.records, id, lambda job: msgspec.structs.replace(job, state="CANCELING"))
        assert isinstance(hub.bus, EmbeddedBus)
        hub.bus._control.tell_gap()
        assert (await ended(hub, id)).outcome == "CANCELED"


@pytest.mark.parametrize("side_task", ["intake", "presence"])
async def test_a_worker_goes_on_where_a_side_task_fails(hub: Hub, monkeypatch: pytest.MonkeyPatch, side_task: str) -> None:
    """A bug in taking commands, or in saying who is there, is tried again."""
    owner, name = (EmbeddedBus, "consume") if side_task == "intake" else (presence, "save")
    sound, failed = getattr(owner, name), asyncio.Event()

    async def fail_once(*values: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise KeyError("bug")
        return await sound(*values)

    monkeypatch.setattr(owner, name, fail_once)
    async with working(hub):
        await asyncio.wait_for(failed.wait(), 20)
        assert (await ended(hub, await upload(hub))).outcome == "SUCCEEDED"
        await until(partial(presence.page, hub))


async def test_waiters_follow_one_another(hub: Hub) -> None:
    """Many jobs for one noun, many slots: one at a time, each woken by the one before."""
    async with working(hub, slots=4):
        for id in [await upload(hub) for _ in range(8)]:
            assert (await ended(hub, id)).outcome == "SUCCEEDED"
    assert await writers.is_free(hub, "source/s")
