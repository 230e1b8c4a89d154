"""Runs: everything that one request or schedule set off, asked for step by step, and seen and cancelled as one thing."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.errors import Conflict, NotFound, Stale, Unreadable
from domain.hub import Hub
from domain.ids import derived_id, input_hash, key_id
from domain.jobs import chains, jobs, plans
from domain.jobs.chains import RunState
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS, Run, Step
from domain.nouns import Stored, Table
from events.apis import CreateRelease, ValidateMapping
from events.catalogue import command_from
from events.message import Command
from events.runs import RunCanceled, RunStarted
from events.sources import InspectSource

SETTLED = 60.0
"""Seconds after which nobody can be inserting another job into a cancelled run."""


class Started(NamedTuple):
    """What a request set off."""

    run_id: str
    job: Stored[Job]
    """The first job; the only one where `run_id` is its id."""
    replayed: bool


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A planned step and what became of it."""

    name: str
    after: tuple[str, ...]
    job_id: str
    """The id its job has, or will have."""
    job: Stored[Job] | None
    """None before it is asked for."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it is seen, with or without a record of its own."""

    id: str
    title: str
    asked_by: str
    created_at: float
    finished_at: float
    """Unix seconds; 0 while it runs."""
    state: RunState
    cancelled: bool
    steps: tuple[StepView, ...]


# -- starting -------------------------------------------------------------------------------------------------------------


