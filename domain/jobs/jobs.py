"""Jobs: one command being done, its record, and the changes of it as pure functions.

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

    anybody      ask, send, send again                            domain.jobs.asking, domain.jobs.sending
    anybody      cancel, retry, page                              domain.jobs.control
    anybody      hold back, admit in turn                         domain.jobs.holds, domain.jobs.turns
    its owner    claim, beat, pin, set and give up the handle     domain.jobs.attempts
    its owner    take and free the noun's `writer`, switch        domain.jobs.writers
    its owner    end: finish, or put back                         domain.jobs.ending, domain.jobs.verdicts
    any process  send again, wake, settle, relieve, follow, drop  domain.jobs.reaper, settling, following, garbage
    the runs     ask the steps that became ready, cancel all      domain.jobs.runs, domain.jobs.chains
"""

import time
from typing import Any, Literal, NamedTuple

import msgspec

from domain.clocks import is_over
from domain.nouns import Table
from domain.ports.records import Kind
from events.catalogue import command_from
from events.jobs import JobCanceling, JobEvent, JobFinished, JobQueued, Outcome
from events.message import Event

State = Literal["QUEUED", "RUNNING", "CANCELING", "FINISHED"]
ALIVE: tuple[State, ...] = ("RUNNING", "CANCELING")
UNFINISHED: tuple[State, ...] = ("QUEUED", "RUNNING", "CANCELING")
Ending = Literal["", "again", "failed", "timed_out", "canceled"]


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


class Hold(NamedTuple):
    """What a rule does to a job that is asked for, or opened again; empty where no rule speaks of it."""

    rule: str = ""
    key: str = ""
    """Whose turn it waits for."""
    id: str = ""
    """A random one, new each time that a job is held."""
    why: str = ""
    """In words."""


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record that owns the work; docs/protocol.md has the protocol. All times are Unix seconds."""

    run_id: str
    """The run's id; the job's own where it is a run by itself."""
    step: str = msgspec.field(default_factory=str)
    """The planned step of the run that it does, such as `upload:clinvar`; empty where it is a run by itself."""
    cause: str = ""
    """The record whose event it follows, `kind/id`; empty where no follower asked for it."""
    cause_id: str = ""
    """The job that it came after in its run, or the event that it follows; empty where a person or a schedule asked for it."""
    follower: str = ""
    """The follower that asked for it."""
    asked_by: str = ""
    command: dict[str, Any]
    """The command as plain values, `type` included."""
    type: str
    """The command's class name."""
    queue: str
    target: str = ""
    """What it works on, `kind/id`, such as `source/clinvar`."""
    exclusive: bool = False
    """Whether it switches an output of its target, and so needs the `writer` of that."""
    input_hash: str
    """Of the command's own fields; another input under the same id is a Conflict."""
    state: State = msgspec.field(default_factory=lambda: "QUEUED")
    outcome: Outcome | None = None
    attempt: int = 0
    """Counts claims, and fences."""
    failures: int = 0
    """Counts failures, and spends `retry`."""
    losses: int = 0
    """Counts attempts whose worker was lost; see domain.jobs.retries."""
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
    """When its command was last given to the bus; 0.0 where it waits to be sent."""
    due_at: float = 0.0
    """When a reaper looks whether it has to be sent; 0.0 where it was sent, or is not queued."""
    waiting_for: str = ""
    """The job that holds the noun's `writer`."""
    rule: str = ""
    """The rule that speaks of it (domain.jobs.holds); empty where none does."""
    key: str = ""
    """Whose turn it waits for, or took."""
    hold: str = ""
    """The id of its newest hold, under which the rule's allowance counts it until it is FINISHED."""
    held: str = ""
    """Why the rule holds it back, in words; empty where it does not."""
    is_held: bool = False
    """Whether it is held: neither sent nor claimed."""
    pins: tuple[str, ...] = ()
    """Collections and dumps that it reads, so that garbage collection leaves them."""
    handle: str = ""
    """`<job>.<attempt>`: the name under which something runs elsewhere for it; empty where nothing does (docs/model/OUTSIDE.md)."""
    handle_at: float = 0.0
    """When the handle was set: from then on its registration's timeout counts for what runs elsewhere."""
    work: dict[str, Any] | None = None
    """What runs under the handle, as the handler described it then: whoever starts under the handle starts just this."""
    ending: Ending = ""
    """What runs elsewhere was given up, and the job is to become this once that has been stopped; only with a handle."""
    progress: Progress = Progress()
    warnings: tuple[str, ...] = ()
    """What its last attempt warned of, the first few lines: they are shown where the job ends."""
    warned: int = 0
    """How many lines these are in all."""
    result: dict[str, Any] | None = None
    """The domain event it ended with, as plain values."""
    error: JobError | None = None
    """Why the last attempt failed; stays while the job is queued again."""
    events: tuple[Any, ...] = ()
    """Its events so far, as plain values; the first has `seq` 1, the next 2 …, whether the event says so or not."""
    seq: int = 0
    """Number of the newest event."""
    untold: tuple[dict[str, Any], ...] = ()
    """Events that it ended with and that were not followed yet, as plain values (domain.jobs.following)."""
    is_untold: bool = False
    """Whether `untold` holds any, for the reaper's look-up."""
    is_alive: bool = False
    """Whether an attempt should be at work on it (RUNNING, CANCELING), for the reaper's look-up."""

    @property
    def written(self) -> str:
        """`kind/name` of the noun whose `writer` it needs; empty where it needs none."""
        return self.target if self.exclusive else ""


