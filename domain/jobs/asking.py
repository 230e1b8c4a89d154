"""Asking for jobs: the record first, then the command, which a reaper sends where whoever asked could not. A job that a rule speaks
of is held first, and sent by whoever admits it."""

import time
from typing import NamedTuple

import msgspec

from domain.errors import Conflict
from domain.hub import Hub
from domain.ids import input_hash
from domain.jobs import holds
from domain.jobs.jobs import JOBS, Job, due_at, extended
from domain.jobs.sending import publish, send
from domain.nouns import Stored
from events.jobs import JobQueued
from events.message import Command, new_id

OF_THE_ASKING = ("id", "at", "job_id", "run_id", "cause_id", "trace")
"""Fields of a command that say nothing of what is asked for."""


class Asked(NamedTuple):
    """A job that was asked for."""

    job: Stored[Job]
    replayed: bool
    """True where it had been asked for before, with the same input."""


async def ask(
    hub: Hub,
    command: Command,
    *,
    id: str = "",
    run_id: str = "",
    step: str = "",
    asked_by: str = "",
    cause: str = "",
    cause_id: str = "",
    follower: str = "",
    delay: float = 0.0,
) -> Asked:
    """Insert the job if it is absent, then send its command, or let the rule that holds it back admit whoever's turn it is.

    It was asked for once the record is saved: where the bus can't be reached, the reaper sends it later. `delay` seconds pass
    before it is due. Raises Conflict where another input was asked for under this id.
    """
    id = id or new_id()
    trace = hub.tracing.carried()
    command = msgspec.structs.replace(command, job_id=id, run_id=run_id or id, cause_id=cause_id, trace=trace)
    now = time.time()
    hold = await holds.hold(hub, command, asked_by)
    queued = JobQueued(
        seq=0,
        command=type(command).__name__,
        reason="held" if hold.id else "asked",
        held=hold.why,
        not_before=now + delay if delay else 0.0,
    )
    job = Job(
        run_id=command.run_id,
        step=step,
        cause=cause,
        cause_id=cause_id,
        follower=follower,
        asked_by=asked_by,
        command=msgspec.to_builtins(command),
        type=queued.command,
        queue=command.queue,
        target=command.target,
        exclusive=command.exclusive,
        input_hash=_hash_of(command),
        created_at=now,
        not_before=queued.not_before,
        due_at=due_at(queued),
        rule=hold.rule,
        key=hold.key,
        hold=hold.id,
        held=hold.why,
        is_held=bool(hold.why),
    )
    stored = await JOBS.insert(hub.records, id, extended(id, job, queued))
    if stored is None:
        there = await JOBS.get(hub.records, id)
        if there.value.input_hash != job.input_hash:
            raise Conflict(f"{job.type} was asked for before under the same key, with another input", ("idempotencyKey",))
        return Asked(there, replayed=True)
    await publish(hub, stored, 1)
    if hold.id:
        stored = await holds.admit(hub, stored)
    elif not delay:
        await send(hub, stored)
    return Asked(stored, replayed=False)


def _hash_of(command: Command) -> str:
    own = msgspec.to_builtins(command)
    return input_hash({name: value for name, value in own.items() if name not in OF_THE_ASKING})
