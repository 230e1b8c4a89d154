"""Schedules: runs that start by the clock."""

import time as clock
from typing import Self

import strawberry
from strawberry import field

from domain.data import schedules
from domain.data.schedules import SCHEDULES
from domain.data.schedules import Schedule as ScheduleRecord
from domain.jobs import overview
from domain.masking import without_servers
from domain.nouns import Stored
from gateway.context import Info
from gateway.graphql.jobs.queries import run_connection
from gateway.graphql.jobs.types import Run, find_run
from gateway.graphql.nodes import After, Connection, First, Node, global_id, page_size, position
from gateway.scalars import DateTime, time

CRON = "Five fields, or six with the seconds last: minute, hour, day of the month, month, day of the week, second."
ZONE = "The time zone that the fields are in, such as Europe/Berlin."
JITTER = "Seconds within which each fire is put off, differently each time."


@strawberry.type(description="When a run is started by the clock, and what it does; each time starts one run.")
class Schedule(Node):
    """domain.data.schedules.Schedule."""

    name: str = field(description="Its name; the source's where a plugin's manifest asked for it.")
    cron: str = field(description=CRON)
    timezone: str = field(description=ZONE)
    jitter: float = field(description=JITTER)
    source: str | None = field(description="The source that is dumped, with all that follows.")
    build: str | None = field(description="The build that is made; with `api`, everything for that API.")
    api: str | None = field(description="The API that everything is done for.")
    paused: bool = field(description="Whether it fires at all.")
    created_at: DateTime = field(description="When it was added.")
    next_at: DateTime | None = field(description="When it fires next, jitter included; null while it is paused.")
    last_fired_at: DateTime | None = field(description="The last time that it was due and fired; null before the first.")
    record: strawberry.Private[ScheduleRecord]

    @classmethod
    def of(cls, stored: Stored[ScheduleRecord]) -> Self:
        """The record as clients see it."""
        schedule = stored.value
        coming = None if schedule.paused else DateTime(schedules.next_at(stored.id, schedule, clock.time()))
        return cls(
            id=global_id("Schedule", stored.id),
            name=stored.id,
            cron=schedule.cron,
            timezone=schedule.timezone,
            jitter=schedule.jitter,
            source=schedule.source or None,
            build=schedule.build or None,
            api=schedule.api or None,
            paused=schedule.paused,
            created_at=DateTime(schedule.created_at),
            next_at=coming,
            last_fired_at=time(schedule.fired_at),
            record=schedule,
        )

    @strawberry.field(
        description="Why its last fire came to nothing: it started no run, or that run failed or is held; while it goes on, that "
        "of the run before. Empty where it did not."
    )
    async def failure(self, info: Info) -> str:
        """With the run."""
        return without_servers(await schedules.failure(info.context.hub, self.name, self.record))

    @strawberry.field(description="The run that it started last; null before the first, or where it is no longer kept.")
    async def last_run(self, info: Info) -> Run | None:
        """As it stands."""
        return await find_run(info, self.record.run_id) if self.record.run_id else None

    @strawberry.field(description="The runs that it started, newest first.")
    async def runs(self, info: Info, first: First = 20, after: After = None) -> Connection[Run]:
        """A page; those of an earlier schedule of the same name among them."""
        who, limit = schedules.asked_by(self.name), page_size(first) + 1
        return run_connection(await overview.page_of(info.context.hub, who, after=position(after), limit=limit), first)


async def find_schedule(info: Info, name: str) -> Schedule | None:
    """The schedule of that name."""
    stored = await SCHEDULES.find_one(info.context.hub.records, name)
    return Schedule.of(stored) if stored else None
