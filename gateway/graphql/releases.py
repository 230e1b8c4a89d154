"""Releases: a build's output, indexed, that an API serves or can go back to."""

from typing import Annotated, Self

import strawberry
from strawberry import field

from domain.data import apis
from domain.data.apis import Api as ApiRecord
from domain.jobs import runs
from events.apis import ReleaseCreated
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.jobs import KEY, Started
from gateway.graphql.nodes import In
from gateway.scalars import JSON, DateTime, Long


@strawberry.type(description="A build's output, indexed for one API.")
class Release:
    """events.apis.ReleaseCreated."""

    output: str = field(description="Its name, the index: the job and attempt that made it.")
    build_output: str = field(description="The build's output that it indexes.")
    version: str = field(description="The build version.")
    count: Long = field(description="Documents.")
    at: DateTime = field(description="When it was made.")
    served: bool = field(description="Whether the API serves it.")

    @strawberry.field(description="Metadata that is served with it: sources, statistics, versions.")
    async def metadata(self, info: Info) -> JSON:
        """BioThings' `_meta`."""
        spec, _ = await info.context.hub.search.describe(self.output)
        return JSON(spec.meta)

    @strawberry.field(description="The mapping of its index: Elasticsearch properties.")
    async def mapping(self, info: Info) -> JSON:
        """As it was made."""
        spec, _ = await info.context.hub.search.describe(self.output)
        return JSON(spec.mapping)

    @classmethod
    def of(cls, api: ApiRecord, event: ReleaseCreated) -> Self:
        """As clients see it."""
        return cls(
            output=event.output,
            build_output=event.build,
            version=event.version,
            count=Long(event.count),
            at=DateTime(event.at),
            served=event.output == api.served,
        )


@strawberry.input(description="Which API gets a release of its build's newest output.")
class CreateReleaseInput:
    """Input of createRelease."""

    api: str = field(description="The API.")
    force: bool = field(default=False, description="Index again even what is served already.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The release began.")
class CreateReleaseSuccess(Started):
    """Success of createRelease."""


CreateReleasePayload = Annotated[
    CreateReleaseSuccess | Refusal, strawberry.union("CreateReleasePayload", description="What createRelease answers.")
]


@strawberry.input(description="Which release an API serves from now on.")
class SwitchReleaseInput:
    """Input of switchRelease."""

    api: str = field(description="The API.")
    release: str = field(description="`output` of a release that is kept.")


@strawberry.type(description="The API serves the release; no request was dropped.")
class SwitchReleaseSuccess:
    """Success of switchRelease."""

    release: Release = field(description="The release.")


SwitchReleasePayload = Annotated[
    SwitchReleaseSuccess | Refusal, strawberry.union("SwitchReleasePayload", description="What switchRelease answers.")
]


@strawberry.type
class ReleaseMutation:
    """Making releases, and going back to them."""

    @strawberry.mutation(description="Index the newest output of an API's build beside what is served, check it, and switch.")
    async def create_release(self, info: Info, input: In[CreateReleaseInput]) -> CreateReleasePayload:
        """A job."""
        context = info.context
        started = await runs.start_release(
            context.hub, input.api, force=input.force, asked_by=context.scope, key=input.idempotency_key
        )
        return CreateReleaseSuccess.of(started)

    @strawberry.mutation(description="Roll an API back, or forward again, to a release that is kept.")
    async def switch_release(self, info: Info, input: In[SwitchReleaseInput]) -> SwitchReleasePayload:
        """At once."""
        stored = await apis.switch(info.context.hub, input.api, input.release)
        return SwitchReleaseSuccess(
            release=next(Release.of(stored.value, event) for event in stored.value.releases() if event.output == input.release)
        )
