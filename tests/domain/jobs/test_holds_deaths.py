"""Held jobs while processes die at any write, and while many race: nobody waits for ever, and never does more go on than may."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from domain.catalogue import CATALOGUE
from domain.errors import Conflict
from domain.hub import Hub, Room
from domain.hub import Limits as HubLimits
from domain.jobs import control, presence
from domain.jobs.jobs import JOBS
from domain.jobs.reaper import Intervals, Reaper
from domain.jobs.retries import Retry
from domain.ports.records import Records
from events.apis import MappingValidated, ValidateMapping
from tests.adapters.conftest import records, records_place
from tests.domain.jobs.processes import Died, Mortal, go_on, hub_over, impatient, other, registrations, until, work_off
from tests.domain.jobs.ruled import Limits, Watching, admitted, asked, under_rule
from workers.context import JobContext
from workers.worker import Worker

__all__ = ["records", "records_place"]

EACH_AND_TOTAL = Room("at most 1 for each person and 2 in total", each=1, total=2)
STEPS = {"SqliteRecords": 1, "MongoRecords": 7}
"""Every write on SQLite, some on a server, which takes longer."""
INTERVALS = Intervals(due=0.1, beats=0.2, chains=0.1, silence=0.5, garbage=60.0, unsent=0.1)
PEOPLE = "abcd"
EACH = {"SqliteRecords": 6, "MongoRecords": 2}
"""Jobs for which each person asks."""


@pytest.fixture
async def bare(records: Records, memory: Path) -> AsyncIterator[Hub]:
    """A hub over each adapter of Records."""
    await records.prepare(CATALOGUE.kinds)
    async with hub_over(records, memory, HubLimits(lease=3.0, grace=0.0, quiet=0.0)) as opened:
        yield opened


class Handler:
    """Validates mappings; the first attempt at a job of `a` fails. It notes how many are validated at once."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.going_on: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.most_in_total = 0

    async def __call__(self, command: ValidateMapping, context: JobContext) -> Any:
        who = command.source
        self.going_on[who] += 1
        self.most[who] = max(self.most[who], self.going_on[who])
        self.most_in_total = max(self.most_in_total, self.going_on.total())
        try:
            await asyncio.sleep(random.random() * 0.01)
            if who == "a" and command.job_id not in self.failed:
                self.failed.add(command.job_id)
                raise ValueError("the first attempt")
            return MappingValidated(source=who, documents=0)
        finally:
            self.going_on[who] -= 1


async def live(hub: Hub, known: Any, name: str) -> None:
    """What happens to held jobs: asked for, admitted, cancelled, opened again, failed, ended, one after the other."""
    ids = [await asked(hub, who, f"{name}{number}") for number, who in enumerate("aabc")]
    await control.cancel(hub, ids[2])
    await control.cancel(hub, ids[1])
    await control.retry(hub, ids[1])
    await work_off(hub, known)
    await control.retry(hub, ids[2])
    for _ in range(2):  # those of `a` fail at first
        await impatient(hub).send_due()
        await work_off(hub, known)


async def die(hub: Hub, known: Any, name: str, writes: int, before: bool) -> Mortal:
    """Live in a process that dies at a write."""
    mortal = Mortal(hub.records, writes, before=before)
    with contextlib.suppress(Died):
        await live(other(hub, "mortal", records=cast(Records, mortal)), known, name)
    return mortal


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_process_dies_at_any_write(bare: Hub, before: bool) -> None:
    """For each write of the life of held jobs: others go on, everybody is admitted, and the allowance is empty in the end."""
    limits = Limits(EACH_AND_TOTAL)
    watching, step = Watching(bare.records, limits), STEPS[type(bare.records).__name__]
    hub = under_rule(other(bare, records=cast(Records, watching)), limits)
    known = registrations(Retry(attempts=2, base=0.0), ValidateMapping=Handler())
    death = 0
    while True:
        mortal = await die(hub, known, f"{death}.", death, before)
        await go_on(other(hub, "second"), known)
        await impatient(hub).look_at_everything()
        assert await admitted(hub) == set()
        for stored in await JOBS.every(hub.records):
            assert (stored.value.state, stored.value.is_held, stored.value.held) == ("FINISHED", False, "")
            await hub.records.delete(JOBS.kind, stored.id)
        if not mortal.dead:
            break
        death += step
    assert watching.exceeded == []
    assert death > 40


