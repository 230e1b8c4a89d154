"""Workers: the processes that take commands, as each says itself."""

from collections.abc import AsyncGenerator
from typing import Any, Self

import strawberry
from strawberry import field

from domain.callers import Caller
from domain.hub import Hub
from domain.jobs import presence
from domain.jobs.presence import Presence
from domain.nouns import Stored
from domain.visibility import may_see
from events.message import Event
from gateway.context import Info
from gateway.graphql.nouns import Noun
from gateway.live.stream import Reader, Shareable, Span
from gateway.scalars import DateTime, Long


@strawberry.type(description="A queue that a worker takes from.")
class WorkerQueue:
    """One entry of domain.jobs.presence.Presence.queues."""

    name: str = field(description="The queue.")
    slots: int = field(description="Jobs that it does at a time.")


@strawberry.type(description="A process that a worker started: a heavy step, a plugin, or what that started.")
class WorkerChild:
    """domain.jobs.presence.Consumption."""

    pid: int = field(description="Its process number on the worker's machine.")
    name: str = field(description="As its system calls it.")
    memory: Long = field(description="Bytes that it holds in memory.")
    cpu_seconds: float = field(description="Processor time since it began.")


@strawberry.type(description="A process that takes commands.")
class Worker:
    """domain.jobs.presence.Presence."""

    process: str = field(description="Its identity, as in logs and `worker` of jobs.")
    host: str = field(description="Its machine.")
    pid: int = field(description="Its process number there.")
    queues: list[WorkerQueue] = field(description="What it takes from.")
    running: list[str] = field(description="UUIDs of the jobs that it does now.")
    stopping: bool = field(description="Whether it takes no more.")
    memory: Long = field(description="Bytes that it holds in memory, without its children; 0 where its system does not tell.")
    cpu_seconds: float = field(description="Processor time since it began, without its children.")
    sandbox: bool = field(description="Whether the plugins that it runs are in a sandbox (LEAT_PLUGIN_SANDBOX).")
    children: list[WorkerChild] = field(description="The processes that it started, those with the most memory first, 50 at most.")
    loop_lag: float = field(description="The most seconds that its event loop was late since it spoke before.")
    started_at: DateTime = field(description="When it began.")
    seen_at: DateTime = field(description="When it last said so.")

    @classmethod
    def of(cls, stored: Stored[Presence]) -> Self:
        """The record as clients see it."""
        said = stored.value
        return cls(
            process=stored.id,
            host=said.host,
            pid=said.pid,
            queues=[WorkerQueue(name=name, slots=slots) for name, slots in said.queues.items()],
            running=list(said.running),
            stopping=said.stopping,
            memory=Long(said.memory),
            cpu_seconds=said.seconds,
            sandbox=said.sandbox,
            children=[
                WorkerChild(pid=each.pid, name=each.name, memory=Long(each.memory), cpu_seconds=each.seconds)
                for each in said.children
            ],
            loop_lag=said.lag,
            started_at=DateTime(said.created_at),
            seen_at=DateTime(said.seen_at),
        )


def _shown(info: Info, found: list[Stored[Presence]]) -> list[Worker]:
    return [Worker.of(each) for each in found if may_see(info.context.caller, each.value)]


@strawberry.type(description="The workers as they are now.")
class WorkerBatch(Shareable):
    """One answer of the subscription `workers`."""

    span: strawberry.Private[Span]
    found: strawberry.Private[list[Stored[Presence]]]

    @strawberry.field(description="All of them, oldest first.")
    def workers(self, info: Info) -> list[Worker]:
        """Those that the caller may see."""
        return _shown(info, self.found)

    def check(self, caller: Caller) -> None:
        """Everybody may watch; what each sees is chosen where the field is resolved."""


class WorkerReader(Reader[WorkerBatch]):
    """Reads all workers; its cursor is what they say, without when."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def heed(self, event: Event) -> None:
        """Events say nothing that the records do not."""

    async def read(self, after: Any, upto: Any | None) -> WorkerBatch:
        """All of them, whatever was seen before."""
        found = await presence.page(self._hub)
        said = [(each.id, sorted(each.value.queues.items()), each.value.running, each.value.stopping) for each in found]
        end = said if upto is None else upto
        return WorkerBatch(span=Span(before=after, after=end, empty=said == after), found=found)


@strawberry.type
class WorkerQuery:
    """Reading workers."""

    @strawberry.field(description="Every worker process, oldest first.")
    async def workers(self, info: Info) -> list[Worker]:
        """Those that were seen lately."""
        return _shown(info, await presence.page(info.context.hub))


@strawberry.type
class WorkerSubscription:
    """Watching workers."""

    @strawberry.subscription(description="The workers, again whenever one comes, goes, or takes or ends a job.")
    def workers(self, info: Info) -> AsyncGenerator[WorkerBatch, None]:
        """All of them each time: there are few."""
        hub = info.context.hub
        return info.context.watching.follow("workers", "", lambda: WorkerReader(hub), None, info.context.caller)


NOUN = Noun(query=WorkerQuery, subscription=WorkerSubscription)
