"""The reaper: in every process, in small passes, it does what a process that died, or a message that was lost, left undone.

Every pass is harmless when done twice, at the same time, or by many processes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import msgspec

from domain.clocks import is_over
from domain.data import apis, schedules
from domain.errors import LeatError, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import dead_letters, garbage, jobs, presence, retention, runs, settling, writers
from domain.jobs.garbage import AGE
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.jobs.resending import Silence
from domain.nouns import Stored, owner
from events.bus import BusError
from events.supervision import supervise

log = logging.getLogger(__name__)

SMALL = 500
"""Records that one pass looks at."""


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between things the reaper does."""

    due: float = 1.0
    """Jobs that are due, waiters, schedules."""
    beats: float = 3.0
    """Beats, at most a fifth of a lease apart."""
    chains: float = 5.0
    """Chains, runs, writers."""
    silence: float = 15.0
    """Queues seen empty, dead letters."""
    garbage: float = 600.0
    """Garbage, retention."""
    unsent: float = 10.0
    """How long whoever asked for a job has to send it."""
    age: float = AGE
    """How long garbage lies."""


class Reaper:
    """The passes, and what they remember from one to the next."""

    def __init__(self, hub: Hub, intervals: Intervals | None = None) -> None:
        self._hub = hub
        self.intervals = intervals or Intervals()
        beats = min(self.intervals.beats, hub.limits.lease / 5)
        self.pulse = settling.Pulse(hub.limits.lease, 2 * beats)
        self.silence = Silence(self.intervals.silence)
        self._passes: tuple[tuple[float, Callable[[], Awaitable[None]]], ...] = (
            (beats, self.settle_dead),
            (self.intervals.due, self.send_due),
            (self.intervals.due, self.fire_schedules),
            (self.intervals.chains, self.go_on),
            (self.intervals.silence, self.send_again),
            (self.intervals.garbage, self.clean),
        )

    async def run(self) -> None:
        """Every pass at its interval, side by side, until cancelled; one that fails leaves the others be."""
        async with asyncio.TaskGroup() as group:
            for seconds, one_pass in self._passes:
                group.create_task(supervise(f"reaper {one_pass.__name__}", partial(self._repeat, seconds, one_pass)))

    async def _repeat(self, seconds: float, one_pass: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await one_pass()
            except (LeatError, BusError) as error:
                log.warning("reaper's pass ended early", extra={"reaper_pass": one_pass.__name__, "error": str(error)})
            await asyncio.sleep(seconds)

    async def settle_dead(self) -> None:
        """End the attempts whose beat stood still for a lease."""
        try:
            alive = await settling.alive(self._hub)
        except Unavailable:
            self.pulse.miss()
            raise
        dead = self.pulse.look(alive, asyncio.get_running_loop().time())
        await settling.settle_all(self._hub, dead[:SMALL])

    async def send_due(self) -> None:
        """Send queued jobs that are due and that nobody sent, and the oldest waiter of each noun that is free."""
        after: tuple[float, str] | None = None
        looked_at: set[str] = set()
        while True:
            page = await JOBS.find(self._hub.records, state="QUEUED", sent_at=0.0, after=after, limit=SMALL)
            for stored in page:
                with suppress(Unreadable):  # the noun that it waits for
                    await self._send_if_due(stored, looked_at)
            if len(page) < SMALL:
                return
            after = (page[-1].value.created_at, page[-1].id)

    async def _send_if_due(self, stored: Stored[Job], looked_at: set[str]) -> None:
        job = stored.value
        if job.waiting_for:
            target = writers.target_of(job)
            if target not in looked_at:
                looked_at.add(target)
                if await writers.is_free(self._hub, target):
                    await jobs.resend(self._hub, stored)
        elif is_over(jobs.queued_at(job), due_at(job, self.intervals.unsent), time.time()):
            await jobs.resend(self._hub, stored)

    async def fire_schedules(self) -> None:
        """Start the runs whose time has come."""
        await schedules.fire_due(self._hub, time.time())

    async def go_on(self) -> None:
        """Free writers whose job does not run, run chains that were not run, finish what was begun with runs."""
        await relieve(self._hub)
        now, pause = time.time(), self.intervals.chains
        for stored in await JOBS.find(self._hub.records, chained=False, limit=SMALL):
            ended_at = stored.value.finished_at
            if stored.value.state == "FINISHED" and is_over(ended_at, ended_at + pause, now):
                with suppress(Unreadable):  # its run: whoever can read that goes on
                    await runs.follow(self._hub, stored)
        for run in await RUNS.find(self._hub.records, pending="ask", limit=SMALL):
            if is_over(run.value.created_at, run.value.created_at + pause, now):
                with suppress(Unreadable):
                    await runs.ask_first(self._hub, run.id)
        for run in await RUNS.find(self._hub.records, pending="cancel", limit=SMALL):
            with suppress(Unreadable):
                await runs.settle_cancelled(self._hub, run)

    async def send_again(self) -> None:
        """Send again what must have been lost on the way, and keep what could not be decoded."""
        await self.silence.send_again(self._hub, asyncio.get_running_loop().time())
        await dead_letters.drain(self._hub)

    async def clean(self) -> None:
        """Put the aliases right, drop garbage, old jobs, and the presence of processes that are gone."""
        await apis.publish_all(self._hub)
        await garbage.collect(self._hub, self.intervals.age)
        await retention.forget(self._hub, SMALL)
        await presence.forget_lost(self._hub)


def due_at(job: Job, unsent: float) -> float:
    """When a queued job that was not sent is due: at its own time, else `unsent` seconds after it was queued."""
    return job.not_before or jobs.queued_at(job) + unsent


async def relieve(hub: Hub) -> None:
    """Free every `writer` whose job is neither RUNNING nor CANCELING; one without a record has finished."""
    for kind, table in writers.TABLES.items():
        for noun in await table.readable(hub.records):
            if owner(noun.value.writer)[0]:
                with suppress(Unreadable):  # its job: whoever can read that frees it
                    await _relieve(hub, f"{kind}/{noun.id}", noun.value.writer)


async def _relieve(hub: Hub, target: str, writer: str) -> None:
    job = await JOBS.find_one(hub.records, owner(writer)[0])
    if job is None or job.value.state not in jobs.ALIVE:
        await writers.free(hub, target, writer)
        await writers.wake(hub, target)


async def void_leases(hub: Hub) -> None:
    """For a hub that is alone with its data folder and its bus: whoever ran a job before this process is gone, and what was sent
    is lost. Settle every attempt of theirs, and send every queued job that is due."""
    gone = [stored for stored in await settling.alive(hub) if stored.value.worker != hub.process]
    await settling.settle_all(hub, gone)
    await relieve(hub)
    for stored in await JOBS.readable(hub.records, state="QUEUED"):
        job = stored.value
        if not job.waiting_for and is_over(jobs.queued_at(job), job.not_before, time.time()):
            await jobs.resend(hub, stored)


async def run(hub: Hub, *, alone: bool = False, intervals: Intervals | None = None) -> None:
    """Reap until cancelled; `alone` where this process holds the lock of its data folder and its bus is embedded."""
    if alone:
        await void_leases(hub)
    await Reaper(hub, intervals).run()
