"""Sources: a data plugin, its dumps, uploads and inspections, and the mapping of what it yields."""

from enum import Enum
from typing import Annotated, Any, Self

import orjson
import strawberry
from strawberry import argument, enum_value, field

from domain.data import pasted
from domain.data.sources import SOURCES
from domain.data.sources import Source as SourceRecord
from domain.errors import NotReady as Unready
from domain.masking import masked
from domain.nouns import Stored
from domain.query import mappings
from events.sources import Inspected as InspectedPart
from events.sources import Part as UploadedPart
from events.sources import SourceDumped, SourceInspected, SourceUploaded
from gateway.context import Info
from gateway.graphql.documents import AfterId, DocumentPage, Fields, Ids, by_id
from gateway.graphql.gates import Gates
from gateway.graphql.history import Change, Topic
from gateway.graphql.jobs.queries import JobFilter, job_page
from gateway.graphql.jobs.types import Job
from gateway.graphql.nodes import After, Connection, First, Name, Node, global_id
from gateway.scalars import JSON, DateTime, Long, shown, time

PATHS = 10_000
"""Paths that are given at a time."""


@strawberry.type(description="One file of a dump.")
class DumpFile:
    """events.sources.File."""

    name: str = field(description="Its path below the dump's folder.")
    size: Long = field(description="Bytes.")
    sha256: str = field(description="Checksum of its content.")
    url: str = field(description="Where it came from; empty where it was unpacked from another file.")


@strawberry.type(description="The files of a source's release, as they were fetched.")
class Dump:
    """events.sources.SourceDumped."""

    output: str = field(description="Its name: the job and attempt that fetched it.")
    release: str = field(description="The source's release.")
    name: str = field(description="What people call it: the release, with a number behind it where it was dumped before.")
    size: Long = field(description="Bytes of all files.")
    at: DateTime = field(description="When it was stored.")
    files: list[DumpFile] = field(description="Its files.")

    @classmethod
    def of(cls, event: SourceDumped) -> Self:
        """As clients see it."""
        files = [DumpFile(name=file.name, size=Long(file.size), sha256=file.sha256, url=masked(file.url)) for file in event.files]
        return cls(
            output=event.output,
            release=event.release,
            name=event.called,
            size=Long(event.size),
            at=DateTime(event.at),
            files=files,
        )


@strawberry.type(description="The documents of a source's release, as they were parsed and stored.")
class Upload:
    """events.sources.SourceUploaded."""

    output: str = field(description="Its name: the job and attempt that stored it.")
    release: str = field(description="The source's release.")
    name: str = field(description="What people call it: the release, with a number behind it where it was uploaded before.")
    dump: str = field(description="The dump that was parsed.")
    code: str = field(description="Content hash of the plugin's code that parsed it.")
    count: Long = field(description="Documents of all parts.")
    at: DateTime = field(description="When it was stored.")

    @classmethod
    def of(cls, event: SourceUploaded) -> Self:
        """As clients see it."""
        count = sum(part.count for part in event.parts.values())
        return cls(
            output=event.output,
            release=event.release,
            name=event.called,
            dump=event.dump,
            code=event.code,
            count=Long(count),
            at=DateTime(event.at),
        )


@strawberry.enum(description="Where a mapping comes from.")
class MappedBy(Enum):
    """domain.data.sources.Derivation, and people."""

    INSPECTION = enum_value("inspection", description="The newest inspection suggested it; the next one replaces it.")
    PLUGIN = enum_value("plugin", description="The plugin's mapping function gave it; the next upload replaces it.")
    PERSON = enum_value("person", description="Somebody committed or edited it; nothing else changes it.")


@strawberry.type(description="Something about a path that its author may want to change.")
class PathWarning:
    """domain.data.suggestions.Warned."""

    path: str = field(description="The path, as the documents spell it.")
    code: str = field(description="W001 to W009; W001 to W004 are BioThings'.")
    message: str = field(description="What it is about.")


