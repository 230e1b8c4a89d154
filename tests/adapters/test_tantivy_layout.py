"""Indexes that an earlier Leat left behind."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy.index import SEALED
from adapters.tantivy.search import TantivySearch
from domain.canonical import document
from domain.errors import QueryInvalid
from domain.ports.search import IndexSpec, SearchRequest, Sort
from domain.query.parser import parse
from domain.query.tree import match_all

MAPPING: dict[str, Any] = {"a": {"type": "keyword"}, "kept": {"type": "keyword", "index": False}}


async def test_an_index_without_the_values_of_what_is_not_indexed(tmp_path: Path) -> None:
    """It answers as it did: `index: false` finds nothing and says so, and can't be sorted by."""
    async with SqliteDocuments.open(tmp_path / "collections") as collections:
        search = TantivySearch(tmp_path / "search", collections)
        await collections.create("c")
        await collections.write("c", [document({"_id": "1", "a": "x", "kept": "y"})])
        await collections.seal("c", {})
        await search.create("job.1", IndexSpec(mapping={"a": MAPPING["a"]}, collection="c"))
        await search.bulk("job.1", [document({"_id": "1", "a": "x"})])
        await search.seal("job.1")
        seal = tmp_path / "search" / "job.1" / SEALED
        before = msgspec.json.decode(seal.read_bytes())
        del before["unindexed"]
        before["spec"]["mapping"] = MAPPING
        seal.write_bytes(msgspec.json.encode(before))

        found = await search.search("job.1", SearchRequest(query=parse("a:x OR kept:y")))

        assert found.total == 1
        assert found.warnings == ("kept is not indexed: it matches nothing",)
        with pytest.raises(QueryInvalid, match="kept is not indexed"):
            await search.search("job.1", SearchRequest(query=match_all(), sort=(Sort(path="kept"),)))
