"""Live delivery: one bus listener per process, one feed for each thing that is watched, however many watch it.

An event is a hint: a feed reads the record after it, and what it read becomes a batch that all its followers share. A follower
first catches up to the feed's head by a read of its own, then takes the shared batches one by one; one that falls behind the
newest `KEPT` of them catches up again, so nobody has a buffer, and a slow follower costs nobody else anything.
"""

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from domain.callers import Caller
from domain.errors import Unavailable
from events.bus import Bus
from events.message import Event
from events.supervision import supervised
from gateway.live.ring import Ring
from gateway.live.tally import Tally

log = logging.getLogger(__name__)

TICK = 0.05
"""Seconds that a feed waits after a read, so that what happens together is told together."""
SILENCE = 5.0
"""Seconds after which a watched, unfinished thing is read again, since hints may be lost."""
KEPT = 64
"""Batches that a feed keeps for followers that lag."""


class Shareable:
    """Something delivered to many: its encoded answers are kept with it, by operation."""

    def answers(self) -> dict[Any, "asyncio.Future[str]"]:
        """Encoded answers by (document, variables without the cursor, what callers share by)."""
        kept: dict[Any, asyncio.Future[str]] = self.__dict__.setdefault("_answers", {})
        return kept


@dataclass(frozen=True, kw_only=True)
class Span:
    """Where a batch lies, between two cursors: values that are equal where they mean the same point."""

    before: Any
    after: Any
    empty: bool
    """Nothing happened in between."""
    more: bool = False
    """There is more to read at once."""
    ends: bool = False
    """Nothing will follow."""


class Batch(Protocol):
    """What lies between two cursors; a GraphQL type that is Shareable as well."""

    span: Span

    def check(self, caller: Caller) -> None:
        """Raises NotFound where the caller may not see what it is about."""


B = TypeVar("B", bound=Batch)
T = TypeVar("T")


class Reader(ABC, Generic[B]):
    """How one thing is read."""

    @abstractmethod
    async def read(self, after: Any, upto: Any | None) -> B:
        """What lies after one cursor, and not after the other where that is given."""

    @abstractmethod
    def heed(self, event: Event) -> None:
        """Remember what an event says that the record does not yet: progress."""


