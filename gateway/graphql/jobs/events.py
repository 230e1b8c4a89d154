"""What happens to jobs and runs, live and resumable: events, log lines and progress, in batches."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, NamedTuple, Self

import msgspec
import orjson
import strawberry
from strawberry import argument, field

from domain.callers import Caller
from domain.hub import Hub
from domain.jobs import logs, overview
from domain.jobs.jobs import JOBS, Progress
from domain.jobs.jobs import Job as JobRecord
from domain.jobs.overview import RunView, StepView
from domain.masking import without_servers
from domain.nouns import Stored
from domain.visibility import check
from events.jobs import JobProgressed
from events.message import Event
from gateway.context import Info
from gateway.graphql.jobs.types import Job, JobId, JobOutcome, JobProgress, LogLine, Run, RunId
from gateway.graphql.nodes import decode, encode, local_id
from gateway.live.stream import Reader, Shareable, Span
from gateway.scalars import JSON, DateTime, Long, time

LINES = 1000
"""Log lines of one batch."""
Cursor = Annotated[str | None, argument(description="`cursor` of the last batch that was seen; everything where it is left out.")]


@strawberry.interface(description="One change of a job.")
class JobEvent:
    """What all events of a job's record have."""

    seq: Long = field(description="1 for the job's first event, and dense.")
    at: DateTime = field(description="When it happened.")
    attempt: int = field(description="The attempt that it belongs to; 0 before the first.")


@strawberry.type(description="The job waits for a worker, or to be admitted by a rule.")
class JobQueued(JobEvent):
    """events.jobs.JobQueued."""

    reason: str = field(description="asked, held, admitted, failed, waiting, stopped, lost or retried.")
    error: str = field(description="Why the last attempt ended, where it failed or was lost.")
    waiting_for: str = field(description="The UUID of the job that it waits for, where it waits for one.")
    held: str = field(description="Why a rule holds it back, where one does.")
    not_before: DateTime | None = field(description="When it is due, where it waits for a time.")


@strawberry.type(description="A worker claimed the job.")
class JobStarted(JobEvent):
    """events.jobs.JobStarted."""

    worker: str = field(description="The process that does it.")


@strawberry.type(description="Somebody asked a running job to stop.")
class JobCanceling(JobEvent):
    """events.jobs.JobCanceling."""


@strawberry.type(description="The job is over.")
class JobFinished(JobEvent):
    """events.jobs.JobFinished."""

    outcome: JobOutcome = field(description="How it ended.")
    error: str = field(description="Why it failed; empty where it did not.")


@strawberry.type(description="The job made something.")
class JobProduced(JobEvent):
    """A domain event among a job's own, such as SourceUploaded."""

    type: str = field(description="What it is, such as SourceUploaded.")
    result: JSON = field(description="The event with all its fields.")


def job_events(job: JobRecord, after: int, upto: int) -> list[JobEvent]:
    """The events numbered after < seq <= upto."""
    found: list[JobEvent] = []
    attempt = 0
    for seq, plain in enumerate(job.events, 1):
        attempt = plain.get("attempt", attempt)
        if after < seq <= upto:
            found.append(_event(plain, {"seq": Long(seq), "at": DateTime(plain["at"]), "attempt": attempt}))
    return found


def _event(plain: dict[str, Any], said: dict[str, Any]) -> JobEvent:
    match plain["type"]:
        case "JobQueued":
            return JobQueued(
                **said,
                reason=plain.get("reason", "asked"),
                error=without_servers(plain.get("error", "")),
                waiting_for=plain.get("waiting_for", ""),
                held=plain.get("held", ""),
                not_before=time(plain.get("not_before", 0.0)),
            )
        case "JobStarted":
            return JobStarted(**said, worker=plain.get("worker", ""))
        case "JobCanceling":
            return JobCanceling(**said)
        case "JobFinished":
            return JobFinished(**said, outcome=JobOutcome(plain["outcome"]), error=without_servers(plain.get("error", "")))
    return JobProduced(**said, type=plain["type"], result=JSON(plain))


class JobCursor(NamedTuple):
    """How far a job was seen; clients get all but the progress, as opaque text."""

    seq: int = 0
    attempt: int = 0
    line: int = 0
    progress: Progress = Progress()

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """What a client sent; None where it is no cursor of a job."""
        if text is None:
            return cls()
        numbers = (decode(text) or "").split(".")
        if len(numbers) != 3 or not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
            return None
        seq, attempt, line = map(int, numbers)
        return cls(seq, attempt, line)

    def __str__(self) -> str:
        return encode(f"{self.seq}.{self.attempt}.{self.line}")


