"""Jobs and runs: one command being done, and everything that one request or schedule set off."""

from enum import Enum
from typing import Annotated, Any, Self

import strawberry
from strawberry import argument, enum_value, field

from domain.errors import NotFound as Absent
from domain.jobs import logs, overview
from domain.jobs.failures import shown
from domain.jobs.jobs import JOBS
from domain.jobs.jobs import Job as JobRecord
from domain.jobs.jobs import JobError as JobErrorRecord
from domain.jobs.overview import RunView
from domain.jobs.runs import Started as StartedRun
from domain.nouns import Stored
from gateway.context import Info
from gateway.graphql.nodes import Node, global_id, local_id
from gateway.scalars import JSON, DateTime, Long, time

JobId = Annotated[strawberry.ID, argument(description="The job's id, or its UUID as in logs.")]
ASKED_BY = "Who asked for it: `administrator`, or `schedule` and the schedule's name; empty where nobody wrote it down."
RunId = Annotated[strawberry.ID, argument(description="The run's id, or its UUID.")]


@strawberry.enum(description="Where a job stands.")
class JobState(Enum):
    """domain.jobs.jobs.State."""

    QUEUED = enum_value("QUEUED", description="It waits: for a worker, for its time, for another job, or to be admitted by a rule.")
    RUNNING = enum_value("RUNNING", description="A worker does it.")
    CANCELING = enum_value("CANCELING", description="It was cancelled, and its worker is ending it.")
    FINISHED = enum_value("FINISHED", description="It is over; `outcome` says how.")


@strawberry.enum(description="How a job ended.")
class JobOutcome(Enum):
    """events.jobs.Outcome."""

    SUCCEEDED = enum_value("SUCCEEDED", description="It did what was asked.")
    FAILED = enum_value("FAILED", description="It could not; `error` says why.")
    CANCELED = enum_value("CANCELED", description="Somebody cancelled it.")
    TIMED_OUT = enum_value("TIMED_OUT", description="It took longer than it may.")


@strawberry.type(description="How far a job is.")
class JobProgress:
    """domain.jobs.jobs.Progress."""

    done: Long = field(description="How many are done.")
    total: Long | None = field(description="How many there are; null where nobody knows.")
    unit: str = field(description="What is counted, in the plural: documents, bytes, files.")
    message: str = field(description="What it does just now.")

    @classmethod
    def of(cls, progress: Any) -> Self:
        """Of the record's progress, or of a JobProgressed event."""
        total = None if progress.total is None else Long(progress.total)
        return cls(done=Long(progress.done), total=total, unit=progress.unit, message=progress.message)


@strawberry.type(description="Why the last attempt of a job failed.")
class JobError:
    """domain.jobs.jobs.JobError."""

    code: str = field(description="The reason, for programs.")
    message: str = field(description="The reason, in words.")
    detail: str = field(description="A plugin's traceback, or a document's position; may be empty.")

    @classmethod
    def of(cls, error: JobErrorRecord) -> Self:
        """As clients see it."""
        return cls(code=error.code, message=error.message, detail=error.detail)


@strawberry.type(description="One command being done.")
class Job(Node):
    """domain.jobs.jobs.Job."""

    job_id: str = field(description="Its UUID, as in logs, queues and the names of what it writes.")
    run_id: str = field(description="The UUID of the run that it belongs to; its own where it is a run by itself.")
    step: str = field(description="What it is called in its run, such as dump:clinvar.")
    type: str = field(description="The command, such as DumpSource.")
    command: JSON = field(description="The command with all its fields.")
    queue: str = field(description="The queue, and so the kind of worker, that takes it.")
    target: str = field(description="What it works on, such as source/clinvar.")
    state: JobState = field(description="Where it stands.")
    outcome: JobOutcome | None = field(description="How it ended; null before.")
    attempt: int = field(
        description="Number of the newest claim. It jumps: whoever ends a dead attempt claims the job too, and so does "
        "an attempt that then has to wait for another job."
    )
    failures: int = field(description="How often it failed: what its retries are counted by.")
    losses: int = field(description="How many workers were lost over it; five end it.")
    worker: str = field(description="The process that has it, or had it last.")
    asked_by: str = field(description=ASKED_BY)
    created_at: DateTime = field(description="When it was asked for.")
    started_at: DateTime | None = field(description="When its last attempt began.")
    finished_at: DateTime | None = field(description="When it ended.")
    not_before: DateTime | None = field(description="When it is due, where it waits for a time.")
    waiting_for: str = field(description="The UUID of the job that it waits for; empty where it waits for none.")
    held: str = field(description="Why a rule holds it back, in words; empty where none does.")
    handle: str = field(
        description="The name of what runs elsewhere for it, such as a batch job's, through all attempts that look after it; empty "
        "where nothing does. A worker may come and go meanwhile, and the job be QUEUED."
    )
    is_stopping: bool = field(
        description="Whether what runs elsewhere was given up, because it failed, took too long or the job was cancelled, and is "
        "being stopped: the job ends, or is tried again, when it is confirmed that nothing runs any more."
    )
    progress: JobProgress = field(description="How far it is.")
    error: JobError | None = field(description="Why its last attempt failed.")
    warnings: list[str] = field(description="What its last attempt warned of, the first few lines; its log has all of them.")
    warning_count: int = field(description="How many lines these are in all.")
    result: JSON | None = field(description="What it made: the event that it ended with.")
    last_seq: Long = field(description="Number of its newest event.")

    @classmethod
    def of(cls, stored: Stored[JobRecord]) -> Self:
        """The record as clients see it."""
        job, error = stored.value, stored.value.error
        return cls(
            id=global_id("Job", stored.id),
            job_id=stored.id,
            run_id=job.run_id,
            step=overview.step_of(job),
            type=job.type,
            command=JSON(job.command),
            queue=job.queue,
            target=job.target,
            state=JobState(job.state),
            outcome=JobOutcome(job.outcome) if job.outcome else None,
            attempt=job.attempt,
            failures=job.failures,
            losses=job.losses,
            worker=job.worker,
            asked_by=job.asked_by,
            created_at=DateTime(job.created_at),
            started_at=time(job.started_at),
            finished_at=time(job.finished_at),
            not_before=time(job.not_before),
            waiting_for=job.waiting_for,
            held=job.held,
            handle=job.handle,
            is_stopping=bool(job.ending),
            progress=JobProgress.of(job.progress),
            error=JobError.of(shown(error)) if error else None,
            warnings=list(job.warnings),
            warning_count=job.warned,
            result=None if job.result is None else JSON(job.result),
            last_seq=Long(job.seq),
        )

    @strawberry.field(description="The run that it belongs to.")
    async def run(self, info: Info) -> "Run | None":
        """Synthesised where the job is a run by itself."""
        return await find_run(info, self.run_id)


