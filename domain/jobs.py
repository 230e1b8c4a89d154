"""Jobs: one command being done, its record, and every change that the record may take."""

from typing import Any, Literal

import msgspec

from domain.nouns import Shelf
from domain.ports import Kind
from events.jobs import JobCanceling, JobFinished, JobQueued, JobStarted, Outcome

State = Literal["QUEUED", "RUNNING", "CANCELING", "FINISHED"]


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
    """The planned step of the run that it does, such as `upload:clinvar`."""
    cause_id: str = ""
    asked_by: str = ""
    command: dict[str, Any]
    """The command as plain values, `type` included."""
    type: str
    """The command's class name."""
    queue: str
    target: str = ""
    """What it works on, `kind/id`, such as `source/clinvar`; the noun that carries `writer`."""
    input_hash: str
    """Of the command's own fields; another input under the same id is a Conflict."""
    state: State = "QUEUED"
    outcome: Outcome | None = None
    attempt: int = 0
    failures: int = 0
    beat: int = 0
    worker: str = ""
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    not_before: float = 0.0
    sent_at: float = 0.0
    waiting_for: str = ""
    """The job that holds the noun's `writer`."""
    pins: tuple[str, ...] = ()
    """Collections and dumps that it reads, so that garbage collection leaves them."""
    progress: Progress = Progress()
    result: dict[str, Any] | None = None
    """The domain event it ended with, as plain values."""
    error: JobError | None = None
    events: tuple[Any, ...] = ()
    """Its events so far, in `seq` order, as plain values."""
    seq: int = 0
    """Number of the newest event."""
    chained: bool = True
    """False from the finishing change until the commands that follow are asked for."""


JOBS = Shelf(
    Kind(
        name="job",
        indexes=(("state",), ("queue", "state"), ("chained",), ("run_id",), ("target",), ("target", "state")),
        order=("created_at", "finished_at"),
    ),
    Job,
)

__all__ = ["JOBS", "Job", "JobCanceling", "JobError", "JobFinished", "JobQueued", "JobStarted", "Progress", "State"]
