"""Reading jobs and runs."""

from typing import Annotated

import strawberry
from strawberry import argument, field

from domain.errors import Invalid
from domain.jobs import control, overview
from domain.jobs.jobs import JOBS
from domain.jobs.overview import RunView
from domain.visibility import check
from gateway.context import Info
from gateway.graphql.jobs.events import Cursor, JobCursor, JobEventBatch, JobReader, RunCursor, RunEventBatch, RunReader
from gateway.graphql.jobs.log import JobLog, LogAttempt, LogFirst, LogLast, LogSearch
from gateway.graphql.jobs.types import Job, JobId, JobOutcome, JobState, Run, RunId, find_job, find_run
from gateway.graphql.nodes import After, Connection, Edge, First, PageInfo, connection, cursor, local_id, page_size, position


@strawberry.input(description="Which jobs; fields that are left out do not matter.")
class JobFilter:
    """What domain.jobs.control.page can find by."""

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
    found = await control.page(info.context.hub, equals, after=position(after), limit=page_size(first) + 1)
    return connection(found, first, Job.of)


def run_connection(found: list[RunView], first: int) -> Connection[Run]:
    """A page of at most `first` of these runs; one more than that says that there is a next one."""
    edges = [Edge(cursor=cursor(view.sequence, view.id), node=Run.of(view)) for view in found[:first]]
    end = edges[-1].cursor if edges else None
    return Connection(edges=edges, page_info=PageInfo(has_next_page=len(found) > first, end_cursor=end))


@strawberry.type
class JobQuery:
    """Reading jobs and what happened to them."""

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

    @strawberry.field(description="Runs, newest first.")
    async def runs(self, info: Info, first: First = 20, after: After = None) -> Connection[Run]:
        """A page."""
        return run_connection(await overview.page(info.context.hub, after=position(after), limit=page_size(first) + 1), first)

    @strawberry.field(description="One run.")
    async def run(self, info: Info, id: RunId) -> Run | None:
        """Null where there is none."""
        return await find_run(info, id)

    @strawberry.field(description="What happened to a job: the subscription of that name, for those who poll.")
    async def job_events(self, info: Info, job_id: JobId, after: Cursor = None) -> JobEventBatch:
        """Everything after the cursor, at most a thousand log lines."""
        batch = await JobReader(info.context.hub, local_id("Job", job_id)).read(JobCursor.of(after), None)
        batch.check(info.context.caller)
        return batch

    @strawberry.field(description="What happened to a run: the subscription of that name, for those who poll.")
    async def run_events(self, info: Info, run_id: RunId, after: Cursor = None) -> RunEventBatch:
        """Everything after the cursor."""
        batch = await RunReader(info.context.hub, local_id("Run", run_id)).read(RunCursor.of(after), None)
        batch.check(info.context.caller)
        return batch

    @strawberry.field(description="A job's log, oldest line first.")
    async def job_log(
        self,
        info: Info,
        job_id: JobId,
        after: Cursor = None,
        first: LogFirst = 1000,
        last: LogLast = None,
        attempt: LogAttempt = None,
        search: LogSearch = None,
    ) -> JobLog:
        """All attempts, one after another."""
        hub, id = info.context.hub, local_id("Job", job_id)
        if job := await JOBS.find_one(hub.records, id):
            check(info.context.caller, job.value, "job", id)
        if last is not None:
            return await JobLog.tail(hub, id, last, attempt, alone=after is None and search is None)
        return await JobLog.read(hub, id, after, first, attempt, search)
