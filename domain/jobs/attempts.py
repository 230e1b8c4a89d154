"""Attempts: a claimed job in the hands of its owner, from the claim to the change that ends it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from domain.clocks import SKEW, is_over
from domain.errors import JobSuperseded, Stale
from domain.hub import Hub
from domain.jobs import holds
from domain.jobs.jobs import ALIVE, JOBS, Job, Progress, canceled, canceling, extended, queued_at, with_handle
from domain.jobs.plans import RUNS
from domain.jobs.retries import Retry
from domain.jobs.sending import publish, replace_unless_changed, without_untold
from domain.jobs.verdicts import Failed, Verdict, ended, given_up
from domain.nouns import Stored
from events.jobs import JobStarted

WARNINGS = 20
"""Lines that a job's record keeps of what it warned of; its log has all of them."""
WARNING = 500
"""Characters of such a line that are kept."""


class Attempt:
    """One attempt of a job. Its owner's changes are compare-and-sets on the version seen last; each raises JobSuperseded where
    another attempt took over or somebody ended this one: then nothing more may be touched."""

    def __init__(self, hub: Hub, stored: Stored[Job]) -> None:
        self.hub = hub
        self.stored = stored
        self.id = stored.id
        self.number = stored.value.attempt
        self.name = f"{self.id}.{self.number}"
        self.target = stored.value.written
        self.progress: Progress | None = None
        """How far the work is; saved with every change."""
        self.warnings: dict[str, None] = {}
        """The first lines by which it warned, each once; saved with every change."""
        self.warned = 0
        self.is_over = False
        """Whether the record says how it ended."""
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
                    job = self.job
                    if self.progress is not None:
                        job = msgspec.structs.replace(job, progress=self.progress)
                    job = changed(job)
                    if self.warned:
                        job = msgspec.structs.replace(job, warnings=tuple(self.warnings), warned=self.warned)
                    self.stored = await JOBS.replace(self.hub.records, self.stored, job)
                except Stale:
                    await self._read()
                    continue
                await publish(self.hub, self.stored, self.job.seq - seq)
                return self.job

    def warn(self, text: str) -> None:
        """Take note of a line that whoever sees the job end wants to read."""
        self.warned += 1
        if len(self.warnings) < WARNINGS:
            self.warnings[text[:WARNING]] = None

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

    async def set_handle(self, work: dict[str, Any]) -> Job:
        """Say that this work is about to be started elsewhere, under the name of this attempt. Without effect where the job has a
        handle, or was cancelled: the record that is returned says so."""
        return await self.change(lambda job: with_handle(job, self.name, work))

    async def give_up(self, verdict: Failed) -> Job:
        """Say that what runs elsewhere is to be stopped, before it is."""
        return await self.change(lambda job: given_up(job, verdict))

    async def finish(self, verdict: Verdict) -> Job:
        """The last change of this attempt: the job is FINISHED, or QUEUED again. Only afterwards `writer` is freed."""
        job = await self.change(lambda job: without_untold(self.hub, ended(self.id, job, verdict)))
        self.is_over = True
        return job


async def claim(hub: Hub, id: str, worker: str, retry: Retry) -> Attempt | None:
    """Claim a queued job, QUEUED → RUNNING with the next attempt; None where its message can be dropped: it is claimed or
    finished already, unknown, held, not due, or its run was cancelled (which cancels it)."""
    while True:
        stored = await JOBS.find_one(hub.records, id)
        if stored is None or stored.value.state != "QUEUED" or stored.value.is_held:
            return None
        job = stored.value
        if not is_over(queued_at(job), job.not_before - SKEW, time.time()):
            if job.sent_at:
                await replace_unless_changed(hub, stored, msgspec.structs.replace(job, sent_at=0.0, due_at=job.not_before))
            return None
        changed = _claimed(id, job, worker, retry, await _is_unwanted(hub, stored))
        try:
            stored = await JOBS.replace(hub.records, stored, changed)
        except Stale:
            continue
        await publish(hub, stored, changed.seq - job.seq)
        if changed.state != "FINISHED":
            return Attempt(hub, stored)
        await holds.give_back(hub, stored)
        return None


def _claimed(id: str, job: Job, worker: str, retry: Retry, unwanted: bool) -> Job:
    """The job claimed; CANCELED where it is unwanted and nothing runs elsewhere for it, which would have to be stopped first."""
    if unwanted and not job.handle:
        return canceled(id, job)
    if unwanted:
        job = msgspec.structs.replace(job, ending="canceled")
    claimed = running(id, job, JobStarted(seq=0, command=job.type, worker=worker), retry)
    return canceling(id, claimed) if claimed.ending == "canceled" else claimed


async def seize(hub: Hub, id: str, dead: int) -> Attempt | None:
    """Claim attempt `dead + 1` of a job whose attempt `dead` is called dead, so as to end it; the state stays. None where it is
    not that attempt any more."""
    stored = await JOBS.find_one(hub.records, id)
    if stored is None or stored.value.state not in ALIVE or stored.value.attempt != dead:
        return None
    job = msgspec.structs.replace(stored.value, attempt=dead + 1, beat=stored.value.beat + 1, worker=hub.process)
    try:
        return Attempt(hub, await JOBS.replace(hub.records, stored, job))
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
        is_alive=True,
        worker=event.worker,
        retry=(retry.attempts, retry.base, retry.cap),
        started_at=time.time(),
        not_before=0.0,
        due_at=0.0,
        waiting_for="",
        pins=job.pins if job.handle else (),
        warnings=(),
        warned=0,
        progress=Progress(),
    )


async def _is_unwanted(hub: Hub, stored: Stored[Job]) -> bool:
    """Was the run of the job cancelled?"""
    if stored.value.run_id == stored.id:
        return False
    run = await RUNS.find_one(hub.records, stored.value.run_id)
    return run is not None and run.value.cancelled
