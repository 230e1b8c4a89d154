"""Side tasks go on beside the work of a process, and nobody awaits their end: so none may end unnoticed, and none for good.

A task that nobody awaits fails in silence, and what it did is missed long afterwards. So each of them is supervised: when it fails,
the log says so, and it begins anew after a pause, which grows while it fails again and again. The work itself sees to it that a new
begin makes up for what the failed one left half done or missed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[object]]

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a side task that failed begins anew, by its failures in a row; the last one for ever."""
SOUND = 60.0
"""Seconds after which a side task counts as having worked, so that the pauses begin anew."""


async def attempt(name: str, work: Work) -> bool:
    """Do it once; where it fails, the log says so and the caller, whose own work does not depend on it, gets False."""
    try:
        await work()
    except Exception as error:  # whatever it is: the task that fails of it is noticed here or nowhere
        log.error("side task failed", extra={"side_task": name, "error": str(error)}, exc_info=error)
        return False
    return True


async def supervise(name: str, work: Work) -> None:
    """Do it until it returns, however often it fails before."""
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        begun_at = loop.time()
        if await attempt(name, work):
            return
        failures = 1 if loop.time() - begun_at >= SOUND else failures + 1
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1])


@asynccontextmanager
async def supervised(**side_tasks: Work) -> AsyncIterator[None]:
    """They go on while the context is open, each in a task of its own. When it is left, they are cancelled and have ended."""
    running = [asyncio.create_task(supervise(name, work)) for name, work in side_tasks.items()]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
