"""Builds: a configuration that says which parts are merged, and the collections it made."""

from typing import Annotated, Self

import strawberry
from strawberry import argument, field

from domain.data import builds, sources
from domain.data.builds import BUILDS
from domain.data.builds import Build as BuildRecord
from domain.nouns import Stored
from events.builds import BuildFinished
from gateway.context import Info
from gateway.graphql.documents import AfterId, DocumentPage, Fields, Ids, by_id
from gateway.graphql.gates import Gates
from gateway.graphql.history import Change, Topic
from gateway.graphql.jobs.queries import JobFilter, job_page
from gateway.graphql.jobs.types import Job
from gateway.graphql.nodes import After, Connection, First, Node, global_id
from gateway.scalars import JSON, DateTime, Long, time


@strawberry.type(description="Sources merged by id: what one run of a build made.")
class BuildOutput:
    """events.builds.BuildFinished."""

    output: str = field(description="Its name: the job and attempt that merged it.")
    version: str = field(description="Its name, such as 20261121; the next one of that day is 20261121.2.")
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
    async def documents(self, info: Info, ids: Ids, fields: Fields = None) -> JSON:
        """As they were merged."""
        return await by_id(info.context.hub.documents, self.output, ids, fields)

    @strawberry.field(description="Its documents, in the order of their ids.")
    async def document_page(self, info: Info, first: First = 20, after: AfterId = "", fields: Fields = None) -> DocumentPage:
        """A page."""
        return await DocumentPage.of(info.context.hub.documents, self.output, first, after, fields)

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
    gates: Gates = field(description="What keeps back releases of it.")
    created_at: DateTime = field(description="When it was added.")
    edited_at: DateTime | None = field(description="When it was last edited.")
    writer: str = field(description="The job and attempt that works on it; empty where none does.")
    outputs: list[BuildOutput] = field(description="What it made and is kept, newest first.")

    @strawberry.field(description="What its configuration and gates were, newest first: the last changes of each.")
    def history(self, topic: Topic = "") -> list[Change]:
        """As many as are remembered."""
        return Change.of(self.record.history, topic)

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
            gates=Gates.of(build.gates),
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

    @strawberry.field(description="What it made, by version or by output; the newest where it is left out.")
    def output(self, version: Annotated[str | None, argument(description="A version or an output.")] = None) -> BuildOutput | None:
        """Null where that is not kept."""
        return next((made for made in self.outputs if version in (None, made.version, made.output)), None)

    @strawberry.field(description="Jobs that worked on it, newest first.")
    async def jobs(self, info: Info, first: First = 20, after: After = None) -> Connection[Job]:
        """A page."""
        return await job_page(info, JobFilter(target=f"build/{self.name}"), first, after)


async def find_build(info: Info, name: str) -> Build | None:
    """The build of that name."""
    stored = await BUILDS.find_one(info.context.hub.records, name)
    return Build.of(stored) if stored else None
