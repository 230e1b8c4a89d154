"""Steps of a run: who hears of a run, and what becomes of its jobs where its record is gone."""

from domain.data import pipelines
from domain.hub import Hub
from domain.jobs import runs
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from events.runs import RunCanceled, RunStarted
from tests.domain.jobs.processes import get, go_on, perform, registrations


async def test_watchers_hear_of_a_run_once(hub: Hub) -> None:
    """When it is started, with its steps, and when it is cancelled; not when it is asked for again under the same key."""
    heard = []
    async with hub.bus.watch() as events:
        for _ in range(2):
            started = await pipelines.start_upload(hub, "s", key="k")
        await runs.cancel(hub, started.run_id)
        while not any(isinstance(event, RunCanceled) for event in heard):
            heard.append(await anext(events))

    told = [event for event in heard if isinstance(event, RunStarted)]
    assert [(event.run_id, event.steps) for event in told] == [(started.run_id, ("upload:s", "inspect:s"))]
    assert heard[-1].run_id == started.run_id


async def test_a_step_whose_run_is_forgotten_ends_alone(hub: Hub) -> None:
    """Nothing follows it, and nothing waits for it."""
    started = await pipelines.start_upload(hub, "s")
    await hub.records.delete(RUNS.kind, started.run_id)

    await perform(hub, started.job.id, registrations())

    assert (await get(hub, started.job.id)).outcome == "SUCCEEDED"
    await go_on(hub, registrations())
    assert [stored.id for stored in await JOBS.every(hub.records)] == [started.job.id]


async def test_a_step_says_where_it_belongs(hub: Hub) -> None:
    """To its run, by who asked for that, and which job it came after."""
    started = await pipelines.start_upload(hub, "s", asked_by="me")
    await go_on(hub, registrations())

    first, second = await JOBS.every(hub.records, run_id=started.run_id)
    assert (first.id, first.value.step, first.value.cause_id) == (runs.job_id(started.run_id, "upload:s"), "upload:s", "")
    assert (second.id, second.value.step, second.value.cause_id) == (
        runs.job_id(started.run_id, "inspect:s"),
        "inspect:s",
        first.id,
    )
    assert {first.value.asked_by, second.value.asked_by} == {"me"}
    assert [event["run_id"] for event in second.value.events] == [started.run_id] * second.value.seq
