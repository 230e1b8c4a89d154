"""Watching jobs: nothing is lost and nothing is seen twice, whoever comes when."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from domain.callers import ADMINISTRATOR
from domain.hub import Hub
from domain.jobs import asking
from domain.jobs.attempts import claim
from domain.jobs.logs import LogWriter
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Stopped, Succeeded
from events.jobs import JobProgressed
from events.message import Event, new_id
from events.sources import InspectSource
from gateway.endpoint import operations
from gateway.graphql.jobs.events import JobCursor, JobReader
from gateway.live import stream
from tests.gateway.conftest import Client, done, serve, started

WATCH = """subscription ($id: ID!, $after: String) { jobEvents(jobId: $id, after: $after) {
  cursor gap progress { done total unit } lines { attempt number text }
  events { __typename seq attempt ... on JobFinished { outcome } ... on JobProduced { type } } job { state } } }"""
TWIN = WATCH.replace("subscription", "query", 1)


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read again for silence alone, so that each test sees its own reason."""
    monkeypatch.setattr(stream, "SILENCE", 1e9)


def kinds(*batches: Any) -> list[str]:
    """The events' types, in order."""
    return [event["__typename"] for batch in batches for event in batch["events"]]


async def write(hub: Hub, id: str, *lines: str) -> None:
    """Lines of the first attempt."""
    writer = LogWriter(hub, id, id, 1)
    for line in lines:
        writer.add(line, "info")
    await writer.flush()


async def test_a_job_is_followed_to_its_end(client: Client, hub: Hub) -> None:
    """What is known comes first, then what happens; behind the last event the subscription completes."""
    asked = await asking.ask(hub, InspectSource(source="genes"))
    async with client.watch(WATCH, id=asked.job.id) as watch:
        first = await watch.next()
        attempt = await claimed(hub, asked.job.id)
        second = await watch.next()
        await write(hub, attempt.id, "one", "two")
        third = await watch.next()
        await attempt.finish(Succeeded(done(attempt), True))
        rest = await watch.rest()

    assert (kinds(first), kinds(second), kinds(third)) == (["JobQueued"], ["JobStarted"], [])
    assert [line["text"] for line in third["lines"]] == ["one", "two"]
    assert kinds(*rest) == ["JobProduced", "JobFinished"]
    assert rest[-1]["events"][-1]["outcome"] == "SUCCEEDED"
    assert [event["seq"] for batch in (first, second, *rest) for event in batch["events"]] == [1, 2, 3, 4]
    assert rest[-1]["job"]["state"] == "FINISHED"


async def claimed(hub: Hub, id: str) -> Any:
    """A worker claims the job."""
    return await claim(hub, id, "a worker", Retry())


async def test_progress_is_told_before_it_is_saved(client: Client, hub: Hub) -> None:
    """Progress comes from the event; newest wins."""
    attempt = await started(hub)
    async with client.watch(WATCH, id=attempt.id) as watch:
        await watch.next()
        said = JobProgressed(job_id=attempt.id, run_id=attempt.id, attempt=1, done=7, total=10, unit="documents")
        await hub.announce(said)
        batch = await watch.next()

    assert batch["progress"] == {"done": 7, "total": 10, "unit": "documents"}
    assert batch["events"] == []


async def test_who_comes_back_goes_on_behind_the_cursor(hub: Hub) -> None:
    """On whichever gateway: nothing is lost, nothing comes twice."""
    attempt = await started(hub)
    await write(hub, attempt.id, "one")
    async with serve(hub) as client, client.watch(WATCH, id=attempt.id) as watch:
        first = await watch.next()
    await attempt.finish(Succeeded(done(attempt), True))
    async with serve(hub) as client, client.watch(WATCH, id=attempt.id, after=first["cursor"]) as watch:
        rest = await watch.rest()
        twin = (await client.ask(TWIN, id=attempt.id, after=first["cursor"]))["jobEvents"]

    assert kinds(first) == ["JobQueued", "JobStarted"]
    assert kinds(*rest) == kinds(twin) == ["JobProduced", "JobFinished"]
    assert [batch["lines"] for batch in rest] == [[]]
    assert not any(batch["gap"] for batch in (first, twin, *rest))


@pytest.mark.parametrize("cursor", ["nonsense", "OTkuMS4x"])
async def test_a_cursor_that_fits_no_record_answers_a_gap(client: Client, hub: Hub, cursor: str) -> None:
    """One of another thing, or ahead of the record (99.1.1): everything follows again."""
    attempt = await started(hub)
    async with client.watch(WATCH, id=attempt.id, after=cursor) as watch:
        batch = await watch.next()

    assert batch["gap"]
    assert kinds(batch) == ["JobQueued", "JobStarted"]


async def test_lost_events_are_found_in_the_record(client: Client, hub: Hub) -> None:
    """A change whose event never came is told with the next one, in order."""
    attempt = await started(hub)
    deaf = replace(hub, bus=DeafBus(hub.bus))  # what is emitted here reaches nobody
    async with client.watch(WATCH, id=attempt.id) as watch:
        await watch.next()
        attempt.hub = deaf
        await attempt.finish(Stopped())
        await hub.announce(JobProgressed(job_id=attempt.id, attempt=1, done=1))
        batch = await watch.next()

    assert kinds(batch) == ["JobQueued"]
    assert batch["events"][0]["seq"] == 3


