"""Jobs: one command being done, its record, and what anybody may do to it from outside.

             ask              claim, attempt + 1             finish
    (absent) ────▶ QUEUED ─────────────────────▶ RUNNING ──────────────▶ FINISHED
                   │ ▲  ▲                         │   │                   SUCCEEDED  the handler's event
                   │ │  └─────────────────────────┘   │ cancel            FAILED     failures spent, or one that repeats itself
                   │ │   put back: failed, waiting,   ▼                   TIMED_OUT  took longer than it may
                   │ │   stopped, lost             CANCELING ───────────▶ CANCELED   stopped, output dropped
                   │ │                                └── had switched ─▶ SUCCEEDED
                   │ └─ retry ─ FAILED, CANCELED, TIMED_OUT
                   └────────────────────────── cancel ──────────────────▶ CANCELED

Who changes what (every change is one compare-and-set that also appends its event with the next `seq`):

    anybody      ask, send, cancel, retry, page                   this module
    its owner    claim, beat, pin, finish, put back               domain.jobs.attempts
    its owner    take and free the noun's `writer`, switch        domain.jobs.writers
    any process  send again, wake, settle, relieve, chain, drop   domain.jobs.reaper, domain.jobs.settling, domain.jobs.garbage
    the runs     ask the steps that became ready, cancel all      domain.jobs.runs, domain.jobs.chains
"""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from domain.errors import Conflict, Stale, Unavailable
from domain.hub import Hub
from domain.ids import input_hash
from domain.nouns import Stored, Table
from domain.ports.records import Kind
from events.bus import BusError, Control
from events.catalogue import command_from, event_from
from events.jobs import JobCanceling, JobEvent, JobFinished, JobQueued, Outcome
from events.message import Command, Event, new_id

log = logging.getLogger(__name__)

State = Literal["QUEUED", "RUNNING", "CANCELING", "FINISHED"]
ALIVE: tuple[State, ...] = ("RUNNING", "CANCELING")
UNFINISHED: tuple[State, ...] = ("QUEUED", "RUNNING", "CANCELING")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; newest wins."""

    done: int = 0
    total: int | None = None
    unit: str = ""
    """What is counted, in the plural: documents, bytes, files."""
    message: str = ""


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed."""

    code: str
    message: str
    detail: str = ""
    """A plugin's traceback, a document's position."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The record that owns the work; see DESIGN section 2 for the protocol. All times are Unix seconds."""

    run_id: str
    """The run's id; the job's own where it is a run by itself."""
    step: str = ""
    """The planned step of the run that it does, such as `upload:clinvar`; empty where it is a run by itself."""
    cause_id: str = ""
    asked_by: str = ""
    command: dict[str, Any]
    """The command as plain values, `type` included."""
    type: str
    """The command's class name."""
    queue: str
    target: str = ""
    """What it works on, `kind/id`, such as `source/clinvar`."""
    input_hash: str
    """Of the command's own fields; another input under the same id is a Conflict."""
    state: State = "QUEUED"
    outcome: Outcome | None = None
    attempt: int = 0
    """Counts claims, and fences."""
    failures: int = 0
    """Counts failures, and spends `retry`."""
    outages: int = 0
    """Counts attempts that ended because a server could not be reached; see domain.jobs.retries."""
    retry: tuple[int, float, float] = (3, 2.0, 300.0)
    """Attempts, base and cap of the registration's Retry as its last owner had it, for whoever settles a dead attempt."""
    beat: int = 0
    worker: str = ""
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    not_before: float = 0.0
    sent_at: float = 0.0
    """When its command was last given to the bus; 0 where it waits to be sent."""
    waiting_for: str = ""
    """The job that holds the noun's `writer`."""
    pins: tuple[str, ...] = ()
    """Collections and dumps that it reads, so that garbage collection leaves them."""
    progress: Progress = Progress()
    result: dict[str, Any] | None = None
    """The domain event it ended with, as plain values."""
    error: JobError | None = None
    """Why the last attempt failed; stays while the job is queued again."""
    events: tuple[Any, ...] = ()
    """Its events so far, as plain values; the first has `seq` 1, the next 2 …, whether the event says so or not."""
    seq: int = 0
    """Number of the newest event."""
    chained: bool = True
    """False from the finishing change until the commands that follow are asked for."""


JOBS = Table(
    Kind(
        name="job",
        indexes=(
            ("state",),
            ("state", "sent_at"),
            ("queue", "state"),
            ("target", "state"),
            ("target",),
            ("run_id",),
            ("outcome",),
            ("step",),
            ("chained",),
        ),
    ),
    Job,
)


