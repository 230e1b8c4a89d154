"""Schedules: runs that start by the clock."""

from events.message import Event


class ScheduleAdded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A schedule was made."""

    schedule: str


class ScheduleEdited(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A schedule was edited, paused or resumed."""

    schedule: str


class ScheduleRemoved(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A schedule was removed."""

    schedule: str


class ScheduleFailed(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A schedule's time came, and nothing could be started."""

    schedule: str
    error: str


class ScheduleFired(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A schedule's time came, and its run was asked for (`run_id`)."""

    schedule: str
    due_at: float
    """The time it was due, Unix seconds."""
