"""Watching the whole hub, and its workers."""

import time
from dataclasses import replace
from typing import Any

import pytest

from domain.hub import Hub
from domain.jobs import presence
from domain.jobs.presence import Consumption, Presence
from events.builds import BuildAdded
from events.jobs import JobProgressed
from events.sources import SourceAdded
from gateway.graphql.nodes import decode, encode
from gateway.live.ring import Ring
from tests.gateway.conftest import TOKEN, Client, serve

WATCH = """subscription ($after: String, $kinds: [HubEventKind!]) { hubEvents(after: $after, kinds: $kinds) {
  cursor gap events { kind jobId at event } } }"""
WORKERS = "subscription { workers { workers { process running stopping queues { name slots } } } }"


def names(batch: Any) -> list[str]:
    """What each event is about."""
    return [event["event"].get("source") or event["event"]["build"] for event in batch["events"]]


async def test_events_come_as_they_happen(client: Client, hub: Hub) -> None:
    """All but progress and log lines, unless those are asked for by kind."""
    async with client.watch(WATCH) as everything, client.watch(WATCH, kinds=["BUILD_ADDED", "JOB_PROGRESSED"]) as chosen:
        first = [await everything.next(), await chosen.next()]
        await hub.announce(SourceAdded(source="a"))
        await hub.announce(JobProgressed(job_id="j", attempt=1, done=1))
        await hub.announce(BuildAdded(build="b"))
        batch, progress = await everything.next(), await chosen.next()

    assert [(each["events"], each["gap"]) for each in first] == [([], False)] * 2
    assert [event["kind"] for event in batch["events"]] == ["SOURCE_ADDED", "BUILD_ADDED"]
    assert names(batch) == ["a", "b"]
    assert [event["kind"] for event in progress["events"]] == ["JOB_PROGRESSED", "BUILD_ADDED"]


async def test_who_comes_back_to_the_same_gateway_misses_nothing(client: Client, hub: Hub) -> None:
    """The cursor is a place in this gateway's ring."""
    async with client.watch(WATCH) as watch:
        cursor = (await watch.next())["cursor"]
        await hub.announce(SourceAdded(source="a"))
        await watch.next()
    async with client.watch(WATCH, after=cursor) as watch:
        batch = await watch.next()

    assert (names(batch), batch["gap"]) == (["a"], False)


async def test_another_gateway_answers_a_gap(client: Client, hub: Hub) -> None:
    """Its cursors mean nothing here, and neither does nonsense: the client reads its lists again."""
    async with client.watch(WATCH) as watch:
        cursor = (await watch.next())["cursor"]
    for after in (cursor, "nonsense"):
        async with serve(hub) as other, other.watch(WATCH, after=after) as watch:
            first = await watch.next()
            await hub.announce(SourceAdded(source="a"))
            second = await watch.next()

        assert (first["gap"], first["events"]) == (True, [])
        assert (second["gap"], names(second)) == (False, ["a"])


@pytest.mark.parametrize("number", ["٣", "³", "1" * 5000, "-1", "", "1_0", "0x1"])
async def test_what_is_no_place_is_a_gap(client: Client, hub: Hub, number: str) -> None:
    """Digits that are none, in a cursor that looks like one of this gateway, close no socket: what comes next is told."""
    async with client.watch(WATCH) as watch:
        epoch = (decode((await watch.next())["cursor"]) or "").partition(".")[0]
    async with client.watch(WATCH, after=encode(f"{epoch}.{number}")) as watch:
        first = await watch.next()
        await hub.announce(SourceAdded(source="a"))
        second = await watch.next()

    assert (first["gap"], first["events"], names(second)) == (True, [], ["a"])


def test_the_ring_keeps_the_newest_events() -> None:
    """Who is behind them, and who was there when the bus was away, is told of a gap."""
    ring = Ring(size=3)
    for number in range(3):
        ring.add(SourceAdded(source=str(number)))

    def sources(position: int) -> tuple[list[Any], int, bool]:
        taken = ring.take(position)
        return [event.source for event in taken.events if isinstance(event, SourceAdded)], taken.position, taken.gap

    assert sources(0) == (["0", "1", "2"], 3, False)
    ring.add(None)
    assert sources(0) == (["1", "2"], 4, True)
    assert sources(3) == ([], 4, True)
    assert sources(4) == ([], 4, False)


async def test_workers_are_told_again_when_they_change(client: Client, hub: Hub) -> None:
    """One that comes, takes a job and goes; a beat alone is no news."""
    said = Presence(host="h", pid=1, queues={"dump": 2}, seen_at=time.time(), created_at=time.time())
    taken = replace(hub, process="p")
    async with client.watch(WORKERS) as watch:
        assert (await watch.next())["workers"] == []
        await presence.save(taken, said)
        await hub.announce(SourceAdded(source="a"))
        came = await watch.next()
        await presence.leave(taken)
        await hub.announce(SourceAdded(source="b"))
        gone = await watch.next()

    assert came["workers"] == [{"process": "p", "running": [], "stopping": False, "queues": [{"name": "dump", "slots": 2}]}]
    assert gone["workers"] == []
    await presence.save(taken, said)
    assert (await client.ask("{ workers { process host } }"))["workers"] == [{"process": "p", "host": "h"}]


async def test_workers_tell_what_they_consume(client: Client, hub: Hub) -> None:
    """Memory and processor time, their own and of each child, how late their loops were, and whether plugins are in a sandbox; an
    older one says nothing."""
    child = Consumption(pid=7, name="python", memory=5 * 2**30, seconds=1.5)
    known = {"memory": 3, "seconds": 0.5, "sandbox": True, "children": (child,), "lag": 0.625}
    for process, told in (("old", {}), ("new", known)):
        now = time.time()
        said = Presence(host="h", pid=1, queues={"dump": 2}, seen_at=now, created_at=now, **told)  # type: ignore[arg-type]
        await presence.save(replace(hub, process=process), said)

    consumed = "process memory cpuSeconds loopLag sandbox children { pid name memory cpuSeconds }"
    workers = (await client.ask(f"{{ workers {{ {consumed} }} }}"))["workers"]

    children = [{"pid": 7, "name": "python", "memory": 5 * 2**30, "cpuSeconds": 1.5}]
    assert workers == [
        {"process": "old", "memory": 0, "cpuSeconds": 0.0, "loopLag": 0.0, "sandbox": False, "children": []},
        {"process": "new", "memory": 3, "cpuSeconds": 0.5, "loopLag": 0.625, "sandbox": True, "children": children},
    ]
    async with client.session.get(f"{client.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        text = await response.text()
    assert 'leat_worker_memory_bytes{worker="new"} 5.368709123e+09' in text
    assert 'leat_worker_loop_lag_seconds{worker="new"} 0.625' in text
    assert 'leat_worker_cpu_seconds{worker="new"} 2.0' in text