@strawberry.enum(description="Where a run stands.")
class RunState(Enum):
    """domain.jobs.chains.RunState."""

    RUNNING = enum_value("RUNNING", description="Some of its jobs are not finished.")
    SUCCEEDED = enum_value("SUCCEEDED", description="Every step did what was asked.")
    HELD = enum_value("HELD", description="Every step did its work, and a release is held: somebody has to accept it.")
    FAILED = enum_value("FAILED", description="A step failed or timed out, so what comes after it was not begun.")
    CANCELED = enum_value("CANCELED", description="Somebody cancelled it.")


@strawberry.type(description="A planned step of a run.")
class RunStep:
    """domain.jobs.overview.StepView."""

    name: str = field(description="What it does, such as upload:clinvar.")
    after: list[str] = field(description="The steps that it waits for.")
    job_id: str = field(description="The UUID that its job has, or will have.")
    job: Job | None = field(description="Its job; null before it is asked for.")


@strawberry.type(description="Everything that one request or schedule set off.")
class Run(Node):
    """domain.jobs.overview.RunView."""

    run_id: str = field(description="Its UUID.")
    title: str = field(description="What it does, in words.")
    asked_by: str = field(description=ASKED_BY)
    state: RunState = field(description="Where it stands.")
    canceled: bool = field(description="Whether somebody cancelled it.")
    created_at: DateTime = field(description="When it was asked for.")
    finished_at: DateTime | None = field(description="When it ended.")
    steps: list[RunStep] = field(description="Its planned steps, each after those that it waits for.")

    @classmethod
    def of(cls, view: RunView) -> Self:
        """The run as clients see it."""
        return cls(
            id=global_id("Run", view.id),
            run_id=view.id,
            title=view.title,
            asked_by=view.asked_by,
            state=RunState(view.state),
            canceled=view.cancelled,
            created_at=DateTime(view.created_at),
            finished_at=time(view.finished_at),
            steps=[
                RunStep(name=step.name, after=list(step.after), job_id=step.job_id, job=step.job and Job.of(step.job))
                for step in view.steps
            ],
        )


async def find_job(info: Info, id: str) -> Job | None:
    """The job of an opaque id or a UUID."""
    stored = await JOBS.find_one(info.context.hub.records, local_id("Job", id))
    return Job.of(stored) if stored else None


async def find_run(info: Info, id: str) -> Run | None:
    """The run of an opaque id or a UUID."""
    try:
        return Run.of(await overview.view(info.context.hub, local_id("Run", id)))
    except Absent:
        return None


@strawberry.type(description="What was set off.")
class Started:
    """What every mutation that starts jobs says."""

    job: Job = field(description="The first job.")
    replayed: bool = field(description="True where the same was asked for before under this key: the job is that one.")

    @strawberry.field(description="The run: everything that was set off.")
    async def run(self, info: Info) -> Run | None:
        """With its planned steps."""
        return await find_run(info, self.job.run_id)

    @classmethod
    def of(cls, started: StartedRun) -> Self:
        """Of what the domain started."""
        return cls(job=Job.of(started.job), replayed=started.replayed)


@strawberry.enum(description="How much a log line matters.")
class LogLevel(Enum):
    """domain.jobs.lines.Level."""

    DEBUG = enum_value("debug", description="For whoever mends the plugin.")
    INFO = enum_value("info", description="What was done.")
    WARNING = enum_value("warning", description="Something may be wrong.")
    ERROR = enum_value("error", description="Something is wrong.")


@strawberry.type(description="One line of a job's log.")
class LogLine:
    """domain.jobs.lines.Read."""

    attempt: int = field(description="The attempt that said it.")
    number: Long = field(description="Its number within the attempt, from 1; a gap where lines were dropped.")
    at: DateTime = field(description="When it was said.")
    level: LogLevel = field(description="How much it matters.")
    text: str = field(description="The line.")

    @classmethod
    def of(cls, read: logs.Read) -> Self:
        """As clients see it."""
        line = read.line
        return cls(attempt=read.attempt, number=Long(line.number), at=DateTime(line.at), level=LogLevel(line.level), text=line.text)
