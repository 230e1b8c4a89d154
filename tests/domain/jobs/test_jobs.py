"""Asking, sending, claiming, cancelling and retrying jobs, as anybody may."""

import asyncio
import time
from typing import Any

import pytest

from domain.errors import Conflict, JobFailed, JobTimedOut, NotFound
from domain.hub import Hub
from domain.ids import derived_id, key_id
from domain.jobs import control, sending
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS, Run
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Stopped
from events.bus import BusError, Control
from events.message import Command
from events.sources import DumpSource, UploadSource
from tests.domain.jobs.processes import get, impatient, perform, registrations, work_off


async def test_asking_saves_then_sends(hub: Hub) -> None:
    """The record is QUEUED and marked sent, its first event says so, and the command waits on its queue with its ids."""
    asked = await ask(hub, UploadSource(source="s"), asked_by="me")
    job = await get(hub, asked.job.id)
    assert (job.state, job.queue, job.target, job.asked_by, job.run_id) == ("QUEUED", "upload", "source/s", "me", asked.job.id)
    assert job.sent_at > 0
    assert [(event["type"], event["seq"]) for event in job.events] == [("JobQueued", 1)]
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1
    assert not asked.replayed


async def test_asking_twice_makes_one_job(hub: Hub) -> None:
    """Same id and input: the same job, replayed; it is not sent again."""
    id = derived_id("x")
    await ask(hub, UploadSource(source="s"), id=id)
    again = await ask(hub, UploadSource(source="s"), id=id)
    assert again.replayed
    assert again.job.id == id
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1


async def test_many_ask_at_once_for_one_job(hub: Hub) -> None:
    """Of many that ask at the same time, one is first."""
    id = derived_id("x")
    asked = await asyncio.gather(*(ask(hub, UploadSource(source="s"), id=id) for _ in range(20)))
    assert sum(not each.replayed for each in asked) == 1


@pytest.mark.parametrize("other", [UploadSource(source="s", force=True), UploadSource(source="t"), DumpSource(source="s")])
async def test_another_input_under_the_same_id_is_a_conflict(hub: Hub, other: Command) -> None:
    """A key belongs to its input for as long as the job is kept."""
    id = derived_id("x")
    await ask(hub, UploadSource(source="s"), id=id)
    with pytest.raises(Conflict):
        await ask(hub, other, id=id)


def test_ids_tell_their_parts_apart() -> None:
    """Derived ids depend on every part, and on where one ends; without a key a request is always a new one."""
    assert derived_id("ab", "c") == derived_id("ab", "c") != derived_id("a", "bc")
    assert key_id("me", "dumpSource", "1") == key_id("me", "dumpSource", "1") != key_id("you", "dumpSource", "1")
    assert key_id("me", "dumpSource", "1") != key_id("me", "uploadSource", "1")
    assert key_id("me", "dumpSource", None) != key_id("me", "dumpSource", None)


async def test_a_job_is_asked_for_even_if_the_bus_is_away(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is saved, nothing is marked sent, and the reaper sends it when the bus is back."""

    async def away(command: Command) -> None:
        raise BusError("away")

    with monkeypatch.context() as patched:
        patched.setattr(hub.bus, "send", away)
        id = (await ask(hub, UploadSource(source="s"))).job.id
        assert (await get(hub, id)).sent_at == 0
        with pytest.raises(BusError):
            await impatient(hub).send_due()
        assert (await get(hub, id)).sent_at == 0
    await impatient(hub).send_due()
    assert (await get(hub, id)).sent_at > 0
    await work_off(hub, registrations())
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_events_are_hints(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that carries no events keeps no job from being done."""

    async def away(event: Any) -> None:
        raise BusError("away")

    monkeypatch.setattr(hub.bus, "emit", away)
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, registrations())
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_a_delayed_job_is_sent_when_it_is_due(hub: Hub) -> None:
    """Not before; and a message that comes too early is dropped, without a claim."""
    id = (await ask(hub, UploadSource(source="s"), delay=3600)).job.id
    await impatient(hub).send_due()
    job = await get(hub, id)
    assert job.sent_at == 0
    assert job.not_before == pytest.approx(time.time() + 3600, abs=60)
    assert await claim(hub, id, "w", Retry()) is None
    assert (await get(hub, id)).state == "QUEUED"


