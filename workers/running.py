"""The job as its handler sees it, while it runs: the concrete JobContext."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from domain.errors import JobSuperseded, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import writers
from domain.jobs.attempts import Attempt
from domain.jobs.jobs import Progress
from domain.jobs.logs import LogWriter
from domain.nouns import Noun, Stored, Table
from events.jobs import JobProgressed
from workers.child import Spawn, run_child
from workers.context import Done, Elsewhere, JobContext, Level, Report

N = TypeVar("N", bound=Noun)
log = logging.getLogger(__name__)

PUBLISHED = 0.2
"""Seconds between two publications of progress, and between two batches of log lines."""
SHOWN = 1.0
"""Seconds after which the record has the progress of a job for the first time; most jobs have ended before."""

End = Literal["canceled", "stopped", "superseded"]


class NounTaken(Exception):
    """Another job works on the noun."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder
        """That job."""


class GivenUp(Exception):
    """What ran elsewhere was given up, and is stopped."""


class RunningJob(JobContext):
    """A claimed job in this process."""

    def __init__(self, hub: Hub, attempt: Attempt, spawn: Spawn) -> None:
        self.hub = hub
        self.attempt = attempt
        self.job = attempt.job
        self.output = attempt.name
        self.switched = False
        """The point of no return lies behind it."""
        self.reason: End | None = None
        """Why its handler was cancelled."""
        self.gives_up = bool(attempt.job.ending)
        """What runs elsewhere is being given up and stopped: its handler is over, or will not be called."""
        self.elsewhere: Elsewhere | None = None
        """What the handler has running elsewhere, where its command may have that."""
        self.limit: asyncio.Timeout | None = None
        """What ends the handler when it has taken too long."""
        self.leave_slot: Callable[[], None] = _nothing
        """Tells the worker once that the job takes no slot any more."""
        self._spawn = spawn
        self._task: asyncio.Task[Any] | None = None
        self._ended = False
        self._published: Progress | None = None
        self._log = LogWriter(hub, attempt.id, attempt.job.run_id, attempt.number)
        self._stirred = asyncio.Event()

    # -- for the handler --------------------------------------------------------------------------------------------------

    @cached_property
    def scratch(self) -> Path:  # type: ignore[override]  # made when first asked for: most jobs never do
        folder = self.hub.scratch / self.output
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self.say_progress(Progress(done=done, total=total, unit=unit, message=message))

    async def log(self, text: str, level: Level = "info") -> None:
        self.say(text, level)

    async def pin(self, *names: str) -> None:
        await self.attempt.pin(names)

    async def switch(self, table: Table[N], id: str, changed: Callable[[N], N]) -> Stored[N]:
        if self.elsewhere:
            self.elsewhere.check_ended()
        stored = await writers.switch(self.hub, table, id, self.output, changed)
        self.switched = True
        return stored

    async def child(self, step: str, arguments: dict[str, Any]) -> dict[str, Any]:
        trace = self.hub.tracing.carried()
        address = {**self.hub.address, "trace": trace} if trace else self.hub.address
        return await run_child(self._spawn, step, address, arguments, ReportToJob(self))

    async def outside(self, describe: Callable[[], Awaitable[dict[str, Any]]]) -> Done:
        if self.elsewhere is None:
            raise RuntimeError(f"{self.job.type} is registered without `outside`")
        return await self.elsewhere.do(describe)

    # -- for the runner ---------------------------------------------------------------------------------------------------

    def say_progress(self, progress: Progress) -> None:
        """Take note of the progress."""
        self.attempt.progress = progress
        self._stirred.set()

    def say(self, text: str, level: Level) -> None:
        """Take note of a log line."""
        self._log.add(text, level)
        if level in ("warning", "error"):
            self.attempt.warn(text)
        self._stirred.set()

    def begin(self) -> None:
        """The current task does the handler's work from here on; raises CancelledError where it was stopped before."""
        self._task = asyncio.current_task()
        if self.reason is not None:
            raise asyncio.CancelledError

    def end(self) -> None:
        """The handler's work lies behind: nothing cancels what follows."""
        self._task = None
        self._ended = True

    def stop(self, reason: End) -> None:
        """Cancel the handler, now or as soon as it begins, unless it has ended or was cancelled before. What runs elsewhere is
        stopped for whoever cancels the job, but left alone where the process ends or another attempt took over: so these two come
        through even then."""
        if self._ended or (self.gives_up and reason == "canceled"):
            return
        if self.reason is not None and (self.reason != "canceled" or reason == "canceled"):
            return
        cancels = self.reason is None or self.gives_up
        self.reason = reason
        if self._task is not None and cancels:
            self._task.cancel()

    def free_slot(self) -> None:
        """Let the worker take another job in this one's place, if it has not been let before."""
        leave, self.leave_slot = self.leave_slot, _nothing
        leave()

    async def notice(self) -> None:
        """Look at the record: was the job cancelled, or taken over?"""
        try:
            record = await self.attempt.look()
        except JobSuperseded:
            self.stop("superseded")
        except (Unavailable, Unreadable):
            return  # the next beat looks again
        else:
            if record.state == "CANCELING":
                self.stop("canceled")

    async def renew_lease(self) -> None:
        """Beat every third of a lease, until cancelled; for the first time sooner, so that lists show how far it is."""
        third = self.hub.limits.lease / 3
        await asyncio.sleep(min(SHOWN, third))
        while True:
            await self._beat()
            await asyncio.sleep(third)

    async def publish(self) -> None:
        """Publish progress and store log lines as they come, until cancelled."""
        await self.tell()  # what one that failed before left
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await self.tell()
            await asyncio.sleep(PUBLISHED)

    async def _beat(self) -> None:
        try:
            record = await self.attempt.beat()
        except JobSuperseded:
            self.stop("superseded")
        except (Unavailable, Unreadable) as error:
            log.warning("beat not saved", extra={"error": str(error)})  # work goes on until a write is refused
        else:
            if record.state == "CANCELING":
                self.stop("canceled")

    async def tell(self) -> None:
        """Publish and store what has not been yet."""
        newest = self.attempt.progress
        if newest is not None and newest is not self._published:
            self._published = newest
            attempt = self.attempt
            event = JobProgressed(
                job_id=attempt.id,
                run_id=self.job.run_id,
                attempt=attempt.number,
                done=newest.done,
                total=newest.total,
                unit=newest.unit,
                message=newest.message,
            )
            await self.hub.announce(event)
        try:
            await self._log.flush()
        except Unavailable as error:
            log.warning("log lines not stored yet", extra={"error": str(error)})
            self._stirred.set()  # to be tried again soon, whether or not more is said


def _nothing() -> None:
    return None


class ReportToJob(Report):
    """Hands what a child process says to its job."""

    def __init__(self, job: RunningJob) -> None:
        self._job = job

    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self._job.say_progress(Progress(done=done, total=total, unit=unit, message=message))

    def log(self, text: str, level: Level = "info") -> None:
        self._job.say(text, level)
