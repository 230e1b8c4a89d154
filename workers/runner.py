"""The runner: does one claimed job to its end, whatever happens. The one place that catches every exception of a handler."""

import asyncio
import logging
from collections.abc import Sequence

from domain.errors import JobSuperseded, LeatError, Unavailable
from domain.hub import Hub
from domain.jobs import ending
from domain.jobs.attempts import Attempt
from domain.jobs.jobs import Job
from domain.jobs.verdicts import Failed, GaveUp, Stopped, Succeeded, Verdict, Waiting
from domain.room import as_disk_full
from events.catalogue import command_from
from events.message import Event
from workers.child import Spawn
from workers.context import Registration
from workers.middleware import MIDDLEWARE, Call, Middleware, chain
from workers.running import GivenUp, NounTaken, RunningJob

log = logging.getLogger(__name__)

BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to reach a store that doesn't answer; the last one for ever."""


class Runner:
    """Runs claimed attempts in this process."""

    def __init__(self, hub: Hub, spawn: Spawn | None = None, middleware: Sequence[Middleware] = MIDDLEWARE) -> None:
        self._hub = hub
        self._spawn = spawn or Spawn()
        self._middleware = middleware

    def prepare(self, attempt: Attempt) -> RunningJob:
        """The job's context, before it runs."""
        return RunningJob(self._hub, attempt, self._spawn)

    async def run(self, job: RunningJob, registration: Registration) -> None:
        """Call the handler, then end the attempt, in a span below that of who asked. Who finds itself superseded touches nothing
        more."""
        attempt, asked = job.attempt, str(job.job.command.get("trace", ""))
        with self._hub.tracing.span(job.job.type, asked, job=attempt.id, run=job.job.run_id, attempt=attempt.number):
            await self._run(job, registration)

    async def _run(self, job: RunningJob, registration: Registration) -> None:
        try:
            verdict = self._verdict(job, registration, await self._work(job, registration))
            record = await self._end_patiently(job, verdict)
        except JobSuperseded as error:
            log.info("attempt superseded", extra={"job_id": job.attempt.id, "attempt": job.attempt.number, "why": error.message})
            return
        if record.state == "FINISHED" and record.outcome != "SUCCEEDED":
            why = record.error and record.error.message
            log.warning("job ended", extra={"job_id": job.attempt.id, "outcome": record.outcome, "error": why})

    async def _work(self, job: RunningJob, registration: Registration) -> Event | BaseException:
        """Call the handler; returns its event, or what it raised."""
        try:
            job.begin()
            command = command_from(job.job.command)
            with self._hub.tracing.span(command.step):
                return await chain(Call(command, job, registration), self._middleware)()
        except JobSuperseded:
            raise
        except asyncio.CancelledError as error:
            if job.reason is None:
                raise  # the process ends out of order; a reaper settles the attempt
            return error
        except Exception as error:  # whatever a handler raises is the job's failure
            task = asyncio.current_task()
            if job.reason is None and task is not None and task.cancelling():
                raise asyncio.CancelledError from error  # as above, where the handler's own tidying up failed of it
            return error
        finally:
            job.end()
            if job.reason is not None:
                _uncancel()

    def _verdict(self, job: RunningJob, registration: Registration, result: Event | BaseException) -> Verdict:
        """What the handler's end means for the attempt. Raises JobSuperseded."""
        if isinstance(result, Event):
            return Succeeded(result, job.switched)
        if isinstance(result, NounTaken):
            return Waiting(result.holder)
        if isinstance(result, GivenUp):
            return GaveUp()
        if job.reason == "superseded":
            raise JobSuperseded(f"attempt {job.attempt.number} of job {job.attempt.id} is over")
        if job.reason is not None or not isinstance(result, Exception):
            return Stopped()
        if not isinstance(result, LeatError) or isinstance(result, Unavailable):  # its record does not tell the whole of it
            log.warning("attempt failed", exc_info=result, extra={"job_id": job.attempt.id, "attempt": job.attempt.number})
        return Failed(as_disk_full(result, job.scratch), registration.retry)

    async def _end_patiently(self, job: RunningJob, verdict: Verdict) -> Job:
        """End the attempt, as soon as the store answers; what follows its end is left to a reaper where it does not."""
        tries = 0
        while True:
            try:
                return await ending.end(self._hub, job.attempt, verdict, job.output)
            except Unavailable as error:
                log.warning("attempt not ended yet", extra={"job_id": job.attempt.id, "error": str(error)})
                if job.attempt.is_over:
                    return job.attempt.job
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1


def _uncancel() -> None:
    """What the handler was told lies behind, also where that was twice: that the job is cancelled, and that the process stops."""
    task = asyncio.current_task()
    while task and task.cancelling():
        task.uncancel()
