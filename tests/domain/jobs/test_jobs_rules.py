"""Each rule of the job protocol (docs/protocol.md), by what goes wrong without it."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from domain.data.sources import SOURCES
from domain.errors import JobSuperseded, Unavailable
from domain.hub import Hub
from domain.jobs import control, jobs, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import claim, seize
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from domain.jobs.settling import settle
from domain.jobs.verdicts import Stopped, Succeeded, Waiting
from domain.nouns import owner
from events.sources import SourceUploaded, UploadSource
from tests.domain.jobs import processes
from tests.domain.jobs.processes import get, impatient, other, perform, registrations, writer
from workers.context import JobContext
from workers.runner import Runner


async def asked(hub: Hub, source: str = "s") -> str:
    """An upload that was asked for."""
    return (await ask(hub, UploadSource(source=source))).job.id


def uploaded(output: str) -> SourceUploaded:
    """The event of an upload with this output."""
    return SourceUploaded(source="s", release="1", output=output, dump="", code="")


async def switch(hub: Hub, output: str) -> None:
    """The switch of an attempt that is the writer."""
    await writers.switch(hub, SOURCES, "s", output, lambda noun: noun.with_output(uploaded(output), 3))


async def test_settle_finds_the_output_of_a_dead_attempt(hub: Hub) -> None:
    """A worker that died between switch and finish has done its job: it SUCCEEDED, and is not done again."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    await switch(hub, attempt.name)
    assert await settle(other(hub), attempt.stored)
    job = await get(hub, id)
    assert (job.state, job.outcome, job.attempt) == ("FINISHED", "SUCCEEDED", 2)
    assert job.result
    assert job.result["output"] == f"{id}.1"
    assert await writer(hub) == ""


async def test_settle_fences_the_dead_attempt_before_it_looks(hub: Hub) -> None:
    """An owner that was called dead and still lives can't switch any more once its attempt is being ended."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry(base=0.0))
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    ender = await seize(other(hub), id, 1)
    assert ender
    assert await writers.close(hub, "source/s", id, ender.number) is None
    with pytest.raises(JobSuperseded):
        await switch(hub, attempt.name)
    with pytest.raises(JobSuperseded):
        await attempt.finish(Succeeded(uploaded(attempt.name), True))
    assert (await SOURCES.get(hub.records, "s")).value.outputs == ()


async def test_a_dead_attempt_that_switched_nothing_is_put_back_and_costs_no_failure(hub: Hub) -> None:
    """A lost worker is not the job's failure: the job is QUEUED again, and its noun free."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    assert await settle(other(hub), attempt.stored)
    job = await get(hub, id)
    assert (job.state, job.failures, job.losses, job.attempt, job.sent_at) == ("QUEUED", 0, 1, 2, 0.0)
    assert job.not_before > 0
    assert job.error
    assert job.error.code == "WORKER_LOST"
    assert await writer(hub) == ""


async def test_a_job_that_loses_one_worker_after_another_is_poison(hub: Hub) -> None:
    """However few failures its registration allows, it is tried again with growing waits, until the fifth worker is lost over it;
    opened again, it has all of them anew."""
    id = await asked(hub)
    waits, outcomes = [], []
    for _ in range(5):
        await JOBS.change(hub.records, id, lambda job: msgspec.structs.replace(job, not_before=0.0))
        attempt = await claim(hub, id, "worker", Retry(attempts=1))
        assert attempt
        assert await settle(other(hub), attempt.stored)
        job = await get(hub, id)
        waits.append(job.not_before and job.not_before - job.events[-1]["at"])
        outcomes.append(job.outcome)

    assert outcomes == [None, None, None, None, "FAILED"]
    assert all(after > before for before, after in pairwise(waits[:4]))
    assert job.error
    assert (job.error.code, job.failures, job.losses) == ("WORKER_LOST", 0, 5)
    assert "the 5th that this step lost" in job.error.message
    await control.retry(hub, id)
    assert (await get(hub, id)).losses == 0


