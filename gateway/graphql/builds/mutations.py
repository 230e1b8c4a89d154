"""Changing builds, and starting the jobs that make them."""

from typing import Annotated

import strawberry
from strawberry import UNSET, field

from domain.data import builds, pipelines, removals
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.builds.types import Build
from gateway.graphql.gates import GatesInput, gates_of
from gateway.graphql.inputs import DRY_RUN, KEY, REMOVED, In, given
from gateway.graphql.jobs.types import Started
from gateway.scalars import JSON


@strawberry.input(description="A build configuration; what is left out takes its default.")
class AddBuildInput:
    """Input of addBuild."""

    name: str = field(description="Its name.")
    sources: list[str] = field(description="Part names, or regular expressions that match whole part names.")
    root: list[str] | None = field(default=UNSET, description="Parts whose documents define the ids; empty: all; `!x`: all but x.")
    merge_struct: list[str] | None = field(default=UNSET, description="Parts that are merged key by key.")
    doc_type: str | None = field(default=UNSET, description="The document type, such as gene.")
    version_format: str | None = field(default=UNSET, description="strftime pattern of the build version, in UTC.")
    metadata: JSON | None = field(default=UNSET, description="Merged into the metadata that APIs serve.")
    automatic: bool | None = field(default=UNSET, description="Whether it is built whenever one of its sources was uploaded.")
    shards: int | None = field(default=UNSET, description="Shards of its indexes.")
    replicas: int | None = field(default=UNSET, description="Replicas of its indexes.")


@strawberry.type(description="The build was added.")
class AddBuildSuccess:
    """Success of addBuild."""

    build: Build = field(description="The build.")


AddBuildPayload = Annotated[AddBuildSuccess | Refusal, strawberry.union("AddBuildPayload", description="What addBuild answers.")]


@strawberry.input(description="What changes of a build configuration; what is left out stays.")
class EditBuildInput(AddBuildInput):
    """Input of editBuild."""

    sources: list[str] | None = field(default=UNSET, description="Part names, or regular expressions that match whole part names.")  # type: ignore[assignment]


@strawberry.type(description="The build was edited; the next one is made anew.")
class EditBuildSuccess:
    """Success of editBuild."""

    build: Build = field(description="The build.")


EditBuildPayload = Annotated[
    EditBuildSuccess | Refusal, strawberry.union("EditBuildPayload", description="What editBuild answers.")
]


@strawberry.input(description="Which build to remove.")
class RemoveBuildInput:
    """Input of removeBuild."""

    name: str = field(description="The build.")
    dry_run: bool = field(default=False, description=DRY_RUN)


@strawberry.type(description="The build was removed; its collections follow.")
class RemoveBuildSuccess:
    """Success of removeBuild."""

    name: str = field(description="The name that is free now.")
    removed: list[str] = field(description=REMOVED)


RemoveBuildPayload = Annotated[
    RemoveBuildSuccess | Refusal, strawberry.union("RemoveBuildPayload", description="What removeBuild answers.")
]


@strawberry.input(description="Which build to make.")
class RunBuildInput:
    """Input of runBuild."""

    build: str = field(description="The build.")
    force: bool = field(default=False, description="Merge even if the newest output has just these inputs.")
    name: str = field(default="", description="What the build is called, its version; empty: as its configuration says.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The build began; automatic releases follow.")
class RunBuildSuccess(Started):
    """Success of runBuild."""


RunBuildPayload = Annotated[RunBuildSuccess | Refusal, strawberry.union("RunBuildPayload", description="What runBuild answers.")]


@strawberry.input(description="Which gates judge the releases of a build.")
class SetBuildGatesInput:
    """Input of setBuildGates."""

    name: str = field(description="The build.")
    gates: GatesInput = field(description="All of its gates.")


@strawberry.type(description="The gates judge releases from now on.")
class SetBuildGatesSuccess:
    """Success of setBuildGates."""

    build: Build = field(description="The build.")


SetBuildGatesPayload = Annotated[
    SetBuildGatesSuccess | Refusal, strawberry.union("SetBuildGatesPayload", description="What setBuildGates answers.")
]


@strawberry.input(description="Which change of the history to go back to.")
class RestoreBuildInput:
    """Input of restoreBuild."""

    name: str = field(description="The build.")
    change: int = field(description="The number of the change in its history.")


@strawberry.type(description="What the change says holds again; going back is a change of its own.")
class RestoreBuildSuccess:
    """Success of restoreBuild."""

    build: Build = field(description="The build.")


RestoreBuildPayload = Annotated[
    RestoreBuildSuccess | Refusal, strawberry.union("RestoreBuildPayload", description="What restoreBuild answers.")
]


@strawberry.type
class BuildMutation:
    """Changing builds."""

    @strawberry.mutation(description="Make a build configuration.")
    async def add_build(self, info: Info, input: In[AddBuildInput]) -> AddBuildPayload:
        """Checked by the domain."""
        return AddBuildSuccess(
            build=Build.of(await builds.add(info.context.hub, input.name, by=info.context.caller.actor, **given(input)))
        )

    @strawberry.mutation(description="Edit a build configuration.")
    async def edit_build(self, info: Info, input: In[EditBuildInput]) -> EditBuildPayload:
        """Raises its version."""
        return EditBuildSuccess(
            build=Build.of(await builds.edit(info.context.hub, input.name, by=info.context.caller.actor, **given(input)))
        )

    @strawberry.mutation(description="Let these gates judge the releases of a build.")
    async def set_build_gates(self, info: Info, input: In[SetBuildGatesInput]) -> SetBuildGatesPayload:
        """Checked by the domain."""
        stored = await builds.set_gates(info.context.hub, input.name, gates_of(input.gates), by=info.context.caller.actor)
        return SetBuildGatesSuccess(build=Build.of(stored))

    @strawberry.mutation(
        description="Let the configuration or gates of a build be again what a change of its history made of them."
    )
    async def restore_build(self, info: Info, input: In[RestoreBuildInput]) -> RestoreBuildPayload:
        """That is a change too."""
        by = info.context.caller.actor
        return RestoreBuildSuccess(build=Build.of(await builds.restore(info.context.hub, input.name, input.change, by=by)))

    @strawberry.mutation(description="Remove a build with everything that it made.")
    async def remove_build(self, info: Info, input: In[RemoveBuildInput]) -> RemoveBuildPayload:
        """Refused while an API serves it or a job works on it."""
        removed = await removals.remove_build(info.context.hub, input.name, dry_run=input.dry_run)
        return RemoveBuildSuccess(name=input.name, removed=removed)

    @strawberry.mutation(description="Merge the current uploads of a build's sources.")
    async def run_build(self, info: Info, input: In[RunBuildInput]) -> RunBuildPayload:
        """A run."""
        context = info.context
        started = await pipelines.start_build(
            context.hub,
            input.build,
            version=input.name,
            force=input.force,
            asked_by=context.caller.actor,
            key=input.idempotency_key,
        )
        return RunBuildSuccess.of(started)
