"""Verdicts: how an attempt ended, and what its job becomes of it, as a pure function."""

import random
import time
import traceback
from typing import Literal

import msgspec

from domain.errors import JobTimedOut, LeatError
from domain.jobs.jobs import Job, JobError, canceled, finished, queued
from domain.jobs.retries import Retry, is_outage, wait_after
from events.jobs import JobQueued
from events.message import Event


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


class Waiting(msgspec.Struct, frozen=True):
    """Another job works on the noun; nothing was begun."""

    holder: str
    """That job."""


Verdict = Succeeded | Failed | Stopped | Waiting


def ended(id: str, job: Job, verdict: Verdict) -> Job:
    """The job as the verdict leaves it: FINISHED, or QUEUED again."""
    match verdict:
        case Succeeded(event, switched) if switched or job.state != "CANCELING":
            done = finished(id, job, "SUCCEEDED", event)
            return msgspec.structs.replace(done, result=done.events[-2])
        case _ if job.state == "CANCELING":
            return canceled(id, job)
        case Failed():
            return _failed(id, job, verdict)
        case Waiting(holder):
            return queued(id, job, JobQueued(seq=0, command=job.type, reason="waiting", waiting_for=holder))
        case _:
            return queued(id, job, JobQueued(seq=0, command=job.type, reason="stopped"))


def _failed(id: str, job: Job, verdict: Failed) -> Job:
    """QUEUED again after a while, or FAILED (TIMED_OUT) where that is the end of it."""
    sort = "outages" if is_outage(verdict.error) else "failures"
    count, error = getattr(job, sort) + 1, error_of(verdict.error)
    wait = wait_after(verdict.retry, count, verdict.error, verdict.chance)
    if wait is None:
        outcome: Literal["TIMED_OUT", "FAILED"] = "TIMED_OUT" if isinstance(verdict.error, JobTimedOut) else "FAILED"
        return finished(id, job, outcome, error=error, **{sort: count})
    not_before = time.time() + wait
    event = JobQueued(seq=0, command=job.type, reason=verdict.reason, error=error.message, not_before=not_before)
    return queued(id, job, event, error=error, **{sort: count})


def error_of(error: Exception) -> JobError:
    """What the record keeps of an error: a LeatError's own words, anything else with its traceback."""
    if isinstance(error, LeatError):
        return JobError(code=error.code, message=error.message, detail=getattr(error, "detail", ""))
    detail = "".join(traceback.format_exception(error))
    return JobError(code="INTERNAL", message=f"{type(error).__name__}: {error}", detail=detail[-8000:])
