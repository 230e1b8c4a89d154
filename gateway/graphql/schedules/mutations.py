"""Changing schedules."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET, field

from domain.data import schedules
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.inputs import DRY_RUN, REMOVED, In, given
from gateway.graphql.schedules.types import CRON, JITTER, ZONE, Schedule


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
    dry_run: bool = field(default=False, description=DRY_RUN)


@strawberry.type(description="The schedule was removed; what it started goes on.")
class RemoveScheduleSuccess:
    """Success of removeSchedule."""

    name: str = field(description="The name that is free now.")
    removed: list[str] = field(description=REMOVED)


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
        await schedules.remove(info.context.hub, input.name, dry_run=input.dry_run)
        return RemoveScheduleSuccess(name=input.name, removed=[])
