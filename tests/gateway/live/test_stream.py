"""Feeds, over something that is simpler than a job: numbers that are added to a list."""

import asyncio
from contextlib import aclosing

import pytest

from domain.callers import ADMINISTRATOR, Caller
from events.embedded import EmbeddedBus
from events.jobs import JobProgressed
from events.message import Event
from gateway.live import stream
from gateway.live.stream import Reader, Shareable, Span, Watching

END = -1


class Numbers(Shareable):
    """A batch."""

    def __init__(self, span: Span, numbers: list[int]) -> None:
        self.span = span
        self.numbers = numbers

    def check(self, caller: Caller) -> None:
        """Everybody may see numbers."""


class List(Reader[Numbers]):
    """Reads a list that somebody adds to; the cursor is how many were seen."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.reads = 0

    def heed(self, event: Event) -> None:
        """Events say nothing."""

    async def read(self, after: int, upto: int | None) -> Numbers:
        self.reads += 1
        end = max(after, len(self.numbers) if upto is None else upto)
        new = self.numbers[after:end]
        return Numbers(Span(before=after, after=end, empty=not new, ends=END in self.numbers[:end]), new)


async def add(bus: EmbeddedBus, numbers: list[int], *more: int) -> None:
    """Add numbers, and say so."""
    numbers += more
    await bus.emit(JobProgressed(job_id="list", attempt=1, done=0))


async def test_who_has_seen_more_than_the_feed_gets_only_the_rest() -> None:
    """A client that comes from another gateway may be ahead: what it saw there does not come again."""
    numbers = [1, 2, 3]
    async with asyncio.timeout(20), EmbeddedBus() as bus:
        watching, reader = Watching(bus), List(numbers)
        async with watching.running(), aclosing(watching.follow("job", "list", lambda: reader, 0, ADMINISTRATOR)) as first:
            assert (await anext(first)).numbers == [1, 2, 3]
            numbers += [4, 5]  # which this gateway has not heard of yet
            async with aclosing(watching.follow("job", "list", lambda: reader, 5, ADMINISTRATOR)) as ahead:
                assert (await anext(ahead)).numbers == []
                await add(bus, numbers, 6)
                assert (await anext(first)).numbers == [4, 5, 6]
                assert (await anext(ahead)).numbers == [6]
                await add(bus, numbers, END)
                assert await anext(first) is await anext(ahead)  # both stand where the feed stands: they share


async def test_followers_share_one_read() -> None:
    """Each catches up alone, once; what happens then is read once for all."""
    numbers = [1]
    async with asyncio.timeout(20), EmbeddedBus() as bus:
        watching, reader = Watching(bus), List(numbers)

        async def follow() -> list[int]:
            seen: list[int] = []
            async for batch in watching.follow("job", "list", lambda: reader, 0, ADMINISTRATOR):
                seen += batch.numbers
                joined.release()
            return seen

        joined = asyncio.Semaphore(0)
        async with watching.running():
            tasks = [asyncio.create_task(follow()) for _ in range(20)]
            for _ in tasks:
                await joined.acquire()
            await add(bus, numbers, 2, END)
            assert await asyncio.gather(*tasks) == [[1, 2, END]] * 20
            assert reader.reads == 21
            assert watching.watched == 0


async def test_what_has_ended_and_is_opened_again_gets_a_feed_of_its_own() -> None:
    """retryJob opens a finished job: who comes then does not hang on the feed of those who have not left yet."""
    numbers = [1, END]
    async with asyncio.timeout(20), EmbeddedBus() as bus:
        watching, reader = Watching(bus), List(numbers)
        async with watching.running(), aclosing(watching.follow("job", "list", lambda: reader, 0, ADMINISTRATOR)) as late:
            assert (await anext(late)).span.ends
            numbers[:] = [1]
            async with aclosing(watching.follow("job", "list", lambda: reader, 0, ADMINISTRATOR)) as again:
                assert (await anext(again)).numbers == [1]
                await add(bus, numbers, 2)
                assert (await anext(again)).numbers == [2]


class Breaking(List):
    """A list that can't be read a second time, or an event that can't be heeded."""

    def __init__(self, numbers: list[int], reads: int = 1_000, heeded: int = 1_000) -> None:
        super().__init__(numbers)
        self.sound_reads = reads
        self.sound_events = heeded

    def heed(self, event: Event) -> None:
        self.sound_events -= 1
        if self.sound_events == 0:
            raise KeyError("event")

    async def read(self, after: int, upto: int | None) -> Numbers:
        if self.reads == self.sound_reads:
            raise KeyError("record")
        return await super().read(after, upto)


async def test_followers_are_told_what_ends_their_feed() -> None:
    """A bug in reading ends each follower with the error, instead of leaving them to wait; who comes then is served anew."""
    numbers = [1]
    async with asyncio.timeout(20), EmbeddedBus() as bus:
        watching, breaking = Watching(bus), Breaking(numbers, reads=2)
        async with (
            watching.running(),
            aclosing(watching.follow("job", "list", lambda: breaking, 0, ADMINISTRATOR)) as first,
            aclosing(watching.follow("job", "list", lambda: breaking, 0, ADMINISTRATOR)) as second,
        ):
            assert (await anext(first)).numbers == (await anext(second)).numbers == [1]
            await add(bus, numbers, 2)
            for follower in (first, second):
                with pytest.raises(KeyError, match="record"):
                    await anext(follower)
            async with aclosing(watching.follow("job", "list", lambda: List(numbers), 0, ADMINISTRATOR)) as again:
                assert (await anext(again)).numbers == [1, 2]
                await add(bus, numbers, 3)
                assert (await anext(again)).numbers == [3]


async def test_an_event_that_cannot_be_heeded_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener goes on behind it, and whoever it concerned reads the record."""
    monkeypatch.setattr(stream, "SILENCE", 1_000.0)  # so that nothing else reads it
    numbers = [1]
    async with asyncio.timeout(20), EmbeddedBus() as bus:
        watching, breaking = Watching(bus), Breaking(numbers, heeded=1)
        async with watching.running(), aclosing(watching.follow("job", "list", lambda: breaking, 0, ADMINISTRATOR)) as batches:
            assert (await anext(batches)).numbers == [1]
            await add(bus, numbers, 2)
            assert (await anext(batches)).numbers == [2]
            await add(bus, numbers, 3)
            assert (await anext(batches)).numbers == [3]
