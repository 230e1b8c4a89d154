"""Upgrading: records that the first version of Leat wrote are brought into the form that today's engine looks for."""

import logging
from typing import Any

import msgspec

from domain.errors import Stale, Unreadable
from domain.hub import Hub
from domain.jobs.jobs import ALIVE, JOBS, UNSENT, Job, queued_at
from domain.nouns import Noun, Stored, Table
from events.catalogue import COMMANDS

log = logging.getLogger(__name__)

EXCLUSIVE = frozenset(command.__name__ for command in COMMANDS if command.exclusive)


async def upgrade(hub: Hub) -> None:
    """Rewrite the records that the reaper would not find, or not understand: unfinished jobs, finished jobs that may be tried again
    or whose next steps were not asked for, and nouns that are being written. Doing it twice, or by several processes at a time,
    changes nothing more."""
    for row in hub.catalogue.nouns.values():
        for noun in await row.table.readable(hub.records):
            await _replace(hub, row.table, noun, _noun_of_today(noun.value))
    after: tuple[float, str] | None = None
    while page := await JOBS.find(hub.records, after=after, limit=500):
        for job in page:
            await _replace(hub, JOBS, job, _job_of_today(job))
        after = page[-1].place


async def _replace(hub: Hub, table: Table[Any], stored: Stored[Any], value: Any) -> None:
    if value == stored.value:
        return
    try:
        await table.replace(hub.records, stored, value)
    except (Stale, Unreadable) as error:  # another process of this version did it
        log.info("a record was upgraded by somebody else", extra={table.kind.name: stored.id, "error": error.message})


def _noun_of_today(noun: Noun) -> Noun:
    return noun.with_writer(noun.writer)


def _job_of_today(stored: Stored[Job]) -> Job:
    job = stored.value
    if job.outcome != "SUCCEEDED":  # what failed may be opened again, and then needs the writer as well
        job = msgspec.structs.replace(job, exclusive=job.exclusive or job.type in EXCLUSIVE)
    if job.state == "FINISHED":
        if (stored.rest or {}).get("chained", True) or job.is_untold:
            return job
        return msgspec.structs.replace(job, untold=tuple(job.events[-2:]), is_untold=True)
    due_at = job.due_at
    if job.state == "QUEUED" and not job.sent_at and not job.is_held:  # another process may be ahead, and hold jobs already
        due_at = job.not_before or queued_at(job) + UNSENT
    return msgspec.structs.replace(job, due_at=due_at, is_alive=job.state in ALIVE)
