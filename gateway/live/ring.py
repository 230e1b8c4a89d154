"""The newest events of the hub as this process saw them: what `hubEvents` resumes from."""

import asyncio
import re
from collections import deque
from typing import NamedTuple

from events.message import Event, new_id

SIZE = 10_000
"""Events that are kept."""
_NUMBER = re.compile(r"[0-9]{1,18}")
"""Of `isdigit()` there are more that int() refuses, such as ², and int() refuses numbers of thousands of digits."""
TICK = 0.02
"""Seconds that followers wait after an event for those that come with it."""


class Taken(NamedTuple):
    """What a follower takes."""

    events: list[Event]
    position: int
    """Where to go on."""
    gap: bool
    """Some events were missed, by this process or by this follower."""


class Ring:
    """Numbered events; None among them stands for events that the bus may have lost."""

    def __init__(self, size: int = SIZE) -> None:
        self.epoch = new_id()[:8]
        """Differs for each process and start: positions of another one mean nothing here."""
        self.newest = 0
        self._kept: deque[Event | None] = deque(maxlen=size)
        self._changed: asyncio.Future[None] | None = None
        self._telling: asyncio.TimerHandle | None = None

    def add(self, event: Event | None) -> None:
        """Keep an event, and tell followers soon."""
        self._kept.append(event)
        self.newest += 1
        if self._changed is not None and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TICK, self._tell)

    def _tell(self) -> None:
        changed, self._changed, self._telling = self._changed, None, None
        if changed is not None:
            changed.set_result(None)

    async def wait(self, position: int) -> None:
        """Return once there is something behind `position`."""
        while self.newest <= position:
            if self._changed is None:
                self._changed = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._changed)

    def take(self, position: int, limit: int = 1000) -> Taken:
        """At most `limit` of the events behind `position`."""
        oldest = self.newest - len(self._kept)
        gap = position < oldest
        start = max(position, oldest)
        chosen = [self._kept[number - oldest] for number in range(start, min(self.newest, start + limit))]
        return Taken([event for event in chosen if event is not None], start + len(chosen), gap or None in chosen)

    def cursor(self, position: int) -> str:
        """What a client resumes with."""
        return f"{self.epoch}.{position}"

    def position(self, cursor: str | None) -> int | None:
        """Where a client goes on: at the newest without a cursor; None where the cursor is of another process or time."""
        if cursor is None:
            return self.newest
        epoch, _, number = cursor.partition(".")
        if epoch != self.epoch or _NUMBER.fullmatch(number) is None or int(number) > self.newest:
            return None
        return int(number)
