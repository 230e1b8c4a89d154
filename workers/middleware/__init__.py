"""What is done around every handler, each in one file over the same call chain; the outermost comes first."""

from collections.abc import Awaitable, Callable, Sequence

from events.message import Command, Event
from workers.context import Registration
from workers.middleware.call import Call, Middleware
from workers.middleware.keep_alive import keep_alive
from workers.middleware.limit_time import limit_time
from workers.middleware.log_context import log_context
from workers.middleware.look_after import look_after
from workers.middleware.one_at_a_time import one_at_a_time
from workers.middleware.scratch import remove_scratch

MIDDLEWARE: tuple[Middleware, ...] = (log_context, keep_alive, one_at_a_time, remove_scratch, look_after, limit_time)


def chain(call: Call, middleware: Sequence[Middleware] = MIDDLEWARE) -> Callable[[], Awaitable[Event]]:
    """The handler's call with everything around it."""

    async def handle() -> Event:
        event: Event = await call.registration.handler(call.command, call.job)
        return event

    inner: Callable[[], Awaitable[Event]] = handle
    for outer in reversed(middleware):
        inner = _around(outer, call, inner)
    return inner


def _around(outer: Middleware, call: Call, inner: Callable[[], Awaitable[Event]]) -> Callable[[], Awaitable[Event]]:
    return lambda: outer(call, inner)


__all__ = ["MIDDLEWARE", "Call", "Command", "Middleware", "Registration", "chain"]