async def test_a_bus_that_was_away_is_a_reason_to_read(hub: Hub) -> None:
    """Where `watch` says None, every watched job is read again."""
    attempt = await started(hub)
    bus = LeakyBus(hub.bus)
    async with serve(replace(hub, bus=bus)) as client, client.watch(WATCH, id=attempt.id) as watch:
        await watch.next()
        bus.leaking = True
        await attempt.finish(Stopped())
        await hub.announce(JobProgressed(job_id=new_id(), attempt=1, done=1))
        batch = await watch.next()

    assert kinds(batch) == ["JobQueued"]


async def test_silence_is_a_reason_to_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watched job of which nothing is heard is read again after a while."""
    monkeypatch.setattr(stream, "SILENCE", 0.1)
    attempt = await started(hub)
    async with serve(hub) as client, client.watch(WATCH, id=attempt.id) as watch:
        await watch.next()
        attempt.hub = replace(hub, bus=DeafBus(hub.bus))
        await attempt.finish(Stopped())
        batch = await watch.next()

    assert kinds(batch) == ["JobQueued"]


async def test_many_watchers_see_the_same_whenever_they_come(client: Client, hub: Hub) -> None:
    """Joining while lines are written loses none and repeats none."""
    attempt = await started(hub)

    async def follow() -> list[str]:
        async with client.watch(WATCH, id=attempt.id) as watch:
            return [line["text"] for batch in await watch.rest() for line in batch["lines"]]

    writer = LogWriter(hub, attempt.id, attempt.id, 1)
    watchers = []
    for number in range(60):
        watchers += [asyncio.create_task(follow())] if number % 10 == 0 else []
        writer.add(f"line {number}", "info")
        await writer.flush()
        await asyncio.sleep(0)
    await attempt.finish(Succeeded(done(attempt), True))

    expected = [f"line {number}" for number in range(60)]
    assert await asyncio.gather(*watchers) == [expected] * 6


async def test_an_answer_is_made_once_for_all_who_asked_the_same(client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten watchers of one job with one text execute a live event once; another text once more."""
    executed: list[Any] = []
    execute = operations.execute_subscription_event
    monkeypatch.setattr(operations, "execute_subscription_event", lambda each: executed.append(each) or execute(each))
    attempt = await started(hub)
    other = "subscription ($id: ID!) { jobEvents(jobId: $id) { events { seq } } }"
    async with many(client, 10, WATCH, id=attempt.id) as watches, many(client, 2, other, id=attempt.id) as others:
        for watch in (*watches, *others):
            await watch.next()
        before = len(executed)
        await attempt.finish(Succeeded(done(attempt), True))
        for watch in (*watches, *others):
            assert len(await watch.rest()) == 1

    assert before == 12  # catching up is each one's own
    assert len(executed) - before == 2


async def test_a_slow_reader_costs_nobody_else_anything(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower that stands still while more batches come than are kept reads the rest from the record; another sees them live."""
    monkeypatch.setattr(stream, "TICK", 0.0)
    attempt = await started(hub)
    watching = stream.Watching(hub.bus)
    writer, expected = LogWriter(hub, attempt.id, attempt.id, 1), list(range(1, 3 * stream.KEPT))
    async with (
        watching.running(),
        aclosing(follow(watching, hub, attempt.id)) as slow,
        aclosing(follow(watching, hub, attempt.id)) as quick,
    ):
        late, seen = await anext(slow), await anext(quick)
        for number in expected:
            writer.add("a line", "info")
            await writer.flush()
            while len(seen) < number:
                seen += await anext(quick)
        await attempt.finish(Succeeded(done(attempt), True))
        steps = 0
        async for lines in slow:
            late, steps = late + lines, steps + 1

    assert seen == late == expected
    assert steps < 5
    assert watching.watched == 0  # a feed goes with its last follower


async def follow(watching: stream.Watching, hub: Hub, id: str) -> AsyncGenerator[list[int], None]:
    """Numbers of a job's lines, batch by batch."""
    async for batch in watching.follow("job", id, lambda: JobReader(hub, id), JobCursor(), ADMINISTRATOR):
        yield [line.number for line in batch.lines]


async def test_an_absent_job_is_refused_with_a_code(client: Client) -> None:
    """The operation ends with an error; the socket stays."""
    async with client.watch(WATCH, id=new_id()) as watch:
        message = await watch.message()
        await watch.socket.send_json({"type": "ping"})

        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")
        assert (await watch.message())["type"] == "pong"


@asynccontextmanager
async def many(client: Client, count: int, query: str, **variables: Any) -> AsyncIterator[list[Any]]:
    """The same subscription several times, each on a socket of its own."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client.watch(query, **variables)) for _ in range(count)]


class DeafBus:
    """A bus whose events reach nobody."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def emit(self, event: Event) -> None:
        """Lost."""


class LeakyBus:
    """A bus whose watchers are told of a gap in place of each event, while it leaks."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self.leaking = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Event | None]]:
        """As the bus, with gaps."""
        async with self._bus.watch() as events:
            yield self._leak(events)

    async def _leak(self, events: AsyncIterator[Event | None]) -> AsyncIterator[Event | None]:
        async for event in events:
            yield None if self.leaking else event