@strawberry.type(description="What happened to a job since the last batch.")
class JobEventBatch(Shareable):
    """One answer of jobEvents."""

    span: strawberry.Private[Span]
    record: strawberry.Private[JobRecord]
    job: Job = field(description="The job as it is now.")
    events: list[JobEvent] = field(description="What changed, in order.")
    lines: list[LogLine] = field(description="What its log says more, in order.")
    progress: JobProgress = field(description="How far it is.")
    cursor: str = field(description="Opaque: `after` of whoever comes back.")
    gap: bool = field(description="True where `after` was no cursor of this job as it is: everything follows again.")

    def check(self, caller: Caller) -> None:
        """Raises NotFound where the caller may not see the job."""
        check(caller, self.record, "job", self.job.job_id)


class JobReader(Reader[JobEventBatch]):
    """Reads a job's record and log."""

    def __init__(self, hub: Hub, id: str) -> None:
        self._hub, self._id = hub, id
        self._said: JobProgressed | None = None

    def heed(self, event: Event) -> None:
        """Progress is told more often than it is saved."""
        if isinstance(event, JobProgressed):
            self._said = event

    async def read(self, after: JobCursor | None, upto: JobCursor | None) -> JobEventBatch:
        """Events, lines and progress after a cursor; raises NotFound."""
        stored = await JOBS.get(self._hub.records, self._id)
        job = stored.value
        gap = after is None or after.seq > job.seq
        start = JobCursor() if after is None or gap else after
        behind = (start.attempt, start.line)
        page = await logs.read(self._hub, self._id, behind, LINES) if job.attempt else logs.Page([], behind, more=False)
        if upto is not None:
            page = page.upto((upto.attempt, upto.line))
        end = self._end(start, upto, job, page)
        events = job_events(job, start.seq, end.seq)
        return JobEventBatch(
            span=Span(
                before=start,
                after=end,
                empty=not events and not page.lines and end.progress == start.progress,
                more=page.more,
                ends=job.state == "FINISHED" and end.seq == job.seq and not page.more,
            ),
            record=job,
            job=Job.of(stored._replace(value=msgspec.structs.replace(job, progress=end.progress))),
            events=events,
            lines=[LogLine.of(line) for line in page.lines],
            progress=JobProgress.of(end.progress),
            cursor=str(end),
            gap=gap,
        )

    def _end(self, start: JobCursor, upto: JobCursor | None, job: JobRecord, page: logs.Page) -> JobCursor:
        attempt, line = page.cursor
        if upto is None:
            return JobCursor(job.seq, attempt, line, self._progress(job))
        if not page.more:
            attempt, line = max((attempt, line), (upto.attempt, upto.line))
        return JobCursor(max(start.seq, min(upto.seq, job.seq)), attempt, line, upto.progress)

    def _progress(self, job: JobRecord) -> Progress:
        said = self._said
        if said is None or job.state == "FINISHED" or said.attempt != job.attempt or said.done < job.progress.done:
            return job.progress
        return Progress(done=said.done, total=said.total, unit=said.unit, message=said.message)


class RunCursor(NamedTuple):
    """How far each job of a run was seen; clients get the first field, as opaque text."""

    seqs: tuple[tuple[str, int], ...] = ()
    """(job, seq), ordered by job."""
    progress: tuple[Progress, ...] = ()
    state: str = ""

    @classmethod
    def of(cls, text: str | None) -> "RunCursor | None":
        """What a client sent; None where it is no cursor of a run."""
        if text is None:
            return cls()
        try:
            given = msgspec.json.decode(decode(text) or "", type=dict[str, int])
        except msgspec.DecodeError:
            return None
        return cls(tuple(sorted(given.items())))

    def __str__(self) -> str:
        return encode(orjson.dumps(dict(self.seqs)).decode())


@strawberry.type(description="One change of a job of a run.")
class RunEvent:
    """A job's event, and which job's it is."""

    job_id: str = field(description="The job's UUID.")
    step: str = field(description="The step that it does.")
    event: JobEvent = field(description="What happened.")


