"""Verdicts: how an attempt ended, and what its job becomes of it, as a pure function."""

import random
import time
from typing import Any, Literal

import msgspec

from domain.errors import JobTimedOut
from domain.jobs.failures import error_of
from domain.jobs.jobs import Ending, Job, JobError, Progress, canceled, finished, queued, without_handle
from domain.jobs.retries import LOSSES, Retry, backoff, is_outage, wait_after, wait_after_loss
from events.jobs import JobQueued, Outcome
from events.message import Event, Output


class Succeeded(msgspec.Struct, frozen=True):
    """The handler ended with its event, or the noun shows that the job had switched."""

    event: Event
    switched: bool
    """Whether the point of no return lies behind the job: then not even cancelling it changes the verdict."""


class Failed(msgspec.Struct, frozen=True):
    """The handler raised, or its worker was lost."""

    error: Exception
    retry: Retry
    reason: Literal["failed", "lost"] = "failed"
    chance: float = msgspec.field(default_factory=random.random)
    """In [0, 1): spreads the wait before the next attempt."""


class Stopped(msgspec.Struct, frozen=True):
    """Its process stops, or it was cancelled: without a failure."""


class GaveUp(msgspec.Struct, frozen=True):
    """What ran elsewhere was given up, as `ending` in the record says, and it is confirmed that it has been stopped."""

    chance: float = msgspec.field(default_factory=random.random)
    """As in Failed."""


class Waiting(msgspec.Struct, frozen=True):
    """Another job works on the noun; nothing was begun."""

    holder: str
    """That job."""


Verdict = Succeeded | Failed | Stopped | GaveUp | Waiting


def ended(id: str, job: Job, verdict: Verdict) -> Job:
    """The job as the verdict leaves it: FINISHED, or QUEUED again."""
    match verdict:
        case Succeeded(event, switched) if switched or job.state != "CANCELING":
            why = event.failure if isinstance(event, Output) else None
            error = JobError(code=why.code, message=why.message, detail=why.detail) if why else None
            outcome: Outcome = "FAILED" if error else "SUCCEEDED"
            done = finished(id, job, outcome, event, error=error, progress=_done(job, event))
            return msgspec.structs.replace(done, result=done.events[-2])
        case GaveUp(chance):
            return _without_what_ran(id, job, chance)
        case _ if job.handle:
            return _with_what_runs(id, job, verdict)
        case _ if job.state == "CANCELING":
            return canceled(id, job)
        case Failed():
            return _failed(id, job, verdict)
        case Waiting(holder):
            return queued(id, job, JobQueued(seq=0, command=job.type, reason="waiting", waiting_for=holder))
        case _:
            return queued(id, job, JobQueued(seq=0, command=job.type, reason="stopped"))


def _done(job: Job, event: Event) -> Progress:
    """What the job did, and not what it said last while it worked."""
    if isinstance(event, Output) and event.unchanged:
        return Progress(message="nothing new")
    done, unit = event.made()
    return Progress(done=done, total=done, unit=unit) if unit else job.progress


def _failed(id: str, job: Job, verdict: Failed) -> Job:
    """QUEUED again after a while, or FAILED (TIMED_OUT) where that is the end of it."""
    wait, counted = _count(job, verdict)
    error = counted["error"]
    if wait is None:
        outcome: Literal["TIMED_OUT", "FAILED"] = "TIMED_OUT" if isinstance(verdict.error, JobTimedOut) else "FAILED"
        return finished(id, job, outcome, **counted)
    not_before = time.time() + wait
    event = JobQueued(seq=0, command=job.type, reason=verdict.reason, error=error.message, not_before=not_before)
    return queued(id, job, event, **counted)


def _count(job: Job, verdict: Failed) -> tuple[float | None, dict[str, Any]]:
    """(seconds until the next attempt, or None where there is to be none; the count and the error that the record keeps)."""
    error = error_of(verdict.error)
    if verdict.reason == "lost":
        wait = wait_after_loss(verdict.retry, job.losses + 1, verdict.chance)
        if wait is None:
            told = f"{error.message}, the {LOSSES}th that this step lost: it seems to end its workers (no memory?)"
            error = msgspec.structs.replace(error, message=f"{told}; retry the job once that is mended")
        return wait, {"losses": job.losses + 1, "error": error}
    sort = "outages" if is_outage(verdict.error) else "failures"
    count = getattr(job, sort) + 1
    return wait_after(verdict.retry, count, verdict.error, verdict.chance), {sort: count, "error": error}


# -- with a handle --------------------------------------------------------------------------------------------------------


def given_up(job: Job, verdict: Failed) -> Job:
    """The job that failed, with what runs elsewhere given up: counted, and what is to become of it. A cancel came first where it
    did, and so did a failure that was counted before. An outage says nothing about what runs: it goes on, however often."""
    if job.ending or not job.handle:
        return job
    wait, counted = _count(job, verdict)
    if is_outage(verdict.error):
        return msgspec.structs.replace(job, **counted)
    ending: Ending = "again" if wait is not None else "timed_out" if isinstance(verdict.error, JobTimedOut) else "failed"
    return msgspec.structs.replace(job, ending=ending, **counted)


def _with_what_runs(id: str, job: Job, verdict: Verdict) -> Job:
    """QUEUED again with its handle: the next attempt adopts what runs, or stops it where it was given up. A lost owner is no
    failure: workers may come and go while work elsewhere takes its time."""
    event = JobQueued(seq=0, command=job.type, reason="stopped")
    match verdict:
        case Failed(error, retry, "failed"):
            wait, counted = _count(job, verdict)
            job, not_before = given_up(job, verdict), time.time() + (retry.cap if wait is None else wait)
            message = counted["error"].message
            event = JobQueued(seq=0, command=job.type, reason="failed", error=message, not_before=not_before)
        case Failed(error):
            event = JobQueued(seq=0, command=job.type, reason="lost", error=error_of(error).message)
        case Waiting(holder):
            event = JobQueued(seq=0, command=job.type, reason="waiting", waiting_for=holder)
    return queued(id, job, event)


def _without_what_ran(id: str, job: Job, chance: float) -> Job:
    """What `ending` says, now that nothing runs elsewhere any more."""
    match job.ending:
        case "failed":
            return finished(id, job, "FAILED", error=job.error)
        case "timed_out":
            return finished(id, job, "TIMED_OUT", error=job.error)
        case "again":
            _, base, cap = job.retry
            not_before = time.time() + backoff(base, cap, job.failures, chance)
            why = job.error.message if job.error else ""
            event = JobQueued(seq=0, command=job.type, reason="failed", error=why, not_before=not_before)
            return queued(id, without_handle(job), event)
    return canceled(id, job)
