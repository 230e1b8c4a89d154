"""A process dies before or after any of its writes, and others go on: nothing is lost, nothing is done twice, nothing is left."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from domain.data import pipelines
from domain.hub import Hub
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from domain.nouns import owner
from domain.ports.records import Records
from tests.domain.jobs.processes import (
    Died,
    Mortal,
    add_api,
    add_build,
    add_source,
    go_on,
    nouns,
    open_hub,
    other,
    registrations,
    work_off,
)

KNOWN = registrations()


async def start(hub: Hub) -> None:
    """A run in which each kind of step follows: dump, upload, inspect, an automatic build, an automatic release."""
    await pipelines.start_dump(hub, "s", asked_by="me", key="1")


async def run_mortal(hub: Hub, writes: int, before: bool) -> Mortal:
    """Start the run and do its work in a process that dies at a write."""
    mortal = Mortal(hub.records, writes, before=before)
    process = other(hub, "mortal", records=cast(Records, mortal))
    try:
        await start(process)
        await work_off(process, KNOWN)
    except Died:
        pass
    return mortal


async def prepare(hub: Hub) -> None:
    """The nouns of the run."""
    await add_source(hub)
    await add_build(hub, automatic=True)
    await add_api(hub, automatic=True)


async def check(hub: Hub) -> None:
    """What must hold when everything is quiet."""
    jobs = {stored.id: stored.value for stored in await JOBS.every(hub.records)}
    assert sorted(job.step for job in jobs.values()) == ["build:b", "dump:s", "inspect:s", "release:a", "upload:s"]
    assert {job.outcome for job in jobs.values()} == {"SUCCEEDED"}
    outputs = [event.output for noun in await nouns(hub) for event in noun.outputs]
    assert Counter(owner(output)[0] for output in outputs) == Counter(jobs.keys())
    for id, job in jobs.items():
        assert job.seq == len(job.events)
        assert [event["seq"] for event in job.events if "seq" in event] == [
            number for number, event in enumerate(job.events, 1) if "seq" in event
        ]
        assert job.result is not None
        assert owner(job.result["output"])[0] == id
    assert sorted(await hub.documents.names()) == sorted(outputs)
    for output in outputs:
        assert (await hub.documents.describe(output)).count == 1
    assert [run.value.pending for run in await RUNS.every(hub.records)] == [""]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_a_process_dies_at_any_write(memory: Path, before: bool) -> None:
    """For each write of a whole run: who dies there loses nothing, if somebody else goes on."""
    death = 0
    while True:
        folder = memory / str(death)
        folder.mkdir()
        async with open_hub(folder) as hub:
            await prepare(hub)
            mortal = await run_mortal(hub, death, before)
            if not mortal.dead:
                break
            if not await RUNS.every(hub.records):
                await start(hub)  # the request itself died: its client asks again
            await go_on(other(hub, "second"), KNOWN)
            await check(hub)
        death += 1
    assert death > 20


async def test_two_processes_die_one_after_the_other(memory: Path) -> None:
    """Who goes on may die as well, settling or chaining; the third one ends it."""
    for death in range(0, 30, 3):
        folder = memory / str(death)
        folder.mkdir()
        async with open_hub(folder) as hub:
            await prepare(hub)
            await run_mortal(hub, death, before=False)
            second: Any = Mortal(hub.records, 2 + death % 7, before=bool(death % 2))
            with contextlib.suppress(Died, BaseExceptionGroup):
                await go_on(other(hub, "second", records=second), KNOWN)
            if not await RUNS.every(hub.records):
                await start(hub)
            await go_on(other(hub, "third"), KNOWN)
            await check(hub)
