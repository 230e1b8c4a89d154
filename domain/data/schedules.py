"""Schedules: which run starts when, fired once for each time whichever process does it and whichever dies.

A fire's run has an id derived from schedule and time, so that asking twice starts one run. `fired_at` only says from where to look
on. Where a process dies between asking and noting that, another one asks again, for the same run.
"""

import hashlib
import logging
import time
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.clocks import SKEW
from domain.data import cron, pipelines
from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES, Source
from domain.errors import Conflict, Invalid, NotFound, Refused, Stale
from domain.hub import Hub
from domain.jobs import edits, overview
from domain.jobs.overview import RunView
from domain.names import check_name
from domain.nouns import ENTITY_INDEXES, REMOVED_RANGE, Entity, Stored, Table
from domain.ports.records import Kind
from events.schedules import ScheduleAdded, ScheduleEdited, ScheduleFired, ScheduleRemoved

log = logging.getLogger(__name__)

READ = 10.0
"""Seconds between two readings of all schedules: it may take that long until a new one is noticed."""


class Schedule(Entity, frozen=True, kw_only=True):
    """When, and what: a dump of a source with all that follows, a build, or the whole pipeline of an API."""

    cron: str
    """Five fields, or six with seconds last (BioThings' manifests)."""
    timezone: str = "UTC"
    jitter: float = 0.0
    """Each fire is put off by less than so many seconds: differently each time, but alike in every process, and never beyond the
    next time."""
    source: str = ""
    build: str = ""
    api: str = ""
    """With `build`: the whole pipeline. Exactly one of these is set: a source; a build; a build and its API."""
    paused: bool = False
    fired_at: float = 0.0
    """The last time it was due and fired, Unix seconds; times before it, or before it was made, never fire."""
    failure: str = ""
    """Why its last fire started nothing; empty where it did."""
    run_id: str = ""
    """The run that it started last; empty before the first."""


FAILED = {"FAILED": "failed", "HELD": "is held"}
"""States of a run that came to nothing, in words: a cancelled one is nobody's failure."""
LOOKED_BACK = 10
"""Runs of a schedule among which one that has ended is looked for."""

SCHEDULES = Table(Kind(name="schedule", indexes=ENTITY_INDEXES, ranges=REMOVED_RANGE), Schedule)


def check(schedule: Schedule) -> Schedule:
    """The schedule, if its cron expression, time zone and target can be; raises Invalid naming the field."""
    try:
        ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a name such as `Europe` is a folder
        raise Invalid(f"{schedule.timezone!r} is no time zone such as Europe/Berlin", ("timezone",)) from error
    if reason := cron.reason_against(schedule.cron):
        raise Invalid(f"{schedule.cron!r} is no cron expression: {reason}", ("cron",))
    if not schedule.jitter >= 0:
        raise Invalid("jitter is a number of seconds, 0 or more", ("jitter",))
    if bool(schedule.source) == bool(schedule.build) or (schedule.api and not schedule.build):
        raise Invalid("name a source, or a build, or a build and its API", ("source",))
    return schedule


def due(name: str, schedule: Schedule, now: float) -> float:
    """The latest time that has come, jitter included, and was not fired yet; 0.0 where there is none. Of the times that passed
    while no hub ran, only the latest one is fired."""
    since = _since(schedule)
    start = datetime.fromtimestamp(now + 1, ZoneInfo(schedule.timezone))
    # Unix seconds are compared: Python compares times of one zone by what clocks show, which an hour in autumn has twice.
    for at in (moment.timestamp() for moment in cron.moments(schedule.cron, start, backwards=True)):
        if at <= since:
            break
        if at + _put_off(name, schedule, at) <= now:
            return at
    return 0.0


def next_at(name: str, schedule: Schedule, now: float) -> float:
    """When it fires next, jitter included."""
    at = _following(schedule, now)
    return at + _put_off(name, schedule, at)


async def add(hub: Hub, name: str, **values: Any) -> Stored[Schedule]:
    """Make a schedule. Raises Invalid, NotFound for an unknown target, or Conflict."""
    check_name(name)
    schedule = check(Schedule(created_at=time.time(), **values))
    await _check_target(hub, schedule)
    return await edits.add(hub, SCHEDULES, name, schedule, ScheduleAdded(schedule=name))


async def edit(hub: Hub, name: str, **values: Any) -> Stored[Schedule]:
    """Change fields of a schedule. Times that passed while it was paused never fire, nor do times before the edit where the edit
    changes when it fires."""

    def edited(schedule: Schedule) -> Schedule:
        new = check(msgspec.structs.replace(schedule, **values))
        resumed = schedule.paused and not new.paused
        if resumed or (new.cron, new.timezone) != (schedule.cron, schedule.timezone):
            return msgspec.structs.replace(new, fired_at=time.time())
        return new

    return await edits.change(hub, SCHEDULES, name, edited, ScheduleEdited(schedule=name))


async def remove(hub: Hub, name: str, *, dry_run: bool = False) -> None:
    """Remove a schedule; what it set off goes on. A dry run only looks whether there is one."""
    if dry_run:
        await SCHEDULES.get(hub.records, name)
        return
    await edits.remove(hub, SCHEDULES, name, ScheduleRemoved(schedule=name))


async def from_manifest(hub: Hub, source: Stored[Source]) -> None:
    """Make the schedule that a plugin's manifest asks for, named as its source, where there is none of that name."""
    expression = source.value.manifest.schedule
    if expression and await SCHEDULES.find_one(hub.records, source.id) is None:
        with suppress(Conflict):  # somebody else made it meanwhile
            await add(hub, source.id, cron=expression, source=source.id)


