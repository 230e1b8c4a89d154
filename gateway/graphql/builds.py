"""Builds: a configuration that says which parts are merged, and the collections it made."""

from typing import Annotated, Any, Self

import orjson
import strawberry
from strawberry import UNSET, argument, field

from domain.data import builds, schedules, sources
from domain.data.builds import BUILDS
from domain.data.builds import Build as BuildRecord
from domain.jobs import runs
from domain.nouns import Stored
from events.builds import BuildFinished
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.jobs import KEY, Job, JobFilter, Started, job_page
from gateway.graphql.nodes import After, Connection, First, In, Name, Node, connection, few, global_id, page_size, position
from gateway.scalars import JSON, DateTime, Long, time


@strawberry.type(description="Sources merged by id: what one run of a build made.")
class BuildOutput:
    """events.builds.BuildFinished."""

    output: str = field(description="Its name: the job and attempt that merged it.")
    version: str = field(description="The build version, such as 20261121; two of a day share it.")
    configuration: int = field(description="The version of the configuration that was used.")
    count: Long = field(description="Documents.")
    counts: JSON = field(description="Documents read of each part.")
    inputs: JSON = field(description="The collection merged for each part.")
    at: DateTime = field(description="When it was finished.")

    @strawberry.field(description="Metadata that its APIs serve: sources, statistics, versions.")
    async def metadata(self, info: Info) -> JSON:
        """BioThings' `_meta`."""
        return JSON((await info.context.hub.documents.describe(self.output)).meta.get("metadata", {}))

    @strawberry.field(description="The merged mapping: Elasticsearch properties.")
    async def mapping(self, info: Info) -> JSON:
        """As it was sealed with the documents."""
        return JSON((await info.context.hub.documents.describe(self.output)).meta.get("mapping", {}))

    @strawberry.field(description="Documents by id: an object with those that exist.")
    async def documents(self, info: Info, ids: Annotated[list[str], argument(description="Up to 1000 values of `_id`.")]) -> JSON:
        """As they were merged."""
        found = await info.context.hub.documents.get(self.output, few(ids))
        return JSON({id: orjson.loads(body) for id, body in found.items()})

    @classmethod
    def of(cls, event: BuildFinished) -> Self:
        """As clients see it."""
        return cls(
            output=event.output,
            version=event.version,
            configuration=event.configuration,
            count=Long(event.count),
            counts=JSON(event.counts),
            inputs=JSON(event.inputs),
            at=DateTime(event.at),
        )


@strawberry.type(description="A configuration that says which parts of sources are merged.")
class Build(Node):
    """domain.data.builds.Build."""

    record: strawberry.Private[BuildRecord]
    name: str = field(description="Its name.")
    version: int = field(description="Raised by every edit.")
    sources: list[str] = field(description="Part names, or regular expressions that match whole part names.")
    root: list[str] = field(description="Parts whose documents define the ids; empty: all; `!x`: all but x.")
    merge_struct: list[str] = field(description="Parts that are merged key by key instead of replacing top-level keys.")
    doc_type: str = field(description="The document type, such as gene.")
    version_format: str = field(description="strftime pattern of the build version, in UTC.")
    metadata: JSON = field(description="Merged into the metadata that APIs serve.")
    automatic: bool = field(description="Whether it is built whenever one of its sources was uploaded.")
    shards: int = field(description="Shards of its indexes, where the engine has such.")
    replicas: int = field(description="Replicas of its indexes, where the engine has such.")
    created_at: DateTime = field(description="When it was added.")
    edited_at: DateTime | None = field(description="When it was last edited.")
    writer: str = field(description="The job and attempt that works on it; empty where none does.")
    outputs: list[BuildOutput] = field(description="What it made and is kept, newest first.")

    @classmethod
    def of(cls, stored: Stored[BuildRecord]) -> Self:
        """The record as clients see it."""
        build = stored.value
        return cls(
            id=global_id("Build", stored.id),
            record=build,
            name=stored.id,
            version=build.version,
            sources=list(build.sources),
            root=list(build.root),
            merge_struct=list(build.merge_struct),
            doc_type=build.doc_type,
            version_format=build.version_format,
            metadata=JSON(build.metadata),
            automatic=build.automatic,
            shards=build.shards,
            replicas=build.replicas,
            created_at=DateTime(build.created_at),
            edited_at=time(build.edited_at),
            writer=build.writer,
            outputs=[BuildOutput.of(event) for event in build.outputs if isinstance(event, BuildFinished)],
        )

    @strawberry.field(description="What is wrong at present with the parts that it names, such as that a source is not there yet.")
    async def warnings(self, info: Info) -> list[str]:
        """Sentences."""
        owners = {part: source.id for part, source in (await sources.parts(info.context.hub.records)).items()}
        return builds.warnings(self.record, owners)

    @strawberry.field(description="Jobs that worked on it, newest first.")
    async def jobs(self, info: Info, first: First = 20, after: After = None) -> Connection[Job]:
        """A page."""
        return await job_page(info, JobFilter(target=f"build/{self.name}"), first, after)