async def test_a_job_that_is_not_due_but_sent_is_sent_again(hub: Hub) -> None:
    """Where a message came too early, the record says again that it was not sent."""
    asked = await ask(hub, UploadSource(source="s"), delay=3600)
    await sending.resend(hub, asked.job)
    assert await claim(hub, asked.job.id, "w", Retry()) is None
    assert (await get(hub, asked.job.id)).sent_at == 0


async def test_many_claim_at_once(hub: Hub) -> None:
    """Of many workers that got a message for the job, one claims it, and the others drop theirs."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    claimed = await asyncio.gather(*(claim(hub, id, f"w{number}", Retry()) for number in range(20)))
    [attempt] = [each for each in claimed if each]
    job = await get(hub, id)
    assert (job.state, job.attempt, job.worker) == ("RUNNING", 1, attempt.job.worker)
    assert await claim(hub, id, "late", Retry()) is None


async def test_a_message_for_an_unknown_job_is_dropped(hub: Hub) -> None:
    """Its record was forgotten: nothing to do."""
    assert await claim(hub, "gone", "w", Retry()) is None


async def test_the_whole_life_of_a_job_is_in_its_events(hub: Hub) -> None:
    """Queued, started, the domain event, finished: numbered densely; the domain event is the result."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, registrations())
    job = await get(hub, id)
    assert [event["type"] for event in job.events] == ["JobQueued", "JobStarted", "SourceUploaded", "JobFinished"]
    assert [event.get("seq") for event in job.events] == [1, 2, None, 4]
    assert job.result == job.events[2]
    assert job.seq == 4
    assert all(event["job_id"] == id == event["run_id"] for event in job.events)


async def test_every_event_is_told_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat, which adds none, tells nobody of the events before it again."""
    told: list[Any] = []

    async def emit(event: Any) -> None:
        told.append((type(event).__name__, event.seq))

    monkeypatch.setattr(hub.bus, "emit", emit)
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, "w", Retry())
    assert attempt
    await attempt.beat()
    await attempt.pin(["x"])
    await attempt.finish(Stopped())
    assert told == [("JobQueued", 1), ("JobStarted", 2), ("JobQueued", 3)]


async def test_cancelling_a_queued_job_ends_it(hub: Hub) -> None:
    """CANCELED at once; the message that still waits finds nothing to claim."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    assert (await control.cancel(hub, id)).value.outcome == "CANCELED"
    await work_off(hub, registrations())
    assert [event["type"] for event in (await get(hub, id)).events] == ["JobQueued", "JobFinished"]
    assert (await control.cancel(hub, id)).value.outcome == "CANCELED"


async def test_cancelling_a_running_job_tells_every_process(hub: Hub) -> None:
    """CANCELING in the record, and a word on the control channel; asked again, the word is said again."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await claim(hub, id, "w", Retry())
    async with hub.bus.listen() as words:
        await control.cancel(hub, id)
        await control.cancel(hub, id)
        assert [await anext(words), await anext(words)] == [Control(word="cancel", job_id=id)] * 2
    job = await get(hub, id)
    assert job.state == "CANCELING"
    assert [event["type"] for event in job.events] == ["JobQueued", "JobStarted", "JobCanceling"]


async def test_what_has_succeeded_cannot_be_cancelled(hub: Hub) -> None:
    """Nor what is unknown."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, registrations())
    with pytest.raises(Conflict):
        await control.cancel(hub, id)
    with pytest.raises(NotFound):
        await control.cancel(hub, "gone")


@pytest.mark.parametrize("error", [JobFailed("bad"), JobTimedOut("slow")])
async def test_what_failed_can_be_tried_again(hub: Hub, error: Exception) -> None:
    """FAILED and TIMED_OUT are opened again, with new failures to spend."""

    async def fail(command: UploadSource, context: Any) -> Any:
        raise error

    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, registrations(Retry(never=(JobFailed,)), UploadSource=fail))
    job = await get(hub, id)
    assert job.outcome == ("TIMED_OUT" if isinstance(error, JobTimedOut) else "FAILED")
    assert job.error
    assert job.error.message == error.args[0]
    again = await control.retry(hub, id)
    assert (again.value.state, again.value.outcome, again.value.failures, again.value.error) == ("QUEUED", None, 0, None)
    await work_off(hub, registrations())
    job = await get(hub, id)
    assert (job.outcome, job.attempt) == ("SUCCEEDED", 2)


