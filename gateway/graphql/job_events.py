"""What happens to a job, live and resumable: its events, log lines and progress, in batches."""

from enum import Enum
from typing import Annotated, Any, NamedTuple, Self

import msgspec
import strawberry
from strawberry import argument, enum_value, field

from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.jobs import JOBS, Progress
from domain.jobs.jobs import Job as JobRecord
from events.jobs import JobProgressed
from events.message import Event
from gateway.graphql.jobs import Job, JobOutcome, JobProgress
from gateway.graphql.nodes import decode, encode
from gateway.live.stream import Reader, Shareable, Span
from gateway.scalars import JSON, DateTime, Long, time

LINES = 1000
"""Log lines of one batch."""
Cursor = Annotated[str | None, argument(description="`cursor` of the last batch that was seen; everything where it is left out.")]


@strawberry.enum(description="How much a log line matters.")
class LogLevel(Enum):
    """domain.jobs.logs.Level."""

    DEBUG = enum_value("debug", description="For whoever mends the plugin.")
    INFO = enum_value("info", description="What was done.")
    WARNING = enum_value("warning", description="Something may be wrong.")
    ERROR = enum_value("error", description="Something is wrong.")


@strawberry.type(description="One line of a job's log.")
class LogLine:
    """domain.jobs.logs.Read."""

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


@strawberry.interface(description="One change of a job.")
class JobEvent:
    """What all events of a job's record have."""

    seq: Long = field(description="1 for the job's first event, and dense.")
    at: DateTime = field(description="When it happened.")
    attempt: int = field(description="The attempt that it belongs to; 0 before the first.")


@strawberry.type(description="The job waits for a worker.")
class JobQueued(JobEvent):
    """events.jobs.JobQueued."""

    reason: str = field(description="asked, failed, waiting, stopped, lost or retried.")
    error: str = field(description="Why the last attempt ended, where it failed or was lost.")
    waiting_for: str = field(description="The UUID of the job that it waits for, where it waits for one.")
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
                error=plain.get("error", ""),
                waiting_for=plain.get("waiting_for", ""),
                not_before=time(plain.get("not_before", 0.0)),
            )
        case "JobStarted":
            return JobStarted(**said, worker=plain.get("worker", ""))
        case "JobCanceling":
            return JobCanceling(**said)
        case "JobFinished":
            return JobFinished(**said, outcome=JobOutcome(plain["outcome"]), error=plain.get("error", ""))
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
        if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
            return None
        seq, attempt, line = map(int, numbers)
        return cls(seq, attempt, line)

    def __str__(self) -> str:
        return encode(f"{self.seq}.{self.attempt}.{self.line}")


@strawberry.type(description="What happened to a job since the last batch.")
class JobEventBatch(Shareable):
    """One answer of jobEvents."""

    span: strawberry.Private[Span]
    job: Job = field(description="The job as it is now.")
    events: list[JobEvent] = field(description="What changed, in order.")
    lines: list[LogLine] = field(description="What its log says more, in order.")
    progress: JobProgress = field(description="How far it is.")
    cursor: str = field(description="Opaque: `after` of whoever comes back.")
    gap: bool = field(description="True where `after` was no cursor of this job as it is: everything follows again.")


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
