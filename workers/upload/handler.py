"""UploadSource: parse the newest dump with the plugin's code, store its documents and make them the source's newest upload."""

import asyncio
from typing import Any

import msgspec

from domain.data.adoption import adopt
from domain.data.pasted import unwrapped
from domain.data.sources import SOURCES, Source
from domain.errors import Invalid, NotReady
from domain.names import unused
from domain.nouns import Stored
from domain.query import mappings
from domain.room import check_room
from events.sources import Part, SourceDumped, SourceUploaded, UploadSource
from workers.context import JobContext
from workers.outputs import find_collection, has_collections
from workers.upload import store

SHRUNK = 0.9
"""Below this share of the documents of the upload before, the job's log warns."""


async def upload_source(command: UploadSource, context: JobContext) -> SourceUploaded:
    """The upload; `unchanged` where the newest dump was uploaded with this code already. Raises NotReady before the first dump."""
    source, dumped = await _look(command, context)
    previous = source.value.newest(SourceUploaded)
    known = previous if previous and (previous.dump, previous.code) == (dumped.output, source.value.code) else None
    if (
        known
        and not known.failed
        and not command.force
        and await has_collections((part.collection for part in known.parts.values()), context)
    ):
        await context.log(f"release {dumped.called} was uploaded with this code already")
        return msgspec.structs.replace(known.said_by(command), unchanged=True)
    await _check_room(previous, context)
    task = store.Task(
        source=source.id,
        release=dumped.release,
        dump=f"dumps/{dumped.output}/{source.id}/{dumped.release}",
        code=f"plugins/{source.value.code}/{source.id}",
        manifest=source.value.manifest,
        output=context.output,
        scratch=str(context.scratch),
        digests={file.name: file.sha256 for file in dumped.files},
        total=sum(part.count + part.duplicates for part in previous.parts.values()) if previous else None,
    )
    kept = previous.parts if previous else {}
    uploaded = await _stored(command, context, task, source.value.code, dumped.output, kept)
    if previous:
        await _compare(previous, uploaded, context)
    return uploaded


async def _stored(
    command: UploadSource, context: JobContext, task: store.Task, code: str, dump: str, kept: dict[str, Part]
) -> SourceUploaded:
    """Run the step and switch; of parts that failed, what was `kept` stays current. What was written is dropped where that fails.
    Once the switch was tried nothing is dropped here: it may have happened even if its answer was lost."""
    tried = False
    try:
        found = msgspec.convert(await context.child("store", msgspec.to_builtins(task)), store.Stored)
        name = unused(task.release, await _taken(task.source, context))
        parts = {**{part: kept[part] for part in found.failed if part in kept}, **found.parts}
        event = SourceUploaded(
            source=task.source,
            release=task.release,
            output=task.output,
            dump=dump,
            code=code,
            parts={uploader.name: parts[uploader.name] for uploader in task.manifest.uploaders if uploader.name in parts},
            name=name,
            failed=found.failed,
        ).said_by(command)
        usable = await _usable(found.mappings, context)

        def uploaded_now(source: Source) -> Source:
            return source.with_output(event, context.hub.limits.keep_collections).with_derived(usable, "plugin")

        tried = True
        await context.switch(SOURCES, task.source, uploaded_now)
    finally:
        if not tried:
            await asyncio.shield(_drop(task, context))
    return event


async def _look(command: UploadSource, context: JobContext) -> tuple[Stored[Source], SourceDumped]:
    """The source and its newest dump, pinned."""
    records = context.hub.records
    source = await SOURCES.get(records, command.source)
    if dumped := source.value.newest(SourceDumped):
        await context.pin(dumped.output)
        source = await SOURCES.get(records, command.source)
        dumped = source.value.newest(SourceDumped)
    if not dumped:
        raise NotReady(f"source {command.source} has no dump yet")
    if not source.value.manifest.uploaders:
        raise NotReady(f"the manifest of {command.source} has no uploader: nothing is parsed")
    return source, dumped


async def _taken(source: str, context: JobContext) -> list[str]:
    """What the uploads that are kept are called. No other upload of the source comes in between: this job is its writer."""
    outputs = (await SOURCES.get(context.hub.records, source)).value.outputs
    return [upload.called for upload in outputs if isinstance(upload, SourceUploaded)]


async def _check_room(previous: SourceUploaded | None, context: JobContext) -> None:
    """Raises DiskFull where the disk would not hold twice what the upload before takes, of which only the parts that are still
    there count."""
    free = await context.hub.documents.room()
    if free is None or not previous:
        return
    kept = [await find_collection(part.collection, context.hub.documents) for part in previous.parts.values()]
    taken = sum(sealed.size for sealed in kept if sealed)
    check_room(context.hub.data, 2 * taken, f"another upload of {previous.source}", free)


async def _compare(previous: SourceUploaded, uploaded: SourceUploaded, context: JobContext) -> None:
    """Warn where a part lost many documents. It is kept all the same: whether it is served, the gates of its release decide."""
    for name, part in uploaded.parts.items():
        before = previous.parts[name].count if name in previous.parts else 0
        if part.count < SHRUNK * before:
            await context.log(f"documents of {name}: {part.count}, in release {previous.called} there were {before}", "warning")


async def _usable(found: dict[str, dict[str, Any]], context: JobContext) -> dict[str, dict[str, Any]]:
    """The plugin's mappings, as far as an index can be made with them. The job's log says what was left out, and what is wrong with
    those that Elasticsearch would refuse too."""
    usable = {}
    for part, properties in found.items():
        try:
            adopted, notes = adopt(unwrapped(properties))
            mappings.check(adopted)
        except Invalid as error:
            await context.log(f"the plugin's mapping of {part} is not used: {error.message}", "warning")
            continue
        for note in notes:
            await context.log(f"the plugin's mapping of {part}: {note}", "warning")
        if adopted:
            usable[part] = adopted
    return usable


async def _drop(task: store.Task, context: JobContext) -> None:
    for uploader in task.manifest.uploaders:
        await context.hub.documents.drop(f"{task.output}.{uploader.name}")
