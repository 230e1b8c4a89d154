"""What happens to a run, live and resumable: the events of all its jobs, in batches."""

from typing import Any, NamedTuple

import msgspec
import orjson
import strawberry
from strawberry import field

from domain.hub import Hub
from domain.jobs import runs
from domain.jobs.jobs import Progress
from domain.jobs.runs import RunView, StepView
from domain.nouns import Stored
from events.jobs import JobProgressed
from events.message import Event
from gateway.graphql.job_events import JobEvent, job_events
from gateway.graphql.nodes import decode, encode
from gateway.graphql.runs import Run
from gateway.live.stream import Reader, Shareable, Span


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
    run: Run = field(description="The run as it is now, its steps with their jobs and progress.")
    events: list[RunEvent] = field(description="What changed, in order of time.")
    cursor: str = field(description="Opaque: `after` of whoever comes back.")
    gap: bool = field(description="True where `after` was no cursor of this run as it is: everything follows again.")


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
        view = self._with_progress(await runs.view(self._hub, self._id))
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
