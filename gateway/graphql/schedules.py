"""Schedules: runs that start by the clock."""

import time as clock
from typing import Annotated, Any, Self

import strawberry
from strawberry import UNSET, field

from domain.data import schedules
from domain.data.schedules import SCHEDULES
from domain.data.schedules import Schedule as ScheduleRecord
from domain.jobs import runs
from domain.nouns import Stored
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.builds import given
from gateway.graphql.nodes import After, Connection, First, In, Name, Node, connection, global_id, page_size, position
from gateway.graphql.runs import Run, run_connection
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
    failure: str = field(description="Why its last fire started nothing; empty where it did.")

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
            failure=schedule.failure,
        )

    @strawberry.field(description="The runs that it started, newest first.")
    async def runs(self, info: Info, first: First = 20, after: After = None) -> Connection[Run]:
        """A page; those of an earlier schedule of the same name among them."""
        who, limit = schedules.asked_by(self.name), page_size(first) + 1
        return run_connection(await runs.page_of(info.context.hub, who, after=position(after), limit=limit), first)


async def find_schedule(info: Info, name: str) -> Schedule | None:
    """The schedule of that name."""
    stored = await SCHEDULES.find_one(info.context.hub.records, name)
    return Schedule.of(stored) if stored else None


@strawberry.type
class ScheduleQuery:
    """Reading schedules."""

    @strawberry.field(description="Schedules, oldest first.")
    async def schedules(self, info: Info, first: First = 20, after: After = None) -> Connection[Schedule]:
        """A page."""
        found = await SCHEDULES.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Schedule.of)

    @strawberry.field(description="One schedule.")
    async def schedule(self, info: Info, name: Name) -> Schedule | None:
        """Null where there is none."""
        return await find_schedule(info, name)


@strawberry.input(description="When, and what: a source, a build, or a build and its API.")
class AddScheduleInput:
    """Input of addSchedule."""

    name: str = field(description="Its name.")
    cron: str = field(description=CRON)
    timezone: str = field(default="UTC", description=ZONE)
    jitter: float = field(default=0.0, description=JITTER)
    source: str | None = field(default=UNSET, description="The source to dump, with all that follows.")
    build: str | None = field(default=UNSET, description="The build to make.")
    api: str | None = field(default=UNSET, description="With `build`: do everything for this API.")
    paused: bool = field(default=False, description="Whether it waits to be resumed.")


@strawberry.type(description="The schedule was added.")
class AddScheduleSuccess:
    """Success of addSchedule."""

    schedule: Schedule = field(description="The schedule.")


AddSchedulePayload = Annotated[
    AddScheduleSuccess | Refusal, strawberry.union("AddSchedulePayload", description="What addSchedule answers.")
]


@strawberry.input(description="What changes of a schedule; what is left out stays.")
class EditScheduleInput:
    """Input of editSchedule."""

    name: str = field(description="The schedule.")
    cron: str | None = field(default=UNSET, description=CRON)
    timezone: str | None = field(default=UNSET, description=ZONE)
    jitter: float | None = field(default=UNSET, description=JITTER)
    paused: bool | None = field(default=UNSET, description="Whether it fires at all; times that passed meanwhile never fire.")


@strawberry.type(description="The schedule was edited.")
class EditScheduleSuccess:
    """Success of editSchedule."""

    schedule: Schedule = field(description="The schedule.")


EditSchedulePayload = Annotated[
    EditScheduleSuccess | Refusal, strawberry.union("EditSchedulePayload", description="What editSchedule answers.")
]


@strawberry.input(description="Which schedule to remove.")
class RemoveScheduleInput:
    """Input of removeSchedule."""

    name: str = field(description="The schedule.")


@strawberry.type(description="The schedule was removed; what it started goes on.")
class RemoveScheduleSuccess:
    """Success of removeSchedule."""

    name: str = field(description="The name that is free now.")


RemoveSchedulePayload = Annotated[
    RemoveScheduleSuccess | Refusal, strawberry.union("RemoveSchedulePayload", description="What removeSchedule answers.")
]


@strawberry.type
class ScheduleMutation:
    """Changing schedules."""

    @strawberry.mutation(description="Start runs by the clock.")
    async def add_schedule(self, info: Info, input: In[AddScheduleInput]) -> AddSchedulePayload:
        """Checked by the domain."""
        values: dict[str, Any] = given(input)
        return AddScheduleSuccess(schedule=Schedule.of(await schedules.add(info.context.hub, input.name, **values)))

    @strawberry.mutation(description="Change when a schedule fires, or whether.")
    async def edit_schedule(self, info: Info, input: In[EditScheduleInput]) -> EditSchedulePayload:
        """What it does stays: that would be another schedule."""
        values: dict[str, Any] = given(input)
        return EditScheduleSuccess(schedule=Schedule.of(await schedules.edit(info.context.hub, input.name, **values)))

    @strawberry.mutation(description="Remove a schedule.")
    async def remove_schedule(self, info: Info, input: In[RemoveScheduleInput]) -> RemoveSchedulePayload:
        """What it started goes on."""
        await schedules.remove(info.context.hub, input.name)
        return RemoveScheduleSuccess(name=input.name)