JOBS = Table(
    Kind(
        name="job",
        indexes=(
            ("state",),
            ("queue", "state"),
            ("target", "state"),
            ("target",),
            ("run_id",),
            ("outcome",),
            ("step",),
            ("is_untold",),
            ("is_alive",),
            ("rule", "is_held"),
        ),
        ranges=(((), "due_at"), (("queue", "state"), "sent_at")),
    ),
    Job,
)

UNSENT = 10.0
"""Seconds that whoever queues a job has to send its command, before a reaper does."""


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
    last = JobFinished(
        seq=0,
        command=job.type,
        outcome=outcome,
        error=error.message if error else "",
        step=step_of(job),
        target=job.target,
        asked_by=job.asked_by,
    )
    kept: dict[str, Any] = {"state": "FINISHED", "outcome": outcome, "finished_at": time.time(), "error": error}
    cleared: dict[str, Any] = {"waiting_for": "", "not_before": 0.0, "due_at": 0.0, "pins": (), "is_alive": False}
    cleared |= {"held": "", "is_held": False}
    done = extended(id, without_handle(job), *events, last, **{**kept, **cleared, **changes})
    return msgspec.structs.replace(done, untold=(*job.untold, *done.events[job.seq :]), is_untold=True)


def step_of(job: Job) -> str:
    """What the job is called in its run, such as dump:clinvar."""
    try:
        return job.step or command_from(job.command).step
    except msgspec.ValidationError:  # a newer version asked for it
        return job.type


def canceled(id: str, job: Job) -> Job:
    """The job CANCELED."""
    return finished(id, job, "CANCELED")


def canceling(id: str, job: Job) -> Job:
    """An unfinished job that somebody cancels: CANCELED where it is queued and nothing runs elsewhere for it. What does is given up
    in the same change; a queued job is then due at once, so that somebody claims it and stops that."""
    if job.state == "QUEUED" and not job.handle:
        return canceled(id, job)
    event = JobCanceling(seq=0)
    if job.state == "RUNNING":
        return extended(id, job, event, state="CANCELING", ending="canceled" if job.handle else "")
    due = event.at + UNSENT
    return extended(id, job, event, ending="canceled", not_before=0.0, waiting_for="", sent_at=0.0, due_at=due)


def with_handle(job: Job, name: str, work: dict[str, Any]) -> Job:
    """The job with a name for what is about to be started elsewhere; unchanged where it has one, or was cancelled."""
    if job.state != "RUNNING" or job.handle:
        return job
    return msgspec.structs.replace(job, handle=name, handle_at=time.time(), work=work)


def without_handle(job: Job) -> Job:
    """The job for which nothing runs elsewhere any more."""
    return msgspec.structs.replace(job, handle="", handle_at=0.0, work=None, ending="") if job.handle else job


def queued(id: str, job: Job, event: JobQueued, **changes: Any) -> Job:
    """The job QUEUED again, to be sent or admitted: `event` says why, until when it waits, and for whom. What runs elsewhere for
    it goes on, and so does what that reads."""
    pins = job.pins if job.handle else ()
    back: dict[str, Any] = {"state": "QUEUED", "sent_at": 0.0, "pins": pins, "worker": "", "is_alive": False}
    waits: dict[str, Any] = {"not_before": event.not_before, "waiting_for": event.waiting_for, "due_at": due_at(event)}
    waits |= {"held": event.held, "is_held": bool(event.held)}
    return extended(id, job, event, **{**back, **waits, **changes})


def due_at(event: JobQueued) -> float:
    """When a reaper looks at a job that was queued so: at its own time, else when its sender has had time enough. 0.0 for one that
    is held: passes look at those."""
    return 0.0 if event.held else event.not_before or event.at + UNSENT


def queued_at(job: Job) -> float:
    """When a queued job was queued: Unix seconds."""
    return float(job.events[-1]["at"])


def is_due(job: Job, now: float) -> bool:
    """A worker could take a queued job: it waits neither for a time, nor for another job, nor to be admitted."""
    return not job.waiting_for and not job.is_held and is_over(queued_at(job), job.not_before, now)


def reopened(id: str, job: Job, hold: Hold) -> Job:
    """A finished job QUEUED anew, under a new hold where a rule speaks of it."""
    event = JobQueued(seq=0, command=job.type, reason="held" if hold.id else "retried", held=hold.why)
    anew: dict[str, Any] = {
        "outcome": None,
        "failures": 0,
        "losses": 0,
        "outages": 0,
        "error": None,
        "result": None,
        "finished_at": 0.0,
    }
    return queued(id, job, event, rule=hold.rule, key=hold.key, hold=hold.id, **anew)
