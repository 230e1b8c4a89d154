"""Retention: what is old goes, and what stays with it."""

import time
from typing import Any

import msgspec
import pytest

from domain.data import pipelines
from domain.hub import Hub
from domain.jobs import retention
from domain.jobs.asking import ask
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.nouns import Stored
from events.sources import UploadSource
from tests.domain.jobs.processes import go_on, registrations

OLD = 5.0
LONG_AGO: dict[str, Any] = {"state": "FINISHED", "outcome": "FAILED", "created_at": OLD, "finished_at": OLD}


async def changed(hub: Hub, stored: Stored[Job], **changes: Any) -> Stored[Job]:
    """The job with these changes."""
    stored = await JOBS.get(hub.records, stored.id)
    return await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, **changes))


async def old_run(hub: Hub) -> list[Stored[Job]]:
    """The jobs of a run that ended long ago."""
    started = await pipelines.start_upload(hub, "s")
    await go_on(hub, registrations())
    jobs = await JOBS.every(hub.records, run_id=started.run_id)
    return [await changed(hub, stored, **LONG_AGO) for stored in jobs]


@pytest.mark.parametrize("changes", [{"state": "RUNNING", "finished_at": 0.0}, {"is_untold": True}, {"finished_at": time.time()}])
async def test_a_run_stays_while_one_of_its_jobs_does(hub: Hub, changes: dict[str, Any]) -> None:
    """Unfinished, not followed, or young: nothing of the run goes."""
    first, second = await old_run(hub)
    await changed(hub, second, **changes)

    assert await retention.forget(hub, 100) == 0

    assert {stored.id for stored in await JOBS.every(hub.records)} == {first.id, second.id}
    assert len(await RUNS.every(hub.records)) == 1


async def test_others_keep_no_run(hub: Hub) -> None:
    """A job that runs, of no run or of another one, stays by itself."""
    await old_run(hub)
    young = (await ask(hub, UploadSource(source="s"))).job

    assert await retention.forget(hub, 100) == 2

    assert [stored.id for stored in await JOBS.every(hub.records)] == [young.id]
    assert await RUNS.every(hub.records) == []


async def test_old_dead_letters_go(hub: Hub) -> None:
    """And young ones stay, as jobs do."""
    body = {"queue": "upload", "body": "", "reason": ""}
    for id, created_at in (("old", OLD), ("young", time.time())):
        assert await hub.records.insert(DEAD_LETTERS.kind, id, {**body, "created_at": created_at})

    await retention.forget(hub, 100)

    assert [letter.id for letter in await DEAD_LETTERS.every(hub.records)] == ["young"]
