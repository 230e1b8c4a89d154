"""Runs: what a request sets off, what follows, and how it is cancelled and seen."""

import pytest

from domain.data import pipelines
from domain.errors import Conflict, NotFound
from domain.hub import Hub
from domain.jobs import asking, control, overview, runs
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from tests.domain.jobs.processes import (
    add_api,
    add_build,
    add_source,
    get,
    go_on,
    impatient,
    other,
    perform,
    registrations,
    work_off,
)

KNOWN = registrations()


async def steps(hub: Hub, run_id: str) -> dict[str, str]:
    """State or outcome of the run's jobs by step."""
    return {
        stored.value.step: stored.value.outcome or stored.value.state for stored in await JOBS.every(hub.records, run_id=run_id)
    }


async def test_a_dump_is_followed_by_all_that_hangs_on_it(hub: Hub) -> None:
    """dump → upload → inspect → automatic builds → automatic releases, each asked for when the one before has succeeded."""
    await add_build(hub, automatic=True)
    await add_api(hub, automatic=True)
    started = await pipelines.start_dump(hub, "s")
    assert await steps(hub, started.run_id) == {"dump:s": "QUEUED"}
    assert started.job.value.step == "dump:s"
    await work_off(hub, KNOWN)
    await go_on(hub, KNOWN)
    assert await steps(hub, started.run_id) == dict.fromkeys(
        ("dump:s", "upload:s", "inspect:s", "build:b", "release:a"), "SUCCEEDED"
    )
    view = await overview.view(hub, started.run_id)
    assert view.state == "SUCCEEDED"
    assert view.finished_at > 0
    assert [step.name for step in view.steps] == ["dump:s", "upload:s", "inspect:s", "build:b", "release:a"]


async def test_only_automatic_builds_and_apis_follow(hub: Hub) -> None:
    """And only those whose other sources are there already."""
    await add_source(hub, "t")
    await add_build(hub, "manual")
    await add_build(hub, "both", sources=("s", "t"), automatic=True)
    await add_build(hub, "all", sources=(".*",), automatic=True)
    await add_build(hub, "nothing", sources=("u",), automatic=True)
    started = await pipelines.start_upload(hub, "s")
    assert [step.name for step in (await overview.view(hub, started.run_id)).steps] == ["upload:s", "inspect:s"]
    await go_on(hub, KNOWN)
    started = await pipelines.start_upload(hub, "t")
    names = [step.name for step in (await overview.view(hub, started.run_id)).steps]
    assert names == ["upload:t", "inspect:t", "build:all", "build:both"]


async def test_an_automatic_build_waits_a_quiet_time(hub: Hub) -> None:
    """Its job is there, and not due yet."""
    await add_build(hub, automatic=True)
    quiet = other(hub, limits=type(hub.limits)(quiet=60.0))
    started = await pipelines.start_upload(quiet, "s")
    await work_off(quiet, KNOWN)
    job = await get(hub, runs.job_id(started.run_id, "build:b"))
    assert job.state == "QUEUED"
    assert job.not_before > job.created_at + 59


async def test_a_pipeline_loads_every_source_then_builds_then_releases(hub: Hub) -> None:
    """The build is asked for once, after the last of its sources."""
    await add_source(hub, "t")
    await add_build(hub, sources=("s", "t"))
    await add_api(hub)
    started = await pipelines.start_pipeline(hub, "b", "a")
    assert await steps(hub, started.run_id) == {"dump:s": "QUEUED", "dump:t": "QUEUED"}
    await go_on(hub, KNOWN)
    assert set((await steps(hub, started.run_id)).values()) == {"SUCCEEDED"}
    assert len(await steps(hub, started.run_id)) == 8


async def test_a_pipeline_needs_an_api_of_its_build(hub: Hub) -> None:
    """An API of another build, or none, is refused before anything starts."""
    await add_build(hub)
    await add_api(hub, build="another")
    with pytest.raises(Conflict):
        await pipelines.start_pipeline(hub, "b", "a")
    with pytest.raises(NotFound):
        await pipelines.start_pipeline(hub, "b", "none")
    assert await RUNS.every(hub.records) == []


async def test_the_same_key_starts_one_run(hub: Hub) -> None:
    """Same input: replayed. Other input: a Conflict, for runs with and without a plan."""
    first = await pipelines.start_dump(hub, "s", asked_by="me", key="k")
    again = await pipelines.start_dump(hub, "s", asked_by="me", key="k")
    assert (again.run_id, again.job.id, again.replayed) == (first.run_id, first.job.id, True)
    with pytest.raises(Conflict):
        await pipelines.start_dump(hub, "s", force=True, asked_by="me", key="k")
    alone = await pipelines.start_inspect(hub, "s", asked_by="me", key="k")
    assert (await pipelines.start_inspect(hub, "s", asked_by="me", key="k")).run_id == alone.run_id
    with pytest.raises(Conflict):
        await pipelines.start_inspect(hub, "s", force=True, asked_by="me", key="k")
    assert (await pipelines.start_dump(hub, "s", asked_by="you", key="k")).run_id != first.run_id


