"""Retention: finished jobs, with their events and logs, and runs go when they are old."""

import time
from contextlib import suppress

from domain.errors import Stale, Unreadable
from domain.hub import Hub
from domain.jobs import edits, logs
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.nouns import Stored

REMOVED = 3600.0
"""Seconds for which the record of something that was removed stays: longer than any process may sit on what it read of it."""


async def forget(hub: Hub, limit: int) -> int:
    """Remove up to about `limit` jobs that finished longer ago than they are kept; returns how many.

    A run goes before its jobs, and all of them at once, so that no chain asks again for a step whose job is gone.
    """
    before = time.time() - hub.limits.keep_jobs
    removed = 0
    after: tuple[float, str] | None = None
    while removed < limit and (page := await JOBS.find(hub.records, state="FINISHED", after=after, limit=limit)):
        if all(stored.value.created_at >= before for stored in page):
            break  # the oldest come first; where a clock was turned, most of them
        for stored in page:
            with suppress(Unreadable):  # another job of its run: they stay together
                removed += await _forget(hub, stored, before)
        after = page[-1].place
    for letter in await DEAD_LETTERS.find(hub.records, limit=limit):
        if letter.value.created_at < before:
            await hub.records.delete(DEAD_LETTERS.kind, letter.id)
    for table in hub.catalogue.entities:
        await edits.forget(hub, table, time.time() - REMOVED, limit)
    return removed


async def _forget(hub: Hub, stored: Stored[Job], before: float) -> int:
    run_id = stored.value.run_id
    together = [stored] if run_id == stored.id else await JOBS.every(hub.records, run_id=run_id)
    for job in together:
        if not _is_old(job.value, before) or await _may_be_asked_for_again(hub, job.value):
            return 0
    if run_id != stored.id:
        await hub.records.delete(RUNS.kind, run_id)
    removed = 0
    for job in together:
        await logs.drop(hub, job.id, job.value.attempt)  # before the record, which is how it would be found again
        with suppress(Stale):  # it was opened again just now
            removed += await hub.records.delete(JOBS.kind, job.id, job.version)
    return removed


def _is_old(job: Job, before: float) -> bool:
    return job.state == "FINISHED" and not job.is_untold and job.finished_at < before


async def _may_be_asked_for_again(hub: Hub, job: Job) -> bool:
    """Is the event that it follows still to be followed by somebody? Then its record keeps that from happening twice."""
    if not job.cause:
        return False
    kind, _, id = job.cause.partition("/")
    table = next((table for table in (JOBS, *hub.catalogue.entities) if table.kind.name == kind), None)
    cause = await table.find_even_removed(hub.records, id) if table else None
    return cause is not None and any(plain["id"] == job.cause_id for plain in cause.value.untold)
