"""What anybody may do to a job from outside: cancel it, try it again, look for it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from domain.errors import Conflict, Stale, Unreadable
from domain.hub import Hub
from domain.jobs import holds
from domain.jobs.jobs import JOBS, Job, canceling, reopened
from domain.jobs.plans import RUNS
from domain.jobs.sending import publish, send, signal, without_untold
from domain.nouns import Stored
from events.bus import Control
from events.catalogue import command_from


async def cancel(hub: Hub, id: str) -> Stored[Job]:
    """Cancel the job: at once where it is queued, else whoever runs it is told. Returns the record as it is now.

    Where something runs elsewhere for a queued job, the record says that it is given up, and whoever claims the job stops it. A
    reaper follows what is cancelled at once. Raises NotFound, and Conflict where the job has finished with another outcome than
    CANCELED.
    """
    while True:
        stored = await JOBS.get(hub.records, id)
        job = stored.value
        if job.state == "FINISHED" and job.outcome != "CANCELED":
            raise Conflict(f"the job has {job.outcome} already")
        if job.state == "FINISHED":
            return stored
        if job.state == "CANCELING" or job.ending == "canceled":
            break
        try:
            stored = await JOBS.replace(hub.records, stored, without_untold(hub, canceling(id, job)))
        except Stale:
            continue
        await publish(hub, stored, 1)
        if stored.value.state == "QUEUED":
            await send(hub, stored)
        if not job.is_held:
            await holds.give_back(hub, stored)
        break
    if stored.value.state == "CANCELING":
        await signal(hub, Control(word="cancel", job_id=id))
    return stored


async def retry(hub: Hub, id: str) -> Stored[Job]:
    """Open a job again that FAILED, was CANCELED or TIMED_OUT, with all its failures to spend anew. Where a rule speaks of it, it
    is held again, behind the others of its key.

    Raises NotFound, Unreadable, and Conflict where it SUCCEEDED, has not finished, or belongs to a cancelled run.
    """
    while True:
        stored = await JOBS.get(hub.records, id)
        job = stored.value
        if job.state != "FINISHED" or job.outcome == "SUCCEEDED":
            raise Conflict(f"only what failed can be tried again; the job is {job.outcome or job.state}")
        run = None if job.run_id == id else await RUNS.find_one(hub.records, job.run_id)
        if run and run.value.cancelled:
            raise Conflict("its run was cancelled; start a new one")
        try:
            hold = await holds.hold(hub, command_from(job.command), job.asked_by)
        except msgspec.ValidationError as error:
            raise Unreadable(f"the command of job {id!r} is of another version of Leat: {error}") from error
        try:
            stored = await JOBS.replace(hub.records, stored, reopened(id, job, hold))
        except Stale:
            continue
        await publish(hub, stored, 1)
        if hold.id:
            return await holds.admit(hub, stored)
        await send(hub, stored)
        return stored


async def page(
    hub: Hub,
    equals: Mapping[str, Any] = MappingProxyType({}),
    *,
    descending: bool = True,
    after: tuple[float, str] | None = None,
    limit: int = 50,
) -> list[Stored[Job]]:
    """Jobs as they were asked for, newest first unless asked otherwise, behind `after` = (sequence, id) of the last one seen.

    `equals` names no fields, or those of one of JOBS' indexes; other ones raise ValueError.
    """
    return await JOBS.find(hub.records, descending=descending, after=after, limit=limit, **equals)
