"""Attempts: a claimed job in the hands of its owner, from the claim to the change that ends it."""

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from domain.clocks import SKEW, is_over
from domain.errors import JobSuperseded, JobTimedOut, LeatError, Stale
from domain.hub import Hub
from domain.jobs import chains
from domain.jobs.jobs import (
    ALIVE,
    JOBS,
    Job,
    JobError,
    Progress,
    canceled,
    extended,
    finished,
    publish,
    queued,
    queued_at,
    replace_unless_changed,
)
from domain.jobs.plans import RUNS
from domain.jobs.retries import Retry, is_outage, wait_after
from domain.nouns import Stored
from events.jobs import JobQueued, JobStarted
from events.message import Event


class Attempt:
    """One attempt of a job. Its owner's changes are compare-and-sets on the version seen last; each raises JobSuperseded where
    another attempt took over or somebody ended this one: then nothing more may be touched."""

    def __init__(self, hub: Hub, stored: Stored[Job], followed: bool) -> None:
        self.hub = hub
        self.stored = stored
        self.id = stored.id
        self.number = stored.value.attempt
        self.name = f"{self.id}.{self.number}"
        self.progress: Progress | None = None
        """How far the work is; saved with every change."""
        self._followed = followed
        self._lock = asyncio.Lock()

    @property
    def job(self) -> Job:
        """The record as it was seen last."""
        return self.stored.value

    async def change(self, changed: Callable[[Job], Job]) -> Job:
        """Make a change that this attempt is entitled to."""
        async with self._lock:
            while True:
                seq = self.job.seq
                try:
                    job = changed(self.job)
                    if self.progress is not None:
                        job = msgspec.structs.replace(job, progress=self.progress)
                    self.stored = await JOBS.replace(self.hub.records, self.stored, job)
                except Stale:
                    await self._read()
                    continue
                await publish(self.hub, self.stored, self.job.seq - seq)
                return self.job

    async def look(self) -> Job:
        """Read the record again."""
        async with self._lock:
            await self._read()
        return self.job

    async def _read(self) -> None:
        stored = await JOBS.find_one(self.hub.records, self.id)
        if stored is None or stored.value.attempt != self.number or stored.value.state not in ALIVE:
            raise JobSuperseded(f"attempt {self.number} of job {self.id} is over")
        self.stored = stored

    async def beat(self) -> Job:
        """Say that the attempt lives."""
        return await self.change(lambda job: msgspec.structs.replace(job, beat=job.beat + 1))

    async def pin(self, names: Iterable[str]) -> None:
        """Keep what bears these names from garbage collection while the job lives."""
        wanted = tuple(names)
        await self.change(lambda job: msgspec.structs.replace(job, pins=tuple(dict.fromkeys((*job.pins, *wanted)))))

    # -- the ends: each the last change of this attempt; `writer` is freed afterwards ------------------------------------

    async def succeed(self, event: Event, *, switched: bool) -> Job:
        """SUCCEEDED with the handler's event, even from CANCELING if it had switched; else a cancelled job is CANCELED."""

        def changed(job: Job) -> Job:
            if job.state == "CANCELING" and not switched:
                return canceled(self.id, job)
            done = finished(self.id, job, "SUCCEEDED", event, chained=not self._followed)
            return msgspec.structs.replace(done, result=done.events[-2])

        return await self.change(changed)

    async def cancel(self) -> Job:
        """CANCELED."""
        return await self.change(lambda job: canceled(self.id, job))

    async def fail(self, error: Exception, retry: Retry, reason: Literal["failed", "lost"] = "failed") -> Job:
        """QUEUED again after a while, or FAILED (TIMED_OUT) where that is the end of it. A cancelled job is CANCELED."""
        chance = random.random()

        def changed(job: Job) -> Job:
            if job.state == "CANCELING":
                return canceled(self.id, job)
            sort = "outages" if is_outage(error) else "failures"
            count, why = getattr(job, sort) + 1, error_of(error)
            wait = wait_after(retry, count, error, chance)
            if wait is None:
                outcome: Literal["TIMED_OUT", "FAILED"] = "TIMED_OUT" if isinstance(error, JobTimedOut) else "FAILED"
                return finished(self.id, job, outcome, error=why, **{sort: count})
            event = JobQueued(seq=0, command=job.type, reason=reason, error=why.message, not_before=time.time() + wait)
            return queued(self.id, job, event, error=why, **{sort: count})

        return await self.change(changed)

    async def stop(self) -> Job:
        """QUEUED again, without a failure: this process stops."""
        return await self._put_back(JobQueued(seq=0, command=self.job.type, reason="stopped"))

    async def wait(self, holder: str) -> Job:
        """QUEUED again, without a failure, until the job that holds the noun has freed it."""
        return await self._put_back(JobQueued(seq=0, command=self.job.type, reason="waiting", waiting_for=holder))

    async def _put_back(self, event: JobQueued) -> Job:
        return await self.change(lambda job: canceled(self.id, job) if job.state == "CANCELING" else queued(self.id, job, event))


