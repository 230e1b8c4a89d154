"""While the handler works, the lease is renewed, and progress and log lines get out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from events.message import Event
from workers.middleware.call import Call


async def keep_alive(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Keep the job alive until the handler has ended."""
    keeping = asyncio.create_task(call.job.keep())
    try:
        return await inside()
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await call.job.tell_rest()
