"""A hub with a rule: so many mappings are validated at once for each person, and so many in total."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from domain.hub import Hub, Room, Rule
from domain.jobs.asking import ask
from domain.jobs.holds import ALLOWANCES
from domain.jobs.jobs import JOBS, Job
from domain.nouns import Stored
from domain.ports.records import Records
from events.apis import ValidateMapping
from tests.domain.jobs.processes import other

WHY = "at most so many at once for each person"
ONE_EACH = Room(WHY, each=1)


@dataclass
class Limits:
    """What the rule allows, which a test may change, and what it does when the rule is asked."""

    room: Room = ONE_EACH
    asked: Callable[[], Awaitable[None]] | None = None

    async def say(self, hub: Hub) -> Room:
        """The rule's room."""
        if self.asked:
            await self.asked()
        return self.room


def under_rule(hub: Hub, limits: Limits, name: str = "people") -> Hub:
    """The hub as a process has it whose catalogue has the rule."""
    rule = Rule(name=name, commands=(ValidateMapping,), key=lambda _, asked_by: asked_by, room=limits.say)
    return replace(hub, catalogue=replace(hub.catalogue, rules=(rule,)))


async def asked(hub: Hub, who: str, id: str = "") -> str:
    """A job that somebody asked for, whose command says so too."""
    return (await ask(hub, ValidateMapping(source=who), id=id, asked_by=who)).job.id


async def job(hub: Hub, id: str) -> Job:
    """The job's record."""
    return (await JOBS.get(hub.records, id)).value


async def held(hub: Hub, *ids: str) -> list[bool]:
    """Which of these are held."""
    return [(await job(hub, id)).is_held for id in ids]


async def admitted(hub: Hub, name: str = "people") -> set[str]:
    """The hold ids that the rule counts."""
    return set((await ALLOWANCES.get(hub.records, name)).value.admitted)


async def holds_of(hub: Hub, *ids: str) -> set[str]:
    """The hold ids of these jobs."""
    return {(await job(hub, id)).hold for id in ids}


def active(jobs: list[Stored[Job]]) -> list[str]:
    """The key of each job that is neither held nor finished, though a rule speaks of it."""
    return [each.value.key for each in jobs if each.value.rule and each.value.state != "FINISHED" and not each.value.is_held]


class Halting:
    """Records of a process that halts before a write, until it may go on."""

    def __init__(self, records: Records, write: str) -> None:
        self.records = records
        self.write = write
        """Such as `replace job`; halts once."""
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            if self.write == f"{name} {kind.name}" and not self.reached.is_set():
                self.reached.set()
                await self.go_on.wait()
            return await method(kind, *args, **kwargs)

        return call


def halting(hub: Hub, write: str) -> tuple[Hub, Halting]:
    """The hub as a process has it that halts before such a write."""
    records = Halting(hub.records, write)
    return other(hub, "halting", records=cast(Records, records)), records


class Counting:
    """Records that count what is read and written."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls.append(f"{name} {kind.name}")
            return await method(kind, *args, **kwargs)

        return call


class Watching:
    """Records that look, behind each write of a job, whether more goes on than the rule allows."""

    def __init__(self, records: Records, limits: Limits) -> None:
        self.records = records
        self.limits = limits
        self.exceeded: list[list[str]] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            result = await method(kind, *args, **kwargs)
            if kind is JOBS.kind and name in ("insert", "replace"):
                keys = active(await JOBS.every(self.records))
                most = max((keys.count(key) for key in keys), default=0)
                if most > self.limits.room.each or len(keys) > self.limits.room.total:
                    self.exceeded.append(keys)
            return result

        return call