async def claim(hub: Hub, id: str, worker: str, retry: Retry) -> Attempt | None:
    """Claim a queued job, QUEUED → RUNNING with the next attempt; None where its message can be dropped: it is claimed or
    finished already, unknown, not due, or its run was cancelled (which cancels it)."""
    while True:
        stored = await JOBS.find_one(hub.records, id)
        if stored is None or stored.value.state != "QUEUED":
            return None
        job = stored.value
        if not is_over(queued_at(job), job.not_before - SKEW, time.time()):
            if job.sent_at:
                await replace_unless_changed(hub, stored, msgspec.structs.replace(job, sent_at=0.0))
            return None
        unwanted, followed = await _run_of(hub, stored)
        started = JobStarted(seq=0, command=job.type, worker=worker)
        changed = canceled(id, job) if unwanted else running(id, job, started, retry)
        try:
            stored = await JOBS.replace(hub.records, stored, changed)
        except Stale:
            continue
        await publish(hub, stored, 1)
        return None if unwanted else Attempt(hub, stored, followed)


async def seize(hub: Hub, id: str, dead: int) -> Attempt | None:
    """Claim attempt `dead + 1` of a job whose attempt `dead` is called dead, so as to end it; the state stays. None where it is
    not that attempt any more."""
    stored = await JOBS.find_one(hub.records, id)
    if stored is None or stored.value.state not in ALIVE or stored.value.attempt != dead:
        return None
    _, followed = await _run_of(hub, stored)
    job = msgspec.structs.replace(stored.value, attempt=dead + 1, beat=stored.value.beat + 1, worker=hub.process)
    try:
        return Attempt(hub, await JOBS.replace(hub.records, stored, job), followed)
    except Stale:
        return None


def running(id: str, job: Job, event: JobStarted, retry: Retry) -> Job:
    """The job claimed by its next attempt."""
    return extended(
        id,
        job,
        event,
        state="RUNNING",
        attempt=job.attempt + 1,
        beat=job.beat + 1,
        worker=event.worker,
        retry=(retry.attempts, retry.base, retry.cap),
        started_at=time.time(),
        not_before=0.0,
        waiting_for="",
        pins=(),
        progress=Progress(),
    )


def error_of(error: Exception) -> JobError:
    """What the record keeps of an error: a LeatError's own words, anything else with its traceback."""
    if isinstance(error, LeatError):
        return JobError(code=error.code, message=error.message, detail=getattr(error, "detail", ""))
    detail = "".join(traceback.format_exception(error))
    return JobError(code="INTERNAL", message=f"{type(error).__name__}: {error}", detail=detail[-8000:])


async def _run_of(hub: Hub, stored: Stored[Job]) -> tuple[bool, bool]:
    """(the job's run was cancelled, steps come after the job)"""
    if stored.value.run_id == stored.id:
        return False, False
    run = await RUNS.find_one(hub.records, stored.value.run_id)
    if run is None:
        return False, False
    return run.value.cancelled, chains.followed(run.value, stored.value.step)


__all__ = ["Attempt", "claim", "error_of", "seize"]