async def find_build(info: Info, name: str) -> Build | None:
    """The build of that name."""
    stored = await BUILDS.find_one(info.context.hub.records, name)
    return Build.of(stored) if stored else None


@strawberry.type
class BuildQuery:
    """Reading builds."""

    @strawberry.field(description="Builds, oldest first.")
    async def builds(self, info: Info, first: First = 20, after: After = None) -> Connection[Build]:
        """A page."""
        found = await BUILDS.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Build.of)

    @strawberry.field(description="One build.")
    async def build(self, info: Info, name: Name) -> Build | None:
        """Null where there is none."""
        return await find_build(info, name)


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


@strawberry.type(description="The build was removed; its collections follow.")
class RemoveBuildSuccess:
    """Success of removeBuild."""

    name: str = field(description="The name that is free now.")


RemoveBuildPayload = Annotated[
    RemoveBuildSuccess | Refusal, strawberry.union("RemoveBuildPayload", description="What removeBuild answers.")
]


@strawberry.input(description="Which build to make.")
class RunBuildInput:
    """Input of runBuild."""

    build: str = field(description="The build.")
    force: bool = field(default=False, description="Merge even if the newest output has just these inputs.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The build began; automatic releases follow.")
class RunBuildSuccess(Started):
    """Success of runBuild."""


RunBuildPayload = Annotated[RunBuildSuccess | Refusal, strawberry.union("RunBuildPayload", description="What runBuild answers.")]


def given(input: Any) -> dict[str, Any]:
    """The fields that the client gave, as the domain takes them; null is as if left out."""
    values = {name: value for name, value in vars(input).items() if value is not UNSET and value is not None and name != "name"}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@strawberry.type
class BuildMutation:
    """Changing builds."""

    @strawberry.mutation(description="Make a build configuration.")
    async def add_build(self, info: Info, input: In[AddBuildInput]) -> AddBuildPayload:
        """Checked by the domain."""
        return AddBuildSuccess(build=Build.of(await builds.add(info.context.hub, input.name, **given(input))))

    @strawberry.mutation(description="Edit a build configuration.")
    async def edit_build(self, info: Info, input: In[EditBuildInput]) -> EditBuildPayload:
        """Raises its version."""
        return EditBuildSuccess(build=Build.of(await builds.edit(info.context.hub, input.name, **given(input))))

    @strawberry.mutation(description="Remove a build with everything that it made.")
    async def remove_build(self, info: Info, input: In[RemoveBuildInput]) -> RemoveBuildPayload:
        """Refused while an API serves it or a job works on it."""
        await builds.remove(info.context.hub, input.name)
        await schedules.remove_those_of(info.context.hub, build=input.name)
        return RemoveBuildSuccess(name=input.name)

    @strawberry.mutation(description="Merge the current uploads of a build's sources.")
    async def run_build(self, info: Info, input: In[RunBuildInput]) -> RunBuildPayload:
        """A run."""
        context = info.context
        started = await runs.start_build(
            context.hub, input.build, force=input.force, asked_by=context.scope, key=input.idempotency_key
        )
        return RunBuildSuccess.of(started)
