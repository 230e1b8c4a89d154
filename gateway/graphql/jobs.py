"""Jobs: one command being done."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry
from strawberry import argument, enum_value, field

from domain.errors import Invalid
from domain.ids import LONGEST_KEY
from domain.jobs import jobs, runs
from domain.jobs.jobs import JOBS
from domain.jobs.jobs import Job as JobRecord
from domain.nouns import Stored
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.nodes import After, Connection, First, In, Node, connection, global_id, local_id, page_size, position
from gateway.scalars import JSON, DateTime, Long, time

if TYPE_CHECKING:
    from gateway.graphql.runs import Run

KEY = f"Any text of the client's, of 1 to {LONGEST_KEY} characters: asked twice with the same key, it is done once."

LazyRun = Annotated["Run", strawberry.lazy("gateway.graphql.runs")]
JobId = Annotated[strawberry.ID, argument(description="The job's id, or its UUID as in logs.")]


@strawberry.enum(description="Where a job stands.")
class JobState(Enum):
    """domain.jobs.jobs.State."""

    QUEUED = enum_value("QUEUED", description="It waits: for a worker, for its time, or for another job.")
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
    failures: int = field(description="How often it failed, a lost worker included: what its retries are counted by.")
    worker: str = field(description="The process that has it, or had it last.")
    asked_by: str = field(description="Who asked for it.")
    created_at: DateTime = field(description="When it was asked for.")
    started_at: DateTime | None = field(description="When its last attempt began.")
    finished_at: DateTime | None = field(description="When it ended.")
    not_before: DateTime | None = field(description="When it is due, where it waits for a time.")
    waiting_for: str = field(description="The UUID of the job that it waits for; empty where it waits for none.")
    progress: JobProgress = field(description="How far it is.")
    error: JobError | None = field(description="Why its last attempt failed.")
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
            step=runs.step_of(job),
            type=job.type,
            command=JSON(job.command),
            queue=job.queue,
            target=job.target,
            state=JobState(job.state),
            outcome=JobOutcome(job.outcome) if job.outcome else None,
            attempt=job.attempt,
            failures=job.failures,
            worker=job.worker,
            asked_by=job.asked_by,
            created_at=DateTime(job.created_at),
            started_at=time(job.started_at),
            finished_at=time(job.finished_at),
            not_before=time(job.not_before),
            waiting_for=job.waiting_for,
            progress=JobProgress.of(job.progress),
            error=JobError(code=error.code, message=error.message, detail=error.detail) if error else None,
            result=None if job.result is None else JSON(job.result),
            last_seq=Long(job.seq),
        )

    @strawberry.field(description="The run that it belongs to.")
    async def run(self, info: Info) -> LazyRun | None:
        """Synthesised where the job is a run by itself."""
        return await _run(info, self.run_id)


async def _run(info: Info, id: str) -> "Run | None":
    from gateway.graphql.runs import find_run  # noqa: PLC0415  the two nouns know each other

    return await find_run(info, id)


@strawberry.input(description="Which jobs; fields that are left out do not matter.")
class JobFilter:
    """What domain.jobs.jobs.page can find by."""

    state: JobState | None = field(default=None, description="Where they stand.")
    queue: str | None = field(default=None, description="The queue that takes them; goes with `state`.")
    target: str | None = field(default=None, description="What they work on, such as source/clinvar; goes with `state`, or alone.")
    run_id: strawberry.ID | None = field(default=None, description="The run that they belong to; goes alone.")
    outcome: JobOutcome | None = field(default=None, description="How they ended, such as FAILED; goes alone.")


async def job_page(info: Info, filter: JobFilter | None, first: int, after: str | None) -> Connection[Job]:
    """A page of jobs, newest first."""
    chosen = filter or JobFilter()
    given = {
        "state": chosen.state and chosen.state.name,
        "outcome": chosen.outcome and chosen.outcome.name,
        "queue": chosen.queue,
        "target": chosen.target,
        "run_id": chosen.run_id and local_id("Run", chosen.run_id),
    }
    equals = {name: value for name, value in given.items() if value is not None}
    if equals and set(equals) not in map(set, JOBS.kind.indexes):
        raise Invalid("jobs are found by state, queue and state, target, target and state, runId, or outcome", ("filter",))
    found = await jobs.page(info.context.hub, equals, after=position(after), limit=page_size(first) + 1)
    return connection(found, first, Job.of)


async def find_job(info: Info, id: str) -> Job | None:
    """The job of an opaque id or a UUID."""
    stored = await JOBS.find_one(info.context.hub.records, local_id("Job", id))
    return Job.of(stored) if stored else None


@strawberry.type
class JobQuery:
    """Reading jobs."""

    @strawberry.field(description="Jobs, newest first.")
    async def jobs(
        self,
        info: Info,
        filter: Annotated[JobFilter | None, argument(description="Which ones; all where it is left out.")] = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[Job]:
        """A page."""
        return await job_page(info, filter, first, after)

    @strawberry.field(description="One job.")
    async def job(self, info: Info, id: JobId) -> Job | None:
        """Null where there is none."""
        return await find_job(info, id)


@strawberry.type(description="What was set off.")
class Started:
    """What every mutation that starts jobs says."""

    job: Job = field(description="The first job.")
    replayed: bool = field(description="True where the same was asked for before under this key: the job is that one.")

    @strawberry.field(description="The run: everything that was set off.")
    async def run(self, info: Info) -> LazyRun | None:
        """With its planned steps."""
        return await _run(info, self.job.run_id)

    @classmethod
    def of(cls, started: runs.Started) -> Self:
        """Of what the domain started."""
        return cls(job=Job.of(started.job), replayed=started.replayed)


@strawberry.input(description="Which job to cancel.")
class CancelJobInput:
    """Input of cancelJob."""

    job_id: strawberry.ID = field(description="The job's id, or its UUID.")


@strawberry.type(description="The job ends, or has ended.")
class CancelJobSuccess:
    """Success of cancelJob."""

    job: Job = field(description="The job; CANCELING while its worker ends it.")


CancelJobPayload = Annotated[
    CancelJobSuccess | Refusal, strawberry.union("CancelJobPayload", description="What cancelJob answers.")
]


@strawberry.input(description="Which job to try again.")
class RetryJobInput:
    """Input of retryJob."""

    job_id: strawberry.ID = field(description="The job's id, or its UUID.")


@strawberry.type(description="The job is queued again.")
class RetryJobSuccess:
    """Success of retryJob."""

    job: Job = field(description="The job.")


RetryJobPayload = Annotated[RetryJobSuccess | Refusal, strawberry.union("RetryJobPayload", description="What retryJob answers.")]


@strawberry.type
class JobMutation:
    """Changing jobs."""

    @strawberry.mutation(description="Cancel a job: at once where it waits, within a second where it runs.")
    async def cancel_job(self, info: Info, input: In[CancelJobInput]) -> CancelJobPayload:
        """Refused where it has finished."""
        return CancelJobSuccess(job=Job.of(await jobs.cancel(info.context.hub, local_id("Job", input.job_id))))

    @strawberry.mutation(description="Queue a job again that failed, was cancelled or timed out.")
    async def retry_job(self, info: Info, input: In[RetryJobInput]) -> RetryJobPayload:
        """Refused where it succeeded or has not finished."""
        return RetryJobSuccess(job=Job.of(await jobs.retry(info.context.hub, local_id("Job", input.job_id))))