async def test_what_was_cancelled_can_be_tried_again(hub: Hub) -> None:
    """CANCELED is opened again, and done."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await control.cancel(hub, id)
    await control.retry(hub, id)
    await work_off(hub, registrations())
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_only_what_failed_can_be_tried_again(hub: Hub) -> None:
    """Neither what succeeded, nor what is queued, nor what belongs to a cancelled run."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    with pytest.raises(Conflict):
        await control.retry(hub, id)
    await work_off(hub, registrations())
    with pytest.raises(Conflict):
        await control.retry(hub, id)
    await RUNS.insert(hub.records, "r", Run(title="t", created_at=0.0, cancelled=True))
    mine = (await ask(hub, UploadSource(source="s"), run_id="r", step="x")).job.id
    await control.cancel(hub, mine)
    with pytest.raises(Conflict, match="run was cancelled"):
        await control.retry(hub, mine)


async def test_a_failure_is_retried_until_it_is_spent(hub: Hub) -> None:
    """Each attempt counts; the last failure is the job's error."""
    tries: list[str] = []

    async def fail(command: UploadSource, context: Any) -> Any:
        tries.append(context.output)
        raise JobFailed(f"try {len(tries)}")

    id = (await ask(hub, UploadSource(source="s"))).job.id
    known = registrations(Retry(attempts=3, base=0.0), UploadSource=fail)
    for _ in range(5):
        await work_off(hub, known)
        await impatient(hub).send_due()
    job = await get(hub, id)
    assert (job.outcome, job.failures, tries) == ("FAILED", 3, [f"{id}.1", f"{id}.2", f"{id}.3"])
    assert job.error
    assert job.error.message == "try 3"
    reasons = [event.get("reason", "asked") for event in job.events if event["type"] == "JobQueued"]
    assert reasons == ["asked", "failed", "failed"]


async def test_an_unexpected_exception_keeps_its_traceback(hub: Hub) -> None:
    """A bug of a handler is a failure like any other, with the place where it happened."""

    async def fail(command: UploadSource, context: Any) -> Any:
        raise KeyError("x")

    id = (await ask(hub, UploadSource(source="s"))).job.id
    await perform(hub, id, registrations(Retry(attempts=1), UploadSource=fail))
    error = (await get(hub, id)).error
    assert error
    assert (error.code, error.message) == ("INTERNAL", "KeyError: 'x'")
    assert "in fail" in error.detail


async def test_a_job_for_a_noun_that_is_gone_fails_at_once(hub: Hub) -> None:
    """No retry brings a removed source back."""
    id = (await ask(hub, UploadSource(source="gone"))).job.id
    await work_off(hub, registrations())
    job = await get(hub, id)
    assert (job.outcome, job.attempt) == ("FAILED", 1)
    assert job.error
    assert job.error.code == "NOT_FOUND"


async def test_pages_go_through_all_jobs(hub: Hub) -> None:
    """Newest first, behind a cursor, by state, target and run."""
    ids = [(await ask(hub, UploadSource(source=name))).job.id for name in ("s", "t", "s")]
    first = await control.page(hub, limit=2)
    assert [stored.id for stored in first] == ids[:0:-1]
    rest = await control.page(hub, after=first[-1].place)
    assert [stored.id for stored in rest] == ids[:1]
    assert [stored.id for stored in await control.page(hub, {"target": "source/s"}, descending=False)] == [ids[0], ids[2]]
    assert len(await control.page(hub, {"queue": "upload", "state": "QUEUED"})) == 3
    assert [stored.id for stored in await control.page(hub, {"run_id": ids[1]})] == [ids[1]]
    with pytest.raises(ValueError, match="no index"):
        await control.page(hub, {"queue": "upload"})


async def test_many_workers_do_every_job_once(hub: Hub) -> None:
    """Messages doubled, claims racing: each job has one attempt, and one output."""
    ids = [(await ask(hub, UploadSource(source="s"))).job.id for _ in range(10)]
    known = registrations()
    done = [each for each in await asyncio.gather(*(perform(hub, id, known) for id in ids * 3)) if each]
    assert len(done) == 10
    await impatient(hub).send_due()
    for _ in range(12):
        await work_off(hub, known)
        await impatient(hub).send_due()
    outcomes = [(await JOBS.get(hub.records, id)).value for id in ids]
    assert [job.outcome for job in outcomes] == ["SUCCEEDED"] * 10
    assert [sum(event["type"] == "SourceUploaded" for event in job.events) for job in outcomes] == [1] * 10
