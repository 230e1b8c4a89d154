"""How late an event loop is."""

import asyncio
import time

import pytest

from events import lateness
from events.lateness import watch_loop


async def test_what_holds_the_loop_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many seconds as it was held up beyond the next look."""
    monkeypatch.setattr(lateness, "PULSE", 0.05)
    told: asyncio.Queue[float] = asyncio.Queue()
    watching = asyncio.create_task(watch_loop(told.put_nowait))
    await told.get()

    time.sleep(0.2)  # noqa: ASYNC251 -- this is what holds it up
    late = await told.get()
    watching.cancel()

    assert late >= 0.1