async def start_dump(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """dump → upload → inspect → automatic builds → automatic releases. Raises NotFound, or Conflict for a key used otherwise."""
    return await _start_load(hub, "dumpSource", source, dump=True, force=force, asked_by=asked_by, key=key)


async def start_upload(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """upload → inspect → automatic builds → automatic releases."""
    return await _start_load(hub, "uploadSource", source, dump=False, force=force, asked_by=asked_by, key=key)


async def start_inspect(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """Inspect the newest upload."""
    await SOURCES.get(hub.records, source)
    return await start_command(hub, "inspectSource", InspectSource(source=source, force=force), asked_by=asked_by, key=key)


async def start_validate(hub: Hub, source: str, *, asked_by: str = "", key: str | None = None) -> Started:
    """Try the source's mapping on a scratch index."""
    await SOURCES.get(hub.records, source)
    return await start_command(hub, "validateMapping", ValidateMapping(source=source), asked_by=asked_by, key=key)


async def start_build(hub: Hub, build: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """build → automatic releases."""
    await BUILDS.get(hub.records, build)
    steps = plans.build(build, await _all(hub, APIS), force=force)
    title = f"build {build}"
    return await start(hub, "runBuild", title, steps, {"build": build, "force": force}, asked_by=asked_by, key=key)


async def start_release(hub: Hub, api: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """Release the build's newest output."""
    await APIS.get(hub.records, api)
    return await start_command(hub, "createRelease", CreateRelease(api=api, force=force), asked_by=asked_by, key=key)


async def start_pipeline(
    hub: Hub, build: str, api: str, *, force: bool = False, asked_by: str = "", key: str | None = None
) -> Started:
    """Every source of the build: dump → upload → inspect; then build → release. Raises Conflict if the API serves another build."""
    value = (await BUILDS.get(hub.records, build)).value
    served = (await APIS.get(hub.records, api)).value
    if served.build != build:
        raise Conflict(f"the API {api!r} serves the build {served.build!r}", ("api",))
    steps = plans.pipeline(build, value, await _all(hub, SOURCES), api, force=force)
    given = {"build": build, "api": api, "force": force}
    return await start(hub, "runPipeline", f"pipeline of {api}", steps, given, asked_by=asked_by, key=key)


async def start_command(hub: Hub, mutation: str, command: Command, *, asked_by: str = "", key: str | None = None) -> Started:
    """A run of a single job, without a plan."""
    asked = await jobs.ask(hub, command, id=key_id(asked_by, mutation, key), asked_by=asked_by)
    return Started(asked.job.id, asked.job, asked.replayed)


async def start(
    hub: Hub,
    mutation: str,
    title: str,
    steps: list[Step],
    given: Mapping[str, Any],
    *,
    asked_by: str = "",
    key: str | None = None,
) -> Started:
    """Insert the run if it is absent, and ask for its first steps. `given` is the input, told from another under the same key."""
    run_id = key_id(asked_by, mutation, key)
    run = Run(title=title, asked_by=asked_by, input_hash=input_hash([mutation, given]), created_at=time.time(), steps=tuple(steps))
    replayed = not await RUNS.insert(hub.records, run_id, run)
    if replayed:
        there = (await RUNS.get(hub.records, run_id)).value
        if there.input_hash != run.input_hash:
            raise Conflict(f"{mutation} was asked for before under the same key, with another input", ("idempotencyKey",))
        run = there
    else:
        await hub.announce(RunStarted(run_id=run_id, steps=tuple(step.name for step in steps)))
    if run.pending == "ask":
        await ask_first(hub, run_id)
    return Started(run_id, await JOBS.get(hub.records, job_id(run_id, run.steps[0].name)), replayed)


async def _start_load(hub: Hub, mutation: str, source: str, *, dump: bool, force: bool, asked_by: str, key: str | None) -> Started:
    await SOURCES.get(hub.records, source)
    sources, builds, apis = await _all(hub, SOURCES), await _all(hub, BUILDS), await _all(hub, APIS)
    quiet = hub.limits.quiet
    steps = plans.followed_load(source, sources, builds, apis, dump=dump, force=force, quiet=quiet)
    title = f"{'dump' if dump else 'upload'} {source}"
    return await start(hub, mutation, title, steps, {"source": source, "force": force}, asked_by=asked_by, key=key)


async def _all(hub: Hub, table: Table[Any]) -> dict[str, Any]:
    return {stored.id: stored.value for stored in await table.every(hub.records)}


# -- going on -------------------------------------------------------------------------------------------------------------


def job_id(run_id: str, step: str) -> str:
    """The id of a planned step's job."""
    return derived_id("step", run_id, step)


async def ask_first(hub: Hub, run_id: str) -> None:
    """Ask for the steps that come after none, and note in the run that they are asked for."""
    await _ask_ready(hub, run_id, cause_id="")
    await RUNS.change(hub.records, run_id, lambda run: msgspec.structs.replace(run, pending="") if run.pending == "ask" else None)


async def follow(hub: Hub, stored: Stored[Job]) -> None:
    """Run the chain of a finished job: ask for what became ready, then mark it chained. Doing it twice makes each job once."""
    if await RUNS.find_one(hub.records, stored.value.run_id):
        await _ask_ready(hub, stored.value.run_id, cause_id=stored.id)
    while not stored.value.chained:
        try:
            stored = await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, chained=True))
        except Stale:
            stored = await JOBS.get(hub.records, stored.id)


async def _ask_ready(hub: Hub, run_id: str, cause_id: str) -> None:
    run = (await RUNS.get(hub.records, run_id)).value
    found = {stored.value.step: stored.value for stored in await JOBS.every(hub.records, run_id=run_id)}
    asked = [await _ask(hub, run_id, run, step, cause_id) for step in chains.ready(run, found)]
    # Who cancelled the run in the meantime may have looked for its jobs before these were there.
    if asked and (await RUNS.get(hub.records, run_id)).value.cancelled:
        await _cancel_each(hub, [job.id for job in asked])


async def _ask(hub: Hub, run_id: str, run: Run, step: Step, cause_id: str) -> Stored[Job]:
    try:
        command = command_from(step.command)
    except msgspec.ValidationError as error:
        raise Unreadable(f"{step.name} of run {run_id!r} is of another version of Leat: {error}") from error
    asked = await jobs.ask(
        hub,
        command,
        id=job_id(run_id, step.name),
        run_id=run_id,
        step=step.name,
        asked_by=run.asked_by,
        cause_id=cause_id,
        delay=step.delay,
    )
    return asked.job


# -- cancelling -----------------------------------------------------------------------------------------------------------


async def cancel(hub: Hub, run_id: str) -> RunView:
    """Cancel everything of the run that is not finished, and let nothing follow. Raises NotFound."""
    if await RUNS.find_one(hub.records, run_id) is None:
        await jobs.cancel(hub, run_id)
        return await view(hub, run_id)

    def cancelled(run: Run) -> Run | None:
        if run.cancelled:
            return None
        return msgspec.structs.replace(run, cancelled=True, cancelled_at=time.time(), pending="cancel")

    await RUNS.change(hub.records, run_id, cancelled)
    await hub.announce(RunCanceled(run_id=run_id))
    await cancel_unfinished(hub, run_id)
    return await view(hub, run_id)


async def cancel_unfinished(hub: Hub, run_id: str) -> bool:
    """Cancel what is not finished of a cancelled run; False where nothing was left."""
    left = [job.id for job in await JOBS.every(hub.records, run_id=run_id) if job.value.state != "FINISHED"]
    await _cancel_each(hub, left)
    return bool(left)


async def settle_cancelled(hub: Hub, stored: Stored[Run]) -> None:
    """One look at a cancelled run by a reaper: cancel what is left; note when nothing can be left any more."""
    left = await cancel_unfinished(hub, stored.id)
    if left or time.time() - stored.value.cancelled_at < SETTLED:
        return
    try:
        await RUNS.replace(hub.records, stored, msgspec.structs.replace(stored.value, pending=""))
    except Stale:
        return


async def _cancel_each(hub: Hub, ids: list[str]) -> None:
    for id in ids:
        try:
            await jobs.cancel(hub, id)
        except (Conflict, NotFound):
            continue  # it has finished meanwhile


# -- seeing ---------------------------------------------------------------------------------------------------------------


async def view(hub: Hub, run_id: str) -> RunView:
    """The run as it stands; raises NotFound."""
    stored = await RUNS.find_one(hub.records, run_id)
    if stored:
        return await _view(hub, stored)
    job = await JOBS.find_one(hub.records, run_id)
    if job is None or job.value.step:
        raise NotFound(f"there is no run {run_id!r}")
    return _view_alone(job)


async def page_of(hub: Hub, asked_by: str, *, after: tuple[float, str] | None = None, limit: int = 50) -> list[RunView]:
    """The planned runs that somebody asked for, a schedule for instance, newest first."""
    found = await RUNS.find(hub.records, descending=True, after=after, limit=limit, asked_by=asked_by)
    return [await _view(hub, stored) for stored in found]


async def page(hub: Hub, *, descending: bool = True, after: tuple[float, str] | None = None, limit: int = 50) -> list[RunView]:
    """Runs by creation, newest first unless asked otherwise, behind `after` = (created_at, id) of the last one seen."""
    planned = await RUNS.find(hub.records, descending=descending, after=after, limit=limit)
    alone = await JOBS.find(hub.records, descending=descending, after=after, limit=limit, step="")
    both: list[Stored[Run] | Stored[Job]] = [*planned, *alone]
    both.sort(key=lambda stored: (stored.value.created_at, stored.id), reverse=descending)
    return [await _view(hub, each) if isinstance(each.value, Run) else _view_alone(each) for each in both[:limit]]


async def _view(hub: Hub, stored: Stored[Run]) -> RunView:
    run = stored.value
    found = {job.value.step: job for job in await JOBS.readable(hub.records, run_id=stored.id)}
    state = chains.state(run, {name: job.value for name, job in found.items()})
    return RunView(
        id=stored.id,
        title=run.title,
        asked_by=run.asked_by,
        created_at=run.created_at,
        finished_at=0.0 if state == "RUNNING" else max((job.value.finished_at for job in found.values()), default=0.0),
        state=state,
        cancelled=run.cancelled,
        steps=tuple(
            StepView(name=step.name, after=step.after, job_id=job_id(stored.id, step.name), job=found.get(step.name))
            for step in run.steps
        ),
    )


def step_of(job: Job) -> str:
    """What the job is called in its run, such as dump:clinvar."""
    try:
        return job.step or plans.name_of(command_from(job.command))
    except msgspec.ValidationError:  # a newer version asked for it
        return job.type


def _view_alone(stored: Stored[Job]) -> RunView:
    job = stored.value
    step = StepView(name=step_of(job), after=(), job_id=stored.id, job=stored)
    return RunView(
        id=stored.id,
        title=f"{job.type} {job.target.partition('/')[2]}",
        asked_by=job.asked_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
        state=chains.state_alone(job),
        cancelled=job.outcome == "CANCELED",
        steps=(step,),
    )


__all__ = ["RUNS", "Run", "RunView", "Started", "Step", "StepView", "cancel", "follow", "page", "start", "step_of", "view"]
