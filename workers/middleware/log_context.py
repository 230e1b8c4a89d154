"""What is logged while a handler works names its job."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType

from events.message import Event
from workers.middleware.call import Call

BOUND: ContextVar[Mapping[str, object]] = ContextVar("bound", default=MappingProxyType({}))
"""Members of every line that is logged here."""


async def log_context(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Bind job, run and command to every log line."""
    job = call.job
    token = BOUND.set({"job_id": job.attempt.id, "run_id": job.job.run_id, "command": job.job.type, "attempt": job.attempt.number})
    try:
        return await inside()
    finally:
        BOUND.reset(token)
