"""How runs stand, with or without a record of their own."""

import msgspec

from domain.errors import NotFound
from domain.hub import Hub
from domain.jobs import chains
from domain.jobs.chains import RunState
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS, Run
from domain.jobs.runs import job_id
from domain.nouns import Stored
from events.catalogue import command_from


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
    sequence: int
    """Its place among all runs; see Record."""
    created_at: float
    finished_at: float
    """Unix seconds; 0 while it runs."""
    state: RunState
    cancelled: bool
    steps: tuple[StepView, ...]


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
    """Runs as they were asked for, newest first unless asked otherwise, behind `after` = (sequence, id) of the last one seen."""
    planned = await RUNS.find(hub.records, descending=descending, after=after, limit=limit)
    alone = await JOBS.find(hub.records, descending=descending, after=after, limit=limit, step="")
    both: list[Stored[Run] | Stored[Job]] = [*planned, *alone]
    both.sort(key=lambda stored: stored.place, reverse=descending)
    return [await _view(hub, each) if isinstance(each.value, Run) else _view_alone(each) for each in both[:limit]]


async def _view(hub: Hub, stored: Stored[Run]) -> RunView:
    run = stored.value
    found = {job.value.step: job for job in await JOBS.readable(hub.records, run_id=stored.id)}
    state = chains.state(run, {name: job.value for name, job in found.items()})
    return RunView(
        id=stored.id,
        title=run.title,
        asked_by=run.asked_by,
        sequence=stored.sequence,
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
        return job.step or command_from(job.command).step
    except msgspec.ValidationError:  # a newer version asked for it
        return job.type


def _title(job: Job) -> str:
    """What a job that is a run by itself is called, such as `inspect clinvar`."""
    try:
        command = command_from(job.command)
    except msgspec.ValidationError:  # a newer version asked for it
        return f"{job.type} {job.target.partition('/')[2]}".rstrip()
    return f"{command.verb} {command.name}".rstrip()


def _view_alone(stored: Stored[Job]) -> RunView:
    job = stored.value
    step = StepView(name=step_of(job), after=(), job_id=stored.id, job=stored)
    return RunView(
        id=stored.id,
        title=_title(job),
        asked_by=job.asked_by,
        sequence=stored.sequence,
        created_at=job.created_at,
        finished_at=job.finished_at,
        state=chains.state_alone(job),
        cancelled=job.outcome == "CANCELED",
        steps=(step,),
    )
