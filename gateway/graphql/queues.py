"""Queues: what waits for which kind of worker."""

import strawberry
from strawberry import field

from domain.jobs import backlog
from gateway.context import Info
from gateway.graphql.nouns import Noun
from gateway.scalars import Long


@strawberry.type(description="Commands that wait for one kind of worker.")
class Queue:
    """domain.jobs.backlog.Backlog, and how fast it is worked off."""

    name: str = field(description="Its name, and so the kind of worker that takes from it.")
    depth: Long = field(description="Commands that wait for a worker; those that one has begun are not among them.")
    oldest: float | None = field(description="Seconds that the oldest job that is due has waited; null where none waits.")
    consumers: int = field(description="Worker processes that take from it just now: one whose slots are all busy does not.")
    rate: int = field(description="Jobs that finished in the last minute, as far as this gateway has heard.")

    @strawberry.field(description="Jobs that workers do just now; with `depth`, what there is to do.")
    async def running(self, info: Info) -> Long:
        """By their records."""
        return Long(await backlog.running(info.context.hub, self.name))


@strawberry.type
class QueueQuery:
    """Reading queues."""

    @strawberry.field(description="Every queue, by name.")
    async def queues(self, info: Info) -> list[Queue]:
        """As the bus and the records see them."""
        context = info.context
        return [
            Queue(
                name=each.queue,
                depth=Long(each.depth),
                oldest=each.oldest,
                consumers=each.consumers,
                rate=context.watching.tally.rate(each.queue),
            )
            for each in await backlog.read(context.hub)
        ]


NOUN = Noun(query=QueueQuery)
