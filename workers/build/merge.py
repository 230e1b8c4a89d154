"""The heavy step of RunBuild: a streaming merge-join of collections in `_id` order, in constant memory."""

from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from domain.data.merging import merged
from domain.hub import Stores
from domain.ports.documents import BATCH_BYTES, Document
from workers.context import Report

BATCH = 2000
"""Documents that are written at a time."""
SCAN = 1000
"""Documents of one part that are read at a time."""
_BY_ID = attrgetter("id")


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A part to merge; in a list of them, later ones win."""

    part: str
    collection: str
    root: bool = True
    """Its documents are written even where no other part has their `_id`."""
    deep: bool = False
    """It is merged key by key (`merge_struct`) instead of replacing top-level keys."""


async def merge(stores: Stores, arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Merge the collections of `inputs` into `output`, sealed with `meta`, where `counts` and `metadata.stats.total` are filled in.
    Returns count and counts (documents read of each part)."""
    inputs = msgspec.convert(arguments["inputs"], list[Input])
    documents, output = stores.documents, arguments["output"]
    total = 0
    for each in inputs:
        total += (await documents.describe(each.collection)).count
    report.progress(0, total, "documents", "merging")
    await documents.create(output)
    merger = Merger(inputs)
    waiting: list[Document] = []
    size = 0
    async for blocks in aligned([documents.scan(each.collection, batch=SCAN) for each in inputs]):
        known = len(waiting)
        waiting += merger.block(blocks)
        size += sum(len(document.body) for document in waiting[known:])
        if len(waiting) >= BATCH or size >= BATCH_BYTES:
            await documents.write(output, waiting)
            waiting, size = [], 0
            report.progress(sum(merger.read), total, "documents", "merging")
    if waiting:
        await documents.write(output, waiting)
    counts = {each.part: number for each, number in zip(inputs, merger.read, strict=True)}
    meta = arguments["meta"]
    meta["counts"] = {"parts": counts, "shared": merger.shared, "total": merger.written}
    meta["metadata"]["stats"] = {**meta["metadata"].get("stats", {}), "total": merger.written}
    sealed = await documents.seal(output, meta)
    report.progress(total, total, "documents", "merged")
    return {"count": sealed.count, "counts": counts}


class Merger:
    """Merges blocks of the same range of ids, and counts."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = inputs
        self.read = [0] * len(inputs)
        self.shared = 0
        """Ids that more than one part has."""
        self.written = 0

    def block(self, blocks: Sequence[Sequence[Document]]) -> list[Document]:
        """The merged documents, in `_id` order; `blocks` has each part's, in the order of the inputs."""
        found: dict[str, Document] = {}
        shared: set[str] = set()
        roots: set[str] = set()
        parts = [{document.id: document for document in block} for block in blocks]
        for number, (part, settings) in enumerate(zip(parts, self.inputs, strict=True)):
            self.read[number] += len(part)
            shared |= found.keys() & part.keys()
            found |= part
            if settings.root:
                roots |= part.keys()
        for id in shared:
            found[id] = self._merged(id, parts)
        self.shared += len(shared)
        result = [found[id] for id in sorted(roots)]
        self.written += len(result)
        return result

    def _merged(self, id: str, parts: Sequence[dict[str, Document]]) -> Document:
        chosen = [(part[id], settings.deep) for part, settings in zip(parts, self.inputs, strict=True) if id in part]
        return merged([document for document, _ in chosen], [deep for _, deep in chosen])


async def aligned(scans: Sequence[AsyncIterator[list[Document]]]) -> AsyncIterator[list[Sequence[Document]]]:
    """Cut scans in `_id` order into blocks that cover the same range of ids, one block (perhaps empty) per scan each time."""
    buffers: list[list[Document]] = [[] for _ in scans]
    open_scans = dict(enumerate(scans))
    while True:
        for number, scan in list(open_scans.items()):
            if not buffers[number]:
                batch = await anext(scan, None)
                if batch is None:
                    del open_scans[number]
                else:
                    buffers[number] = batch
        if not open_scans:
            return
        until = min(buffers[number][-1].id for number in open_scans)
        cuts = [bisect_right(buffer, until, key=_BY_ID) for buffer in buffers]
        yield [buffer[:cut] for buffer, cut in zip(buffers, cuts, strict=True)]
        buffers = [buffer[cut:] for buffer, cut in zip(buffers, cuts, strict=True)]
