"""InspectSource: look at every part of the newest upload, and commit the suggested mapping unless somebody wrote the part's."""

from typing import Any

import msgspec

from domain.data.sources import SOURCES, Source
from domain.errors import NotReady
from domain.query import mappings
from domain.wording import counted, listed
from events.sources import Inspected, InspectSource, SourceInspected, SourceUploaded
from workers.context import JobContext
from workers.outputs import has_collections


async def inspect_source(command: InspectSource, context: JobContext) -> SourceInspected:
    """The inspection; `unchanged` where the newest upload was inspected already. Raises NotReady before the first upload."""
    uploaded, inspected = await _look(command, context)
    known = inspected if inspected and inspected.upload == uploaded.output else None
    if known and not command.force and await has_collections((part.collection for part in known.parts.values()), context):
        await context.log("the newest upload was inspected already")
        return msgspec.structs.replace(known.said_by(command), unchanged=True)
    parts: dict[str, Inspected] = {}
    suggested: dict[str, dict[str, Any]] = {}
    for part, upload in uploaded.parts.items():
        collection = f"{context.output}.{part}"
        meta = {"source": command.source, "part": part, "release": uploaded.release, "upload": upload.collection}
        found = await context.child("inspect", {"part": part, "collection": upload.collection, "output": collection, "meta": meta})
        suggested[part] = found.pop("mapping")
        parts[part] = Inspected(collection=collection, **found)
        seen = f"{counted(found['paths'], 'paths')} in {counted(found['documents'], 'documents')}"
        await context.log(f"{part}: {seen}, {counted(found['warnings'], 'warnings')}")
    event = SourceInspected(source=command.source, output=context.output, upload=uploaded.output, parts=parts).said_by(command)

    before = (await SOURCES.get(context.hub.records, command.source)).value
    await context.switch(
        SOURCES,
        command.source,
        lambda source: source.with_output(event, context.hub.limits.keep_collections).with_derived(suggested, "inspection"),
    )
    for part, mapping in suggested.items():
        await _tell(before, part, mapping, context)
    return event


async def _tell(before: Source, part: str, suggested: dict[str, Any], context: JobContext) -> None:
    """What became of the suggestion: the mapping changed with it, or lacks some of it."""
    known = before.mapping.get(part)
    if known is None:
        return
    if before.takes(part, "inspection"):
        for line in mappings.differences(known, suggested):
            await context.log(f"{part}: fields of the mapping {line}")
    elif missing := mappings.unmapped(suggested, known):
        await context.log(f"{part}: {counted(len(missing), 'paths')} not mapped: {listed(missing, 10)}", "warning")


async def _look(command: InspectSource, context: JobContext) -> tuple[SourceUploaded, SourceInspected | None]:
    """The newest upload, pinned, and the newest inspection."""
    records = context.hub.records
    source = (await SOURCES.get(records, command.source)).value
    if uploaded := source.newest(SourceUploaded):
        await context.pin(*(part.collection for part in uploaded.parts.values()))
        source = (await SOURCES.get(records, command.source)).value
        uploaded = source.newest(SourceUploaded)
    if not uploaded:
        raise NotReady(f"source {command.source} has no upload yet")
    return uploaded, source.newest(SourceInspected)
