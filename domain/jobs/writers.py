"""Writers: one job at a time works on a noun, and only that one may switch its output.

`writer` on the noun's record names `<job>.<attempt>`: mutex and fence in one. It is taken after the claim, and freed by whoever
ended that attempt in the job's record, afterwards; the reaper frees what a crash in between left. A target is `kind/name`; the
empty one, of jobs that switch nothing, needs no writer.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from domain.errors import JobSuperseded, Stale, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs.jobs import JOBS
from domain.jobs.sending import resend
from domain.nouns import Noun, Stored, Table, owner
from events.bus import BusError
from events.message import Output

log = logging.getLogger(__name__)

N = TypeVar("N", bound=Noun)
WAITERS = 100
"""Queued jobs of a noun among which one that waits is looked for."""


def blocks(writer: str, job_id: str, attempt: int) -> bool:
    """Does `writer` keep this attempt out? Not when it is free, nor when it names an earlier attempt of the same job."""
    if not writer:
        return False
    other, number = owner(writer)
    return other != job_id or number > attempt


def output_of(noun: Noun, job_id: str) -> Output | None:
    """What the job switched to, in whichever attempt."""
    return next((event for event in noun.outputs if owner(event.output)[0] == job_id), None)


async def take(hub: Hub, target: str, job_id: str, attempt: int) -> str:
    """Take `writer` for this attempt; returns who holds it where it is taken, else nothing. Raises NotFound without the noun."""
    table, id = _table(hub, target)
    name = f"{job_id}.{attempt}"
    while True:
        stored = await table.get(hub.records, id)
        if blocks(stored.value.writer, job_id, attempt):
            return str(stored.value.writer)
        try:
            await table.replace(hub.records, stored, stored.value.with_writer(name))
        except Stale:
            continue
        return ""


async def close(hub: Hub, target: str, job_id: str, attempt: int) -> Output | None:
    """What the job has switched to, in whichever attempt (what failed in part, in this one: a retried job does it anew), once
    nothing of it can switch any more: `writer` names this attempt from
    here on where it named an earlier one, and in any case the record changes, so that a switch under way finds it stale."""
    table, id = _table(hub, target)
    while True:
        stored = await table.find_one(hub.records, id)
        if stored is None:
            return None
        other, number = owner(stored.value.writer)
        if other == job_id and number <= attempt:
            try:
                await table.replace(hub.records, stored, stored.value.with_writer(f"{job_id}.{attempt}"))
            except Stale:
                continue
        made = output_of(stored.value, job_id)
        return None if made and made.failure and owner(made.output)[1] != attempt else made


async def switch(hub: Hub, table: Table[N], id: str, name: str, changed: Callable[[N], N]) -> Stored[N]:
    """Change the noun while its `writer` is `name`, retried over unrelated edits. Raises JobSuperseded where it is another.

    A cancelled caller hears of it only after the write has come to its end, so that what happened is known.
    """
    while True:
        stored = await table.get(hub.records, id)
        if stored.value.writer != name:
            raise JobSuperseded(f"the writer of {table.word} {id!r} is {stored.value.writer or 'nobody'}, not {name}")
        value = changed(stored.value).remembering(stored.value, f"job {owner(name)[0]}")
        writing = asyncio.ensure_future(table.replace(hub.records, stored, value))
        try:
            return await asyncio.shield(writing)
        except Stale:
            continue
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()  # looked at: the caller reads the noun to see what happened
            raise


async def free(hub: Hub, target: str, name: str) -> None:
    """Let `writer` be nobody where it is the attempt `name`, or an earlier one of the same job. Only for who ended that attempt in
    the job's record."""
    if not target:
        return
    table, id = _table(hub, target)
    while True:
        stored = await table.find_one(hub.records, id)
        if stored is None or not stored.value.writer or blocks(stored.value.writer, *owner(name)):
            return
        try:
            await table.replace(hub.records, stored, stored.value.with_writer(""))
        except Stale:
            continue
        return


async def is_free(hub: Hub, target: str) -> bool:
    """May a waiter be sent? Also where the noun is gone: then the job finds that out."""
    table, id = _table(hub, target)
    stored = await table.find_one(hub.records, id)
    return stored is None or not stored.value.writer


async def wake(hub: Hub, target: str) -> None:
    """Send the oldest job that waits for the noun, if it is free. What can't be reached is left to the reaper."""
    if not target:
        return
    try:
        if not await is_free(hub, target):
            return
        queued = await JOBS.find(hub.records, limit=WAITERS, target=target, state="QUEUED")
        waiter = next((stored for stored in queued if stored.value.waiting_for), None)
        if waiter:
            await resend(hub, waiter)
    except (Unavailable, BusError) as error:
        log.warning("waiter not sent", extra={"target": target, "error": str(error)})


def _table(hub: Hub, target: str) -> tuple[Table[Any], str]:
    """The table and the name of a target. Raises Unreadable for a noun that this version of Leat does not know."""
    kind, _, id = target.partition("/")
    if kind not in hub.catalogue.nouns:
        raise Unreadable(f"{target} is of another version of Leat")
    return hub.catalogue.nouns[kind].table, id
