"""Floats as whole numbers: their order, and indexes that were written before floats were kept so."""

import math
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tantivy import SchemaBuilder

from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy import schema as tantivy_schema
from adapters.tantivy.floats import code_of_double, code_of_float, double_of, float_of
from adapters.tantivy.index import SEALED, Seal
from adapters.tantivy.search import TantivySearch
from domain.ports.documents import Document
from domain.ports.search import Facet, IndexSpec, SearchRequest, Sort
from domain.query.parser import parse
from domain.query.values import shortest, single

DOUBLES = st.floats(allow_nan=False)
FLOATS = st.floats(allow_nan=False, width=32)


@given(DOUBLES, DOUBLES)
def test_whole_numbers_have_the_order_of_doubles(first: float, second: float) -> None:
    """Each double has a whole number of 64 bits, comes back from it with its sign, and keeps its place among others."""
    codes = code_of_double(first), code_of_double(second)

    assert all(-(2**63) <= code < 2**63 for code in codes)
    assert [double_of(code).hex() for code in codes] == [first.hex(), second.hex()]
    assert (codes[0] < codes[1]) == ((first, math.copysign(1, first)) < (second, math.copysign(1, second)))


@given(FLOATS, FLOATS)
def test_whole_numbers_have_the_order_of_floats(first: float, second: float) -> None:
    """The same in 32 bits."""
    codes = code_of_float(first), code_of_float(second)

    assert all(-(2**31) <= code < 2**31 for code in codes)
    assert [float_of(code).hex() for code in codes] == [first.hex(), second.hex()]
    assert (codes[0] < codes[1]) == ((first, math.copysign(1, first)) < (second, math.copysign(1, second)))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_32_bits_cannot_reach_is_refused(value: float) -> None:
    """The number of 32 bits is the nearest one; beyond the largest there is none."""
    if math.isinf(single(value)):
        with pytest.raises(OverflowError):
            code_of_float(value)
    else:
        assert float_of(code_of_float(value)) == single(value)


async def test_an_index_of_the_first_format_answers(tmp_path: Path) -> None:
    """Where tantivy was given floats as text, and read them a little wrong, each is still found by its own text and by ranges,
    sorted, and counted; floats of 32 bits are shown as they were written."""
    values = [-1 / 3, -0.1, 0.007, 0.07, 1 / 7, 0.3, 17 / 19, 1.1, 4.35, 1e23]
    documents = [
        Document(f"{n:02}", orjson.dumps({"_id": f"{n:02}", "d": value, "f": value}), b"") for n, value in enumerate(values)
    ]
    spec = IndexSpec(mapping={"d": {"type": "double"}, "f": {"type": "float"}}, collection="c", meta={})
    write_first_format(tmp_path / "search" / "job.1", spec, documents)

    async with SqliteDocuments.open(tmp_path / "collections") as collections:
        search = TantivySearch(tmp_path / "search", collections)

        async def ids(query: str, **asked: Any) -> list[str]:
            result = await search.search("job.1", SearchRequest(query=parse(query), bodies=False, limit=99, **asked))
            facets.update(result.facets)
            return sorted(hit.id for hit in result.hits) if not asked else [hit.id for hit in result.hits]

        facets: dict[str, Facet] = {}
        names = [document.id for document in documents]
        for path in ("d", "f"):
            for n, value in enumerate(values):
                text = repr(value)
                assert (text, await ids(f"{path}:{text}")) == (text, [names[n]])
                assert (text, await ids(f"{path}:[{text} TO {text}]")) == (text, [names[n]])
                assert (text, await ids(f"{path}:<{text}")) == (text, names[:n])
                assert (text, await ids(f"{path}:{{{text} TO *]")) == (text, names[n + 1 :])
            assert await ids("*", sort=(Sort(path=path),), facets=(path,), facet_size=99) == names
        assert sorted(term for term, _ in facets["d"].terms) == pytest.approx(values, rel=1e-15)
        assert sorted(term for term, _ in facets["f"].terms) == [shortest(single(value)) for value in values]


def write_first_format(folder: Path, spec: IndexSpec, documents: list[Document]) -> None:
    """An index as Leat wrote it until floats were kept as whole numbers."""
    builder = SchemaBuilder()
    builder.add_text_field("_id", stored=True, tokenizer_name="exact", index_option="basic")
    builder.add_unsigned_field("#rank", indexed=True, fast=True)
    builder.add_text_field("#paths", tokenizer_name="exact", index_option="basic")
    for path in ("d", "f"):
        for name in (path, f"#min#{path}", f"#max#{path}"):
            builder.add_float_field(name, indexed=True, fast=True)
    folder.mkdir(parents=True)
    writer = tantivy_schema.open_index(str(folder), builder.build()).writer(heap_size=20_000_000, num_threads=1)
    for rank, document in enumerate(documents):
        body = orjson.loads(document.body)
        writer.add_json(orjson.dumps({**body, "f": single(body["f"]), "#rank": rank}).decode())
    writer.commit()
    writer.wait_merging_threads()
    (folder / SEALED).write_bytes(msgspec.json.encode(Seal(format=1, spec=spec, several=())))
