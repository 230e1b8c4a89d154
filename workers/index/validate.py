"""ValidateMapping: try a source's mappings on a scratch index with some of its documents, and say what is found of each path."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from domain.canonical import encoded
from domain.data.sources import SOURCES
from domain.errors import Invalid, JobFailed, NotReady
from domain.ports.documents import Document
from domain.ports.search import IndexSpec
from events.apis import MappingValidated, Tried, ValidateMapping
from events.sources import SourceUploaded
from workers.context import JobContext
from workers.index.trying import compare, count_paths, most_lost_first

SAMPLE = 1000
"""Documents of each part that are tried, spread over the collection."""
BATCH = 100


async def validate_mapping(command: ValidateMapping, context: JobContext) -> MappingValidated:
    """What the engine says; its problems are the result, not a failure. Raises NotReady before the first upload."""
    source = (await SOURCES.get(context.hub.records, command.source)).value
    uploaded = source.newest(SourceUploaded)
    if not uploaded:
        raise NotReady(f"source {command.source} has no upload yet")
    await context.pin(*(part.collection for part in uploaded.parts.values()))
    tried, problems, paths = 0, [], list[Tried]()
    for part, upload in uploaded.parts.items():
        mapping = (source.drafts if command.draft else {}).get(part, source.mapping.get(part))
        if mapping is None:
            problems.append(f"{part}: no mapping is committed")
            continue
        had: Counter[str] = Counter()
        try:
            await context.hub.search.create(context.output, IndexSpec(mapping=mapping, collection=upload.collection))
            async for batch in _spread(context, upload.collection):
                problems += [f"{part}: {problem}" for problem in await _try(context, batch)]
                had += await asyncio.to_thread(count_paths, batch)
                tried += len(batch)
                await context.progress(tried, unit="documents", message=f"trying {part}")
            await context.hub.search.seal(context.output)
            paths += await compare(context.hub, context.output, part, mapping, had)
        except Invalid as error:
            problems.append(f"{part}: {error.message}")
        finally:
            await context.hub.search.drop(context.output)
    found = MappingValidated(source=command.source, documents=tried, problems=tuple(problems), paths=most_lost_first(paths))
    return found.said_by(command)


async def _try(context: JobContext, batch: list[Document]) -> list[str]:
    try:
        await context.hub.search.bulk(context.output, batch)
    except JobFailed as error:
        return error.detail.splitlines() or [error.message]
    return []


async def _spread(context: JobContext, collection: str) -> AsyncIterator[list[Document]]:
    """Up to SAMPLE documents at even distances, in batches."""
    documents = context.hub.documents
    step = max(1, (await documents.describe(collection)).count // SAMPLE)
    chosen: list[str] = []
    number = 0
    async for batch in documents.scan(collection, bodies=False):
        chosen += [each.id for each in batch[-number % step :: step]]
        number += len(batch)
    for start in range(0, min(len(chosen), SAMPLE), BATCH):
        bodies = await documents.get(collection, chosen[start : start + BATCH])
        yield [encoded(id, bodies[id]) for id in chosen[start : start + BATCH]]
