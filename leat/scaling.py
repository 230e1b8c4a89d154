"""Scaling: as many worker processes on this machine as the backlog wants, each started, replaced and stopped in order."""

import asyncio
import logging
import platform
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import backlog, presence
from events.supervision import supervised

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at the backlog."""
BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before a process is started in place of one that died, by how many died in a row."""
SOUND = 60.0
"""Seconds after which a process counts as having lived, so that the back-off begins anew."""
PATIENCE = 10.0
"""Seconds beyond the grace time before a process that does not stop is killed."""


class Scale(NamedTuple):
    """Between which numbers of processes to stay."""

    minimum: int
    maximum: int
    concurrency: int
    """Jobs that one process does at a time."""
    cool_down: float
    """Seconds that the backlog must want fewer processes before one is stopped."""


class Demand:
    """How many processes the backlog wants: more at once, fewer only when it has wanted no more for the whole cool-down."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._seen: deque[tuple[float, int]] = deque()
        self.processes = scale.minimum
        """As the backlog was seen last."""

    def see(self, work: int, now: float) -> None:
        """`work`: jobs that wait, and those that run on this machine; `now`: seconds of a monotonic clock."""
        scale = self._scale
        enough = -(-work // scale.concurrency)
        self._seen.append((now, min(max(enough, scale.minimum), scale.maximum)))
        while self._seen[0][0] < now - scale.cool_down:
            self._seen.popleft()
        self.processes = max(number for _, number in self._seen)


class Member:
    """One worker process of ours."""

    def __init__(self, process: Process, now: float) -> None:
        self.process = process
        self.started_at = now
        self.kill_at: float | None = None
        """When it is killed; None while it was not asked to stop."""

    def stop(self, deadline: float) -> None:
        """Ask it to stop in order: once, since a second signal would not be in order."""
        if self.kill_at is None:
            self.kill_at = deadline
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)


class Pool:
    """The worker processes of one scaler. Each leads a session of its own, so that a terminal's Ctrl-C reaches it through us
    only, and stops when its standard input ends: so none outlives us, however we end."""

    def __init__(self, command: Sequence[str], grace: float, settings: bytes = b"") -> None:
        self._command = command
        self._settings = settings
        self._patience = grace + PATIENCE
        self._members: list[Member] = []
        self._deaths = 0
        self._start_at = 0.0

    @property
    def pids(self) -> frozenset[int]:
        """The processes that there are, those being stopped among them."""
        return frozenset(member.process.pid for member in self._members)

    async def keep(self, size: int, idle: Collection[int], now: float) -> None:
        """Go towards `size` processes: forget the dead, start what is missing, stop what is idle and too many."""
        self._forget_ended(now)
        while len(self._members) < size and now >= self._start_at:
            await self._start(now)
        staying = [member for member in self._members if member.kill_at is None]
        unneeded = [member for member in reversed(staying) if member.process.pid in idle]
        for member in unneeded[: max(0, len(staying) - size)]:
            member.stop(now + self._patience)
            log.info("worker process stops: there is less to do", extra={"pid": member.process.pid})

    def _forget_ended(self, now: float) -> None:
        for member in [*self._members]:
            if member.process.returncode is not None:
                self._members.remove(member)
                if member.kill_at is None:
                    self._note_death(member, now)
            elif member.kill_at is not None and now >= member.kill_at:
                log.warning("worker process does not stop and is killed", extra={"pid": member.process.pid})
                member.process.kill()

    def _note_death(self, member: Member, now: float) -> None:
        lived = now - member.started_at
        self._deaths = 1 if lived >= SOUND else self._deaths + 1
        wait = BACKOFF[min(self._deaths, len(BACKOFF)) - 1]
        self._start_at = now + wait
        told = {"pid": member.process.pid, "exit": member.process.returncode, "lived": round(lived, 1), "wait": wait}
        log.error("worker process died; another takes its place", extra=told)

    async def _start(self, now: float) -> None:
        process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=DEVNULL, start_new_session=True)
        assert process.stdin is not None
        process.stdin.write(self._settings)  # a few hundred bytes, which a new pipe holds whether they are read or not
        self._members.append(Member(process, now))
        log.info("worker process started", extra={"pid": process.pid})

    async def close(self) -> None:
        """Stop every process in order; returns when they have ended."""
        for member in self._members:
            member.stop(0.0)
        ends = [asyncio.create_task(member.process.wait()) for member in self._members]
        if ends:
            await asyncio.wait(ends, timeout=self._patience)
        for member in self._members:
            if member.process.returncode is None:
                member.process.kill()
        await asyncio.gather(*ends)


async def scale_workers(
    hub: Hub, queues: Sequence[str], scale: Scale, command: Sequence[str], ended: asyncio.Event, settings: bytes = b""
) -> None:
    """Keep worker processes, started by `command` and given `settings` on their standard input, until `ended`; then stop them in
    order. While bus or records don't answer, the number stays."""
    pool = Pool(command, hub.limits.grace, settings)
    try:
        async with supervised(scaling=partial(_scale, hub, tuple(queues), pool, Demand(scale))):
            await ended.wait()
    finally:
        await pool.close()


async def _scale(hub: Hub, queues: tuple[str, ...], pool: Pool, demand: Demand) -> None:
    loop = asyncio.get_running_loop()
    idle: frozenset[int] = frozenset()
    while True:
        try:
            waiting = sum(depth.ready for depth in await backlog.depths_of(hub, queues))
            running, idle = await _at_work(hub, pool.pids)
            demand.see(waiting + running, loop.time())
        except Unavailable as error:
            log.warning("backlog not seen", extra={"error": str(error)})
        await pool.keep(demand.processes, idle, loop.time())
        await asyncio.sleep(TICK)


async def _at_work(hub: Hub, pids: frozenset[int]) -> tuple[int, frozenset[int]]:
    """(jobs that these processes of this machine do, those of the processes that do none), as each process itself says."""
    host = platform.node()
    found = [said.value for said in await presence.page(hub) if said.value.host == host and said.value.pid in pids]
    return sum(len(said.running) for said in found), frozenset(said.pid for said in found if not said.running)
