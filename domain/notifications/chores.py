"""What every process looks at from time to time: what works again, what no event tells of, and what nobody sends any more."""

import platform
import time
from collections.abc import Awaitable, Callable

from domain.data.disks import Disks
from domain.data.schedules import SCHEDULES
from domain.hub import Chore, Hub
from domain.ids import derived_id
from domain.jobs import asking, dead_letters
from domain.jobs.jobs import JOBS, step_of
from domain.notifications import lanes
from domain.notifications.channels import CHANNELS
from domain.notifications.notifications import NOTIFICATIONS, STREAKS, Streak, failing
from domain.nouns import Stored
from events.notifications import Notify

NEWEST = 50
"""Jobs of a noun among which one is looked for that went well."""
FRESH = 86400.0
"""Seconds after which nobody is told any more that a message was dead."""


async def tell_recoveries(hub: Hub) -> None:
    """Tell of each subject that failed, and was done well since."""
    for stored in await failing(hub):
        if why := await _recovered(hub, stored):
            await _tell_well(hub, stored, why)


async def _recovered(hub: Hub, stored: Stored[Streak]) -> str:
    """What shows that it works again, in words; empty where nothing does, or somebody else looks after it."""
    verb, _, name = stored.id.partition(":")
    if verb in ("channel", "disk"):
        return ""
    if verb == "schedule":
        schedule = await SCHEDULES.find_one(hub.records, name)
        return "it was removed" if schedule is None else "" if schedule.value.failure else "it started a run"
    for job in await JOBS.find(hub.records, descending=True, limit=NEWEST, target=stored.value.target):
        well = job.value.outcome == "SUCCEEDED" and job.value.finished_at > stored.value.failed_at
        if well and step_of(job.value) == stored.id:
            return f"job {job.id} did it"
    return ""


async def _tell_well(hub: Hub, stored: Stored[Streak], why: str) -> None:
    verb, _, name = stored.id.partition(":")
    times = f" It had failed {stored.value.failures:,} times." if stored.value.failures > 1 else ""
    told = Notify(
        kind=stored.value.kind,
        subject=stored.id,
        title=f"{verb} of {name} works again" if verb != "schedule" else f"schedule {name} works again",
        text=f"Since the first failure {why}.{times}",
        streak="well",
    )
    await asking.ask(hub, told, id=derived_id("well", stored.id, stored.value.thread), asked_by="notifications")


class Watch:
    """Disks and dead letters: nothing commits an event that tells of them."""

    def __init__(self) -> None:
        self._disks: Disks | None = None
        self._told: set[str] = set()
        """Dead letters that were told of."""

    async def __call__(self, hub: Hub) -> None:
        """Tell what is new."""
        await self._look_at_disks(hub)
        await self._look_at_letters(hub)

    async def _look_at_disks(self, hub: Hub) -> None:
        self._disks = self._disks or Disks(hub, hub.records)
        for name, disk in (await self._disks.look()).items():
            subject = f"disk:{name}@{platform.node()}"
            stored = await STREAKS.find_one(hub.records, subject)
            if bool(disk.reason) == bool(stored and stored.value.is_failing):
                continue
            told = Notify(
                kind="disk.low",
                subject=subject,
                title=f"the disk of LEAT_{name.upper()} on {platform.node()} " + (disk.reason or "has room again"),
                streak="failing" if disk.reason else "well",
            )
            id = derived_id("disk", subject, told.streak, stored.value.thread if stored else "")
            await asking.ask(hub, told, id=id, asked_by="notifications")

    async def _look_at_letters(self, hub: Hub) -> None:
        for stored in await dead_letters.page(hub, limit=NEWEST):
            if stored.id in self._told or stored.value.created_at < time.time() - FRESH:
                continue
            told = Notify(
                kind="dead_letter",
                subject=f"dead-letter:{stored.value.queue}",
                title=f"a message of {stored.value.queue} could not be done",
                text=stored.value.reason,
                at=stored.value.created_at,
            )
            await asking.ask(hub, told, id=derived_id("dead letter", stored.id), asked_by="notifications")
            self._told.add(stored.id)


async def forget(hub: Hub) -> None:
    """Drop notifications as old as jobs that are dropped, and lanes of channels that are gone."""
    before = time.time() - hub.limits.keep_jobs
    for stored in await NOTIFICATIONS.find(hub.records, limit=500):  # the oldest come first
        if stored.value.created_at < before:
            await hub.records.delete(NOTIFICATIONS.kind, stored.id)
    for lane in await lanes.LANES.readable(hub.records):
        if await CHANNELS.find_even_removed(hub.records, lane.id) is None:
            await hub.records.delete(lanes.LANES.kind, lane.id)


def _each_time(work: Callable[[Hub], Awaitable[None]]) -> Callable[[], Callable[[Hub], Awaitable[None]]]:
    return lambda: work


CHORES = (
    Chore(name="recoveries", seconds=5.0, idle=60.0, begin=_each_time(tell_recoveries)),
    Chore(name="disks and dead letters", seconds=30.0, idle=120.0, begin=Watch),
    Chore(name="old notifications", seconds=3600.0, begin=_each_time(forget)),
    Chore(name="lanes", seconds=30.0, idle=120.0, begin=_each_time(lanes.let_go)),
)
