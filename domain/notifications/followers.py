"""What is told of what happens: pure functions from a committed event to the command that tells it."""

from typing import Any

from domain.hub import Follower
from events.apis import ReleaseCreated
from events.jobs import JobFinished
from events.message import Event
from events.notifications import Notify, SendDigest, SendNotification
from events.schedules import ScheduleFailed

FAILED = ("FAILED", "TIMED_OUT")
BY_NOUN = {"source": "source.failed", "build": "run.failed", "api": "run.failed"}
"""The kind of notification by what the job worked on; of others nothing is told."""
SCHEDULE = "schedule "
"""How `asked_by` of a job begins that a schedule asked for (domain.data.schedules.asked_by)."""


def kind_of(target: str, asked_by: str) -> str:
    """The kind of notification that tells of a job on `target`; empty where none does."""
    kind = BY_NOUN.get(target.partition("/")[0], "")
    return "schedule.failed" if kind and asked_by.startswith(SCHEDULE) else kind


def of_job(event: JobFinished) -> Notify | None:
    """A job that failed for good."""
    kind = kind_of(event.target, event.asked_by)
    if not kind or event.outcome not in FAILED:
        return None
    name = event.target.partition("/")[2]
    verb = event.step.partition(":")[0]
    by = f", asked for by {event.asked_by}" if event.asked_by.startswith(SCHEDULE) else ""
    how = "took too long" if event.outcome == "TIMED_OUT" else "failed"
    return Notify(
        kind=kind,
        subject=event.step,
        title=f"{verb} of {name} {how}",
        text=f"{event.error}\n\nThe {verb} of {event.target.replace('/', ' ')} {how}{by}.\n\nleat log {event.job_id}",
        link=f"jobs/{event.job_id}/log",
        streak="failing",
        target=event.target,
        at=event.at,
    )


def of_release(event: ReleaseCreated) -> Notify | None:
    """A release that is served, or kept back."""
    if event.unchanged and not event.held:
        return None
    if event.held:
        reasons = "\n".join(f"- {reason}" for reason in event.held)
        accept = f"leat release accept {event.api} {event.called}"
        text = f"It is kept back, and what was served before is served on:\n{reasons}\n\nTo let it be served: {accept}"
        return Notify(
            kind="release.held",
            subject=f"held:{event.api}",
            title=f"release {event.called} of {event.api} is held",
            text=text,
            link=f"api/{event.api}/metadata",
            at=event.at,
        )
    return Notify(
        kind="release.published",
        subject=f"release:{event.api}",
        title=f"release {event.called} of {event.api} is served",
        text=f"It has {event.count:,} documents.",
        link=f"api/{event.api}/metadata",
        at=event.at,
    )


def of_schedule(event: ScheduleFailed) -> Notify:
    """A schedule that started nothing."""
    return Notify(
        kind="schedule.failed",
        subject=f"schedule:{event.schedule}",
        title=f"schedule {event.schedule} started nothing",
        text=event.error,
        streak="failing",
        at=event.at,
    )


def of_channel(event: JobFinished) -> Notify | None:
    """A message that can't be sent by its channel."""
    name = event.target.partition("/")[2]
    if event.command not in (SendNotification.__name__, SendDigest.__name__) or event.outcome not in FAILED:
        return None
    return Notify(
        kind="channel.failing",
        subject=f"channel:{name}",
        title=f"messages can't be sent by the channel {name}",
        text=f"{event.error}\n\nleat channel test {name}",
        streak="failing",
        at=event.at,
    )


def _following(name: str, event: type[Event], ask: Any) -> Follower:
    return Follower(name=name, events=(event,), ask=ask)


TOLD = (
    _following("failures are told", JobFinished, of_job),
    _following("releases are told", ReleaseCreated, of_release),
    _following("schedules are told", ScheduleFailed, of_schedule),
    _following("failing channels are told", JobFinished, of_channel),
)
"""The rows of these functions in the table of followers."""
