"""Presence: which worker processes there are, as each says itself."""

import time

import msgspec

from domain.errors import Stale
from domain.hub import Hub
from domain.nouns import Stored, Table
from domain.ports.records import Kind


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process; its id is the process's identity (Hub.process)."""

    host: str
    pid: int
    queues: dict[str, int]
    """Queue → jobs that it does at a time."""
    running: tuple[str, ...] = ()
    """Ids of the jobs it does now."""
    stopping: bool = False
    beat: int = 0
    """Raised every third of a lease."""
    seen_at: float
    """When it last said so, by its own clock."""
    created_at: float


WORKERS = Table(Kind(name="worker"), Presence)


async def save(hub: Hub, presence: Presence, before: Stored[Presence] | None = None) -> Stored[Presence]:
    """Say it, in place of what this process said before; returns it for the next time."""
    if before is None:
        await hub.records.delete(WORKERS.kind, hub.process)
        await WORKERS.insert(hub.records, hub.process, presence)
        return Stored(hub.process, 1, presence)
    try:
        return await WORKERS.replace(hub.records, before, presence)
    except Stale:  # another process took this one for lost
        return await save(hub, presence)


async def leave(hub: Hub) -> None:
    """Take this process's record away."""
    await hub.records.delete(WORKERS.kind, hub.process)


async def page(hub: Hub) -> list[Stored[Presence]]:
    """The worker processes, oldest first; those not seen for two leases are left out."""
    since = time.time() - 2 * hub.limits.lease
    return [stored for stored in await WORKERS.readable(hub.records) if stored.value.seen_at >= since]


async def forget_lost(hub: Hub) -> None:
    """Remove the records of processes that went without a word: not seen for twenty leases."""
    since = time.time() - 20 * hub.limits.lease
    for stored in await WORKERS.readable(hub.records):
        if stored.value.seen_at < since:
            await hub.records.delete(WORKERS.kind, stored.id)
