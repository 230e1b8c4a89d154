"""GET and POST /query."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from domain.data.apis import APIS, Api
from tests.gateway.rest.site import DOCUMENTS, Site


def ids(found: object) -> list[str]:
    """The ids of an answer's hits."""
    hits = found["hits"] if isinstance(found, dict) else found
    return [hit["_id"] for hit in hits]  # type: ignore[index, union-attr]


async def test_hits_have_biothings_shape(site: Site) -> None:
    """took, total, max_score and hits with `_id` and `_score` beside the document."""
    found = await site.get("/query", q="symbol:ABL1")
    assert set(found) == {"took", "total", "max_score", "hits"}
    assert found["total"] == 1
    (hit,) = found["hits"]
    assert hit.pop("_score") == pytest.approx(found["max_score"])
    assert hit == DOCUMENTS[2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"q": "cdk2", "sort": "_id"}, ["1017", "12566"]),
        ({"q": "cyclin kinase", "sort": "-_id"}, ["12566", "1017"]),
        ({"q": "taxid:[9000 TO 9999] AND NOT symbol:odd", "sort": "-taxid,_id"}, ["1017", "25"]),
        ({"sort": "taxid,_id", "size": "2", "from": "1"}, ["25", "HGNC:76/x y"]),
        ({"q": "__all__", "filter": "symbol:abl1"}, ["25"]),
        ({"q": "*:*", "post_filter": "symbol:abl1"}, ["25"]),
        ({"q": ""}, []),
        ({"q": "symbol:cdk2", "size": "0"}, []),
    ],
)
async def test_queries(site: Site, arguments: dict[str, str], expected: list[str]) -> None:
    """Lucene syntax, filters, sorting and paging."""
    assert ids(await site.get("/query", **arguments)) == expected


@pytest.mark.parametrize("path", ["/query/", "/v1/query", "/v1/query/"])
async def test_other_paths_of_query(site: Site, path: str) -> None:
    """With and without the version, with and without a slash at the end."""
    assert ids(await site.get(path, q="symbol:abl1")) == ["25"]


async def test_facets(site: Site) -> None:
    """Terms with counts; without a query no hits are sent, and their key is left out."""
    found = await site.get("/query", facets="taxid", facet_size="1")
    assert "hits" not in found
    assert found["facets"]["taxid"] == {
        "_type": "terms",
        "terms": [{"term": 9606, "count": 3}],
        "other": 1,
        "missing": 0,
        "total": 3,
    }
    assert ids(await site.get("/query", q="symbol:abl1", aggs="taxid")) == ["25"]


async def test_wrong_query_says_where(site: Site) -> None:
    """A query that can't be read is 400 with the place, for every parameter that is one."""
    found = await site.get("/query", 400, q="symbol:(a")
    assert (found["code"], found["success"], found["keyword"]) == (400, False, "q")
    assert isinstance(found["position"], int)
    assert (await site.get("/query", 400, filter="symbol:(a"))["keyword"] == "filter"
    assert (await site.get("/query", 400, size="1001"))["max"] == 1000


async def test_unmapped_path_is_warned_of(site: Site) -> None:
    """It matches nothing, and says so."""
    found = await site.get("/query", q="symbl:abl1")
    assert found["total"] == 0
    assert "symbl" in found["_warning"]


async def test_where_one_term_is_refused_the_others_are_ended(site: Site) -> None:
    """Nothing is searched on for an answer that was given already."""
    terms = ["taxid:/x/", *(f'name:"cyclin dependent kinase"~{n % 9}' for n in range(200))]
    await site.post("/query", 400, json={"q": terms, "scopes": []})

    assert [task for task in asyncio.all_tasks() if "ask.<locals>.one" in repr(task)] == []


async def test_many_terms(site: Site) -> None:
    """Every term in its order with its hits; several hits are several items."""
    found = await site.post("/query", q="abl1,cdk2,nope", scopes="symbol", fields="taxid", sort="_id")
    assert [(item["query"], item.get("_id"), item.get("taxid"), item.get("notfound")) for item in found] == [
        ("abl1", "25", 9606, None),
        ("cdk2", "1017", 9606, None),
        ("cdk2", "12566", 10090, None),
        ("nope", None, None, True),
    ]


