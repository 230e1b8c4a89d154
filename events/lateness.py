"""How late an event loop is: what holds it up is felt by everything that its process does."""

import asyncio
from collections.abc import Callable

PULSE = 0.5
"""Seconds between two looks."""


async def watch_loop(late: Callable[[float], object]) -> None:
    """Tell for ever how many seconds late the loop of this process was, look by look."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PULSE
        await asyncio.sleep(PULSE)
        late(max(0.0, loop.time() - due))
