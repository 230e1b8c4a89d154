"""The runner: does one claimed job to its end, whatever happens. The one place that catches every exception of a handler."""

import asyncio
import logging
from collections.abc import Sequence

from domain.errors import JobSuperseded, Unavailable
from domain.hub import Hub
from domain.jobs import garbage, jobs, runs, writers
from domain.jobs.attempts import Attempt
from domain.jobs.jobs import Job
from events.catalogue import command_from
from events.message import Event
from workers.child import Spawn
from workers.context import Registration
from workers.middleware import MIDDLEWARE, Call, Middleware, chain
from workers.running import RunningJob, Waiting

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
        """Call the handler, then end the attempt in the record, free the noun, and run the chain.

        The order is the protocol's. Who finds itself superseded touches nothing more.
        """
        try:
            result = await self._work(job, registration)
            record = await self._end_patiently(job, registration, result)
        except JobSuperseded as error:
            log.info("attempt superseded", extra={"job_id": job.attempt.id, "attempt": job.attempt.number, "why": error.message})
            return
        try:
            await self._conclude(job, record)
        except Unavailable as error:
            log.warning("what follows is left to a reaper", extra={"job_id": job.attempt.id, "error": error.message})

    async def _work(self, job: RunningJob, registration: Registration) -> Event | BaseException:
        """Call the handler; returns its event, or what it raised."""
        try:
            job.begin()
            return await chain(Call(command_from(job.job.command), job, registration), self._middleware)()
        except JobSuperseded:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if job.reason is None or task is None:
                raise  # the process ends out of order; a reaper settles the attempt
            task.uncancel()
            return error
        except Exception as error:  # whatever a handler raises is the job's failure
            task = asyncio.current_task()
            if job.reason is None and task is not None and task.cancelling():
                raise asyncio.CancelledError from error  # as above, where the handler's own tidying up failed of it
            return error
        finally:
            job.end()

    async def _end_patiently(self, job: RunningJob, registration: Registration, result: Event | BaseException) -> Job:
        """End the attempt, as soon as the store answers."""
        tries = 0
        while True:
            try:
                return await self._end(job, registration, result)
            except Unavailable as error:
                log.warning("attempt not ended yet", extra={"job_id": job.attempt.id, "error": error.message})
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1

    async def _end(self, job: RunningJob, registration: Registration, result: Event | BaseException) -> Job:
        attempt = job.attempt
        if isinstance(result, Event):
            return await attempt.succeed(result, switched=job.switched)
        if job.switching and (event := await writers.fence(self._hub, job.target, attempt.id, attempt.number)):
            return await attempt.succeed(event, switched=True)
        if isinstance(result, Waiting):
            return await attempt.wait(result.holder)
        if job.reason == "superseded":
            raise JobSuperseded(f"attempt {attempt.number} of job {attempt.id} is over")
        await self._drop_output(attempt.name)
        if job.reason == "canceled":
            return await attempt.cancel()
        if job.reason == "stopped" or not isinstance(result, Exception):
            return await attempt.stop()
        return await attempt.fail(result, registration.retry)

    async def _drop_output(self, name: str) -> None:
        try:
            await garbage.drop_output(self._hub, name)
        except Unavailable as error:
            log.warning("output is left to garbage collection", extra={"output": name, "error": error.message})

    async def _conclude(self, job: RunningJob, record: Job) -> None:
        if job.target:
            await writers.free(self._hub, job.target, job.attempt.name)
            await writers.wake(self._hub, job.target)
        if record.state == "FINISHED" and record.outcome != "SUCCEEDED":
            log.warning(
                "job ended",
                extra={"job_id": job.attempt.id, "outcome": record.outcome, "error": record.error and record.error.message},
            )
        if record.state == "QUEUED" and not record.waiting_for and not record.not_before:
            await jobs.send(self._hub, job.attempt.stored)
        if not record.chained:
            await runs.follow(self._hub, job.attempt.stored)
