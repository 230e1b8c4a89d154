"""An attempt may take only so long."""

import asyncio
from collections.abc import Awaitable, Callable

from domain.errors import JobTimedOut
from events.message import Event
from workers.middleware.call import Call


async def limit_time(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Cancel the handler after its registration's timeout; raises JobTimedOut. While it waits for what runs elsewhere, the time
    does not count: that has a time of its own (workers.outside)."""
    seconds = call.registration.timeout
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            call.job.limit = limit
            return await inside()
    except TimeoutError:
        if limit.expired():
            raise JobTimedOut(f"it took longer than {seconds:g} s") from None
        raise
