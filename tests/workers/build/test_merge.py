"""The merge-join of RunBuild, compared with dictionaries."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.canonical import document
from domain.data.merging import merged
from domain.ports.documents import Document
from workers.build.merge import Input, Merger, aligned

ID = st.text("aé\uffff\U0001f600", min_size=1, max_size=2)
"""UTF-16 would sort some of them otherwise than UTF-8 does."""


@st.composite
def parts(draw: st.DrawFn) -> tuple[Input, list[list[Document]]]:
    """A part, and its documents in the order of a scan, in batches of any size."""
    ids = sorted(draw(st.sets(ID, max_size=12)), key=str.encode)
    found = [document({"_id": id, draw(st.sampled_from("xy")): draw(st.integers(0, 2))}) for id in ids]
    size = draw(st.integers(1, 4))
    part = Input(part="part", collection="collection", root=draw(st.booleans()), deep=draw(st.booleans()))
    return part, [found[at : at + size] for at in range(0, len(found), size)]


async def scan(batches: Sequence[list[Document]]) -> AsyncIterator[list[Document]]:
    """A scan that answers these batches."""
    for batch in batches:
        yield batch


async def joined(merger: Merger, scans: list[AsyncIterator[list[Document]]]) -> list[Document]:
    """All documents of a merge-join, block by block."""
    return [each async for blocks in aligned(scans) for each in merger.block(blocks)]


@given(st.lists(parts(), min_size=1, max_size=4))
@settings(max_examples=200)
def test_a_merge_join_is_a_merge_of_dictionaries(inputs: list[tuple[Input, list[list[Document]]]]) -> None:
    """However scans are cut, each id of a root part comes once, by UTF-8 bytes, merged in the order of the parts."""
    by_id: dict[str, list[tuple[Document, Input]]] = {}
    for part, batches in inputs:
        for each in [each for batch in batches for each in batch]:
            by_id.setdefault(each.id, []).append((each, part))
    expected: list[Any] = []
    for _, found in sorted(by_id.items(), key=lambda item: item[0].encode()):
        if any(part.root for _, part in found):
            documents, deep = [each for each, _ in found], [part.deep for _, part in found]
            expected.append(merged(documents, deep) if len(found) > 1 else found[0][0])

    merger = Merger([part for part, _ in inputs])
    result = asyncio.run(joined(merger, [scan(batches) for _, batches in inputs]))

    assert result == expected
    assert merger.read == [sum(map(len, batches)) for _, batches in inputs]
    assert merger.shared == sum(len(found) > 1 for found in by_id.values())
    assert merger.written == len(expected)
