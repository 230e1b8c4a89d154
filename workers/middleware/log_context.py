"""What is logged while a handler works names its job."""

from collections.abc import Awaitable, Callable

from structlog.contextvars import bound_contextvars

from events.message import Event
from workers.middleware.call import Call


async def log_context(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Bind job, run and command to every log line."""
    job = call.job
    with bound_contextvars(job_id=job.attempt.id, run_id=job.job.run_id, command=job.job.type, attempt=job.attempt.number):
        return await inside()
