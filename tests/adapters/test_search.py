"""Search: both engines answer the shared table, and keep every other promise of the port."""

import math
import random
import struct
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import AsyncElasticsearch

from adapters.elasticsearch.search import ElasticsearchSearch
from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy.search import TantivySearch
from domain.errors import Conflict, Invalid, JobFailed, NotReady, QueryInvalid, Unavailable
from domain.ports.documents import Document
from domain.ports.search import Facet, Hit, IndexSpec, Search, SearchRequest, SearchResult, Sort
from domain.query.parser import parse
from domain.query.tree import MatchAll, Term, any_of, match_all, multi_match
from domain.query.values import shortest, single
from tests.adapters.queries import ANSWERS, FOLDED, OWN_ANSWERS, PROPERTIES, REFUSALS, answer, documents
from tests.services import need

NAME = f"{uuid.UUID(int=1)}.1"
OTHER = f"{uuid.UUID(int=2)}.1"


class Engine:
    """A search engine with the collection that it reads bodies from."""

    def __init__(self, search: Search, collections: SqliteDocuments) -> None:
        self.search = search
        self.collections = collections

    async def fill(self, properties: dict[str, Any], docs: Sequence[Document], name: str = NAME) -> Search:
        """A sealed index of these documents."""
        await self.collections.create(name)
        await self.collections.write(name, docs)
        await self.collections.seal(name, {})
        spec = IndexSpec(mapping=properties, collection=name, meta={"biothing_type": "variant", "src": {"cgi": {"version": "1"}}})
        await self.search.create(name, spec)
        for start in range(0, len(docs), 5000):
            await self.search.bulk(name, docs[start : start + 5000])
        assert await self.search.seal(name) == len(docs)
        return self.search


