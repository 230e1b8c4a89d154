"""Changing sources, and starting the jobs that work on them."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import enum_value, field

from domain.data import pipelines, removals, schedules, sources
from domain.errors import Invalid
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.gates import GatesInput, gates_of
from gateway.graphql.inputs import DRY_RUN, KEY, REMOVED, In
from gateway.graphql.jobs.types import Started
from gateway.graphql.sources.types import Source
from gateway.scalars import JSON


@strawberry.input(description="Which plugin becomes a source.")
class AddSourceInput:
    """Input of addSource."""

    folder: str = field(description="A folder of the hub's machine with a manifest and its code.")
    name: str = field(default="", description="Its name; empty: as the manifest says, else the folder's.")


@strawberry.type(description="The source was added.")
class AddSourceSuccess:
    """Success of addSource."""

    source: Source = field(description="The source.")


AddSourcePayload = Annotated[
    AddSourceSuccess | Refusal, strawberry.union("AddSourcePayload", description="What addSource answers.")
]


@strawberry.input(description="What changes of a source; what is left out stays.")
class EditSourceInput:
    """Input of editSource."""

    name: str = field(description="The source.")
    folder: str | None = field(default=None, description="Where its code is read from at the next reload.")
    disabled: bool | None = field(default=None, description="Whether dumps are refused.")


@strawberry.type(description="The source was edited.")
class EditSourceSuccess:
    """Success of editSource."""

    source: Source = field(description="The source.")


EditSourcePayload = Annotated[
    EditSourceSuccess | Refusal, strawberry.union("EditSourcePayload", description="What editSource answers.")
]


@strawberry.input(description="Which source's code to read again.")
class ReloadSourceInput:
    """Input of reloadSource."""

    name: str = field(description="The source.")


@strawberry.type(description="The source's code and manifest were read again.")
class ReloadSourceSuccess:
    """Success of reloadSource."""

    source: Source = field(description="The source.")


ReloadSourcePayload = Annotated[
    ReloadSourceSuccess | Refusal, strawberry.union("ReloadSourcePayload", description="What reloadSource answers.")
]


@strawberry.input(description="Which source to remove.")
class RemoveSourceInput:
    """Input of removeSource."""

    name: str = field(description="The source.")
    dry_run: bool = field(default=False, description=DRY_RUN)


@strawberry.type(description="The source was removed; its files and documents follow.")
class RemoveSourceSuccess:
    """Success of removeSource."""

    name: str = field(description="The name that is free now.")
    removed: list[str] = field(description=REMOVED)


RemoveSourcePayload = Annotated[
    RemoveSourceSuccess | Refusal, strawberry.union("RemoveSourcePayload", description="What removeSource answers.")
]


@strawberry.input(description="What changes of one field of a mapping, which is added where it has a type and is not mapped.")
class MappingFieldInput:
    """What domain.query.mappings.edit takes."""

    path: str = field(description="The field's dotted path.")
    type: str | None = field(default=None, description="keyword, text, integer, long, float, double, boolean or date.")
    indexed: bool | None = field(default=None, description="Whether queries find it.")
    searched_by_default: bool | None = field(default=None, description="Whether words without a path find it.")
    case_sensitive: bool | None = field(default=None, description="Whether a keyword's case matters.")


@strawberry.enum(description="What becomes of the draft of a mapping.")
class EndDraft(Enum):
    """domain.data.sources.end_draft."""

    COMMIT = enum_value("commit", description="It is the mapping from now on.")
    DISCARD = enum_value("discard", description="It is forgotten.")


@strawberry.input(description="The mapping to commit: whole, or the fields that change, or whatever inspections suggest.")
class SetMappingInput:
    """Input of setMapping."""

    source: str = field(description="The source.")
    part: str = field(description="The part of it.")
    properties: JSON | None = field(
        default=None,
        description="The whole mapping: Elasticsearch properties, also with `mappings`, a type or an index around them.",
    )
    fields: list[MappingFieldInput] | None = field(default=None, description="The fields of the committed mapping that change.")
    automatic: bool = field(
        default=False,
        description="Commit what the newest inspection suggests; those to come replace it, until it is edited.",
    )
    draft: bool = field(default=False, description="Save the mapping, or the fields that change, as a draft instead.")
    end_draft: EndDraft | None = field(default=None, description="What becomes of the draft.")


@strawberry.type(description="The mapping is committed; the next build merges it.")
class SetMappingSuccess:
    """Success of setMapping."""

    source: Source = field(description="The source.")


SetMappingPayload = Annotated[
    SetMappingSuccess | Refusal, strawberry.union("SetMappingPayload", description="What setMapping answers.")
]


@strawberry.input(description="Which source's files to fetch.")
class DumpSourceInput:
    """Input of dumpSource."""

    source: str = field(description="The source.")
    force: bool = field(default=False, description="Fetch even what seems unchanged.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The dump began; upload, inspection and what is automatic follow.")
class DumpSourceSuccess(Started):
    """Success of dumpSource."""


DumpSourcePayload = Annotated[
    DumpSourceSuccess | Refusal, strawberry.union("DumpSourcePayload", description="What dumpSource answers.")
]


@strawberry.input(description="Which source's newest dump to parse.")
class UploadSourceInput:
    """Input of uploadSource."""

    source: str = field(description="The source.")
    force: bool = field(default=False, description="Parse even what was parsed with this code already.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The upload began; inspection and what is automatic follow.")
class UploadSourceSuccess(Started):
    """Success of uploadSource."""


UploadSourcePayload = Annotated[
    UploadSourceSuccess | Refusal, strawberry.union("UploadSourcePayload", description="What uploadSource answers.")
]


@strawberry.input(description="Which source's newest upload to look at.")
class InspectSourceInput:
    """Input of inspectSource."""

    source: str = field(description="The source.")
    force: bool = field(default=False, description="Look again at what was inspected already.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The inspection began.")
class InspectSourceSuccess(Started):
    """Success of inspectSource."""


InspectSourcePayload = Annotated[
    InspectSourceSuccess | Refusal, strawberry.union("InspectSourcePayload", description="What inspectSource answers.")
]


@strawberry.input(description="Which source's mapping to try.")
class ValidateMappingInput:
    """Input of validateMapping."""

    source: str = field(description="The source.")
    draft: bool = field(default=False, description="Try the drafts, where parts have one.")
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="The validation began; its job's result lists the problems.")
class ValidateMappingSuccess(Started):
    """Success of validateMapping."""


ValidateMappingPayload = Annotated[
    ValidateMappingSuccess | Refusal, strawberry.union("ValidateMappingPayload", description="What validateMapping answers.")
]


@strawberry.input(description="Which gates judge the releases that a source is part of.")
class SetSourceGatesInput:
    """Input of setSourceGates."""

    name: str = field(description="The source.")
    gates: GatesInput = field(description="All of its gates.")


@strawberry.type(description="The gates judge releases from now on.")
class SetSourceGatesSuccess:
    """Success of setSourceGates."""

    source: Source = field(description="The source.")


SetSourceGatesPayload = Annotated[
    SetSourceGatesSuccess | Refusal, strawberry.union("SetSourceGatesPayload", description="What setSourceGates answers.")
]


@strawberry.input(description="Which change of the history to go back to.")
class RestoreSourceInput:
    """Input of restoreSource."""

    name: str = field(description="The source.")
    change: int = field(description="The number of the change in its history.")


@strawberry.type(description="What the change says holds again; going back is a change of its own.")
class RestoreSourceSuccess:
    """Success of restoreSource."""

    source: Source = field(description="The source.")


RestoreSourcePayload = Annotated[
    RestoreSourceSuccess | Refusal, strawberry.union("RestoreSourcePayload", description="What restoreSource answers.")
]


@strawberry.type
class SourceMutation:
    """Changing sources."""

    @strawberry.mutation(description="Make a source of a plugin, and the schedule that its manifest asks for.")
    async def add_source(self, info: Info, input: In[AddSourceInput]) -> AddSourcePayload:
        """Its code is stored, so that every worker has it."""
        stored = await sources.add(info.context.hub, input.folder, input.name)
        await schedules.from_manifest(info.context.hub, stored)
        return AddSourceSuccess(source=Source.of(stored))

    @strawberry.mutation(description="Edit a source.")
    async def edit_source(self, info: Info, input: In[EditSourceInput]) -> EditSourcePayload:
        """The folder, and whether dumps are refused."""
        stored = await sources.edit(info.context.hub, input.name, folder=input.folder, disabled=input.disabled)
        return EditSourceSuccess(source=Source.of(stored))

    @strawberry.mutation(description="Read a source's code and manifest again, after a change.")
    async def reload_source(self, info: Info, input: In[ReloadSourceInput]) -> ReloadSourcePayload:
        """What was made stays until the next jobs."""
        stored = await sources.reload(info.context.hub, input.name)
        await schedules.from_manifest(info.context.hub, stored)
        return ReloadSourceSuccess(source=Source.of(stored))

    @strawberry.mutation(description="Let these gates judge the releases that a source is part of.")
    async def set_source_gates(self, info: Info, input: In[SetSourceGatesInput]) -> SetSourceGatesPayload:
        """Checked by the domain."""
        stored = await sources.set_gates(info.context.hub, input.name, gates_of(input.gates), by=info.context.caller.actor)
        return SetSourceGatesSuccess(source=Source.of(stored))

    @strawberry.mutation(description="Let the mappings or gates of a source be again what a change of its history made of them.")
    async def restore_source(self, info: Info, input: In[RestoreSourceInput]) -> RestoreSourcePayload:
        """That is a change too."""
        by = info.context.caller.actor
        return RestoreSourceSuccess(source=Source.of(await sources.restore(info.context.hub, input.name, input.change, by=by)))

    @strawberry.mutation(description="Remove a source with its schedules and everything that was made of it.")
    async def remove_source(self, info: Info, input: In[RemoveSourceInput]) -> RemoveSourcePayload:
        """Refused while a build merges it or a job works on it."""
        removed = await removals.remove_source(info.context.hub, input.name, dry_run=input.dry_run)
        return RemoveSourceSuccess(name=input.name, removed=removed)

    @strawberry.mutation(description="Commit the mapping of a part: whole, field by field, or as inspections suggest it.")
    async def set_mapping(self, info: Info, input: In[SetMappingInput]) -> SetMappingPayload:
        """Checked by the domain."""
        hub, by, of = info.context.hub, info.context.caller.actor, (input.source, input.part)
        wanted = (input.properties is not None, input.fields is not None, input.automatic, input.end_draft is not None)
        if sum(wanted) != 1 or (input.draft and not any(wanted[:2])):
            raise Invalid("give one of: the whole mapping, the fields that change, automatic, endDraft", ("properties",))
        if input.automatic:
            stored = await sources.follow_inspections(hub, *of, by=by)
        elif input.end_draft is not None:
            stored = await sources.end_draft(hub, *of, commit=input.end_draft is EndDraft.COMMIT, by=by)
        elif isinstance(input.properties, dict):
            stored = await sources.set_mapping(hub, *of, input.properties, draft=input.draft, by=by)
        elif input.fields:
            edits = {edit.path: {name: value for name, value in vars(edit).items() if name != "path"} for edit in input.fields}
            stored = await sources.edit_mapping(hub, *of, edits, draft=input.draft, by=by)
        else:
            raise Invalid("the mapping is an object, and a list of fields has some", ("properties",))
        return SetMappingSuccess(source=Source.of(stored))

    @strawberry.mutation(description="Fetch a source's files where they are newer, then parse and inspect them.")
    async def dump_source(self, info: Info, input: In[DumpSourceInput]) -> DumpSourcePayload:
        """A run."""
        context = info.context
        started = await pipelines.start_dump(
            context.hub, input.source, force=input.force, asked_by=context.caller.actor, key=input.idempotency_key
        )
        return DumpSourceSuccess.of(started)

    @strawberry.mutation(description="Parse a source's newest dump and store its documents, then inspect them.")
    async def upload_source(self, info: Info, input: In[UploadSourceInput]) -> UploadSourcePayload:
        """A run."""
        context = info.context
        started = await pipelines.start_upload(
            context.hub, input.source, force=input.force, asked_by=context.caller.actor, key=input.idempotency_key
        )
        return UploadSourceSuccess.of(started)

    @strawberry.mutation(description="Look at every document of a source's newest upload.")
    async def inspect_source(self, info: Info, input: In[InspectSourceInput]) -> InspectSourcePayload:
        """A job."""
        context = info.context
        started = await pipelines.start_inspect(
            context.hub, input.source, force=input.force, asked_by=context.caller.actor, key=input.idempotency_key
        )
        return InspectSourceSuccess.of(started)

    @strawberry.mutation(description="Try a source's mapping on a scratch index with some of its documents.")
    async def validate_mapping(self, info: Info, input: In[ValidateMappingInput]) -> ValidateMappingPayload:
        """A job."""
        context = info.context
        started = await pipelines.start_validate(
            context.hub, input.source, draft=input.draft, asked_by=context.caller.actor, key=input.idempotency_key
        )
        return ValidateMappingSuccess.of(started)
