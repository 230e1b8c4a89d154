"""A job's scratch folder goes with it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable

from events.message import Event
from workers.middleware.call import Call


async def remove_scratch(call: Call, inside: Callable[[], Awaitable[Event]]) -> Event:
    """Remove the scratch folder, if there is one, when the handler has ended. One that has the name of what runs elsewhere, which
    may write to it, is left to garbage collection."""
    try:
        return await inside()
    finally:
        if "scratch" in vars(call.job) and call.job.attempt.job.handle != call.job.output:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, call.job.scratch, ignore_errors=True))
