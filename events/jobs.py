"""What happens to every job, whatever its command."""

from typing import Literal

from events.message import Event

Outcome = Literal["SUCCEEDED", "FAILED", "CANCELED", "TIMED_OUT"]


class JobEvent(Event, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """One change of a job's record, numbered densely per job."""

    seq: int
    """1 for the first event of the job; `jobEvents(after:)` resumes behind it."""
    attempt: int = 0


class JobQueued(JobEvent, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The job waits for a worker, or to be admitted: newly asked for, put back, or reopened."""

    command: str
    reason: Literal["asked", "held", "admitted", "failed", "waiting", "stopped", "lost", "retried"] = "asked"
    error: str = ""
    """Why the last attempt ended, where `reason` is failed or lost."""
    waiting_for: str = ""
    """The job that holds the noun, where `reason` is waiting."""
    held: str = ""
    """Why a rule holds the job back, in words, where `reason` is held: newly asked for, or reopened, it waits to be admitted."""
    not_before: float = 0.0
    """Unix time before which it is not due; 0 for at once."""


class JobStarted(JobEvent, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A worker claimed the job."""

    command: str
    worker: str


class JobCanceling(JobEvent, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Somebody asked a running job to stop."""


class JobFinished(JobEvent, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The last event of a job, unless `retryJob` reopens it."""

    command: str
    outcome: Outcome
    error: str = ""
    step: str = ""
    """What it is called in its run, such as `upload:clinvar`."""
    target: str = ""
    """What it worked on, such as `source/clinvar`."""
    asked_by: str = ""


class LogWritten(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """New log lines of a job can be read; a hint, stored nowhere itself."""

    attempt: int
    upto: int
    """The number of the newest line of this attempt."""


class JobProgressed(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Progress as it is in the record; newest wins, published at most five times a second."""

    attempt: int
    done: int
    total: int | None = None
    unit: str = ""
    message: str = ""
