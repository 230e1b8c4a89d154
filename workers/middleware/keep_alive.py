"""While the handler works, the lease is renewed, and progress and log lines get out."""

from collections.abc import Awaitable, Callable

from events.message import Event
from events.supervision import attempt, supervised
from workers.middleware.call import Call


async def keep_alive(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Keep the job alive until the handler has ended. What fails here is logged and begins anew: it never takes the place of what
    the handler returned or raised."""
    job = call.job
    try:
        async with supervised(lease=job.renew_lease, progress=job.publish):
            return await inside()
    finally:
        await attempt("last progress", job.tell)
