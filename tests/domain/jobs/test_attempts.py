"""Attempts: what a claim and a seizure leave in the record, and who is refused."""

import time
from typing import Any

import msgspec
import pytest

from domain.errors import JobSuperseded
from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim, seize
from domain.jobs.jobs import JOBS, Job, Progress
from domain.jobs.plans import RUNS, Run
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Stopped
from domain.nouns import Stored
from events.sources import UploadSource
from tests.domain.jobs.processes import get, other


async def upload(hub: Hub, **changes: Any) -> Stored[Job]:
    """An upload that was asked for, with these changes of its record."""
    stored = (await ask(hub, UploadSource(source="s"))).job
    stored = await JOBS.get(hub.records, stored.id)
    return await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, **changes)) if changes else stored


async def begun(hub: Hub, **changes: Any) -> Attempt:
    """An attempt at an upload."""
    attempt = await claim(hub, (await upload(hub, **changes)).id, "w", Retry())
    assert attempt
    return attempt


async def test_what_a_claim_leaves(hub: Hub) -> None:
    """The next attempt, alive, of this worker, with its registration's retries; nothing of what the job waited for."""
    old = {
        "attempt": 4,
        "beat": 7,
        "waiting_for": "k",
        "due_at": 5.0,
        "not_before": 5.0,
        "progress": Progress(done=3),
        "pins": ("x.1",),
    }
    stored = await upload(hub, **old)

    attempt = await claim(hub, stored.id, "w", Retry(attempts=5, base=6.0, cap=7.0))

    job = await get(hub, stored.id)
    assert attempt
    assert (attempt.job, attempt.number, attempt.name, attempt.target) == (job, 5, f"{stored.id}.5", "source/s")
    assert (job.state, job.is_alive, job.attempt, job.beat, job.worker) == ("RUNNING", True, 5, 8, "w")
    assert (job.waiting_for, job.due_at, job.not_before, job.progress, job.pins) == ("", 0.0, 0.0, Progress(), ())
    assert job.retry == (5, 6.0, 7.0)
    assert job.started_at == pytest.approx(time.time(), abs=60)
    assert (job.events[-1]["type"], job.events[-1]["worker"], job.events[-1]["attempt"]) == ("JobStarted", "w", 5)


@pytest.mark.parametrize(("seconds", "claimed"), [(60.0, False), (3.0, True)])
async def test_what_is_not_due_is_not_claimed(hub: Hub, seconds: float, claimed: bool) -> None:
    """Its message is dropped, and a reaper sends it at its time; clocks may differ by a few seconds."""
    not_before = time.time() + seconds
    stored = await upload(hub, not_before=not_before, due_at=0.0, sent_at=1.0)

    attempt = await claim(hub, stored.id, "w", Retry())

    job = await get(hub, stored.id)
    assert (attempt is not None) is claimed
    if not claimed:
        assert (job.state, job.attempt, job.sent_at, job.due_at) == ("QUEUED", 0, 0.0, not_before)


async def test_what_is_claimed_or_over_is_not_claimed(hub: Hub) -> None:
    """A message that comes twice finds that out, and changes nothing."""
    attempt = await begun(hub)
    for _ in range(2):
        before = await JOBS.get(hub.records, attempt.id)
        assert await claim(hub, attempt.id, "second", Retry()) is None
        assert await JOBS.get(hub.records, attempt.id) == before
        stored = msgspec.structs.replace(before.value, state="FINISHED", outcome="FAILED", is_alive=False)
        attempt.stored = await JOBS.replace(hub.records, before, stored)


@pytest.mark.parametrize("cancelled", [True, False, None])
async def test_a_claim_looks_whether_the_run_was_cancelled(hub: Hub, cancelled: bool | None) -> None:
    """Then the job is CANCELED; not where the run goes on, or is forgotten."""
    if cancelled is not None:
        await RUNS.insert(hub.records, "r", Run(title="t", created_at=0.0, cancelled=cancelled))
    stored = await upload(hub, run_id="r", step="x")

    attempt = await claim(hub, stored.id, "w", Retry())

    assert (attempt is None) is bool(cancelled)
    assert (await get(hub, stored.id)).outcome == ("CANCELED" if cancelled else None)


@pytest.mark.parametrize("what", ["gone", "seized", "finished", "put back"])
async def test_an_owner_whose_attempt_is_over_is_refused(hub: Hub, what: str) -> None:
    """Whatever became of its job, it is told so at its next change, and changes nothing."""
    attempt = await begun(hub)
    match what:
        case "gone":
            await hub.records.delete(JOBS.kind, attempt.id)
        case "seized":
            assert await seize(other(hub), attempt.id, 1)
        case _:
            there = await JOBS.get(hub.records, attempt.id)
            state = {"finished": "FINISHED", "put back": "QUEUED"}[what]
            await JOBS.replace(hub.records, there, msgspec.structs.replace(there.value, state=state))
    before = await JOBS.find_one(hub.records, attempt.id)

    for change in (attempt.beat, attempt.look, lambda: attempt.finish(Stopped()), lambda: attempt.pin(["x.1"])):
        with pytest.raises(JobSuperseded):
            await change()

    assert await JOBS.find_one(hub.records, attempt.id) == before
    assert not attempt.is_over


@pytest.mark.parametrize("state", ["RUNNING", "CANCELING"])
async def test_what_a_seizure_leaves(hub: Hub, state: str) -> None:
    """The state stays; the next attempt is this process's, and beats anew, so that nobody calls that one dead at once."""
    attempt = await begun(hub)
    stored = await JOBS.replace(hub.records, attempt.stored, msgspec.structs.replace(attempt.job, state=state))

    seized = await seize(other(hub, "second"), attempt.id, 1)

    assert seized
    job = await get(hub, attempt.id)
    assert job == msgspec.structs.replace(stored.value, attempt=2, beat=stored.value.beat + 1, worker="second")
    assert seized.name == f"{attempt.id}.2"


@pytest.mark.parametrize(("changes", "dead"), [({}, 2), ({}, 0), ({"state": "QUEUED"}, 1), ({"state": "FINISHED"}, 1)])
async def test_what_is_not_that_attempt_any_more_is_not_seized(hub: Hub, changes: dict[str, Any], dead: int) -> None:
    """Somebody else was first; the record stays as it is. So it is with one that is gone."""
    attempt = await begun(hub)
    before = await JOBS.replace(hub.records, attempt.stored, msgspec.structs.replace(attempt.job, **changes))

    assert await seize(other(hub), attempt.id, dead) is None
    assert await seize(other(hub), "gone", 1) is None

    assert await JOBS.get(hub.records, attempt.id) == before


async def test_progress_and_pins_are_saved(hub: Hub) -> None:
    """Progress with whatever change comes next; what is pinned twice is pinned once, behind what was pinned before."""
    attempt = await begun(hub)
    await attempt.pin(["x.1", "y.1"])
    attempt.progress = Progress(done=3, total=4)

    await attempt.pin(["z.1", "x.1"])

    job = await get(hub, attempt.id)
    assert (job.pins, job.progress) == (("x.1", "y.1", "z.1"), Progress(done=3, total=4))
