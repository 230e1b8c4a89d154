"""One job at a time works on a noun."""

import asyncio
from collections.abc import Awaitable, Callable

from domain.jobs import writers
from domain.nouns import owner
from events.message import Event
from workers.middleware.call import Call
from workers.running import NounTaken


async def one_at_a_time(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Take the noun's `writer`, or raise NounTaken; then look at the own record once more, since somebody may have called this
    attempt dead before it was the writer, and so without taking that over. Raises JobSuperseded."""
    job = call.job
    if job.attempt.target:
        holder = await writers.take(job.hub, job.attempt.target, job.attempt.id, job.attempt.number)
        if holder:
            raise NounTaken(owner(holder)[0])
        record = await job.attempt.look()
        if record.state == "CANCELING":
            job.stop("canceled")
            await asyncio.sleep(0)
    return await inside()
