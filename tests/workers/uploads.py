"""Sources with uploads as the upload worker leaves them, so that builds have something to merge."""

import time
from typing import Any

import msgspec

from domain.canonical import document
from domain.data.manifests import Manifest, Uploader
from domain.data.sources import SOURCES, Source
from domain.hub import Hub
from events.message import new_id
from events.sources import Part, SourceUploaded


async def add_source(hub: Hub, name: str, **manifest: Any) -> None:
    """A source with one part of its own name."""
    uploader = Uploader(name=name, parser="parser:load")
    source = Source(
        created_at=time.time(), folder="/nowhere", code="c0de", manifest=Manifest(name=name, uploaders=(uploader,), **manifest)
    )
    assert await SOURCES.insert(hub.records, name, source)


async def upload(hub: Hub, name: str, documents: list[dict[str, Any]], mapping: dict[str, Any] | None = None) -> SourceUploaded:
    """A newest upload of these documents; `mapping` is committed where it is given."""
    output = f"{new_id()}.1"
    collection = f"{output}.{name}"
    await hub.documents.create(collection)
    await hub.documents.write(collection, [document(each) for each in documents])
    await hub.documents.seal(collection, {"source": name, "part": name, "release": "2026", "src_meta": {"license": "CC0"}})
    event = SourceUploaded(
        source=name,
        release="2026",
        output=output,
        dump="",
        code="c0de",
        parts={name: Part(collection=collection, count=len(documents))},
    )

    def uploaded(source: Source) -> Source:
        changed = source.with_output(event, 3)
        return changed if mapping is None else msgspec.structs.replace(changed, mapping={name: mapping})

    await SOURCES.change(hub.records, name, uploaded)
    return event


async def read(hub: Hub, collection: str) -> list[bytes]:
    """Every body of a collection, in order."""
    return [each.body async for batch in hub.documents.scan(collection) for each in batch]
