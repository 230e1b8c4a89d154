"""Schedules: which times fire, and that each starts one run."""

import asyncio
import time
import zoneinfo
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec
import pytest

from domain.data import schedules
from domain.data.schedules import SCHEDULES, Schedule, check, due, next_at
from domain.data.sources import SOURCES
from domain.errors import Invalid
from domain.hub import Hub
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from domain.ports.records import Records
from tests.domain.jobs.processes import Died, Mortal, add_build, add_source, open_hub, other


def at(text: str) -> float:
    """Unix seconds of an ISO time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def schedule(cron: str, made: str = "2026-03-01T00:00", **values: object) -> Schedule:
    """A schedule of a source, made at that time."""
    return Schedule(created_at=at(made), cron=cron, source="s", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cron", "values", "now", "expected"),
    [
        ("0 3 * * *", {}, "2026-03-01T02:59:59", None),
        ("0 3 * * *", {}, "2026-03-01T03:00:00", "2026-03-01T03:00"),
        ("0 3 * * *", {}, "2026-03-05T12:00:00", "2026-03-05T03:00"),
        ("0 3 * * *", {"fired_at": at("2026-03-05T03:00")}, "2026-03-05T12:00:00", None),
        ("30 2 * * *", {"timezone": "Europe/Berlin"}, "2026-03-02T01:30:00", "2026-03-02T01:30"),
        ("30 2 * * *", {"timezone": "Europe/Rome", "fired_at": at("2026-03-28T01:30")}, "2026-03-29T01:00:00", "2026-03-29T01:00"),
        ("*/10 * * * * 30", {}, "2026-03-01T00:20:30", "2026-03-01T00:20:30"),
        ("0 * * * *", {"timezone": "Europe/Rome", "fired_at": at("2026-10-25T00:00")}, "2026-10-25T01:00:00", "2026-10-25T01:00"),
    ],
)
def test_what_is_due(cron: str, values: dict[str, object], now: str, expected: str | None) -> None:
    """The latest time that has come and was not fired is due: missed ones once, in its time zone, a skipped hour at its end, one
    that comes twice both times, seconds in the sixth field."""
    found = due("s", schedule(cron, **values), at(now))

    assert found == (at(expected) if expected else 0.0)


def test_jitter_puts_off_alike_everywhere() -> None:
    """A fire waits for its jitter, which depends only on name and time."""
    fired = at("2026-03-01T03:00")
    late = schedule("0 3 * * *", jitter=600.0)
    first = next_at("s", late, at("2026-03-01T00:00"))

    assert fired < first < fired + 600
    assert first == next_at("s", late, at("2026-03-01T00:00"))
    assert due("s", late, first - 1) == 0.0
    assert due("s", late, first) == fired
    assert next_at("other", late, at("2026-03-01T00:00")) != first


def test_jitter_passes_over_no_time() -> None:
    """However long it is, every time fires, in its order."""
    late, fired = schedule("*/5 * * * *", jitter=1e300), [at("2026-03-01T00:00")]
    for now in range(int(fired[0]), int(fired[0]) + 7200, 5):
        if found := due("s", msgspec.structs.replace(late, fired_at=fired[-1]), now):
            fired.append(found)

    assert fired == [fired[0] + 300 * number for number in range(24)]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"cron": "61 * * * *", "source": "s"}, "cron"),
        ({"cron": "* * * *", "source": "s"}, "cron"),
        ({"cron": "* * * * *", "source": "s", "timezone": "Mars/Base"}, "timezone"),
        ({"cron": "* * * * *", "source": "s", "timezone": "Europe"}, "timezone"),
        ({"cron": "* * * * *", "source": "s", "jitter": -1.0}, "jitter"),
        ({"cron": "* * * * *", "source": "s", "jitter": float("nan")}, "jitter"),
        ({"cron": "* * * * *"}, "source"),
        ({"cron": "* * * * *", "source": "s", "build": "b"}, "source"),
        ({"cron": "* * * * *", "source": "s", "api": "a"}, "source"),
    ],
)
def test_what_is_refused(values: dict[str, object], path: str) -> None:
    """A wrong field is named."""
    with pytest.raises(Invalid) as refused:
        check(Schedule(created_at=0.0, **values))  # type: ignore[arg-type]

    assert refused.value.path == (path,)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub with a source and a build, each with a schedule that is due every second."""
    async with open_hub(tmp_path) as opened:
        await add_source(opened)
        await add_build(opened)
        await schedules.add(opened, "of-a-source", cron="* * * * * *", source="s")
        await schedules.add(opened, "of-a-build", cron="* * * * * *", build="b")
        yield opened


async def started(hub: Hub) -> list[tuple[str, int]]:
    """Who asked for each run, and how many jobs it has."""
    found = await RUNS.every(hub.records)
    return sorted([(run.value.asked_by, len(await JOBS.every(hub.records, run_id=run.id))) for run in found])


