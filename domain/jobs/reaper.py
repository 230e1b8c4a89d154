"""The reaper: in every process, in small passes, it does what a process that died, or a message that was lost, left undone.

Every pass is harmless when done twice, at the same time, or by many processes. While nothing goes on in the hub the passes come
seldom: an idle process reads the records less than once a second.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from domain.clocks import is_over
from domain.errors import LeatError, Unavailable, Unreadable
from domain.hub import Hub, Rule
from domain.jobs import dead_letters, following, garbage, holds, jobs, presence, retention, runs, settling, writers
from domain.jobs.garbage import AGE
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.jobs.resending import QuietQueues
from domain.jobs.sending import postpone, resend
from domain.nouns import Stored, Table, owner
from events.bus import BusError
from events.supervision import attempt, supervise

log = logging.getLogger(__name__)

Pass = Callable[[], Awaitable[None]]

SMALL = 500
"""Records that one pass looks at."""
BUSY = 60.0
"""Seconds after something was seen to go on for which the passes come often."""


class Intervals(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between things the reaper does."""

    due: float = 1.0
    """Jobs that are due, waiters."""
    beats: float = 3.0
    """Beats, at most a fifth of a lease apart."""
    chains: float = 5.0
    """What follows, runs, writers."""
    silence: float = 15.0
    """Queues seen empty, dead letters."""
    garbage: float = 600.0
    """Garbage, retention."""
    unsent: float = jobs.UNSENT
    """How long whoever asked for a job has to send it."""
    age: float = AGE
    """How long garbage lies."""
    idle: float = 4.0
    """Jobs that are due, and beats, while nothing goes on."""


class Reaper:
    """The passes, and what they remember from one to the next."""

    def __init__(self, hub: Hub, intervals: Intervals | None = None) -> None:
        self._hub = hub
        self.intervals = intervals or Intervals()
        beats = min(self.intervals.beats, hub.limits.lease / 5)
        self.pulse = settling.Pulse(hub.limits.lease, 2 * beats)
        self.queues = QuietQueues(self.intervals.silence)
        self._busy_until = 0.0
        self._looks = self._endless_looks()
        self._left: set[tuple[str, str, int]] = set()
        """(kind, id, version) of records with events that only another version of Leat can follow."""
        idle = min(self.intervals.idle, hub.limits.lease / 3)
        self._passes: tuple[tuple[str, float, float, Pass], ...] = (
            ("settle dead", beats, max(beats, idle), self.settle_dead),
            ("send due", self.intervals.due, max(self.intervals.due, idle), self.send_due),
            ("go on", self.intervals.chains, self.intervals.chains, self.go_on),
            ("send again", self.intervals.silence, self.intervals.silence, self.send_again),
            ("clean", self.intervals.garbage, self.intervals.garbage, self.clean),
            *(
                (f"chore {chore.name}", chore.seconds, chore.idle or chore.seconds, partial(chore.begin(), hub))
                for chore in hub.catalogue.chores
            ),
        )

    async def run(self) -> None:
        """Every pass at its interval, side by side, until cancelled; one that fails leaves the others be."""
        await self.look_at_everything()
        async with asyncio.TaskGroup() as group:
            for name, busy, idle, one_pass in self._passes:
                group.create_task(supervise(f"reaper's pass: {name}", partial(self._repeat, name, busy, idle, one_pass)))

    async def _repeat(self, name: str, busy: float, idle: float, one_pass: Pass) -> None:
        while True:
            await _reaching(name, one_pass)
            await asyncio.sleep(busy if self._is_busy() else idle)

    def _is_busy(self) -> bool:
        return time.monotonic() < self._busy_until

    def _saw(self, something: object) -> None:
        """Take note of whether something goes on."""
        if something:
            self._busy_until = time.monotonic() + BUSY

    async def settle_dead(self) -> None:
        """End the attempts whose beat stood still for a lease."""
        try:
            alive = await settling.alive(self._hub)
        except Unavailable:
            self.pulse.miss()
            raise
        self._saw(alive)
        dead = self.pulse.look(alive, asyncio.get_running_loop().time())
        await settling.settle_all(self._hub, dead[:SMALL])

    async def send_due(self) -> None:
        """Send queued jobs that are due and that nobody sent, and the oldest waiter of each noun that is free."""
        page = await JOBS.find(self._hub.records, order="due_at", least=1.0, limit=SMALL)
        self._saw(page)
        await self._send_those_due(page)

    async def _send_those_due(self, page: list[Stored[Job]]) -> None:
        now, looked_at = time.time(), set[str]()
        for stored in page:
            if is_over(jobs.queued_at(stored.value), due_at(stored.value, self.intervals.unsent), now):
                with suppress(Unreadable):  # the noun that it waits for
                    await self._send(stored, looked_at)

    async def _send(self, stored: Stored[Job], looked_at: set[str]) -> None:
        target = stored.value.written
        if stored.value.waiting_for and (target in looked_at or not await writers.is_free(self._hub, target)):
            await postpone(self._hub, stored)
        else:
            await resend(self._hub, stored)
        looked_at.add(target)

    async def go_on(self) -> None:
        """Do what a process that died left undone behind a change: all of it while the hub is busy, else one look-up at a time."""
        if self._is_busy():
            await self.look_at_everything()
        else:
            await next(self._looks)()

    async def look_at_everything(self) -> None:
        """Every look-up of `go_on`, one after the other; one that fails leaves the others be."""
        for look in self._every_look():
            await attempt("look-up of the reaper", partial(_reaching, "look at everything", look))

    def _every_look(self) -> Iterator[Pass]:
        for kind, row in self._hub.catalogue.nouns.items():
            yield partial(self._relieve, kind, row.table)
        for table in (JOBS, *self._hub.catalogue.entities):
            yield partial(self._follow, table)
        yield self._ask_first_steps
        yield self._cancel_runs
        for rule in self._hub.catalogue.rules:
            yield partial(self._look_at, rule)

    def _endless_looks(self) -> Iterator[Pass]:
        return itertools.chain.from_iterable(self._every_look() for _ in itertools.count())

    async def _relieve(self, kind: str, table: Table[Any]) -> None:
        await relieve(self._hub, kind, table)

    async def _follow(self, table: Table[Any]) -> None:
        """Follow what those who committed it should have followed by now."""
        found = await self._untold(table)
        self._saw(found)
        now = time.time()
        for stored in found:
            at = float(stored.value.untold[-1]["at"])
            if is_over(at, at + self.intervals.chains, now):
                followed = await following.follow(self._hub, table, stored)
                if followed.value.is_untold:
                    self._left.add((table.kind.name, stored.id, followed.version))

    async def _untold(self, table: Table[Any]) -> list[Stored[Any]]:
        """The oldest records that are to be followed; those that were left to another version hide none behind them."""
        after: tuple[float, str] | None = None
        while page := await table.find(self._hub.records, is_untold=True, removed=True, after=after, limit=SMALL):
            if found := [stored for stored in page if (table.kind.name, stored.id, stored.version) not in self._left]:
                return found
            after = page[-1].place
        return []

    async def _ask_first_steps(self) -> None:
        now, pause = time.time(), self.intervals.chains
        begun = await RUNS.find(self._hub.records, pending="ask", limit=SMALL)
        self._saw(begun)
        for run in begun:
            if is_over(run.value.created_at, run.value.created_at + pause, now):
                with suppress(Unreadable):
                    await runs.ask_first(self._hub, run.id)

    async def _cancel_runs(self) -> None:
        for run in await RUNS.find(self._hub.records, pending="cancel", limit=SMALL):
            with suppress(Unreadable):
                await runs.settle_cancelled(self._hub, run)

    async def _look_at(self, rule: Rule) -> None:
        """While jobs are held, look often: time and limits change, and nobody is told."""
        self._saw(await JOBS.find(self._hub.records, rule=rule.name, is_held=True, limit=1))
        await holds.look(self._hub, rule)

    async def send_again(self) -> None:
        """Send again what must have been lost on the way, and what a clock that was put back would keep for long; keep what could
        not be decoded."""
        last = await JOBS.find(self._hub.records, order="due_at", least=time.time() + jobs.UNSENT, descending=True, limit=SMALL)
        await self._send_those_due(last)
        await self.queues.send_again(self._hub, asyncio.get_running_loop().time())
        await dead_letters.drain(self._hub)

    async def clean(self) -> None:
        """Drop garbage, old jobs, and the presence of processes that are gone; let go what rules held that are gone."""
        self._left.clear()
        await garbage.collect(self._hub, self.intervals.age)
        await retention.forget(self._hub, SMALL)
        await holds.let_go_orphans(self._hub)
        await presence.forget_lost(self._hub)