async def test_scopes_that_are_not_mapped(site: Site) -> None:
    """The list stays as BioThings' clients know it; a header, and under `with_total` the object, say what matches nothing."""
    asked = {"q": "cdk2,nope", "scopes": "symbl\u00e9\n,alias", "size": "1"}
    async with site.client.post("/api/genes/query", data=asked) as response:
        assert await response.json() == [{"query": "cdk2", "notfound": True}, {"query": "nope", "notfound": True}]
        assert "symbl?" in response.headers["Leat-Warning"]
        assert response.headers["Access-Control-Expose-Headers"] == "Leat-Warning"
    assert "symbl\u00e9" in (await site.post("/query", **asked, with_total="true"))["_warning"]
    async with site.client.post("/api/genes/query", data={"q": "cdk2,10090", "scopes": "symbol,taxid"}) as response:
        assert "Leat-Warning" not in response.headers
    async with site.client.post("/api/genes/query", json={"q": ["symbol:x", "symbl:x"], "scopes": []}) as response:
        assert "symbl" in response.headers["Leat-Warning"]


async def test_terms_by_id_and_without_scopes(site: Site) -> None:
    """`_id` is the scope where none is named; an empty list means query strings; lists are compound terms."""
    assert [item["query"] for item in await site.post("/query", q="1017,25")] == ["1017", "25"]
    assert ids(await site.post("/query", json={"q": ["symbol:abl1"], "scopes": []})) == ["25"]
    compound = {"q": [["cdk2", "10090"], ["cdk2", "9606"]], "scopes": [["symbol", "alias"], "taxid"]}
    assert ids(await site.post("/query", json=compound)) == ["12566", "1017"]
    assert ids(await site.post("/query", json={"q": [["25"], ["1017"]], "scopes": ["_id"]})) == ["25", "1017"]
    assert (await site.post("/query", 400, json={"q": [["cdk2"]], "scopes": ["symbol", "taxid"]}))["keyword"] == "q"


@pytest.mark.parametrize("by_id", [True, False])
async def test_no_hits_wanted(site: Site, by_id: bool) -> None:
    """With `size=0` there are totals and no hits, whether terms are ids or looked for; a term without hits is `notfound`."""
    asked = {"q": "25,nope"} if by_id else {"q": "abl1,nope", "scopes": "symbol"}
    found = await site.post("/query", **asked, size="0", with_total="true")
    assert found["max_total"] == 1
    assert [item["notfound"] for item in found["hits"]] == [True, True]
    assert "1 query terms return > 0 hits" in found["msg"]


async def test_with_total(site: Site) -> None:
    """The object says how much there is, and how to get the rest."""
    found = await site.post("/query", q="cdk2", scopes="symbol", size="1", with_total="true")
    assert found["max_total"] == 2
    assert len(found["hits"]) == 1
    assert "from=1" in found["msg"]


async def test_scroll_ends_on_the_release_that_it_began_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that is not kept any more, for as long as its index lies there; never in one that was not served here."""
    monkeypatch.setattr("gateway.rest.search.PAGE", 3)
    monkeypatch.setattr("gateway.rest.served.AGE", 0.0)
    page = await site.get("/query", q="__all__", fetch_all="true", fields="symbol")
    began = (await APIS.get(site.hub.records, "genes")).value.served
    other = await site.release(2, DOCUMENTS[:1])

    def serving(*retired: str) -> Callable[[Api], Api]:
        def changed(api: Api) -> Api:
            kept = tuple(event for event in other.value.releases() if event.output != began)
            return msgspec.structs.replace(api, outputs=kept, retired=retired)

        return changed

    await APIS.change(site.hub.records, "genes", serving(began))
    rest = await site.get("/query", scroll_id=page["_scroll_id"], fields="symbol")
    await APIS.change(site.hub.records, "genes", serving())
    await site.get("/query", 400, scroll_id=page["_scroll_id"])
    await APIS.change(site.hub.records, "genes", serving(began))
    await site.hub.search.drop(began)
    await site.get("/query", 400, scroll_id=page["_scroll_id"])

    assert sorted([*ids(page), *ids(rest)]) == sorted(document["_id"] for document in DOCUMENTS)


async def test_scroll_reads_everything_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page, then the answer that ends BioThings' clients; a wrong id is 400."""
    monkeypatch.setattr("gateway.rest.search.PAGE", 3)
    page = await site.get("/query", q="__all__", fetch_all="true", fields="symbol")
    assert page["total"] == 4
    found = ids(page)
    while "hits" in page:
        page = await site.get("/query", scroll_id=page["_scroll_id"], fields="symbol")
        found += ids(page) if "hits" in page else []
    assert page == {"success": False, "error": "No more results to return."}
    assert sorted(found) == sorted(document["_id"] for document in DOCUMENTS)
    assert (await site.get("/query", 400, scroll_id="x"))["details"] == "Invalid or stale scroll_id."
    nothing = await site.get("/query", q="symbol:nope", fetch_all="1")
    assert nothing["hits"] == []
    assert "error" in await site.get("/query", scroll_id=nothing["_scroll_id"])