class Feed(Generic[B]):
    """One thing that is watched."""

    def __init__(self, reader: Reader[B]) -> None:
        self.reader = reader
        self.followers = 0
        self.head: Any = None
        self.newest = 0
        """Number of the newest batch in `_kept`."""
        self._kept: deque[B] = deque(maxlen=KEPT)
        self.ended = False
        """Nothing will follow of this feed. Whoever comes now gets a new one, since what ended may be opened again, or read
        again."""
        self._error: BaseException | None = None
        """What ended the pump out of order."""
        self._dirty = asyncio.Event()
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._read_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def poke(self, event: Event | None = None) -> None:
        """Read soon; `event` is why."""
        if event is not None:
            self.reader.heed(event)
        self._dirty.set()

    def is_silent(self, now: float) -> bool:
        """Whether nothing was read for a while, and something may still come."""
        return not self.ended and now - self._read_at >= SILENCE

    async def follow(self, cursor: Any) -> AsyncGenerator[B, None]:
        """Batches after `cursor`, the first one even if it is empty; ends behind the one that says so."""
        number, upto, first = self.newest, self.head, True
        batch = await self.reader.read(cursor, upto)
        self._start(batch.span)
        while True:
            if first or not batch.span.empty or batch.span.ends:
                first = False
                yield batch
            if batch.span.ends:
                return
            cursor = batch.span.after
            if batch.span.more:
                batch = await self.reader.read(cursor, upto)
            else:
                number, upto, batch = await self._next(number, cursor)

    async def _next(self, number: int, cursor: Any) -> tuple[int, Any, B]:
        """The shared batch behind `number` where that begins at the cursor; else a read of the follower's own, up to where that
        batch ends."""
        await self._wait(number)
        if number < self.newest - len(self._kept):
            number, upto = self.newest, self.head
        else:
            number += 1
            shared = self._kept[number - self.newest - 1]
            upto = shared.span.after
            if shared.span.before == cursor:
                return number, upto, shared
        return number, upto, await self.reader.read(cursor, upto)

    def _start(self, span: Span) -> None:
        if self._task is None:
            self.head, self.ended = span.after, span.ends
            self._task = asyncio.create_task(self._pump())
            self._task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Tell the followers what ended the pump, whatever it was: nobody waits for what will never come."""
        if not task.cancelled() and (error := task.exception()):
            self._error, self.ended = error, True
            self._tell()

    async def _wait(self, number: int) -> None:
        while self.newest <= number:
            if self._error is not None:
                raise self._error
            await asyncio.shield(self._changed)

    async def _pump(self) -> None:
        while not self.ended:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                batch = await self.reader.read(self.head, None)
            except Unavailable as error:
                log.warning("a watched record can't be read", extra={"error": str(error)})
                self._dirty.set()
                await asyncio.sleep(1.0)
                continue
            self._read_at = time.monotonic()
            self._publish(batch)
            await asyncio.sleep(TICK)

    def _publish(self, batch: B) -> None:
        self.head, self.ended = batch.span.after, batch.span.ends
        if batch.span.more:
            self._dirty.set()
        if not batch.span.empty or batch.span.ends:
            self._kept.append(batch)
            self.newest += 1
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.get_running_loop().create_future()
        changed.set_result(None)

    def stop(self) -> None:
        """End the pump; nobody follows any more."""
        if self._task is not None:
            self._task.cancel()


class Watching:
    """All feeds of this process, and the one listener that pokes them."""

    def __init__(self, bus: Bus, heard: Callable[[Event, float | None], None] | None = None) -> None:
        """`heard` is told every event and, at the end of a job, the seconds that it took."""
        self._bus = bus
        self._heard = heard
        self._feeds: dict[tuple[str, str], Feed[Any]] = {}
        self._shared: OrderedDict[Hashable, Any] = OrderedDict()
        self.ring = Ring()
        self.tally = Tally()

    @property
    def watched(self) -> int:
        """How many things are watched."""
        return len(self._feeds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while the context is open."""
        async with self._bus.watch() as events:
            try:
                async with supervised(live_events=partial(self._listen, events), silent_feeds=self._look_at_silent_ones):
                    yield
            finally:
                for feed in self._feeds.values():
                    feed.stop()

    @contextlib.contextmanager
    def feed(self, kind: str, id: str, reader: Callable[[], Reader[B]]) -> Iterator[Feed[B]]:
        """The feed of one thing, made for the first follower and dropped after the last."""
        key = (kind, id)
        feed = self._feeds.get(key)
        if feed is None or feed.ended:
            feed = self._feeds[key] = Feed(reader())
        feed.followers += 1
        try:
            yield feed
        finally:
            feed.followers -= 1
            if not feed.followers and self._feeds.get(key) is feed:
                del self._feeds[key]
                feed.stop()

    async def follow(
        self, kind: str, id: str, reader: Callable[[], Reader[B]], cursor: Any, caller: Caller
    ) -> AsyncGenerator[B, None]:
        """Batches of one thing after `cursor`, until it ends. Raises NotFound where the caller may not see it."""
        with self.feed(kind, id, reader) as feed:
            async with contextlib.aclosing(feed.follow(cursor)) as batches:
                async for batch in batches:
                    batch.check(caller)
                    yield batch

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once for all who come with the same key in short time."""
        if key not in self._shared:
            self._shared[key] = make()
            while len(self._shared) > KEPT:
                self._shared.popitem(last=False)
        made: T = self._shared[key]
        return made

    async def _listen(self, events: AsyncIterator[Event | None]) -> None:
        """Poke the feeds that each event concerns; at first all of them, since an event at which this failed before may have been
        lost."""
        for feed in self._feeds.values():
            feed.poke()
        async for event in events:
            self.ring.add(event)
            self._count(event)
            for feed in self._concerned(event):
                feed.poke(event)

    def _count(self, event: Event | None) -> None:
        if event is not None:
            took = self.tally.heed(event)
            if self._heard is not None:
                self._heard(event, took)

    def _concerned(self, event: Event | None) -> list[Feed[Any]]:
        if event is None:
            return list(self._feeds.values())
        keys = (("job", event.job_id), ("run", event.run_id), ("workers", ""), ("inbox", getattr(event, "person", "")))
        return [self._feeds[key] for key in keys if key in self._feeds]

    async def _look_at_silent_ones(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for feed in self._feeds.values():
                if feed.is_silent(now):
                    feed.poke()
