"""Queues: what waits for which kind of worker."""

import asyncio

import strawberry
from strawberry import field

from domain.errors import Unavailable
from domain.jobs import JOBS
from events.bus import BusError
from events.catalogue import QUEUES
from gateway.context import Info
from gateway.scalars import DateTime, Long


@strawberry.type(description="Commands that wait for one kind of worker.")
class Queue:
    """events.bus.Depth, and the oldest job that waits."""

    name: str = field(description="Its name, and so the kind of worker that takes from it.")
    depth: Long = field(description="Commands that wait for a worker.")
    consumers: int = field(description="Workers that take from it just now.")

    @strawberry.field(description="When the oldest job that waits was asked for; null where none does.")
    async def oldest(self, info: Info) -> DateTime | None:
        """From the records, which own the work."""
        found = await JOBS.find(info.context.hub.records, limit=1, queue=self.name, state="QUEUED")
        return DateTime(found[0].value.created_at) if found else None


@strawberry.type
class QueueQuery:
    """Reading queues."""

    @strawberry.field(description="Every queue, by name.")
    async def queues(self, info: Info) -> list[Queue]:
        """As the bus sees them."""
        try:
            async with asyncio.timeout(5.0):
                depths = await info.context.hub.bus.depth(QUEUES)
        except (BusError, TimeoutError) as error:
            raise Unavailable(f"the bus does not answer: {error}") from error
        return [Queue(name=depth.queue, depth=Long(depth.ready), consumers=depth.consumers) for depth in depths]
