"""Runs: everything that one request or schedule set off, asked for step by step, and cancelled as one thing."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from domain.errors import Conflict, NotFound, Stale, Unreadable
from domain.hub import Hub
from domain.ids import derived_id, input_hash, key_id
from domain.jobs import asking, chains, control
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS, Run, Step
from domain.nouns import Stored
from events.catalogue import command_from
from events.message import Command
from events.runs import RunCanceled, RunStarted

SETTLED = 60.0
"""Seconds after which nobody can be inserting another job into a cancelled run."""


class Started(NamedTuple):
    """What a request set off."""

    run_id: str
    job: Stored[Job]
    """The first job; the only one where `run_id` is its id."""
    replayed: bool


# -- starting -------------------------------------------------------------------------------------------------------------


async def start_command(hub: Hub, mutation: str, command: Command, *, asked_by: str = "", key: str | None = None) -> Started:
    """A run of a single job, without a plan."""
    asked = await asking.ask(hub, command, id=key_id(asked_by, mutation, key), asked_by=asked_by)
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
    """Insert the run if it is absent, and ask for its first steps. `given` is the input, which tells it from another run under the
    same key."""
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


# -- going on -------------------------------------------------------------------------------------------------------------


def job_id(run_id: str, step: str) -> str:
    """The id of a planned step's job."""
    return derived_id("step", run_id, step)


async def ask_first(hub: Hub, run_id: str) -> None:
    """Ask for the steps that come after no other, and note in the run that they were asked for."""
    await _ask_ready(hub, run_id, cause_id="")
    await RUNS.change(hub.records, run_id, lambda run: msgspec.structs.replace(run, pending="") if run.pending == "ask" else None)


async def ask_next(hub: Hub, stored: Stored[Job]) -> None:
    """Ask for the steps that became ready when the job SUCCEEDED. Doing it twice makes each job once."""
    job = stored.value
    if not job.step or job.outcome != "SUCCEEDED":
        return
    run = await RUNS.find_one(hub.records, job.run_id)
    if run and chains.followed(run.value, job.step):
        await _ask_ready(hub, job.run_id, cause_id=stored.id)


async def _ask_ready(hub: Hub, run_id: str, cause_id: str) -> None:
    run = (await RUNS.get(hub.records, run_id)).value
    found = {stored.value.step: stored.value for stored in await JOBS.every(hub.records, run_id=run_id)}
    asked = [await _ask(hub, run_id, run, step, cause_id) for step in chains.ready(run, found)]
    # Who cancelled the run in the meantime may have looked for its jobs before these were there.
    if asked and (await RUNS.get(hub.records, run_id)).value.cancelled:
        await cancel_each(hub, [job.id for job in asked])


async def _ask(hub: Hub, run_id: str, run: Run, step: Step, cause_id: str) -> Stored[Job]:
    try:
        command = command_from(step.command)
    except msgspec.ValidationError as error:
        raise Unreadable(f"{step.name} of run {run_id!r} is of another version of Leat: {error}") from error
    asked = await asking.ask(
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


async def cancel(hub: Hub, run_id: str) -> None:
    """Cancel everything of the run that is not finished, and let nothing follow. Raises NotFound."""
    if await RUNS.find_one(hub.records, run_id) is None:
        await control.cancel(hub, run_id)
        return

    def cancelled(run: Run) -> Run | None:
        if run.cancelled:
            return None
        return msgspec.structs.replace(run, cancelled=True, cancelled_at=time.time(), pending="cancel")

    await RUNS.change(hub.records, run_id, cancelled)
    await hub.announce(RunCanceled(run_id=run_id))
    await cancel_unfinished(hub, run_id)


async def cancel_unfinished(hub: Hub, run_id: str) -> bool:
    """Cancel what is unfinished in a cancelled run; False where nothing was left."""
    left = [job.id for job in await JOBS.every(hub.records, run_id=run_id) if job.value.state != "FINISHED"]
    await cancel_each(hub, left)
    return bool(left)


async def settle_cancelled(hub: Hub, stored: Stored[Run]) -> None:
    """One look of a reaper at a cancelled run: cancel what is left, and note it when nothing can be left any more."""
    left = await cancel_unfinished(hub, stored.id)
    if left or time.time() - stored.value.cancelled_at < SETTLED:
        return
    try:
        await RUNS.replace(hub.records, stored, msgspec.structs.replace(stored.value, pending=""))
    except Stale:
        return


async def cancel_each(hub: Hub, ids: list[str]) -> None:
    """Cancel those that have not finished."""
    for id in ids:
        try:
            await control.cancel(hub, id)
        except (Conflict, NotFound):
            continue  # it has finished meanwhile
