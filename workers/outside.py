"""Work outside: what a handler has running elsewhere is started or adopted, looked after, and stopped (docs/model/OUTSIDE.md)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from domain.errors import JobFailed, JobSuperseded, JobTimedOut, LeatError, Unavailable
from domain.jobs import writers
from domain.jobs.retries import is_outage
from domain.jobs.verdicts import Failed
from domain.ports.outside import Outside
from events.message import Output
from workers.context import Done, Registration
from workers.running import RunningJob

T = TypeVar("T")
log = logging.getLogger(__name__)

ANSWER = 60.0
"""Seconds that the outside has for an answer before it is asked again."""
STOPPING = 600.0
"""The same where it has to wait for something to stop."""
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds between tries to reach what doesn't answer; the last one for ever."""
SOONEST, LATEST = 0.1, 30.0
"""Seconds between two looks at what runs."""


class FailedOutside(JobFailed):
    """What ran elsewhere failed."""

    code = "FAILED_OUTSIDE"


class WorkOutside:
    """What one job has running elsewhere, in the hands of one attempt."""

    def __init__(self, job: RunningJob, outside: Outside, registration: Registration) -> None:
        self._job = job
        self._attempt = job.attempt
        self._outside = outside
        self._registration = registration
        self._has_ended = False
        """This attempt has seen that it ended well."""
        self.waits = False
        """The handler waits for its end."""
        if self._attempt.job.handle:
            job.free_slot()

    # -- for the handler --------------------------------------------------------------------------------------------------

    async def do(self, describe: Callable[[], Awaitable[dict[str, Any]]]) -> Done:
        """JobContext.outside."""
        if self._job.switched:
            raise JobFailed("work elsewhere has to end before the job switches to what it made")
        if not self._attempt.job.handle:
            await self._set_handle(await describe())
        record = self._attempt.job
        name, work = record.handle, record.work or {}
        self._job.say(f"works elsewhere as {name}", "info")
        self._job.free_slot()
        async with self._waiting():
            await self._start(name, work)
            await self._until_ended(name, work)
        self._has_ended = True
        return Done(name, work)

    async def _set_handle(self, work: dict[str, Any]) -> None:
        """The handle is in the record before anything is started under it (`first`, `mine`)."""
        record = await self._attempt.set_handle(work)
        if not record.handle:
            self._job.stop("canceled")
            await asyncio.sleep(0)
            raise asyncio.CancelledError

    @asynccontextmanager
    async def _waiting(self) -> AsyncIterator[None]:
        """Time does not count for the handler while it waits."""
        limit, now = self._job.limit, asyncio.get_running_loop().time
        due = limit.when() if limit else None
        left = None if due is None else due - now()
        if limit:
            limit.reschedule(None)
        self.waits = True
        try:
            yield
        finally:
            self.waits = False
            if limit and left is not None:
                limit.reschedule(now() + left)

    async def _start(self, name: str, work: dict[str, Any]) -> None:
        """Also where another attempt set the handle: it may have died before it started anything (`restart`)."""
        await self._answered(lambda: self._outside.start(name, work))

    async def _until_ended(self, name: str, work: dict[str, Any]) -> None:
        """Look until it has ended well. Raises FailedOutside, and JobTimedOut only where it was just seen to go on: so what ended
        while nobody looked has ended."""
        timeout = self._registration.timeout
        while True:
            seen = await self._answered(lambda: self._outside.look(name))
            age = max(0.0, time.time() - self._attempt.job.handle_at)
            match seen.state:
                case "done":
                    return
                case "failed" | "stopped":
                    raise FailedOutside(seen.message or f"what ran elsewhere as {name} {seen.state}", seen.detail)
                case _ if age > timeout:
                    raise JobTimedOut(f"what runs elsewhere as {name} took longer than {timeout:g} s")
                case "absent":
                    await self._start(name, work)
            await asyncio.sleep(pause(age))

    # -- for the runner ---------------------------------------------------------------------------------------------------

    def check_ended(self) -> None:
        """Raises JobFailed where something may run elsewhere that the handler did not wait for."""
        job = self._attempt.job
        if job.handle and not self._has_ended:
            raise JobFailed(f"{job.type} has {job.handle} running elsewhere, and its handler did not wait for the end of that")

    async def give_up(self, error: BaseException) -> bool:
        """The handler ended with this error: say in the record that what runs elsewhere is given up, and why (`intent`). False
        where it is to be left alone: because the process ends or stops, another attempt took over, a server is away, or the job
        had switched. Raises JobSuperseded."""
        job, attempt = self._job, self._attempt
        if not attempt.job.handle or not _is_an_end(job, error):
            return False
        job.gives_up = True
        has_switched = bool(await _patiently(self._made)) if attempt.target else False
        if isinstance(error, Exception) and not attempt.job.ending and not has_switched:
            verdict = Failed(error, self._registration.retry)
            await _patiently(lambda: attempt.give_up(verdict))
        job.gives_up = not has_switched
        return job.gives_up

    async def _made(self) -> Output | None:
        attempt = self._attempt
        return await writers.close(self._job.hub, attempt.target, attempt.id, attempt.number)

    async def stop(self) -> None:
        """Return when nothing runs elsewhere, and nothing can be started under the handle any more (`confirm`)."""
        name = self._attempt.job.handle
        self._job.say(f"stops what runs elsewhere as {name}", "info")
        await self._answered(lambda: self._outside.stop(name), STOPPING, LeatError)

    async def _answered(self, ask: Callable[[], Awaitable[T]], seconds: float = ANSWER, again: type[LeatError] = Unavailable) -> T:
        async def answer() -> T:
            try:
                async with asyncio.timeout(seconds):
                    return await ask()
            except TimeoutError:
                raise Unavailable(f"no answer within {seconds:g} s") from None

        return await _patiently(answer, again)


def _is_an_end(job: RunningJob, error: BaseException) -> bool:
    """Did the handler fail, or was the job cancelled?"""
    if isinstance(error, JobSuperseded) or not isinstance(error, Exception | asyncio.CancelledError):
        return False
    if job.reason is not None:
        return job.reason == "canceled"
    task = asyncio.current_task()
    process_ends = task is not None and task.cancelling() > 0
    return isinstance(error, Exception) and not process_ends and not is_outage(error)


def pause(age: float) -> float:
    """Seconds until the next look at what has run for `age` seconds: a tenth of that."""
    return min(LATEST, max(SOONEST, age / 10))


async def _patiently(ask: Callable[[], Awaitable[T]], again: type[LeatError] = Unavailable) -> T:
    """Ask until there is an answer; beats go on meanwhile."""
    tries = 0
    while True:
        try:
            return await ask()
        except again as error:
            if isinstance(error, JobSuperseded):
                raise
            log.warning("asked again: no answer", extra={"error": error.message})
        await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
        tries += 1