async def remove_those_of(hub: Hub, **target: str) -> None:
    """Remove the schedules of a source, build or API that was removed."""
    for stored in await SCHEDULES.readable(hub.records):
        if all(getattr(stored.value, kind) == name for kind, name in target.items()):
            await remove(hub, stored.id)


def asked_by(name: str) -> str:
    """Who asked for its runs, as jobs and runs say it."""
    return f"schedule {name}"


async def failure(hub: Hub, name: str, schedule: Schedule) -> str:
    """Why its last fire came to nothing: it started no run, or that failed or is held; empty where it did what it is for. A run
    that still goes on says nothing yet, so until it ends the one before it counts."""
    if schedule.failure or not schedule.run_id:
        return schedule.failure
    try:
        view: RunView | None = await overview.view(hub, schedule.run_id)
    except NotFound:
        return ""  # it ended so long ago that nobody keeps it
    if view and view.state == "RUNNING":
        before = await overview.page_of(hub, asked_by(name), limit=LOOKED_BACK)
        view = next((each for each in before if each.state != "RUNNING"), None)
    return f"run {view.id} {FAILED[view.state]}{_why(view)}" if view and view.state in FAILED else ""


def _why(view: RunView) -> str:
    """The first line of the first error in a run."""
    errors = [(step.name, step.job.value.error) for step in view.steps if step.job and step.job.value.outcome != "SUCCEEDED"]
    found = next(((name, error.message.partition("\n")[0]) for name, error in errors if error), None)
    return f": {found[0]}: {found[1]}" if found else ""


class Firing:
    """Fires what is due. All schedules are read at times, and in between only what became due is read again before it fires."""

    def __init__(self) -> None:
        self._known: list[Stored[Schedule]] = []
        self._read_at = -READ

    async def __call__(self, hub: Hub) -> None:
        """Fire what is due now; called every second."""
        now = time.time()
        if time.monotonic() - self._read_at >= READ:
            self._known, self._read_at = await SCHEDULES.readable(hub.records), time.monotonic()
        if any(_is_due(stored, now) for stored in self._known):
            self._read_at = -READ
            await fire_due(hub, now)


async def fire_due(hub: Hub, now: float) -> int:
    """Start the runs whose time has come; returns how many schedules fired. Every process calls it, and each time starts one
    run."""
    fired = 0
    for stored in await SCHEDULES.readable(hub.records):
        if _since(stored.value) > now + SKEW:
            await _set_back(hub, stored, now)
        elif at := _due(stored, now):
            await _fire(hub, stored, at)
            fired += 1
    return fired


def _is_due(stored: Stored[Schedule], now: float) -> bool:
    return _since(stored.value) > now + SKEW or bool(_due(stored, now))


def _due(stored: Stored[Schedule], now: float) -> float:
    """The time that is to be fired; 0.0 where there is none, or where this machine does not know the time zone: then another
    process does it."""
    try:
        return 0.0 if stored.value.paused else due(stored.id, stored.value, now)
    except ZoneInfoNotFoundError:
        log.warning("this machine has no such time zone", extra={"schedule": stored.id, "timezone": stored.value.timezone})
        return 0.0


async def _fire(hub: Hub, stored: Stored[Schedule], at: float) -> None:
    name, schedule = stored.id, stored.value
    who, key, failure, run_id = asked_by(name), repr(at), "", schedule.run_id
    try:
        if schedule.source:
            started = await pipelines.start_dump(hub, schedule.source, asked_by=who, key=key)
        elif schedule.api:
            started = await pipelines.start_pipeline(hub, schedule.build, schedule.api, asked_by=who, key=key)
        else:
            started = await pipelines.start_build(hub, schedule.build, asked_by=who, key=key)
        run_id = started.run_id
    except Refused as error:
        failure = error.message
        log.warning("schedule started nothing", extra={"schedule": name, "error": failure})
    try:
        fired = msgspec.structs.replace(schedule, fired_at=at, failure=failure, run_id=run_id)
        await SCHEDULES.replace(hub.records, stored, fired)
    except Stale:
        return  # another process fired the same time, or it was edited: then it is looked at again
    if not failure:
        await hub.announce(ScheduleFired(schedule=name, run_id=run_id, due_at=at))


async def _set_back(hub: Hub, stored: Stored[Schedule], now: float) -> None:
    """A clock was put back: look on from now, instead of waiting until it comes to that time again. A time that was fired already
    has its run, so it starts none when it comes again."""
    with suppress(Stale):  # another process did, or it was edited: then it is looked at again
        await SCHEDULES.replace(hub.records, stored, msgspec.structs.replace(stored.value, fired_at=now))


async def _check_target(hub: Hub, schedule: Schedule) -> None:
    if schedule.source:
        await SOURCES.get(hub.records, schedule.source)
    else:
        await BUILDS.get(hub.records, schedule.build)
    if schedule.api:
        await APIS.get(hub.records, schedule.api)


def _since(schedule: Schedule) -> float:
    """Times up to this one never fire."""
    return schedule.fired_at or schedule.created_at


def _following(schedule: Schedule, at: float) -> float:
    return next(cron.moments(schedule.cron, datetime.fromtimestamp(at, ZoneInfo(schedule.timezone)))).timestamp()


def _put_off(name: str, schedule: Schedule, at: float) -> float:
    """Seconds that this time is put off: less than there are until the next time, so that times fire in their order and none is
    passed over."""
    if not schedule.jitter:
        return 0.0
    share = int.from_bytes(hashlib.sha256(f"{name} {at!r}".encode()).digest()[:4]) / 2**32
    return min(schedule.jitter, _following(schedule, at) - at) * share
