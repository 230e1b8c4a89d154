"""Presence: which processes there are, as each says itself: what they take, what they do, and what they know how to follow."""

import time

import msgspec

from domain.errors import Stale
from domain.hub import Hub
from domain.nouns import Stored, Table
from domain.ports.records import Kind

DAY = 86400.0
"""Seconds after which a process that was not seen is gone for good."""


class Consumption(msgspec.Struct, frozen=True, kw_only=True):
    """What a process takes of its machine."""

    pid: int
    name: str
    """As its system calls it."""
    memory: int
    """Bytes that it holds in memory; 0 where the system does not tell."""
    seconds: float
    """Processor time since it began."""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the hub; its id is the process's identity (Hub.process)."""

    host: str
    pid: int
    queues: dict[str, int]
    """Queue → jobs that it does at a time; none where it is a gateway alone."""
    running: tuple[str, ...] = ()
    """Ids of the jobs it does now."""
    follows: dict[str, tuple[str, ...]] = {}
    """The followers that its version of Leat knows → the types of their events, so that no other version takes those out."""
    rules: tuple[str, ...] = ()
    """The rules that its version of Leat has, so that no other version lets go the jobs which they hold."""
    stopping: bool = False
    memory: int = 0
    """Bytes that it holds in memory; 0 where its system does not tell."""
    seconds: float = 0.0
    """Processor time since it began."""
    sandbox: bool = False
    """Whether the plugins that it runs are in a sandbox."""
    children: tuple[Consumption, ...] = ()
    """The processes that it started, directly or not: heavy steps and plugins. The largest first."""
    lag: float = 0.0
    """The most seconds that its event loop was late since the beat before."""
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
    return [stored for stored in await WORKERS.readable(hub.records) if stored.value.queues and stored.value.seen_at >= since]


def followers_here(hub: Hub) -> dict[str, tuple[str, ...]]:
    """What this process knows how to follow, as it announces it."""
    return {follower.name: tuple(event.__name__ for event in follower.events) for follower in hub.catalogue.followers}


async def unknown_followers(hub: Hub) -> frozenset[str]:
    """The types of events for which another process has a follower that this one does not know (`names`), read just now (`fresh`):
    it leaves those to that process."""
    if not hub.bus.shared:
        return frozenset()
    here = followers_here(hub)
    processes = await WORKERS.readable(hub.records)
    announced = [(name, type) for process in processes for name, types in process.value.follows.items() for type in types]
    return frozenset(type for name, type in announced if type not in here.get(name, ()))


async def rules_elsewhere(hub: Hub) -> frozenset[str]:
    """The rules that other processes have, as they said within two leases, read just now."""
    if not hub.bus.shared:
        return frozenset()
    since = time.time() - 2 * hub.limits.lease
    return frozenset(
        name for each in await WORKERS.readable(hub.records) if each.value.seen_at >= since for name in each.value.rules
    )


async def forget_lost(hub: Hub) -> None:
    """Remove the records of processes that went without a word, a day after they were seen: until then others leave them the
    events that they alone can follow (`retire`)."""
    since = time.time() - DAY
    for stored in await WORKERS.readable(hub.records):
        if stored.value.seen_at < since:
            await hub.records.delete(WORKERS.kind, stored.id)