@pytest.fixture(params=["tantivy", "elasticsearch"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """Each adapter of Search, empty."""
    async with SqliteDocuments.open(tmp_path / "collections") as collections:
        if request.param == "tantivy":
            yield Engine(TantivySearch(tmp_path / "search", collections), collections)
            return
        async with ElasticsearchSearch.open(need("elasticsearch"), f"test-{uuid.uuid4().hex[:8]}") as search:
            yield Engine(search, collections)
            for name in await search.names():
                await search.drop(name)


async def ids(search: Search, query: str, **asked: Any) -> list[str]:
    """The ids that a query finds, in the order of the answer."""
    result = await search.search(NAME, SearchRequest(query=parse(query), limit=100, **asked))
    assert result.total == len(result.hits)
    return [hit.id for hit in result.hits]


def made(**values: dict[str, Any]) -> list[Document]:
    """Documents by id."""
    bodies = {id: {"_id": id, **body} for id, body in sorted(values.items())}
    return [Document(id, orjson.dumps(body, option=orjson.OPT_SORT_KEYS), b"") for id, body in bodies.items()]


async def test_the_shared_table_is_answered(engine: Engine) -> None:
    """Each query of the table finds just its documents."""
    search = await engine.fill(PROPERTIES, documents())

    found = {query: set(await ids(search, query)) for query, _ in (*ANSWERS, *OWN_ANSWERS)}

    assert found == {query: answer(letters) for query, letters in (*ANSWERS, *OWN_ANSWERS)}


async def test_refused_queries_point_at_the_place(engine: Engine) -> None:
    """What is no query, or asks for what a field can't answer, is refused with the character that it is about."""
    search = await engine.fill(PROPERTIES, documents())

    for query, position, reason in REFUSALS:
        with pytest.raises(QueryInvalid) as caught:
            await ids(search, query)
        assert (query, caught.value.position) == (query, position)
        assert reason in caught.value.message


@pytest.mark.parametrize("operator", ["AND", "OR"])
async def test_query_string_of_elasticsearch_agrees(engine: Engine, operator: str) -> None:
    """The table is no invention: Elasticsearch's own query_string finds the same, but where Leat says that it does not; and what
    either engine finds where OR is the default is what it finds then."""
    url, either = need("elasticsearch"), operator == "OR"
    hub = f"test-{uuid.uuid4().hex[:8]}"
    search = await engine.fill(PROPERTIES, documents())
    async with ElasticsearchSearch.open(url, hub) as theirs:
        await Engine(theirs, engine.collections).fill(PROPERTIES, documents(), OTHER)
        client = AsyncElasticsearch(url)
        try:
            differing = {}
            for query, letters in ANSWERS:
                request = SearchRequest(query=parse(query, either=True), limit=100, bodies=False)
                ours = {hit.id for hit in (await search.search(NAME, request)).hits} if either else answer(letters)
                text = query.replace("cgi.*:", "cgi.\\*:").replace("*.gene:", "\\*.gene:").replace("_id:", "__id:")
                wanted = {"query": text, "default_operator": operator, "lenient": True, "fields": ["__id", "all"]}
                found = await client.search(index=f"{hub}.{OTHER}", query={"query_string": wanted}, size=100)
                if (hits := {hit["_id"] for hit in found["hits"]["hits"]}) != ours:
                    differing[query] = hits, ours
        finally:
            await client.close()
            await theirs.drop(OTHER)

    assert differing == {}


async def test_a_word_that_nothing_is_searched_for_is_said(engine: Engine) -> None:
    """Where no field is searched by default, a word without a field before it comes with a warning, wherever it stands."""
    search = await engine.fill({"a": {"type": "keyword"}}, made(x={"a": "b"}, b={}))

    for query, total in (("word", 0), ("a:b OR wo*", 1), ("b", 1), ('a:b AND NOT "two words"', 1)):
        result = await search.search(NAME, SearchRequest(query=parse(query)))
        assert (result.total, ["no field is searched by default" in warning for warning in result.warnings]) == (total, [True])
    for query in ("a:word", "_id:b", "*", ""):
        assert (await search.search(NAME, SearchRequest(query=parse(query)))).warnings == ()


async def test_no_terms_of_a_facet(engine: Engine) -> None:
    """Of a facet without terms the counts stay."""
    search = await engine.fill({"a": FOLDED}, made(x={"a": "b"}, y={"a": ["b", "c"]}, z={}))

    result = await search.search(NAME, SearchRequest(query=MatchAll(), facets=("a",), facet_size=0))

    assert result.facets == {"a": Facet(terms=(), other=3, missing=1)}


async def test_what_matches_nothing_is_said(engine: Engine) -> None:
    """An unmapped path, an unindexed one, an object and a value of another type come with a warning."""
    search = await engine.fill(PROPERTIES, documents())

    for query, warning in (
        ("cgi.gen:x", "cgi.gen is not mapped"),
        ("note:x", "note is not indexed"),
        ("cgi:x", "cgi holds other fields"),
        ("pos:x", "pos is of type long: 'x' matches nothing"),
        ("cgi.gene:a OR cgi.gene:b AND pos:3", "without parentheses"),
    ):
        result = await search.search(NAME, SearchRequest(query=parse(query)))
        assert [warning in told for told in result.warnings] == [True]
    assert (await search.search(NAME, SearchRequest(query=parse("cgi.gene:x")))).warnings == ()


async def test_built_queries_need_no_text(engine: Engine) -> None:
    """Terms, scopes and combinations are asked for by nodes, whatever characters they hold."""
    search = await engine.fill(PROPERTIES, documents())

    async def found(query: Any) -> set[str]:
        return {hit.id for hit in (await search.search(NAME, SearchRequest(query=query, bodies=False))).hits}

    assert await found(Term(path="cgi.gene", text="a*b")) == {"chr2:g.7del"}
    assert await found(Term(path="_id", text="chr1:g.3G>C")) == {"chr1:g.3G>C"}
    assert await found(multi_match("kinase domain", ["cgi.text", "cgi.gene"])) == {"chr1:g.3G>C", "chr2:g.7del"}
    assert await found(multi_match("abl1", ["_id", "cgi.*", "nothing"])) == {"Q1", "chr1:g.3G>C"}
    assert await found(any_of([])) == set()
    assert len(await found(match_all())) == 10


async def test_hits_bring_their_documents(engine: Engine) -> None:
    """Bodies are the bytes that were given, total and scores belong to the whole answer, and `bodies` leaves them out."""
    search = await engine.fill(PROPERTIES, documents())
    bodies = {document.id: document.body for document in documents()}

    result = await search.search(NAME, SearchRequest(query=parse("kinase"), limit=1))
    second = await search.search(NAME, SearchRequest(query=parse("kinase"), offset=1, limit=1, bodies=False))
    every = await search.search(NAME, SearchRequest(query=match_all(), limit=10))
    none = await search.search(NAME, SearchRequest(query=parse("nothing"), limit=10))

    assert result.total == second.total == 2
    assert result.max_score == second.max_score == result.hits[0].score
    assert second.hits[0].body == b""
    assert second.hits[0].score is not None
    assert {hit.id: hit.body for hit in every.hits} == bodies
    assert none == SearchResult(total=0)
    assert (await search.search(NAME, SearchRequest(query=match_all(), limit=0))).total == 10
    assert (await search.search(NAME, SearchRequest(query=match_all(), offset=20))).hits == ()


async def test_filters_narrow_everything_and_post_filters_the_hits(engine: Engine) -> None:
    """A filter leaves scores alone; a post filter leaves facets alone."""
    search = await engine.fill(PROPERTIES, documents())
    plain = await search.search(NAME, SearchRequest(query=parse("kinase")))
    scores = {hit.id: hit.score for hit in plain.hits}

    filtered = await search.search(
        NAME, SearchRequest(query=parse("kinase"), filters=(parse("pos:3"), parse("NOT af:*")), facets=("cgi.gene",))
    )
    after = await search.search(NAME, SearchRequest(query=parse("kinase"), post_filter=parse("pos:3"), facets=("cgi.gene",)))

    assert [(hit.id, hit.score) for hit in filtered.hits] == [("chr1:g.3G>C", pytest.approx(scores["chr1:g.3G>C"], rel=1e-5))]
    assert filtered.facets["cgi.gene"].terms == (("abl1", 1),)
    assert [hit.id for hit in after.hits] == ["chr1:g.3G>C"]
    assert after.total == 1
    assert after.facets["cgi.gene"].terms == (("a*b", 1), ("abl1", 1))


async def test_sorted_by_several_values(engine: Engine) -> None:
    """Several values count as their minimum ascending and their maximum descending; without a value comes last; then `_id`."""
    properties = {"k": FOLDED, "n": {"type": "long"}, "f": {"type": "float"}, "b": {"type": "boolean"}, "d": {"type": "date"}}
    docs = made(
        a={"k": ["m", "Z"], "n": [5, -1], "f": 1.5, "b": True, "d": "2020"},
        b={"k": "c", "n": 5, "f": [0.1, 9], "b": [True, False], "d": ["2019", "2021"]},
        c={"n": 2},
        d={"k": "C", "n": [2, 2], "f": 1.5, "b": False, "d": "2019"},
        e={},
        f={"k": ["a", "b", "x"], "n": -1, "f": 9},
    )
    search = await engine.fill(properties, docs)

    async def order(*keys: str) -> str:
        sort = tuple(Sort(path=key.lstrip("-"), descending=key.startswith("-")) for key in keys)
        found = await ids(search, "*", sort=sort)
        pages = [
            hit.id
            for at in range(6)
            for hit in (await search.search(NAME, SearchRequest(query=match_all(), sort=sort, offset=at, limit=1))).hits
        ]
        assert pages == found
        return "".join(found)

    assert await order("k") == "fbdace"
    assert await order("-k") == "afbdce"
    assert await order("n") == "afcdbe"
    assert await order("-n") == "abcdfe"
    assert await order("f") == "badfce"
    assert await order("-f") == "bfadce"
    assert await order("b") == "bdacef"
    assert await order("-b") == "abdcef"
    assert await order("d") == "bdacef"
    assert await order("-d") == "badcef"
    assert await order("_id") == "abcdef"
    assert await order("-_id") == "fedcba"
    assert await order("n", "-k") == "afdcbe"
    assert await order("n", "-_id") == "fadcbe"
    assert await order("-f", "n", "-k") == "fbadce"
    assert await order("_score", "-k") == "afbdce"
    assert await order("-b", "_score", "-_id") == "badfec"


async def test_sorted_hits_have_no_score(engine: Engine) -> None:
    """Under a sort there is neither a score nor a maximum; what has no order is refused."""
    search = await engine.fill(PROPERTIES, documents())

    result = await search.search(NAME, SearchRequest(query=parse("kinase"), sort=(Sort(path="pos"),)))

    assert [(hit.id, hit.score) for hit in result.hits] == [("chr1:g.3G>C", None), ("chr2:g.7del", None)]
    assert result.max_score is None
    for path in ("cgi.text", "nothing", "note", "cgi", "all"):
        with pytest.raises(QueryInvalid, match="sort") as caught:
            await search.search(NAME, SearchRequest(query=match_all(), sort=(Sort(path=path),)))
        assert caught.value.path == ("sort", path)


async def test_facets_count_documents(engine: Engine) -> None:
    """The most frequent terms, ties by term, the rest as `other`, documents without a value as `missing`."""
    search = await engine.fill(
        {"k": FOLDED, "n": {"type": "integer"}, "f": {"type": "float"}, "b": {"type": "boolean"}, "d": {"type": "date"}},
        made(
            a={"k": ["x", "X", "y"], "n": [1, 1, 2], "f": 0.1, "b": True, "d": "2019"},
            b={"k": "x", "n": 1, "f": 0.1, "b": [True, False], "d": "2019-01-01"},
            c={"k": ["w", "z"], "n": None},
            d={},
        ),
    )

    result = await search.search(
        NAME, SearchRequest(query=match_all(), limit=0, facets=("k", "n", "f", "b", "d", "none"), facet_size=2)
    )

    assert result.facets == {
        "k": Facet(terms=(("x", 2), ("w", 1)), other=2, missing=1),
        "n": Facet(terms=((1, 2), (2, 1)), other=0, missing=2),
        "f": Facet(terms=((0.1, 2),), other=0, missing=2),
        "b": Facet(terms=((True, 2), (False, 1)), other=0, missing=2),
        "d": Facet(terms=(("2019-01-01T00:00:00.000Z", 2),), other=0, missing=2),
        "none": Facet(terms=(), other=0, missing=4),
    }
    assert result.warnings == ("facets: none is not mapped: it matches nothing",)
    with pytest.raises(QueryInvalid, match="no terms"):
        await search.search(NAME, SearchRequest(query=match_all(), facets=("_id",)))


async def test_a_repeated_value_weighs_as_one(engine: Engine) -> None:
    """A keyword or number that a document has several times, in whatever case, gives it the score of having it once."""
    many: dict[str, Any] = {"k": ["x", "x"], "f": ["x", "X", "x"], "i": [1, 1]}
    once: dict[str, Any] = {"k": "x", "f": "X", "i": 1}
    mapping = {"k": {"type": "keyword"}, "f": FOLDED, "i": {"type": "integer"}}
    search = await engine.fill(mapping, made(a=many, b=once, c={"k": "y"}, d={"k": "z"}))

    for query in ("k:x", "f:x", "i:1"):
        hits = (await search.search(NAME, SearchRequest(query=parse(query)))).hits
        assert [hit.id for hit in hits] == ["a", "b"]
        assert hits[0].score == hits[1].score


async def test_facets_and_sorts_are_exact_over_many_terms(engine: Engine) -> None:
    """Counts, ties at the edge of a page and depth beyond 10 000 hits are right, in several segments too."""
    chance = random.Random(7)
    bodies = {f"id{n:05}": {"k": f"t{chance.randrange(3000)}", "n": chance.randrange(50)} for n in range(12_000)}
    search = await engine.fill({"k": FOLDED, "n": {"type": "long"}}, made(**bodies))
    counts: dict[str, int] = {}
    for body in bodies.values():
        counts[str(body["k"])] = counts.get(str(body["k"]), 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    expected = sorted(bodies, key=lambda id: (-int(bodies[id]["n"]), str(bodies[id]["k"]), id))

    result = await search.search(
        NAME,
        SearchRequest(
            query=match_all(),
            sort=(Sort(path="n", descending=True), Sort(path="k")),
            offset=11_000,
            limit=300,
            facets=("k",),
            facet_size=40,
            bodies=False,
        ),
    )

    assert result.total == 12_000
    assert [hit.id for hit in result.hits] == expected[11_000:11_300]
    assert result.facets["k"].terms == tuple(ranked[:40])
    assert result.facets["k"].other == 12_000 - sum(count for _, count in ranked[:40])


async def test_scan_goes_through_every_hit_in_order(engine: Engine) -> None:
    """A scan ends where the last hit is, whatever the limit, and goes on behind any id, one that is not there too."""
    docs = made(**{f"id{n:04}": {"n": n} for n in range(2500)})
    search = await engine.fill({"n": {"type": "long"}}, docs)
    request = SearchRequest(query=parse("n:[* TO 2300]"), filters=(parse("NOT n:7"),), limit=1)

    async def scanned(after: str = "") -> list[str]:
        return [hit.id async for batch in search.scan(NAME, request, after) for hit in batch]

    expected = [f"id{n:04}" for n in range(2301) if n != 7]
    assert await scanned() == expected
    assert await scanned("id0005") == expected[6:]
    assert await scanned("id0006x") == expected[7:]
    assert await scanned("zz") == []
    async for batch in search.scan(NAME, request):
        assert batch[0].body == docs[0].body
        assert batch[0].score is None
        break


async def test_documents_are_got_by_id(engine: Engine) -> None:
    """The bodies of those ids that exist."""
    search = await engine.fill(PROPERTIES, documents())
    bodies = {document.id: document.body for document in documents()}

    assert await search.get(NAME, ["rs12", "Q1", "none"]) == {"rs12": bodies["rs12"], "Q1": bodies["Q1"]}
    assert await search.get(NAME, []) == {}


async def test_an_index_says_what_it_was_made_of(engine: Engine) -> None:
    """Spec, metadata and count come back."""
    search = await engine.fill(PROPERTIES, documents())

    spec, count = await search.describe(NAME)

    assert count == 10
    assert spec.mapping == PROPERTIES
    assert spec.collection == NAME
    assert spec.meta == {"biothing_type": "variant", "src": {"cgi": {"version": "1"}}}


async def test_an_index_is_there_once_it_is_sealed(engine: Engine) -> None:
    """Before it is sealed, and after it was dropped, it is not ready; dropping and making it again is fine."""
    search = engine.search
    request = SearchRequest(query=MatchAll())
    spec = IndexSpec(mapping={"n": {"type": "long"}}, collection=NAME)
    await engine.collections.create(NAME)
    await engine.collections.write(NAME, made(a={"n": 1}, b={"n": 2}))
    await engine.collections.seal(NAME, {})

    await search.drop(NAME)
    for times in (1, 2):
        with pytest.raises(NotReady):
            await search.search(NAME, request)
        with pytest.raises(NotReady):
            await search.bulk(NAME, made(a={}))
        await search.create(NAME, spec)
        await search.bulk(NAME, made(a={"n": times}))
        with pytest.raises(NotReady):
            await search.search(NAME, request)
        await search.create(NAME, spec)
        await search.bulk(NAME, made(b={"n": times}))
        assert await search.names() == [NAME]
        assert await search.seal(NAME) == 1
        assert await ids(search, f"n:{times}") == ["b"]
        await search.drop(NAME)
    assert await search.names() == []
    for asked in (search.get(NAME, ["a"]), search.describe(NAME)):
        with pytest.raises(NotReady):
            await asked


async def test_refused_documents_are_named(engine: Engine) -> None:
    """Each document that does not fit its mapping is told with its id and the path; its neighbours don't matter."""
    properties = {
        "i": {"type": "integer"},
        "l": {"type": "long"},
        "f": {"type": "float"},
        "b": {"type": "boolean"},
        "d": {"type": "date"},
        "k": {"type": "keyword"},
        "o": {"properties": {"x": {"type": "keyword"}}},
    }
    wrong: dict[str, dict[str, Any]] = {
        "a01": {"i": "twelve"},
        "a02": {"i": 2**31},
        "a03": {"l": 2**63},
        "a04": {"i": True},
        "a05": {"f": 1e39},
        "a06": {"f": "NaN"},
        "a07": {"b": "yes"},
        "a08": {"b": 1},
        "a09": {"d": "tomorrow"},
        "a10": {"d": "2019-02-30"},
        "a11": {"k": {"x": 1}},
        "a12": {"k": "x" * 32_767},
        "a13": {"o": "text"},
        "a14": {"o": [{"x": "fine"}, 5]},
        "a15": {"i": [1, "x"]},
    }
    right: dict[str, dict[str, Any]] = {
        "b01": {"i": "12", "f": "1e3", "l": 1.9, "b": "true", "d": "1556668800000", "k": 1.5},
        "b02": {"i": "", "b": "", "o": None, "k": True, "unmapped": {"a": [1, "x"]}},
        "b03": {"i": "12.7", "o": [{"x": [["deep"], "y"]}, {}], "o.x": "dotted", "d": "2019-01-01T10:00:00+02:00"},
    }
    search = engine.search
    await search.create(NAME, IndexSpec(mapping=properties, collection=NAME))

    with pytest.raises(JobFailed) as caught:
        await search.bulk(NAME, made(**wrong, **right))

    lines = caught.value.detail.splitlines()
    assert "15 of 18 documents" in caught.value.message
    assert [line.split(":")[0] for line in lines] == sorted(wrong)
    for line, body in zip(lines, wrong.values(), strict=True):
        assert next(iter(body)) in line.partition(": ")[2]


async def test_values_are_coerced_alike(engine: Engine) -> None:
    """Numbers in text, decimals in whole numbers, values in keywords, numbers in dates mean what Elasticsearch makes of them."""
    properties = {
        "i": {"type": "integer", "copy_to": ["all"]},
        "k": {"type": "keyword", "copy_to": ["all"]},
        "t": {"type": "text", "index": False, "copy_to": ["all"]},
        "b": {"type": "boolean"},
        "f": {"type": "double"},
        "d": {"type": "date"},
    }
    docs = made(
        a={"i": "12.7", "k": 1.5, "b": "", "d": 2020},
        b={"i": -3.9, "k": True, "f": " 7 ", "d": 20200.7},
        c={"k": 1e22, "t": "Hidden words", "d": "-1.5"},
        d={"i": "", "d": 999},
    )
    search = await engine.fill(properties, docs)

    found = {query: "".join(sorted(await ids(search, query))) for query in (
        "i:12", "i:\\-3", "k:1.5", "k:true", "k:1e+22", "b:false", "f:7", "hidden", "t:hidden", "12.7", "12", "_exists_:i",
        "d:2020", "d:[20200 TO 20200]", "d:[\\-2 TO \\-2]", "d:[999 TO 999]",
    )}  # fmt: skip

    assert found == {
        "i:12": "a", "i:\\-3": "b", "k:1.5": "a", "k:true": "b", "k:1e+22": "c", "b:false": "a", "f:7": "b",
        "hidden": "c", "t:hidden": "", "12.7": "a", "12": "", "_exists_:i": "ab",
        "d:2020": "a", "d:[20200 TO 20200]": "b", "d:[\\-2 TO \\-2]": "c", "d:[999 TO 999]": "d",
    }  # fmt: skip


@pytest.mark.parametrize("value", [{"en": "words"}, ["words", {"en": "words"}], {}])
async def test_an_object_is_no_text_indexed_or_not(engine: Engine, value: Any) -> None:
    """Both engines refuse an object where a text is mapped, also with `index: false`, and name the document and the field."""
    for text in ({"type": "text"}, {"type": "text", "index": False}):
        with pytest.raises(JobFailed, match="odd") as refused:
            await engine.fill({"label": text}, made(fine={"label": "words"}, odd={"label": value}))

        assert "label" in refused.value.message


def unindexed(properties: dict[str, Any]) -> dict[str, Any]:
    """The mapping with `index: false` at all but texts."""
    changed = {}
    for name, field in properties.items():
        inner = {"properties": unindexed(field["properties"])} if "properties" in field else {}
        changed[name] = {**field, **inner} if inner or field["type"] == "text" else {**field, "index": False}
    return changed


async def test_values_that_are_not_indexed_are_found(engine: Engine) -> None:
    """Numbers, dates, keywords and booleans with `index: false` answer every query, sort and facet as if they were indexed."""
    search = await engine.fill(unindexed(PROPERTIES), documents())
    await engine.fill(PROPERTIES, documents(), OTHER)

    found = {query: set(await ids(search, query)) for query, _ in ANSWERS}
    request = SearchRequest(
        query=MatchAll(),
        sort=(Sort(path="cgi.gene", descending=True), Sort(path="pos")),
        facets=("cgi.gene", "count", "date", "rare"),
    )
    here, there = await search.search(NAME, request), await search.search(OTHER, request)

    assert found == {query: answer(letters) for query, letters in ANSWERS}
    assert [hit.id for hit in here.hits] == [hit.id for hit in there.hits]
    assert here.facets == there.facets


async def test_copies_are_found_under_their_name(engine: Engine) -> None:
    """A field that others are copied to has their values beside its own, as a field of its type: in words, numbers or keywords."""
    properties = {
        "protein": {"type": "keyword", "copy_to": ["all", "names"]},
        "rna": {"type": "text", "index": False, "copy_to": ["names", "agg.codes"]},
        "names": {"type": "text"},
        "agg": {"properties": {"codes": FOLDED, "size": {"type": "integer"}}},
        "long": {"type": "long", "copy_to": "agg.size"},
        "text": {"type": "keyword", "index": False, "copy_to": ["agg.size"]},
    }
    docs = made(
        a={"protein": ["NP-1", "Q x"], "rna": "NM 7", "long": [5, 3]},
        b={"rna": ["NM 7", "XM 9"], "names": "own name", "agg": {"codes": "Z", "size": 9}, "text": "4"},
        c={"long": 4.9, "protein": None},
    )
    search = await engine.fill(properties, docs)

    found = {query: "".join(sorted(await ids(search, query))) for query in (
        "names:np", "names:(x q)", 'names:"q x"', 'names:"x nm"', "names:nm", "names:own", 'agg.codes:"nm 7"', "agg.codes:xm*",
        "agg.codes:z", "agg.size:4", "agg.size:[3 TO 5]", "agg.size:9", "_exists_:agg.size", "_exists_:agg.codes", "rna:nm", "np",
        "nm",
    )}  # fmt: skip
    facets = (await search.search(NAME, SearchRequest(query=MatchAll(), facets=("agg.size",)))).facets
    by_size = await search.search(NAME, SearchRequest(query=MatchAll(), sort=(Sort(path="agg.size", descending=True),)))

    assert found == {
        "names:np": "a", "names:(x q)": "a", 'names:"q x"': "a", 'names:"x nm"': "", "names:nm": "ab", "names:own": "b",
        'agg.codes:"nm 7"': "ab", "agg.codes:xm*": "b", "agg.codes:z": "b", "agg.size:4": "bc", "agg.size:[3 TO 5]": "abc",
        "agg.size:9": "b", "_exists_:agg.size": "abc", "_exists_:agg.codes": "ab", "rna:nm": "", "np": "a", "nm": "",
    }  # fmt: skip
    assert facets["agg.size"].terms == ((4, 2), (3, 1), (5, 1), (9, 1))
    assert [hit.id for hit in by_size.hits] == ["b", "a", "c"]


async def test_objects_that_are_only_kept(engine: Engine) -> None:
    """Below `enabled: false` stands whatever there is: no query finds it, no value is refused, and it comes back as it was."""
    properties = {
        "kept": {"type": "object", "enabled": False},
        "a": {"properties": {"kept": {"enabled": False}, "b": {"type": "long"}}},
    }
    docs = made(
        a={"kept": {"x": [1, "y", {"z": None}]}, "a": {"b": 1, "kept": {"b": "no number"}}}, b={"kept": 7, "a": {"kept": []}}
    )
    search = await engine.fill(properties, docs)

    assert await ids(search, "kept.x:1 OR a.kept.b:no OR _exists_:kept OR kept:7") == []
    assert [hit.body for hit in (await search.search(NAME, SearchRequest(query=parse("_exists_:a.b OR _id:b")))).hits] == [
        document.body for document in docs
    ]


async def test_documents_come_in_order(engine: Engine) -> None:
    """An index is filled in the order of `_id`, each once: anything else would be doubled or sorted wrongly."""
    await engine.search.create(NAME, IndexSpec(mapping={}, collection=NAME))
    await engine.search.bulk(NAME, made(b={}))

    for id in ("a", "b"):
        with pytest.raises(Conflict):
            await engine.search.bulk(NAME, made(**{id: {}}))


async def test_long_and_odd_ids_are_found(engine: Engine) -> None:
    """Ids of up to 512 bytes, with any characters, are searched, sorted and got; longer ones are refused."""
    odd = {"x" * 512: {}, "a b": {}, 'q"\\': {}, "ü/:?*": {}, "-x": {}, "(": {}}
    docs = made(**odd)
    search = await engine.fill({}, docs)

    for document in docs:
        result = await search.search(NAME, SearchRequest(query=Term(path="_id", text=document.id)))
        assert [hit.id for hit in result.hits] == [document.id]
    assert await ids(search, "*", sort=(Sort(path="_id"),)) == sorted(odd)
    assert await search.get(NAME, list(odd)) == {document.id: document.body for document in docs}
    await search.create("other.1", IndexSpec(mapping={}, collection=NAME))
    with pytest.raises((JobFailed, Unavailable, QueryInvalid)):
        await search.bulk("other.1", made(**{"x" * 513: {}}))


async def test_any_key_is_kept(engine: Engine) -> None:
    """Keys that an engine would refuse, or take for its own, come back, are found by nobody, and change no count."""
    odd: dict[str, dict[str, Any]] = {
        "a": {"": 1, " ": 2, ".": {"x": 3}, ".a": 4, "a..b": 5, "a.": 6, "\t": 7, "%2E": 8},
        "b": {"__id": "a", "_source": 1, "_index": "x", "_version": 2, "_field_names": [3], "_routing.x": 4, "__leat:%25a.": 5},
        "c": {"all": "hidden words", "all.x": 1, "_doc_count": 5, "k": "_source", "A": "all"},
        "d": {"_doc_count": "many", "_score": 1, "k": "..", "__own": 1},
        "e": {"m": {"": 1, "x": "v", "o": [{" ": 2, ".": {"x": "w"}}, {"y": 3, "\u3000": {"": 4}, "__leat:": 5}]}},
        "f": {"m": {"x.": "w", "o": {"": 1, "y": 3}}, "__leat": True},
        "g": {"m": {"_source": 1, "__leat:x": 2, "all": 3, "x": "v"}, "n": {"": {"": 1}}},
        "h": {"all.": 1, "_id.x": 2, "m": {"x": ".", "a.\t": "w"}},
    }
    docs = made(**odd)
    inner = {"x": {"type": "keyword"}, "o": {"properties": {"y": {"type": "long"}}}}
    search = await engine.fill({"k": {"type": "keyword"}, "__own": {"type": "long"}, "m": {"properties": inner}}, docs)

    assert await search.get(NAME, list(odd)) == {document.id: document.body for document in docs}
    assert [hit async for hits in search.scan(NAME, SearchRequest(query=MatchAll())) for hit in hits] == [
        Hit(document.id, None, document.body) for document in docs
    ]
    found = await search.search(NAME, SearchRequest(query=MatchAll(), facets=("k",)))
    assert found.facets["k"].terms == (("..", 1), ("_source", 1))
    queries = ("hidden", "_id:a", "_id:b", "k:_source", "__own:1", "m.x:v", "m.x:w", "m.o.y:3")
    assert [await ids(search, query) for query in queries] == [[], ["a"], ["b"], ["c"], ["d"], ["e", "g"], [], ["e", "f"]]


async def test_a_mapping_that_is_not_supported_is_refused(engine: Engine) -> None:
    """The path that is wrong is named, and nothing is made."""
    with pytest.raises(Invalid) as caught:
        await engine.search.create(NAME, IndexSpec(mapping={"a": {"properties": {"b": {"type": "ip"}}}}, collection=NAME))

    assert caught.value.path == ("mapping", "a.b")
    assert await engine.search.names() == []


async def test_an_alias_names_one_index(tmp_path: Path) -> None:
    """Publishing moves the alias in one step, and takes it away again."""
    url, hub = need("elasticsearch"), f"test-{uuid.uuid4().hex[:8]}"
    async with SqliteDocuments.open(tmp_path) as collections, ElasticsearchSearch.open(url, hub) as search:
        engine = Engine(search, collections)
        await engine.fill({}, made(a={}), "one.1")
        await engine.fill({}, made(a={}, b={}), "two.1")
        client = AsyncElasticsearch(url)
        try:
            for name, count in (("one.1", 1), ("two.1", 2), ("two.1", 2)):
                await search.publish("variants", name)
                assert (await client.count(index=f"{hub}-variants"))["count"] == count
            await search.publish("variants", None)
            assert not await client.indices.exists_alias(name=f"{hub}-variants")
        finally:
            await client.close()
            await search.drop("one.1")
            await search.drop("two.1")


async def test_phrases_with_room_stay_within_a_value(engine: Engine) -> None:
    """What a sloppy phrase finds is what Lucene's definition says, value by value, over random texts."""
    chance = random.Random(11)
    bodies: dict[str, dict[str, Any]] = {}
    for n in range(300):
        values = [" ".join(chance.choices("abcde", k=chance.randrange(1, 6))) for _ in range(chance.randrange(1, 4))]
        bodies[f"{n:03}"] = {"t": values if len(values) > 1 or n % 2 else values[0]}
    search = await engine.fill({"t": {"type": "text", "copy_to": ["all"]}}, made(**bodies))

    for _ in range(60):
        words, slop = chance.sample("abcde", k=chance.randrange(2, 4)), chance.randrange(0, 6)
        phrase = f'"{" ".join(words)}"~{slop}'
        expected = [id for id, body in bodies.items() if any(fits(words, text, slop) for text in _texts(body["t"]))]
        for query in (f"t:{phrase}", phrase):
            result = await search.search(NAME, SearchRequest(query=parse(query), limit=300, bodies=False))
            assert (query, sorted(hit.id for hit in result.hits)) == (query, expected)


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def fits(words: Sequence[str], text: str, slop: int) -> bool:
    """Whether words, all different, are in a text so that their places, less their places in the phrase, lie within `slop`."""
    spans: list[tuple[int, ...]] = [()]
    for n, word in enumerate(words):
        spans = [(*span, at - n) for span in spans for at, found in enumerate(text.split()) if found == word]
    return any(max(span) - min(span) <= slop for span in spans)


def doubles(chance: random.Random, count: int) -> list[float]:
    """Different finite doubles, zero left out: any bits, subnormal ones, decimals, and the ends of what there is."""
    found = {5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, 123456789.123456789, 1 / 3, 2.0**53}
    while len(found) < count:
        anything: float = struct.unpack("<d", chance.randbytes(8))[0]
        tiny: float = struct.unpack("<d", (chance.getrandbits(52) >> chance.randrange(52)).to_bytes(8, "little"))[0]
        found |= {tiny, -tiny, chance.randrange(10**6) / 1000, chance.gauss(0, 1), chance.random() * 10 ** chance.randrange(-9, 9)}
        found |= {anything} if math.isfinite(anything) else set()
    return sorted(found - {0.0})


async def test_every_number_is_found_by_its_own_text(engine: Engine) -> None:
    """A finite double, a float and a whole number up to the ends of 64 bits are found by what JSON says of them, by ranges just
    where they lie in them, in order, and a facet lists what documents have and nothing else."""
    chance = random.Random(23)
    wide = doubles(chance, 160)
    narrow = sorted({single(number) for number in wide if 1e-40 < abs(number) < 1e38})
    whole = sorted({2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1, *(chance.randrange(-(2**63), 2**63) for _ in range(40))})
    values = {"d": wide, "f": [shortest(number) for number in narrow], "n": whole}
    properties = {"d": {"type": "double"}, "f": {"type": "float"}, "n": {"type": "long"}}
    bodies = {f"{path}{at:04}": {path: value} for path, numbers in values.items() for at, value in enumerate(numbers)}
    search = await engine.fill(properties, made(**bodies))

    for path, numbers in values.items():
        for at, value in enumerate(numbers):
            own, text = [f"{path}{at:04}"], orjson.dumps(value).decode()
            assert (text, await ids(search, f"{path}:{text}")) == (text, own)
            term = await search.search(NAME, SearchRequest(query=Term(path=path, text=str(value))))
            assert (text, [hit.id for hit in term.hits]) == (text, own)
            assert (text, await ids(search, f"{path}:[{text} TO {text}]")) == (text, own)
            after = await search.search(NAME, SearchRequest(query=parse(f"{path}:{{{text} TO *]"), limit=0))
            until = await search.search(NAME, SearchRequest(query=parse(f"{path}:<={text}"), limit=0))
            assert (text, until.total, after.total) == (text, at + 1, len(numbers) - at - 1)
        request = SearchRequest(
            query=parse(f"{path}:*"), sort=(Sort(path=path, descending=True),), limit=999, facets=(path,), facet_size=999
        )
        every = await search.search(NAME, request)
        assert [hit.id for hit in every.hits] == [f"{path}{at:04}" for at in reversed(range(len(numbers)))]
        assert every.facets[path].terms == tuple((value, 1) for value in numbers)


async def test_numbers_in_strings_are_exact_or_refused(engine: Engine) -> None:
    """Digits in a string mean the number they spell, to the last one; more than the type holds is refused by name."""
    properties = {"n": {"type": "long"}, "d": {"type": "double"}, "f": {"type": "float"}}
    search = await engine.fill(properties, made(a={"n": "9007199254740993.7"}, b={"d": "0.30000000000000004"}))
    await search.create("other.1", IndexSpec(mapping=properties, collection=NAME))

    assert await ids(search, "n:9007199254740993") == ["a"]
    assert await ids(search, "d:0.30000000000000004") == ["b"]
    for number, body in enumerate(({"d": "9" * 400}, {"f": "9" * 5000}, {"n": "9" * 20}, {"f": 1e39}, {"d": "-1e999"})):
        with pytest.raises(JobFailed):
            await search.bulk("other.1", made(**{str(number): body}))
