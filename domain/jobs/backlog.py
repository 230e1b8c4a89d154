"""Backlog: what waits for each kind of worker, for those who watch or scale them."""

import asyncio
import time

import msgspec

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs.jobs import ALIVE, JOBS, is_due
from events.bus import BusError, Depth
from events.catalogue import QUEUES

PATIENCE = 5.0
"""Seconds that the bus may take to answer."""
PAGE = 100


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How one queue stands."""

    queue: str
    depth: int
    """Commands that wait for a worker. One whose job was claimed is not among them, so this is the work that waits."""
    consumers: int
    """Processes that take from it just now: one whose slots are all busy does not."""
    oldest: float | None
    """Seconds that the oldest job that is due has waited until now, since it was asked for or put back; None where none waits."""


async def read(hub: Hub) -> list[Backlog]:
    """Every queue, by name. Raises Unavailable."""
    depths = await depths_of(hub, QUEUES)
    ages = await asyncio.gather(*(_oldest(hub, depth.queue) for depth in depths))
    return [
        Backlog(queue=depth.queue, depth=depth.ready, consumers=depth.consumers, oldest=age)
        for depth, age in zip(depths, ages, strict=True)
    ]


async def depths_of(hub: Hub, queues: tuple[str, ...]) -> list[Depth]:
    """How these queues stand on the bus. Raises Unavailable."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await hub.bus.depth(queues)
    except (BusError, TimeoutError) as error:
        raise Unavailable("the bus does not answer", str(error)) from error


async def running(hub: Hub, queue: str) -> int:
    """How many of the queue's jobs are being done."""
    counts = [await hub.records.count(JOBS.kind, {"queue": queue, "state": state}) for state in ALIVE]
    return sum(counts)


async def _oldest(hub: Hub, queue: str) -> float | None:
    now, after = time.time(), None
    while True:
        page = await JOBS.find(hub.records, queue=queue, state="QUEUED", after=after, limit=PAGE)
        for stored in page:
            if is_due(stored.value, now):
                return max(0.0, now - max(stored.value.not_before, float(stored.value.events[-1]["at"])))
        if len(page) < PAGE:
            return None
        after = page[-1].place