@strawberry.type(description="What an inspection saw in the documents of a part.")
class Inspection:
    """events.sources.Inspected."""

    collection: strawberry.Private[str]
    documents: Long = field(description="Documents that were looked at.")
    path_count: Long = field(description="Paths that they have.")
    warnings: Long = field(description="Paths with a warning.")

    @strawberry.field(
        description="What was seen at each path, ordered by path, 10000 at a time: types, counts, ranges, samples, suggestions."
    )
    async def paths(self, info: Info, after: Annotated[str, argument(description="Only paths behind this one.")] = "") -> JSON:
        """One scalar: there may be thousands."""
        found: list[Any] = []
        async for batch in info.context.hub.documents.scan(self.collection, after=after):
            found += [orjson.loads(document.body) for document in batch]
            if len(found) >= PATHS:
                break
        return JSON(found[:PATHS])

    @strawberry.field(description="The mapping that it suggests: Elasticsearch properties.")
    async def suggested(self, info: Info) -> JSON:
        """One that refuses none of the documents."""
        return JSON(await _summary(info, self.collection, "mapping"))

    @strawberry.field(description="What is unusual about paths, ordered by path.")
    async def path_warnings(self, info: Info) -> list[PathWarning]:
        """All of them."""
        return [PathWarning(**each) for each in await _summary(info, self.collection, "warnings")]

    @classmethod
    def of(cls, part: InspectedPart) -> Self:
        """As clients see it."""
        return cls(
            collection=part.collection,
            documents=Long(part.documents),
            path_count=Long(part.paths),
            warnings=Long(part.warnings),
        )


async def _summary(info: Info, collection: str, member: str) -> Any:
    """What was sealed with an inspection's collection."""
    return (await info.context.hub.documents.describe(collection)).meta[member]


@strawberry.type(description="What one uploader of a source fills: a collection of its own.")
class SourcePart:
    """A part by name, with what is current of it."""

    uploaded: strawberry.Private[UploadedPart | None]
    committed: strawberry.Private[dict[str, Any] | None]
    name: str = field(description="Its name, unique in the hub: builds merge parts.")
    count: Long | None = field(description="Documents of the current upload; null before the first.")
    duplicates: Long | None = field(description="Documents that shared their id and were ignored or merged.")
    mapping: JSON | None = field(description="The committed mapping: Elasticsearch properties; null before one is committed.")
    draft: JSON | None = field(description="A mapping that is worked on and not committed; null where there is none.")
    mapped_by: MappedBy | None = field(description="Where the mapping comes from; null before there is one.")
    inspection: Inspection | None = field(description="The current inspection; null before the first.")

    @strawberry.field(description="Documents of the current upload by id: an object with those that exist.")
    async def documents(self, info: Info, ids: Ids, fields: Fields = None) -> JSON:
        """What a release would give."""
        return await by_id(info.context.hub.documents, self._collection(), ids, fields)

    @strawberry.field(description="Documents of the current upload, in the order of their ids.")
    async def document_page(self, info: Info, first: First = 20, after: AfterId = "", fields: Fields = None) -> DocumentPage:
        """A page."""
        return await DocumentPage.of(info.context.hub.documents, self._collection(), first, after, fields)

    def _collection(self) -> str:
        if self.uploaded is None:
            raise Unready(f"{self.name} was not uploaded yet")
        return self.uploaded.collection

    @strawberry.field(description="How many fields the mapping has; null before there is one.")
    def mapped_count(self) -> Long | None:
        """Paths that hold values."""
        return None if self.committed is None else Long(len(mappings.flatten(self.committed)))

    @strawberry.field(description="Paths with values, by the inspection, that the mapping does not have: no query finds them.")
    async def unmapped(self, info: Info) -> list[str]:
        """Empty before the first inspection."""
        if self.inspection is None:
            return []
        return mappings.unmapped(await _summary(info, self.inspection.collection, "mapping"), self.committed or {})

    @strawberry.field(description="Mapped fields that no document has, by the inspection: queries find nothing in them.")
    async def unseen(self, info: Info) -> list[str]:
        """Empty before the first inspection."""
        if self.inspection is None or self.committed is None:
            return []
        rows = info.context.hub.documents.scan(self.inspection.collection, bodies=False)
        return pasted.unseen(self.committed, {row.id async for batch in rows for row in batch})

    @classmethod
    def of(cls, source: SourceRecord, name: str) -> Self:
        """As clients see it."""
        upload, inspection = source.newest(SourceUploaded), source.newest(SourceInspected)
        uploaded = upload and upload.parts.get(name)
        inspected = inspection and inspection.parts.get(name)
        mapping = source.mapping.get(name)
        return cls(
            uploaded=uploaded or None,
            committed=mapping,
            name=name,
            count=Long(uploaded.count) if uploaded else None,
            duplicates=Long(uploaded.duplicates) if uploaded else None,
            mapping=None if mapping is None else JSON(mapping),
            draft=JSON(source.drafts[name]) if name in source.drafts else None,
            mapped_by=None if mapping is None else MappedBy(source.derived.get(name, "person")),
            inspection=Inspection.of(inspected) if inspected else None,
        )