RUN = Kind(name="run")
"""As `domain.jobs.runs` declares it, which stands above this module."""


class Asked(NamedTuple):
    """A job that was asked for."""

    job: Stored[Job]
    replayed: bool
    """True where it had been asked for before, with the same input."""


def target_of(command: Command) -> str:
    """`kind/id` of the noun that the command works on; empty where it has none."""
    for kind in ("source", "build", "api"):
        if name := getattr(command, kind, ""):
            return f"{kind}/{name}"
    return ""


async def ask(
    hub: Hub,
    command: Command,
    *,
    id: str = "",
    run_id: str = "",
    step: str = "",
    asked_by: str = "",
    cause_id: str = "",
    delay: float = 0.0,
) -> Asked:
    """Insert the job if it is absent, then send its command.

    It was asked for once the record is saved: where the bus can't be reached, the reaper sends it later. `delay` seconds pass
    before it is due. Raises Conflict where another input was asked for under this id.
    """
    id = id or new_id()
    command = msgspec.structs.replace(command, job_id=id, run_id=run_id or id, cause_id=cause_id)
    now = time.time()
    job = Job(
        run_id=command.run_id,
        step=step,
        cause_id=cause_id,
        asked_by=asked_by,
        command=msgspec.to_builtins(command),
        type=type(command).__name__,
        queue=command.queue,
        target=target_of(command),
        input_hash=_hash_of(command),
        created_at=now,
        not_before=now + delay if delay else 0.0,
    )
    job = extended(id, job, JobQueued(seq=0, command=job.type, not_before=job.not_before))
    if not await JOBS.insert(hub.records, id, job):
        there = await JOBS.get(hub.records, id)
        if there.value.input_hash != job.input_hash:
            raise Conflict(f"{job.type} was asked for before under the same key, with another input", ("idempotencyKey",))
        return Asked(there, replayed=True)
    stored = Stored(id, 1, job)
    await publish(hub, stored, 1)
    if not delay:
        await send(hub, stored)
    return Asked(stored, replayed=False)


async def send(hub: Hub, stored: Stored[Job]) -> None:
    """Give a queued job's command to the bus, then say so in its record. What fails is left to the reaper."""
    try:
        await hub.bus.send(command_from(stored.value.command))
        await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, sent_at=time.time()))
    except Stale:
        pass  # it was claimed or cancelled already
    except (BusError, Unavailable) as error:
        log.warning("command not sent", extra={"job_id": stored.id, "error": str(error)})


async def resend(hub: Hub, stored: Stored[Job]) -> bool:
    """Send a queued job on behalf of whoever should have: the compare-and-set on `sent_at` comes first, so that of many
    processes one does it. Raises BusError, having put `sent_at` back."""
    due = msgspec.structs.replace(stored.value, sent_at=time.time(), waiting_for="")
    try:
        command = command_from(due.command)
    except msgspec.ValidationError as error:
        log.error("a job's command is of another version of Leat", extra={"job_id": stored.id, "error": str(error)})
        return False
    try:
        marked = await JOBS.replace(hub.records, stored, due)
    except Stale:
        return False
    try:
        await hub.bus.send(command)
    except BusError:
        await replace_unless_changed(hub, marked, msgspec.structs.replace(due, sent_at=0.0))
        raise
    return True


async def replace_unless_changed(hub: Hub, stored: Stored[Job], job: Job) -> None:
    """Replace the record, unless somebody else has changed it: then theirs stands."""
    try:
        await JOBS.replace(hub.records, stored, job)
    except Stale:
        return


async def cancel(hub: Hub, id: str) -> Stored[Job]:
    """Cancel the job: at once where it is queued, else whoever runs it is told. Returns the record as it is now.

    Raises NotFound, and Conflict where the job has finished with another outcome than CANCELED.
    """
    while True:
        stored = await JOBS.get(hub.records, id)
        job = stored.value
        if job.state == "FINISHED" and job.outcome != "CANCELED":
            raise Conflict(f"the job has {job.outcome} already")
        if job.state == "FINISHED":
            return stored
        if job.state == "CANCELING":
            break
        changed = canceled(id, job) if job.state == "QUEUED" else extended(id, job, JobCanceling(seq=0), state="CANCELING")
        try:
            stored = await JOBS.replace(hub.records, stored, changed)
        except Stale:
            continue
        await publish(hub, stored, 1)
        break
    if stored.value.state == "CANCELING":
        await signal(hub, Control(word="cancel", job_id=id))
    return stored


