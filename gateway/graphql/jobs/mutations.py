"""Cancelling and retrying jobs and runs, and starting a whole pipeline."""

from typing import Annotated

import strawberry
from strawberry import field

from domain.data import pipelines
from domain.jobs import control, overview, runs
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.inputs import KEY, In
from gateway.graphql.jobs.types import Job, Run, Started
from gateway.graphql.nodes import local_id


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
class JobMutation:
    """Starting and changing jobs and runs."""

    @strawberry.mutation(description="Cancel a job: at once where it waits, within a second where it runs.")
    async def cancel_job(self, info: Info, input: In[CancelJobInput]) -> CancelJobPayload:
        """Refused where it has finished."""
        return CancelJobSuccess(job=Job.of(await control.cancel(info.context.hub, local_id("Job", input.job_id))))

    @strawberry.mutation(description="Queue a job again that failed, was cancelled or timed out.")
    async def retry_job(self, info: Info, input: In[RetryJobInput]) -> RetryJobPayload:
        """Refused where it succeeded or has not finished."""
        return RetryJobSuccess(job=Job.of(await control.retry(info.context.hub, local_id("Job", input.job_id))))

    @strawberry.mutation(description="Cancel everything of a run that is not finished.")
    async def cancel_run(self, info: Info, input: In[CancelRunInput]) -> CancelRunPayload:
        """Nothing follows any more."""
        hub, id = info.context.hub, local_id("Run", input.run_id)
        await runs.cancel(hub, id)
        return CancelRunSuccess(run=Run.of(await overview.view(hub, id)))

    @strawberry.mutation(description="Every source of a build: dump, upload, inspect; then build and release.")
    async def run_pipeline(self, info: Info, input: In[RunPipelineInput]) -> RunPipelinePayload:
        """One run for all of it."""
        started = await pipelines.start_pipeline(
            info.context.hub,
            input.build,
            input.api,
            force=input.force,
            asked_by=info.context.caller.actor,
            key=input.idempotency_key,
        )
        return RunPipelineSuccess.of(started)