@strawberry.type(description="A data plugin that is dumped, uploaded and inspected.")
class Source(Node):
    """domain.data.sources.Source."""

    record: strawberry.Private[SourceRecord]
    name: str = field(description="Its name.")
    folder: str = field(description="The folder of the hub's machine that its code is read from at reload.")
    code: str = field(description="Content hash of its code.")
    manifest: JSON = field(description="Its manifest, normalised; `warnings` says what was taken how.")
    disabled: bool = field(description="Whether dumps are refused.")
    gates: Gates = field(description="What keeps back releases of it.")
    created_at: DateTime = field(description="When it was added.")
    edited_at: DateTime | None = field(description="When it was last edited.")
    writer: str = field(description="The job and attempt that works on it; empty where none does.")
    release: str | None = field(description="The release whose documents are current; null before the first upload.")
    count: Long | None = field(description="Documents of the current upload; null before the first.")
    parts: list[SourcePart] = field(description="What its uploaders fill, in the manifest's order.")
    dumps: list[Dump] = field(description="The dumps that are kept, newest first.")
    uploads: list[Upload] = field(description="The uploads that are kept, newest first.")

    @classmethod
    def of(cls, stored: Stored[SourceRecord]) -> Self:
        """The record as clients see it."""
        source = stored.value
        uploads = [Upload.of(event) for event in source.outputs if isinstance(event, SourceUploaded)]
        return cls(
            id=global_id("Source", stored.id),
            record=source,
            name=stored.id,
            folder=source.folder,
            code=source.code,
            manifest=shown(source.manifest),
            disabled=source.disabled,
            gates=Gates.of(source.gates),
            created_at=DateTime(source.created_at),
            edited_at=time(source.edited_at),
            writer=source.writer,
            release=uploads[0].release if uploads else None,
            count=uploads[0].count if uploads else None,
            parts=[SourcePart.of(source, name) for name in source.part_names()],
            dumps=[Dump.of(event) for event in source.outputs if isinstance(event, SourceDumped)],
            uploads=uploads,
        )

    @strawberry.field(description="What its mappings and gates were, newest first: the last changes of each.")
    def history(self, topic: Topic = "") -> list[Change]:
        """As many as are remembered."""
        return Change.of(self.record.history, topic)

    @strawberry.field(description="The part of that name.")
    def part(self, name: Name) -> SourcePart | None:
        """Null where there is none."""
        return next((part for part in self.parts if part.name == name), None)

    @strawberry.field(description="Jobs that worked on it, newest first.")
    async def jobs(self, info: Info, first: First = 20, after: After = None) -> Connection[Job]:
        """A page."""
        return await job_page(info, JobFilter(target=f"source/{self.name}"), first, after)


async def find_source(info: Info, name: str) -> Source | None:
    """The source of that name."""
    stored = await SOURCES.find_one(info.context.hub.records, name)
    return Source.of(stored) if stored else None