async def retry(hub: Hub, id: str) -> Stored[Job]:
    """Open a job again that FAILED, was CANCELED or TIMED_OUT, with all its failures to spend anew.

    Raises NotFound, and Conflict where it SUCCEEDED, has not finished, or belongs to a cancelled run.
    """
    while True:
        stored = await JOBS.get(hub.records, id)
        job = stored.value
        if job.state != "FINISHED" or job.outcome == "SUCCEEDED":
            raise Conflict(f"only what failed can be tried again; the job is {job.outcome or job.state}")
        run = None if job.run_id == id else await hub.records.get(RUN, job.run_id)
        if run and run.body.get("cancelled"):
            raise Conflict("its run was cancelled; start a new one")
        try:
            stored = await JOBS.replace(hub.records, stored, reopened(id, job))
        except Stale:
            continue
        await publish(hub, stored, 1)
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
    """Jobs by creation, newest first unless asked otherwise, behind `after` = (created_at, id) of the last one seen.

    `equals` names no fields, or those of one of JOBS' indexes; other ones raise ValueError.
    """
    return await JOBS.find(hub.records, descending=descending, after=after, limit=limit, **equals)


async def unfinished(hub: Hub, limit: int = 500) -> list[Stored[Job]]:
    """Up to `limit` jobs of each state that is not FINISHED, oldest first."""
    found: list[Stored[Job]] = []
    for state in UNFINISHED:
        found += await JOBS.find(hub.records, limit=limit, state=state)
    return found


# -- the changes themselves, without writing them ------------------------------------------------------------------------


def extended(id: str, job: Job, *events: Event, **changes: Any) -> Job:
    """The job with these changes and events: each event takes the next `seq`, the job's ids and, if it is a job's own event, the
    attempt that the changes leave."""
    attempt = changes.get("attempt", job.attempt)
    plain: list[Any] = []
    for seq, event in enumerate(events, job.seq + 1):
        own = {"seq": seq, "attempt": attempt} if isinstance(event, JobEvent) else {}
        plain.append(msgspec.to_builtins(msgspec.structs.replace(event, job_id=id, run_id=job.run_id, **own)))
    return msgspec.structs.replace(job, events=(*job.events, *plain), seq=job.seq + len(plain), **changes)


def finished(id: str, job: Job, outcome: Outcome, *events: Event, error: JobError | None = None, **changes: Any) -> Job:
    """The job with its outcome; `events` come before its JobFinished."""
    last = JobFinished(seq=0, command=job.type, outcome=outcome, error=error.message if error else "")
    kept: dict[str, Any] = {"state": "FINISHED", "outcome": outcome, "finished_at": time.time(), "error": error}
    cleared: dict[str, Any] = {"waiting_for": "", "not_before": 0.0, "pins": ()}
    return extended(id, job, *events, last, **{**kept, **cleared, **changes})


def canceled(id: str, job: Job) -> Job:
    """The job CANCELED."""
    return finished(id, job, "CANCELED")


def queued(id: str, job: Job, event: JobQueued, **changes: Any) -> Job:
    """The job QUEUED again, to be sent: `event` says why, until when it waits, and for whom."""
    back: dict[str, Any] = {"state": "QUEUED", "sent_at": 0.0, "pins": (), "worker": ""}
    return extended(id, job, event, **{**back, "not_before": event.not_before, "waiting_for": event.waiting_for, **changes})


def queued_at(job: Job) -> float:
    """When a queued job was queued: Unix seconds."""
    return float(job.events[-1]["at"])


def reopened(id: str, job: Job) -> Job:
    """A finished job QUEUED anew."""
    event = JobQueued(seq=0, command=job.type, reason="retried")
    return queued(id, job, event, outcome=None, failures=0, outages=0, error=None, result=None, finished_at=0.0, chained=True)


async def publish(hub: Hub, stored: Stored[Job], count: int) -> None:
    """Tell watchers of the newest `count` events of the record as it was saved."""
    events = stored.value.events
    for plain in events[len(events) - count :]:  # none of them where count is 0, as it is with every beat
        await hub.announce(event_from(plain))


async def signal(hub: Hub, word: Control) -> None:
    """Tell every process; a hint, so a bus that can't be reached is logged only."""
    try:
        await hub.bus.signal(word)
    except BusError as error:
        log.warning("control word not sent", extra={"word": word.word, "job_id": word.job_id, "error": str(error)})


def _hash_of(command: Command) -> str:
    own = msgspec.to_builtins(command)
    return input_hash({name: value for name, value in own.items() if name not in ("id", "at", "job_id", "run_id", "cause_id")})