async def test_a_dead_attempt_of_a_cancelled_job_is_cancelled(hub: Hub) -> None:
    """CANCELING and dead, without output: CANCELED."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    stored = await control.cancel(hub, id)
    assert await settle(other(hub), stored)
    assert (await get(hub, id)).outcome == "CANCELED"


async def test_an_outage_spends_no_failure(hub: Hub) -> None:
    """Attempts that end because a server is away leave what a job may fail by itself as it was; there may be more of them."""
    id = await asked(hub)

    async def away(command: UploadSource, context: JobContext) -> Any:
        raise Unavailable("away")

    for _ in range(5):
        await perform(hub, id, registrations(Retry(attempts=3, base=0.0), UploadSource=away))
    job = await get(hub, id)
    assert (job.state, job.failures, job.outages, job.attempt) == ("QUEUED", 0, 5, 5)


async def test_settling_twice_ends_the_attempt_once(hub: Hub) -> None:
    """Of two processes that call an attempt dead, one ends it."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    results = await asyncio.gather(settle(other(hub), attempt.stored), settle(other(hub, "third"), attempt.stored))
    assert sorted(results) == [False, True]
    assert (await get(hub, id)).losses == 1


async def test_recheck_keeps_a_superseded_owner_from_working(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called dead between claim and taking the writer, an owner that takes it afterwards looks again, and does not work."""
    worked: list[str] = []

    async def upload(command: UploadSource, context: JobContext) -> Any:
        worked.append(context.output)
        return await processes.upload(command, context)

    take = writers.take

    async def take_late(hub: Hub, target: str, job_id: str, attempt: int) -> str:
        if attempt == 1:
            await settle(other(hub), await jobs.JOBS.get(hub.records, job_id))
        return await take(hub, target, job_id, attempt)

    monkeypatch.setattr(writers, "take", take_late)
    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    assert worked == []
    assert await writer(hub) == f"{id}.1"  # left alone: whoever ended the attempt, or the reaper, frees it
    monkeypatch.setattr(writers, "take", take)
    await processes.go_on(hub, registrations(UploadSource=upload))
    assert worked == [f"{id}.3"]


async def test_the_switch_is_the_point_of_no_return(hub: Hub) -> None:
    """A job that was cancelled after its switch SUCCEEDED."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        event = await processes.upload(command, context)
        await control.cancel(hub, id)
        return event

    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_a_failure_after_the_switch_changes_nothing(hub: Hub) -> None:
    """A handler that raises behind its switch has succeeded, with what it switched to as result."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        await processes.upload(command, context)
        raise ValueError("too late")

    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    job = await get(hub, id)
    assert job.outcome == "SUCCEEDED"
    assert job.result
    assert job.result["output"] == f"{id}.1"


async def test_a_job_that_is_cancelled_before_its_switch_is_cancelled(hub: Hub) -> None:
    """A handler that found nothing to do, in a job that is CANCELING: CANCELED."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        await control.cancel(hub, id)
        return uploaded("what was there")

    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    assert (await get(hub, id)).outcome == "CANCELED"


@pytest.mark.parametrize(
    ("holder", "blocked"), [("", False), ("j.1", False), ("j.2", False), ("j.3", True), ("k.1", True), ("k.9", True)]
)
def test_writer_blocks_all_but_earlier_attempts_of_the_same_job(holder: str, blocked: bool) -> None:
    """Whether `writer` keeps attempt 2 of job j out."""
    assert writers.blocks(holder, "j", 2) is blocked


@pytest.mark.parametrize(("holder", "left"), [("j.1", ""), ("j.2", ""), ("j.3", "j.3"), ("k.1", "k.1")])
async def test_who_ended_an_attempt_frees_what_earlier_ones_took(hub: Hub, holder: str, left: str) -> None:
    """Attempt 2 of job j ended: the noun is free of it and of the one before, and stays with anybody else."""
    await writers.take(hub, "source/s", *owner(holder))

    await writers.free(hub, "source/s", "j.2")

    assert await writer(hub) == left


async def test_a_job_that_finds_the_noun_taken_waits(hub: Hub) -> None:
    """It goes back to QUEUED, names whom it waits for, and has failed nothing; freed, the noun's next job is sent at once."""
    first, second = await asked(hub), await asked(hub)
    attempt = await claim(hub, first, "first", Retry())
    assert attempt
    await writers.take(hub, "source/s", first, 1)
    await perform(hub, second, registrations())
    job = await get(hub, second)
    assert (job.state, job.waiting_for, job.failures, job.sent_at) == ("QUEUED", first, 0, 0.0)
    await switch(hub, attempt.name)
    await attempt.finish(Succeeded(uploaded(attempt.name), True))
    await writers.free(hub, "source/s", attempt.name)
    await writers.wake(hub, "source/s")
    job = await get(hub, second)
    assert job.waiting_for == ""
    assert job.sent_at > 0


async def test_the_reaper_relieves_a_writer_whose_job_does_not_run(hub: Hub) -> None:
    """Died between finishing and freeing: the reaper frees the noun."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    await attempt.finish(Stopped())
    await impatient(hub).look_at_everything()
    assert await writer(hub) == ""


async def test_the_reaper_leaves_a_writer_whose_job_runs(hub: Hub) -> None:
    """RUNNING or CANCELING, the writer stays."""
    id = await asked(hub)
    assert await claim(hub, id, "first", Retry())
    await writers.take(hub, "source/s", id, 1)
    await impatient(hub).look_at_everything()
    assert await writer(hub) == f"{id}.1"
    await control.cancel(hub, id)
    await impatient(hub).look_at_everything()
    assert await writer(hub) == f"{id}.1"


async def test_a_writer_whose_job_has_no_record_is_relieved(hub: Hub) -> None:
    """A name whose job is forgotten counts as a finished job's."""
    await writers.take(hub, "source/s", "gone", 1)
    await impatient(hub).look_at_everything()
    assert await writer(hub) == ""


async def test_the_reaper_sends_a_waiter_whose_noun_is_free(hub: Hub) -> None:
    """Nobody woke it: the reaper does; the noun being taken, it does not."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await attempt.finish(Waiting("another"))
    await writers.take(hub, "source/s", "another", 1)
    await impatient(hub).send_due()
    assert (await get(hub, id)).sent_at == 0
    await writers.free(hub, "source/s", "another.1")
    await impatient(hub).send_due()
    assert (await get(hub, id)).sent_at > 0


async def test_of_many_waiters_the_oldest_is_sent(hub: Hub) -> None:
    """One at a time: the others would only find the noun taken again."""
    ids = [await asked(hub) for _ in range(3)]
    for id in ids:
        attempt = await claim(hub, id, "first", Retry())
        assert attempt
        await attempt.finish(Waiting("another"))
    await impatient(hub).send_due()
    assert [(await get(hub, id)).sent_at > 0 for id in ids] == [True, False, False]


async def test_who_was_superseded_touches_nothing(hub: Hub) -> None:
    """The writer that the ender of its attempt holds stays with the ender."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        ender = await seize(other(hub), id, 1)
        assert ender
        await writers.close(hub, "source/s", id, 2)
        return await processes.upload(command, context)

    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    assert await writer(hub) == f"{id}.2"
    job = await get(hub, id)
    assert (job.state, job.attempt) == ("RUNNING", 2)


async def test_a_failing_superseded_owner_touches_nothing(hub: Hub) -> None:
    """A failure of an attempt that is over is nobody's."""

    async def upload(command: UploadSource, context: JobContext) -> Any:
        await seize(other(hub), id, 1)
        await writers.close(hub, "source/s", id, 2)
        raise ValueError("a dead worker's")

    id = await asked(hub)
    await perform(hub, id, registrations(UploadSource=upload))
    assert await writer(hub) == f"{id}.2"
    assert (await get(hub, id)).failures == 0


async def test_a_switch_retries_over_unrelated_edits(hub: Hub) -> None:
    """Somebody edits the source while a job switches: both happen."""
    id = await asked(hub)
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await writers.take(hub, "source/s", id, 1)
    edits = [SOURCES.change(hub.records, "s", lambda noun: msgspec.structs.replace(noun, folder="x")) for _ in range(5)]
    await asyncio.gather(switch(hub, attempt.name), *edits)
    outputs = [event.output for event in (await SOURCES.get(hub.records, "s")).value.outputs]
    assert outputs == [attempt.name]
    assert (await SOURCES.get(hub.records, "s")).value.folder == "x"


async def test_a_cancelled_switch_comes_to_its_end_first(hub: Hub) -> None:
    """Who cancels in the middle of the switch learns afterwards whether it happened: the job SUCCEEDED."""
    replace = hub.records.replace
    writing = asyncio.Event()

    async def slow(kind: Any, id: str, body: Any, version: int) -> int:
        if kind.name == "source" and body["outputs"]:
            writing.set()
            await asyncio.sleep(0.02)
        return await replace(kind, id, body, version)

    hub.records.replace = slow  # type: ignore[method-assign]
    id = await asked(hub)
    known = next(each for each in registrations() if each.command is UploadSource)
    attempt = await claim(hub, id, "first", known.retry)
    assert attempt
    runner = Runner(hub)
    job = runner.prepare(attempt)
    running = asyncio.create_task(runner.run(job, known))
    await writing.wait()
    await control.cancel(hub, id)
    await job.notice()
    await running
    assert (await get(hub, id)).outcome == "SUCCEEDED"