@strawberry.type(description="What happened to a run since the last batch.")
class RunEventBatch(Shareable):
    """One answer of runEvents."""

    span: strawberry.Private[Span]
    view: strawberry.Private[RunView]
    run: Run = field(description="The run as it is now, its steps with their jobs and progress.")
    events: list[RunEvent] = field(description="What changed, in order of time.")
    cursor: str = field(description="Opaque: `after` of whoever comes back.")
    gap: bool = field(description="True where `after` was no cursor of this run as it is: everything follows again.")

    def check(self, caller: Caller) -> None:
        """Raises NotFound where the caller may not see the run."""
        check(caller, self.view, "run", self.view.id)


class RunReader(Reader[RunEventBatch]):
    """Reads a run and all its jobs."""

    def __init__(self, hub: Hub, id: str) -> None:
        self._hub, self._id = hub, id
        self._said: dict[str, JobProgressed] = {}

    def heed(self, event: Event) -> None:
        """Progress is told more often than it is saved."""
        if isinstance(event, JobProgressed):
            self._said[event.job_id] = event

    async def read(self, after: RunCursor | None, upto: RunCursor | None) -> RunEventBatch:
        """Events of every job after a cursor; raises NotFound."""
        view = self._with_progress(await overview.view(self._hub, self._id))
        jobs = {step.job.id: step.job.value for step in view.steps if step.job}
        gap = after is None or any(id not in jobs or seq > jobs[id].seq for id, seq in after.seqs)
        start = RunCursor() if after is None or gap else after
        seen, bound = dict(start.seqs), dict(upto.seqs) if upto else {id: job.seq for id, job in jobs.items()}
        ends = {id: max(seen.get(id, 0), min(bound.get(id, 0), job.seq)) for id, job in jobs.items()}
        events = [
            RunEvent(job_id=step.job.id, step=step.name, event=event)
            for step in view.steps
            if step.job
            for event in job_events(step.job.value, seen.get(step.job.id, 0), ends[step.job.id])
        ]
        now = RunCursor((), tuple(job.progress for job in jobs.values()), view.state)
        end = RunCursor(tuple(sorted((id, seq) for id, seq in ends.items() if seq)), *(upto or now)[1:])
        finished = view.state != "RUNNING" and all(ends[id] == job.seq for id, job in jobs.items())
        return RunEventBatch(
            span=Span(before=start, after=end, empty=end == start, ends=finished),
            view=view,
            run=Run.of(view),
            events=_in_order(events),
            cursor=str(end),
            gap=gap,
        )

    def _with_progress(self, view: RunView) -> RunView:
        return msgspec.structs.replace(view, steps=tuple(self._step(step) for step in view.steps))

    def _step(self, step: StepView) -> StepView:
        said: Any = self._said.get(step.job_id)
        if step.job is None or said is None:
            return step
        job = step.job.value
        if job.state == "FINISHED" or said.attempt != job.attempt or said.done < job.progress.done:
            return step
        progress = Progress(done=said.done, total=said.total, unit=said.unit, message=said.message)
        changed = Stored(step.job.id, step.job.version, msgspec.structs.replace(job, progress=progress))
        return msgspec.structs.replace(step, job=changed)


def _in_order(events: list[RunEvent]) -> list[RunEvent]:
    """By time, each job's own in the order of `seq`: what a job made is dated before the change that tells of it."""
    newest: dict[str, float] = {}
    dated = []
    for event in events:
        newest[event.job_id] = max(newest.get(event.job_id, 0.0), event.event.at)
        dated.append((newest[event.job_id], event))
    return [event for _, event in sorted(dated, key=lambda each: each[0])]


@strawberry.type
class JobSubscription:
    """Watching jobs and runs."""

    @strawberry.subscription(description="What happens to a job: first what is known, then live; ends behind its last event.")
    def job_events(self, info: Info, job_id: JobId, after: Cursor = None) -> AsyncGenerator[JobEventBatch, None]:
        """Resumes behind the cursor, on whichever gateway."""
        id, hub = local_id("Job", job_id), info.context.hub
        return info.context.watching.follow("job", id, lambda: JobReader(hub, id), JobCursor.of(after), info.context.caller)

    @strawberry.subscription(description="What happens to a run: first what is known, then live; ends behind its last event.")
    def run_events(self, info: Info, run_id: RunId, after: Cursor = None) -> AsyncGenerator[RunEventBatch, None]:
        """Resumes behind the cursor, on whichever gateway."""
        id, hub = local_id("Run", run_id), info.context.hub
        return info.context.watching.follow("run", id, lambda: RunReader(hub, id), RunCursor.of(after), info.context.caller)