async def test_nothing_starts_for_what_is_not_there(hub: Hub) -> None:
    """NotFound names it."""
    for starting in (
        pipelines.start_dump,
        pipelines.start_upload,
        pipelines.start_inspect,
        pipelines.start_validate,
        pipelines.start_build,
        pipelines.start_release,
    ):
        with pytest.raises(NotFound, match="none"):
            await starting(hub, "none")


async def test_a_cancelled_run_goes_no_further(hub: Hub) -> None:
    """What is queued is CANCELED, what runs CANCELING, and nothing follows; the reaper comes to rest about it."""
    started = await pipelines.start_dump(hub, "s")
    await runs.cancel(hub, started.run_id)
    view = await overview.view(hub, started.run_id)
    assert view.state == "CANCELED"
    assert view.cancelled
    await go_on(hub, KNOWN)
    assert await steps(hub, started.run_id) == {"dump:s": "CANCELED"}
    await runs.cancel(hub, started.run_id)
    assert (await overview.view(hub, started.run_id)).state == "CANCELED"
    with pytest.raises(NotFound):
        await runs.cancel(hub, "none")


async def test_a_job_asked_for_while_its_run_is_cancelled_is_cancelled(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the run and the insert: the look afterwards finds it."""
    started = await pipelines.start_dump(hub, "s")
    ask = asking.ask

    async def ask_late(hub: Hub, *args: object, **kwargs: object) -> asking.Asked:
        monkeypatch.setattr(asking, "ask", ask)
        await runs.cancel(hub, started.run_id)
        return await ask(hub, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(asking, "ask", ask_late)
    await perform(hub, started.job.id, KNOWN)
    assert await steps(hub, started.run_id) == {"dump:s": "SUCCEEDED", "upload:s": "CANCELED"}


async def test_a_claim_looks_at_the_run(hub: Hub) -> None:
    """A queued job of a cancelled run is CANCELED by whoever would claim it."""
    started = await pipelines.start_dump(hub, "s")
    run = await RUNS.get(hub.records, started.run_id)
    await RUNS.replace(hub.records, run, type(run.value)(title="", created_at=0.0, steps=run.value.steps, cancelled=True))
    await work_off(hub, KNOWN)
    assert await steps(hub, started.run_id) == {"dump:s": "CANCELED"}


async def test_the_reaper_cancels_what_a_canceller_left(hub: Hub) -> None:
    """It died after noting it in the run."""
    started = await pipelines.start_dump(hub, "s")
    run = await RUNS.get(hub.records, started.run_id)
    noted = type(run.value)(title="", created_at=0.0, steps=run.value.steps, cancelled=True, cancelled_at=1.0, pending="cancel")
    await RUNS.replace(hub.records, run, noted)
    await impatient(hub).look_at_everything()
    assert await steps(hub, started.run_id) == {"dump:s": "CANCELED"}
    await impatient(hub).look_at_everything()
    assert (await RUNS.get(hub.records, started.run_id)).value.pending == ""


async def test_the_reaper_asks_what_a_starter_left(hub: Hub) -> None:
    """It died after saving the run."""
    started = await pipelines.start_dump(hub, "s")
    await hub.records.delete(JOBS.kind, started.job.id)
    run = await RUNS.get(hub.records, started.run_id)
    await RUNS.replace(hub.records, run, type(run.value)(title="", created_at=0.0, steps=run.value.steps))
    await go_on(hub, KNOWN)
    assert set((await steps(hub, started.run_id)).values()) == {"SUCCEEDED"}


async def test_a_failed_step_that_is_tried_again_goes_on(hub: Hub) -> None:
    """The run FAILED, the job is opened again, and what follows follows."""

    async def fail(command: object, context: object) -> None:
        raise ValueError

    started = await pipelines.start_dump(hub, "s")
    await go_on(hub, registrations(UploadSource=fail))
    assert (await overview.view(hub, started.run_id)).state == "FAILED"
    await control.retry(hub, runs.job_id(started.run_id, "upload:s"))
    await go_on(hub, KNOWN)
    assert (await overview.view(hub, started.run_id)).state == "SUCCEEDED"


async def test_runs_with_and_without_a_plan_are_listed_together(hub: Hub) -> None:
    """By creation, newest first, behind a cursor."""
    started = [
        await pipelines.start_inspect(hub, "s"),
        await pipelines.start_dump(hub, "s"),
        await pipelines.start_validate(hub, "s"),
    ]
    ids = [each.run_id for each in started][::-1]
    first = await overview.page(hub, limit=2)
    assert [view.id for view in first] == ids[:2]
    assert [view.id for view in await overview.page(hub, after=(first[-1].sequence, first[-1].id))] == ids[2:]
    assert [len(view.steps) for view in first] == [1, 3]
    assert (await overview.view(hub, ids[0])).title == "validate s"
    with pytest.raises(NotFound):
        await overview.view(hub, started[1].job.id)