ONCE = [("schedule of-a-build", 1), ("schedule of-a-source", 1)]


def test_zones_need_none_of_the_machine() -> None:
    """A machine without time zones of its own, as small images are, has those of the package."""
    try:
        zoneinfo.reset_tzpath(to=())
        zoneinfo.ZoneInfo.clear_cache()
        assert next_at("s", schedule("0 6 * * *", timezone="Europe/Vienna"), at("2026-07-01T00:00")) == at("2026-07-01T04:00")
    finally:
        zoneinfo.reset_tzpath()


async def test_many_processes_start_one_run(hub: Hub) -> None:
    """Eight processes that fire at the same time start each schedule's run once."""
    now = time.time() + 1

    await asyncio.gather(*(schedules.fire_due(other(hub, f"process {number}"), now) for number in range(8)))

    assert await started(hub) == ONCE
    assert await schedules.fire_due(hub, now) == 0


async def test_one_after_another_starts_one_run(hub: Hub) -> None:
    """A process that looks a moment later has nothing to fire; at the next time there is another run."""
    now = float(int(time.time()) + 1)
    fired = [await schedules.fire_due(hub, at) for at in (now, now + 0.5, now + 1)]

    assert fired == [2, 0, 2]
    assert await started(hub) == sorted([*ONCE, *ONCE])


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("writes", range(5))
async def test_a_process_that_dies_while_it_fires(hub: Hub, writes: int, before: bool) -> None:
    """Whichever of its writes it dies before or after, between asking for the run and noting it as well: another process goes
    on, and there is one run for the time."""
    now = time.time() + 1
    mortal = Mortal(hub.records, writes, before=before)
    try:
        await schedules.fire_due(replace(hub, records=cast(Records, mortal)), now)
    except Died:
        assert mortal.dead

    await asyncio.gather(schedules.fire_due(other(hub, "second"), now), schedules.fire_due(other(hub, "third"), now))

    assert await started(hub) == ONCE
    assert {stored.value.fired_at > 0 for stored in await SCHEDULES.every(hub.records)} == {True}


async def test_a_paused_schedule_makes_up_for_nothing(hub: Hub) -> None:
    """What passed while it was paused never fires."""
    await schedules.edit(hub, "of-a-source", paused=True)
    await schedules.edit(hub, "of-a-build", paused=True)
    assert await schedules.fire_due(hub, time.time() + 1) == 0
    await schedules.edit(hub, "of-a-source", paused=False)

    assert await schedules.fire_due(hub, time.time()) == 0


async def test_a_zone_that_a_machine_lacks_stops_nothing(hub: Hub) -> None:
    """Its schedule is left to others, and what is due beside it fires."""
    strange = Schedule(created_at=0.5, cron="* * * * * *", timezone="Mars/Base", source="s")
    assert await SCHEDULES.insert(hub.records, "of-mars", strange)

    assert await schedules.fire_due(hub, time.time() + 1) == 2


async def test_other_times_begin_now(hub: Hub) -> None:
    """A schedule that was edited fires no time that passed before it had it."""
    stored = await SCHEDULES.get(hub.records, "of-a-source")
    await SCHEDULES.replace(hub.records, stored, msgspec.structs.replace(stored.value, created_at=at("2026-03-01T00:00")))
    await schedules.remove(hub, "of-a-build")
    await schedules.edit(hub, "of-a-source", cron="0 0 * * *")

    assert await schedules.fire_due(hub, time.time()) == 0


async def test_a_clock_that_was_put_back_stops_no_schedule(hub: Hub) -> None:
    """What fired while a clock was a year ahead fires on when it is right again, and what it fired then is not done twice."""
    now = float(int(time.time()) + 1)
    ahead = now + 31_536_000
    assert await schedules.fire_due(hub, ahead) == 2
    assert await schedules.fire_due(hub, now) == 0
    assert [await schedules.fire_due(hub, now + 1), await schedules.fire_due(hub, now + 1)] == [2, 0]
    assert await started(hub) == sorted([*ONCE, *ONCE])
    await schedules.fire_due(hub, ahead)
    assert await started(hub) == sorted([*ONCE, *ONCE])


async def test_a_fire_that_starts_nothing_says_why(hub: Hub) -> None:
    """It is noted as fired, so that the next time is tried again, not this one."""
    await hub.records.delete(SOURCES.kind, "s")
    now = time.time() + 1

    assert await schedules.fire_due(hub, now) == 2
    assert (await SCHEDULES.get(hub.records, "of-a-source")).value.failure == "there is no source 's'"
    assert await schedules.fire_due(hub, now) == 0
    assert await started(hub) == ONCE[:1]
