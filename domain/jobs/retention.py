"""Retention: finished jobs, with their events and logs, and runs go when they are old."""

import time
from contextlib import suppress

from domain.errors import Stale, Unreadable
from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.nouns import Stored


async def forget(hub: Hub, limit: int) -> int:
    """Remove up to about `limit` jobs that finished longer ago than they are kept; returns how many.

    A run goes before its jobs, and all of them at once, so that no chain asks again for a step whose job is gone.
    """
    before = time.time() - hub.limits.keep_jobs
    removed = 0
    for stored in await JOBS.find(hub.records, state="FINISHED", limit=limit):
        if stored.value.created_at >= before:
            break
        with suppress(Unreadable):  # another job of its run: they stay together
            removed += await _forget(hub, stored, before)
    for letter in await DEAD_LETTERS.find(hub.records, limit=limit):
        if letter.value.created_at < before:
            await hub.records.delete(DEAD_LETTERS.kind, letter.id)
    return removed


async def _forget(hub: Hub, stored: Stored[Job], before: float) -> int:
    run_id = stored.value.run_id
    together = [stored] if run_id == stored.id else await JOBS.every(hub.records, run_id=run_id)
    if not all(_old(job.value, before) for job in together):
        return 0
    if run_id != stored.id:
        await hub.records.delete(RUNS.kind, run_id)
    removed = 0
    for job in together:
        await logs.drop(hub, job.id, job.value.attempt)  # before the record, which is how it would be found again
        with suppress(Stale):  # it was opened again just now
            removed += await hub.records.delete(JOBS.kind, job.id, job.version)
    return removed


def _old(job: Job, before: float) -> bool:
    return job.state == "FINISHED" and job.chained and job.finished_at < before
