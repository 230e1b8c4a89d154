"""The schema: the sum of the nouns. `python -m gateway.schema` prints `schema.graphql`."""

import functools
import sys
from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from strawberry import argument
from strawberry.schema.config import StrawberryConfig

from gateway.context import Info
from gateway.errors import HANDLERS
from gateway.graphql.apis import ApiMutation, ApiQuery, find_api
from gateway.graphql.builds import BuildMutation, BuildQuery, find_build
from gateway.graphql.dead_letters import DeadLetterQuery, find_dead_letter
from gateway.graphql.hub_events import HubEventBatch, Kinds, hub_event_batches
from gateway.graphql.job_events import (
    Cursor,
    JobCanceling,
    JobCursor,
    JobEventBatch,
    JobFinished,
    JobProduced,
    JobQueued,
    JobReader,
    JobStarted,
)
from gateway.graphql.job_log import JobLog, LogAttempt, LogFirst, LogLast, LogSearch
from gateway.graphql.jobs import JobId, JobMutation, JobQuery, find_job
from gateway.graphql.nodes import Node, decode, local_id
from gateway.graphql.queues import QueueQuery
from gateway.graphql.releases import ReleaseMutation
from gateway.graphql.run_events import RunCursor, RunEventBatch, RunReader
from gateway.graphql.runs import RunId, RunMutation, RunQuery, find_run
from gateway.graphql.schedules import ScheduleMutation, ScheduleQuery, find_schedule
from gateway.graphql.source_mutations import SourceMutation
from gateway.graphql.sources import SourceQuery, find_source
from gateway.graphql.workers import WorkerBatch, WorkerQuery, WorkerReader
from gateway.scalars import SCALARS

FINDERS = {
    "Source": find_source,
    "Build": find_build,
    "Api": find_api,
    "Job": find_job,
    "Run": find_run,
    "Schedule": find_schedule,
    "DeadLetter": find_dead_letter,
}
"""How `node` finds each type again."""


@strawberry.type(description="What can be read.")
class Query(SourceQuery, BuildQuery, ApiQuery, RunQuery, JobQuery, WorkerQuery, QueueQuery, ScheduleQuery, DeadLetterQuery):
    """The sum of the nouns' queries."""

    @strawberry.field(description="Whatever has this id; null where there is nothing.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The `id` of a source, build, API, job, run, schedule or dead letter.")],
    ) -> Node | None:
        """By the type in the id."""
        type, _, local = (decode(id) or "").partition(":")
        found: Node | None = await FINDERS[type](info, local) if type in FINDERS else None
        return found

    @strawberry.field(description="What happened to a job: the subscription of that name, for those who poll.")
    async def job_events(self, info: Info, job_id: JobId, after: Cursor = None) -> JobEventBatch:
        """Everything after the cursor, at most a thousand log lines."""
        reader = JobReader(info.context.hub, local_id("Job", job_id))
        return await reader.read(JobCursor.of(after), None)

    @strawberry.field(description="What happened to a run: the subscription of that name, for those who poll.")
    async def run_events(self, info: Info, run_id: RunId, after: Cursor = None) -> RunEventBatch:
        """Everything after the cursor."""
        return await RunReader(info.context.hub, local_id("Run", run_id)).read(RunCursor.of(after), None)

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
        if last is not None:
            return await JobLog.tail(hub, id, last, attempt, alone=after is None and search is None)
        return await JobLog.read(hub, id, after, first, attempt, search)


@strawberry.type(description="What can be changed.")
class Mutation(SourceMutation, BuildMutation, ApiMutation, ReleaseMutation, RunMutation, JobMutation, ScheduleMutation):
    """The sum of the nouns' mutations."""


@strawberry.type(description="What can be watched: batches, over graphql-transport-ws.")
class Subscription:
    """Every field yields something Shareable, so that what many watch is executed once."""

    @strawberry.subscription(description="What happens to a job: first what is known, then live; ends behind its last event.")
    def job_events(self, info: Info, job_id: JobId, after: Cursor = None) -> AsyncGenerator[JobEventBatch, None]:
        """Resumes behind the cursor, on whichever gateway."""
        id, hub = local_id("Job", job_id), info.context.hub
        return info.context.watching.follow("job", id, lambda: JobReader(hub, id), JobCursor.of(after))

    @strawberry.subscription(description="What happens to a run: first what is known, then live; ends behind its last event.")
    def run_events(self, info: Info, run_id: RunId, after: Cursor = None) -> AsyncGenerator[RunEventBatch, None]:
        """Resumes behind the cursor, on whichever gateway."""
        id, hub = local_id("Run", run_id), info.context.hub
        return info.context.watching.follow("run", id, lambda: RunReader(hub, id), RunCursor.of(after))

    @strawberry.subscription(description="What happens in the hub, from now on or behind `after`; ends never.")
    def hub_events(self, info: Info, after: Cursor = None, kinds: Kinds = None) -> AsyncGenerator[HubEventBatch, None]:
        """Resumes on the gateway that gave the cursor; another one answers a gap."""
        return hub_event_batches(info.context, after, kinds)

    @strawberry.subscription(description="The workers, again whenever one comes, goes, or takes or ends a job.")
    def workers(self, info: Info) -> AsyncGenerator[WorkerBatch, None]:
        """All of them each time: there are few."""
        hub = info.context.hub
        return info.context.watching.follow("workers", "", lambda: WorkerReader(hub), None)


@functools.cache
def build_schema(*, sort: bool = False) -> strawberry.Schema:
    """The schema of this version. A sorted one is for printing only: strawberry does not find the members of its unions again."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[JobQueued, JobStarted, JobCanceling, JobFinished, JobProduced],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=sort),
        exception_handlers=HANDLERS,
    )


def print_schema() -> str:
    """The content of `schema.graphql`."""
    return build_schema(sort=True).as_str() + "\n"


if __name__ == "__main__":
    sys.stdout.write(print_schema())
