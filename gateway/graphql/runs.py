"""Runs: everything that one request or schedule set off."""

from enum import Enum
from typing import Annotated, Self

import strawberry
from strawberry import argument, enum_value, field

from domain.errors import NotFound as Absent
from domain.jobs import runs
from domain.jobs.runs import RunView
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.jobs import KEY, Job, Started
from gateway.graphql.nodes import (
    After,
    Connection,
    Edge,
    First,
    In,
    Node,
    PageInfo,
    encode,
    global_id,
    local_id,
    page_size,
    position,
)
from gateway.scalars import DateTime, time

RunId = Annotated[strawberry.ID, argument(description="The run's id, or its UUID.")]


@strawberry.enum(description="Where a run stands.")
class RunState(Enum):
    """domain.jobs.chains.RunState."""

    RUNNING = enum_value("RUNNING", description="Some of its jobs are not finished.")
    SUCCEEDED = enum_value("SUCCEEDED", description="Every step did what was asked.")
    FAILED = enum_value("FAILED", description="A step failed or timed out, so what comes after it was not begun.")
    CANCELED = enum_value("CANCELED", description="Somebody cancelled it.")


@strawberry.type(description="A planned step of a run.")
class RunStep:
    """domain.jobs.runs.StepView."""

    name: str = field(description="What it does, such as upload:clinvar.")
    after: list[str] = field(description="The steps that it waits for.")
    job_id: str = field(description="The UUID that its job has, or will have.")
    job: Job | None = field(description="Its job; null before it is asked for.")


@strawberry.type(description="Everything that one request or schedule set off.")
class Run(Node):
    """domain.jobs.runs.RunView."""

    run_id: str = field(description="Its UUID.")
    title: str = field(description="What it does, in words.")
    asked_by: str = field(description="Who asked for it.")
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


async def find_run(info: Info, id: str) -> Run | None:
    """The run of an opaque id or a UUID."""
    try:
        return Run.of(await runs.view(info.context.hub, local_id("Run", id)))
    except Absent:
        return None


def run_connection(found: list[RunView], first: int) -> Connection[Run]:
    """A page of at most `first` of these runs; one more than that says that there is a next one."""
    edges = [Edge(cursor=encode(f"{view.created_at!r}:{view.id}"), node=Run.of(view)) for view in found[:first]]
    end = edges[-1].cursor if edges else None
    return Connection(edges=edges, page_info=PageInfo(has_next_page=len(found) > first, end_cursor=end))


@strawberry.type
class RunQuery:
    """Reading runs."""

    @strawberry.field(description="Runs, newest first.")
    async def runs(self, info: Info, first: First = 20, after: After = None) -> Connection[Run]:
        """A page."""
        return run_connection(await runs.page(info.context.hub, after=position(after), limit=page_size(first) + 1), first)

    @strawberry.field(description="One run.")
    async def run(self, info: Info, id: RunId) -> Run | None:
        """Null where there is none."""
        return await find_run(info, id)


@strawberry.input(description="Which run to cancel.")
class CancelRunInput:
    """Input of cancelRun."""

    run_id: strawberry.ID = field(description="The run's id, or its UUID.")


@strawberry.type(description="Nothing more of the run is begun; what runs of it ends.")
class CancelRunSuccess:
    """Success of cancelRun."""

    run: Run = field(description="The run.")


CancelRunPayload = Annotated[
    CancelRunSuccess | Refusal, strawberry.union("CancelRunPayload", description="What cancelRun answers.")
]


@strawberry.input(description="What to bring from its sources to its API.")
class RunPipelineInput:
    """Input of runPipeline."""

    build: str = field(description="The build whose sources are dumped, uploaded, inspected and merged.")
    api: str = field(description="The API that serves it.")
    force: bool = field(default=False, description="Do every step even where nothing changed.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The pipeline's run began.")
class RunPipelineSuccess(Started):
    """Success of runPipeline."""


RunPipelinePayload = Annotated[
    RunPipelineSuccess | Refusal, strawberry.union("RunPipelinePayload", description="What runPipeline answers.")
]


@strawberry.type
class RunMutation:
    """Starting and changing runs."""

    @strawberry.mutation(description="Cancel everything of a run that is not finished.")
    async def cancel_run(self, info: Info, input: In[CancelRunInput]) -> CancelRunPayload:
        """Nothing follows any more."""
        return CancelRunSuccess(run=Run.of(await runs.cancel(info.context.hub, local_id("Run", input.run_id))))

    @strawberry.mutation(description="Every source of a build: dump, upload, inspect; then build and release.")
    async def run_pipeline(self, info: Info, input: In[RunPipelineInput]) -> RunPipelinePayload:
        """One run for all of it."""
        started = await runs.start_pipeline(
            info.context.hub,
            input.build,
            input.api,
            force=input.force,
            asked_by=info.context.scope,
            key=input.idempotency_key,
        )
        return RunPipelineSuccess.of(started)
