"""The heavy step of CreateRelease: a collection's documents into a new index, batch by batch."""

from typing import Any

import msgspec

from domain.hub import Stores
from domain.ports.search import IndexSpec
from workers.context import Report

BATCH = 5000
"""Documents, or BATCH_BYTES of them, that are handed over at once: enough for a server's adapter to have several requests under
way."""


async def feed(stores: Stores, arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Make the index `output` as `spec` says and fill it from the spec's collection. Returns the sealed index's count."""
    spec, output = msgspec.convert(arguments["spec"], IndexSpec), arguments["output"]
    total = (await stores.documents.describe(spec.collection)).count
    await stores.search.create(output, spec)
    done = 0
    async for batch in stores.documents.scan(spec.collection, batch=BATCH):
        await stores.search.bulk(output, batch)
        done += len(batch)
        report.progress(done, total, "documents", "indexing")
    return {"count": await stores.search.seal(output)}