async def _reaching(name: str, one_pass: Pass) -> None:
    """Do the pass; what can't be reached is looked at again the next time."""
    try:
        await one_pass()
    except (LeatError, BusError) as error:
        log.warning("reaper's pass ended early", extra={"reaper_pass": name, "error": str(error)})


def due_at(job: Job, unsent: float) -> float:
    """When a queued job that was not sent is due: at its own time, else `unsent` seconds after it was queued."""
    return job.not_before or jobs.queued_at(job) + unsent


async def relieve(hub: Hub, kind: str, table: Table[Any]) -> None:
    """Free every `writer` whose job is neither RUNNING nor CANCELING, nor has something running elsewhere; one without a record has
    finished."""
    for noun in await table.readable(hub.records, is_written=True):
        if owner(noun.value.writer)[0]:
            with suppress(Unreadable):  # its job: whoever can read that frees it
                await _relieve(hub, f"{kind}/{noun.id}", noun.value.writer)


async def relieve_all(hub: Hub) -> None:
    """As `relieve`, for every noun."""
    for kind, row in hub.catalogue.nouns.items():
        await relieve(hub, kind, row.table)


async def _relieve(hub: Hub, target: str, writer: str) -> None:
    job = await JOBS.find_one(hub.records, owner(writer)[0])
    if job is None or (job.value.state not in jobs.ALIVE and not job.value.handle):
        await writers.free(hub, target, writer)
        await writers.wake(hub, target)


async def void_leases(hub: Hub) -> None:
    """For a hub that is alone with its data folder and its bus: whoever ran a job before this process is gone, and what was sent
    is lost. Settle every attempt of theirs, and send every queued job that is due."""
    gone = [stored for stored in await settling.alive(hub) if stored.value.worker != hub.process]
    await settling.settle_all(hub, gone)
    await relieve_all(hub)
    for stored in await JOBS.readable(hub.records, state="QUEUED"):
        if jobs.is_due(stored.value, time.time()):
            await resend(hub, stored)
