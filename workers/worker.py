"""The worker: intakes, running jobs, control words and presence of one process, and the order in which it stops."""

import asyncio
import logging
import os
import platform
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import presence
from domain.jobs.attempts import Attempt
from domain.jobs.presence import Presence
from domain.nouns import Stored
from events.lateness import watch_loop
from events.supervision import Work, attempt, supervise
from workers.child import Spawn
from workers.consumption import consumption
from workers.context import Registration
from workers.intake import Intake
from workers.runner import Runner
from workers.running import RunningJob

log = logging.getLogger(__name__)

RECENT = 1000
"""Cancel words that are remembered, for jobs that are being claimed just then."""


class Worker:
    """Does the commands that `registrations` name, `concurrency` of each queue at a time.

    `run()` returns after `stop()`: it takes no more, lets running jobs finish for the grace time, then cancels them and puts
    them back.
    """

    def __init__(
        self, hub: Hub, registrations: Iterable[Registration], concurrency: int | dict[str, int] = 2, spawn: Spawn | None = None
    ) -> None:
        self._hub = hub
        self._runner = Runner(hub, spawn)
        self.running: dict[str, RunningJob] = {}
        """By job id."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled: deque[str] = deque(maxlen=RECENT)
        self._stopping = asyncio.Event()
        self.announced = asyncio.Event()
        """Others know of this process, and of what it can follow: from then on it may commit changes."""
        self._changed = asyncio.Event()
        """Jobs came or went."""
        self._started_at = time.time()
        self._lag = 0.0
        """The most seconds that the event loop was late since others were told."""
        self._presence: Stored[Presence] | None = None
        by_queue: dict[str, dict[str, Registration]] = {}
        for registration in registrations:
            by_queue.setdefault(registration.command.queue, {})[registration.command.__name__] = registration
        self._slots = {queue: concurrency if isinstance(concurrency, int) else concurrency[queue] for queue in by_queue}
        self._intakes = {queue: Intake(hub, queue, self._slots[queue], known, self.start) for queue, known in by_queue.items()}

    def stop(self) -> None:
        """Ask it to stop in order; may be called from a signal handler of the event loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped. Cancelled, it puts its jobs back at once."""
        await attempt("presence", partial(self._save_presence, 0, ()))
        side = [asyncio.create_task(supervise(name, work)) for name, work in self._side_tasks().items()]
        try:
            await self._stopping.wait()
            await self._take_no_more()
            self._leave_what_runs_elsewhere()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._hub.limits.grace)
        finally:
            await asyncio.shield(asyncio.create_task(self._end(side)))

    def _side_tasks(self) -> dict[str, Work]:
        intakes: dict[str, Work] = {f"intake of {queue}": intake.run for queue, intake in self._intakes.items()}
        sides: dict[str, Work] = {
            "control words": self._listen,
            "presence": self._say_presence,
            "event loop's lag": partial(watch_loop, self._note_lag),
        }
        return sides | intakes

    def _note_lag(self, late: float) -> None:
        self._lag = max(self._lag, late)

    async def _take_no_more(self) -> None:
        self._stopping.set()
        for intake in self._intakes.values():
            await intake.close()

    def _leave_what_runs_elsewhere(self) -> None:
        """Put back at once what only waits: it would not end within the grace time."""
        for job in list(self.running.values()):
            if job.elsewhere and job.elsewhere.waits:
                job.stop("stopped")

    async def _end(self, side: list[asyncio.Task[None]]) -> None:
        """Cancel what still runs, put it back, and leave."""
        await self._take_no_more()
        for job in list(self.running.values()):
            job.stop("stopped")
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in side:
            task.cancel()
        await asyncio.gather(*side, return_exceptions=True)
        try:
            await presence.leave(self._hub)
        except Unavailable as error:
            log.warning("presence not removed", extra={"error": error.message})

    async def start(self, attempt: Attempt, registration: Registration) -> None:
        """Run a claimed attempt in a task of its own."""
        job = self._runner.prepare(attempt)
        job.leave_slot = self._intakes[registration.command.queue].ended
        self.running[attempt.id] = job
        self._changed.set()
        task = asyncio.create_task(self._run(job, registration))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if attempt.id in self._cancelled:
            await job.notice()

    async def _run(self, job: RunningJob, registration: Registration) -> None:
        try:
            await self._runner.run(job, registration)
        finally:
            if self.running.get(job.attempt.id) is job:
                del self.running[job.attempt.id]
            self._changed.set()
            job.free_slot()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a job's end failed; a reaper settles it", exc_info=error)

    async def _listen(self) -> None:
        async with self._hub.bus.listen() as words:
            await self._notice_all()  # a listener that failed may have missed something
            async for word in words:
                if word is None:
                    await self._notice_all()
                    continue
                self._cancelled.append(word.job_id)
                if job := self.running.get(word.job_id):
                    await job.notice()

    async def _notice_all(self) -> None:
        for job in list(self.running.values()):
            await job.notice()

    async def _say_presence(self) -> None:
        """Save who this is every third of a lease, and soon after jobs came or went."""
        pause, beat = self._hub.limits.lease / 3, 0
        soon = min(1.0, pause)
        while True:
            beat += 1
            self._changed.clear()
            await self._save_presence(beat, tuple(self.running))
            await asyncio.sleep(soon)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - soon):
                    await self._changed.wait()

    async def _save_presence(self, beat: int, running: tuple[str, ...]) -> None:
        own, children = await asyncio.to_thread(consumption)
        said = Presence(
            host=platform.node(),
            pid=os.getpid(),
            queues=self._slots,
            running=running[:100],
            follows=presence.followers_here(self._hub),
            rules=tuple(rule.name for rule in self._hub.catalogue.rules),
            stopping=self._stopping.is_set(),
            memory=own.memory,
            seconds=own.seconds,
            sandbox=self._hub.limits.plugin_sandbox == "on",
            children=children,
            lag=self._lag,
            beat=beat,
            seen_at=time.time(),
            created_at=self._started_at,
        )
        self._lag = 0.0
        try:
            self._presence = await presence.save(self._hub, said, self._presence)
            self.announced.set()
        except Unavailable as error:
            log.warning("presence not saved", extra={"error": error.message})