async def test_two_die_one_after_the_other(bare: Hub) -> None:
    """Who goes on may die as well, when it lets somebody go, sweeps or sends; the third one ends it."""
    limits = Limits(EACH_AND_TOTAL)
    watching, step = Watching(bare.records, limits), STEPS[type(bare.records).__name__]
    hub = under_rule(other(bare, records=cast(Records, watching)), limits)
    known = registrations(Retry(attempts=2, base=0.0), ValidateMapping=Handler())
    for death in range(0, 45, 4 * step):
        await die(hub, known, f"{death}.", death, before=False)
        second = cast(Records, Mortal(hub.records, death % 5, before=bool(death % 4)))
        with contextlib.suppress(Died):
            await impatient(other(hub, "second", records=second)).look_at_everything()
        await go_on(other(hub, "third"), known)
        await impatient(hub).look_at_everything()
        assert await admitted(hub) == set()
        assert {stored.value.state for stored in await JOBS.every(hub.records)} <= {"FINISHED"}
    assert watching.exceeded == []


async def ask_all(hub: Hub, who: str) -> list[str]:
    """One person asks for several, cancels one at some moment, and opens it again."""
    ids = []
    for _ in range(EACH[type(hub.records).__name__]):
        job = await asked(hub, who)
        ids.append(job)
        await asyncio.sleep(random.random() * 0.01)
    try:
        await control.cancel(hub, random.choice(ids))
        await control.retry(hub, ids[-1])
    except Conflict:
        pass
    return ids


async def test_many_race(bare: Hub) -> None:
    """Several people, several processes with workers and reapers: each person's limit and the total are kept at every moment, and
    everybody is served."""
    handler = Handler()
    known = registrations(Retry(attempts=3, base=0.0), ValidateMapping=handler)
    hub = under_rule(bare, Limits(Room("", each=2, total=3)))
    workers = [Worker(other(hub, f"worker {number}"), known, 5) for number in range(3)]
    working = [asyncio.create_task(worker.run()) for worker in workers]
    reaping = [asyncio.create_task(Reaper(other(hub, f"reaper {number}"), INTERVALS).run()) for number in range(2)]
    await asyncio.gather(*(ask_all(other(hub, who), who) for who in PEOPLE))

    async def quiet() -> bool:
        return all(stored.value.state == "FINISHED" for stored in await JOBS.every(hub.records)) and not await admitted(hub)

    await until(quiet, 60.0)
    for worker in workers:
        worker.stop()
    await asyncio.gather(*working)
    for task in reaping:
        task.cancel()
    await asyncio.gather(*reaping, return_exceptions=True)

    found = [stored.value for stored in await JOBS.every(hub.records)]
    assert len(found) == len(PEOPLE) * EACH[type(hub.records).__name__]
    assert {job.outcome for job in found} <= {"SUCCEEDED", "CANCELED"}
    assert max(handler.most.values()) <= 2
    assert handler.most_in_total <= 3
    assert all(job.seq == len(job.events) for job in found)


async def test_nobody_needs_a_reaper(bare: Hub) -> None:
    """End to end: one at a time, several people, a worker, and nobody that reaps: who ends one sends the next, and people take
    turns."""
    served: list[str] = []

    async def validate(command: ValidateMapping, context: JobContext) -> Any:
        served.append(command.source)
        return MappingValidated(source=command.source, documents=0)

    hub = under_rule(bare, Limits(Room("one at a time", each=1, total=1)))
    asking = [await asked(hub, who) for who in "aaaabbc"]
    worker = Worker(hub, registrations(ValidateMapping=validate), 4)
    working = asyncio.create_task(worker.run())
    await worker.announced.wait()
    assert [stored.value.rules for stored in await presence.page(hub)] == [("people",)]

    async def quiet() -> bool:
        return all(stored.value.state == "FINISHED" for stored in await JOBS.every(hub.records))

    await until(quiet, 20.0)
    worker.stop()
    await working

    assert len(asking) == len(served)
    assert "".join(served) == "aabcaba"  # the first was served while it was alone
    assert await admitted(hub) == set()
