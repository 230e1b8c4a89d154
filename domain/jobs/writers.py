"""Writers: one job at a time works on a noun, and only that one may switch its output.

`writer` on the noun's record names `<job>.<attempt>`: mutex and fence in one. It is taken after the claim, and freed by whoever
ended that attempt in the job's record, afterwards; the reaper frees what a crash in between left.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.errors import JobSuperseded, Stale, Unavailable
from domain.hub import Hub
from domain.jobs.jobs import JOBS, Job, resend
from domain.nouns import Noun, OutputEvent, Stored, Table, owner
from events.bus import BusError

log = logging.getLogger(__name__)

N = TypeVar("N", bound=Noun)
TABLES: dict[str, Table[Any]] = {"source": SOURCES, "build": BUILDS, "api": APIS}
WRITING = frozenset({"DumpSource", "UploadSource", "InspectSource", "RunBuild", "CreateRelease"})
"""Commands that switch an output of their target, and so are done one at a time for it."""
WAITERS = 100
"""Queued jobs of a noun among which one that waits is looked for."""


def target_of(job: Job) -> str:
    """`kind/id` of the noun whose `writer` the job needs; empty where it needs none."""
    return job.target if job.type in WRITING else ""


def blocks(writer: str, job_id: str, attempt: int) -> bool:
    """Does `writer` keep this attempt out? Not when it is free, nor when it names an earlier attempt of the same job."""
    if not writer:
        return False
    other, number = owner(writer)
    return other != job_id or number > attempt


def output_of(noun: Noun, job_id: str) -> OutputEvent | None:
    """What the job switched to, in whichever attempt."""
    return next((event for event in noun.outputs if owner(event.output)[0] == job_id), None)


async def take(hub: Hub, target: str, job_id: str, attempt: int) -> str:
    """Take `writer` for this attempt; returns who holds it where it is taken, else nothing. Raises NotFound without the noun."""
    table, id = _table(target)
    name = f"{job_id}.{attempt}"
    while True:
        stored = await table.get(hub.records, id)
        if blocks(stored.value.writer, job_id, attempt):
            return str(stored.value.writer)
        try:
            await table.replace(hub.records, stored, msgspec.structs.replace(stored.value, writer=name))
        except Stale:
            continue
        return ""


async def take_over(hub: Hub, target: str, job_id: str, attempt: int) -> OutputEvent | None:
    """For who ends a dead attempt: let `writer` name this attempt where it named an earlier one, so that nothing of that can
    switch any more, and return what the job had switched to by then."""
    table, id = _table(target)
    while True:
        stored = await table.find_one(hub.records, id)
        if stored is None:
            return None
        other, number = owner(stored.value.writer)
        if other == job_id and number < attempt:
            try:
                await table.replace(hub.records, stored, msgspec.structs.replace(stored.value, writer=f"{job_id}.{attempt}"))
            except Stale:
                continue
        return output_of(stored.value, job_id)


async def fence(hub: Hub, target: str, job_id: str, attempt: int) -> OutputEvent | None:
    """What the job has switched to, once no switch that was begun can still happen: the record changes, so that the
    compare-and-set of a switch whose answer was lost is stale."""
    table, id = _table(target)
    while True:
        stored = await table.find_one(hub.records, id)
        if stored is None:
            return None
        found = output_of(stored.value, job_id)
        if found or stored.value.writer != f"{job_id}.{attempt}":
            return found
        try:
            await table.replace(hub.records, stored, stored.value)
        except Stale:
            continue
        return None


async def switch(hub: Hub, table: Table[N], id: str, name: str, changed: Callable[[N], N]) -> Stored[N]:
    """Change the noun while its `writer` is `name`, retried over unrelated edits. Raises JobSuperseded where it is another.

    A cancelled caller hears of it only after the write has come to its end, so that what happened is known.
    """
    while True:
        stored = await table.get(hub.records, id)
        if stored.value.writer != name:
            raise JobSuperseded(f"the writer of {table.kind.name} {id!r} is {stored.value.writer or 'nobody'}, not {name}")
        writing = asyncio.ensure_future(table.replace(hub.records, stored, changed(stored.value)))
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
    """Let `writer` be nobody where it is `name`. Only for who ended that attempt in the job's record."""
    table, id = _table(target)
    while True:
        stored = await table.find_one(hub.records, id)
        if stored is None or stored.value.writer != name:
            return
        try:
            await table.replace(hub.records, stored, msgspec.structs.replace(stored.value, writer=""))
        except Stale:
            continue
        return


async def is_free(hub: Hub, target: str) -> bool:
    """May a waiter be sent? Also where the noun is gone: then the job finds that out."""
    table, id = _table(target)
    stored = await table.find_one(hub.records, id)
    return stored is None or not stored.value.writer


async def wake(hub: Hub, target: str) -> None:
    """Send the oldest job that waits for the noun, if it is free. What can't be reached is left to the reaper."""
    try:
        if not await is_free(hub, target):
            return
        queued = await JOBS.find(hub.records, limit=WAITERS, target=target, state="QUEUED")
        waiter = next((stored for stored in queued if stored.value.waiting_for), None)
        if waiter:
            await resend(hub, waiter)
    except (Unavailable, BusError) as error:
        log.warning("waiter not sent", extra={"target": target, "error": str(error)})


def _table(target: str) -> tuple[Table[Any], str]:
    kind, _, id = target.partition("/")
    return TABLES[kind], id
