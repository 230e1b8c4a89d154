"""Changing APIs, making releases, and going back to them."""

from typing import Annotated

import strawberry
from strawberry import UNSET, field

from domain.data import apis, pipelines, removals
from domain.data.apis import Api as ApiRecord
from domain.nouns import Stored
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.apis.types import Api, Release
from gateway.graphql.inputs import DRY_RUN, KEY, REMOVED, In, given
from gateway.graphql.jobs.types import Started


@strawberry.input(description="What to serve under which name.")
class AddApiInput:
    """Input of addApi."""

    name: str = field(description="Its name, and so its path.")
    build: str = field(description="The build whose releases it serves.")
    automatic: bool | None = field(default=UNSET, description="Whether it is released whenever its build has a new output.")
    description: str | None = field(default=UNSET, description="What it is, in words.")


@strawberry.type(description="The API was added; it answers after its first release.")
class AddApiSuccess:
    """Success of addApi."""

    api: Api = field(description="The API.")


AddApiPayload = Annotated[AddApiSuccess | Refusal, strawberry.union("AddApiPayload", description="What addApi answers.")]


@strawberry.input(description="What changes of an API; what is left out stays.")
class EditApiInput:
    """Input of editApi."""

    name: str = field(description="The API.")
    automatic: bool | None = field(default=UNSET, description="Whether it is released whenever its build has a new output.")
    description: str | None = field(default=UNSET, description="What it is, in words.")


@strawberry.type(description="The API was edited.")
class EditApiSuccess:
    """Success of editApi."""

    api: Api = field(description="The API.")


EditApiPayload = Annotated[EditApiSuccess | Refusal, strawberry.union("EditApiPayload", description="What editApi answers.")]


@strawberry.input(description="Which API to start.")
class StartApiInput:
    """Input of startApi."""

    name: str = field(description="The API.")


@strawberry.type(description="The API answers.")
class StartApiSuccess:
    """Success of startApi."""

    api: Api = field(description="The API.")


StartApiPayload = Annotated[StartApiSuccess | Refusal, strawberry.union("StartApiPayload", description="What startApi answers.")]


@strawberry.input(description="Which API to stop.")
class StopApiInput:
    """Input of stopApi."""

    name: str = field(description="The API.")


@strawberry.type(description="The API answers 503 until it is started.")
class StopApiSuccess:
    """Success of stopApi."""

    api: Api = field(description="The API.")


StopApiPayload = Annotated[StopApiSuccess | Refusal, strawberry.union("StopApiPayload", description="What stopApi answers.")]


@strawberry.input(description="Which API to remove.")
class RemoveApiInput:
    """Input of removeApi."""

    name: str = field(description="The API.")
    dry_run: bool = field(default=False, description=DRY_RUN)


@strawberry.type(description="The API was removed; its indexes follow.")
class RemoveApiSuccess:
    """Success of removeApi."""

    name: str = field(description="The name that is free now.")
    removed: list[str] = field(description=REMOVED)


RemoveApiPayload = Annotated[
    RemoveApiSuccess | Refusal, strawberry.union("RemoveApiPayload", description="What removeApi answers.")
]


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
    release: str = field(description="Name or `output` of a release that is kept.")


@strawberry.type(description="The API serves the release; no request was dropped.")
class SwitchReleaseSuccess:
    """Success of switchRelease."""

    release: Release = field(description="The release.")
    writer: str = field(description="The job and attempt that makes a release just now, which is served when it is done; or empty.")


SwitchReleasePayload = Annotated[
    SwitchReleaseSuccess | Refusal, strawberry.union("SwitchReleasePayload", description="What switchRelease answers.")
]


@strawberry.input(description="Which held release is served all the same.")
class AcceptReleaseInput:
    """Input of acceptRelease."""

    api: str = field(description="The API.")
    release: str = field(default="", description="Name or `output` of the release; empty: the one that is held.")


@strawberry.type(description="The API serves the release that was held.")
class AcceptReleaseSuccess:
    """Success of acceptRelease."""

    release: Release = field(description="The release.")


AcceptReleasePayload = Annotated[
    AcceptReleaseSuccess | Refusal, strawberry.union("AcceptReleasePayload", description="What acceptRelease answers.")
]


@strawberry.type
class ApiMutation:
    """Changing APIs, making releases, and going back to them."""

    @strawberry.mutation(description="Make an API of a build.")
    async def add_api(self, info: Info, input: In[AddApiInput]) -> AddApiPayload:
        """Checked by the domain."""
        return AddApiSuccess(api=Api.of(await apis.add(info.context.hub, input.name, **given(input))))

    @strawberry.mutation(description="Edit an API.")
    async def edit_api(self, info: Info, input: In[EditApiInput]) -> EditApiPayload:
        """Its description, and whether releases are automatic."""
        return EditApiSuccess(api=Api.of(await apis.edit(info.context.hub, input.name, **given(input))))

    @strawberry.mutation(description="Let an API answer.")
    async def start_api(self, info: Info, input: In[StartApiInput]) -> StartApiPayload:
        """At once."""
        return StartApiSuccess(api=Api.of(await apis.edit(info.context.hub, input.name, running=True)))

    @strawberry.mutation(description="Let an API answer 503.")
    async def stop_api(self, info: Info, input: In[StopApiInput]) -> StopApiPayload:
        """At once."""
        return StopApiSuccess(api=Api.of(await apis.edit(info.context.hub, input.name, running=False)))

    @strawberry.mutation(description="Stop serving an API and remove it with its releases.")
    async def remove_api(self, info: Info, input: In[RemoveApiInput]) -> RemoveApiPayload:
        """Refused while a job works on it."""
        removed = await removals.remove_api(info.context.hub, input.name, dry_run=input.dry_run)
        return RemoveApiSuccess(name=input.name, removed=removed)

    @strawberry.mutation(description="Index the newest output of an API's build beside what is served, check it, and switch.")
    async def create_release(self, info: Info, input: In[CreateReleaseInput]) -> CreateReleasePayload:
        """A job."""
        context = info.context
        started = await pipelines.start_release(
            context.hub, input.api, force=input.force, asked_by=context.caller.actor, key=input.idempotency_key
        )
        return CreateReleaseSuccess.of(started)

    @strawberry.mutation(description="Roll an API back, or forward again, to a release that is kept.")
    async def switch_release(self, info: Info, input: In[SwitchReleaseInput]) -> SwitchReleasePayload:
        """At once."""
        stored = await apis.switch(info.context.hub, input.api, input.release)
        return SwitchReleaseSuccess(release=_served(stored), writer=stored.value.writer)

    @strawberry.mutation(description="Serve a release that is held, although the gates say what is wrong with it.")
    async def accept_release(self, info: Info, input: In[AcceptReleaseInput]) -> AcceptReleasePayload:
        """At once; the release keeps who did it and when."""
        stored = await apis.accept(info.context.hub, input.api, input.release, by=info.context.caller.actor)
        return AcceptReleaseSuccess(release=_served(stored))


def _served(stored: Stored[ApiRecord]) -> Release:
    """The release that the API serves since this mutation."""
    return next(Release.of(stored.value, event) for event in stored.value.releases() if event.output == stored.value.served)
