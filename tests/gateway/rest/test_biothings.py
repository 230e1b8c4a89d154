"""What clients of BioThings rely on, on both search engines: what was found to differ when both were asked."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.gateway.rest.site import DOCUMENTS, KEYWORD, MAPPING, Site

MANY: list[dict[str, Any]] = [
    {"_id": f"d{number:02}", "n": number, "kind": "even" if number % 2 == 0 else "odd", "words": f"common w{number}"}
    for number in range(25)
]
MANY_MAPPING: dict[str, Any] = {
    "n": {"type": "integer", "index": False},
    "kind": KEYWORD,
    "words": {"type": "text", "copy_to": ["all"]},
    "raw": {"type": "object", "enabled": False},
    "deep": {"properties": {"raw": {"enabled": False}, "x": {"type": "text", "index": False}}},
}


def ids(found: Any) -> list[str]:
    """The ids of an answer's hits."""
    return [hit["_id"] for hit in (found["hits"] if isinstance(found, dict) else found)]


FILTERED: dict[str, list[str]] = {
    "symbol:abl1 symbol:odd": ["25", "HGNC:76/x y"],
    "name:(proto cyclin)": ["1017", "12566", "25"],
    "cdk2 abl1": ["1017", "12566", "25"],
    "symbol:cdk2 AND taxid:9606": ["1017"],
    "symbol:cdk2 +taxid:9606": ["1017", "25", "HGNC:76/x y"],
    "symbol:cdk2 -taxid:9606": ["12566"],
    "": ["1017", "12566", "25", "HGNC:76/x y"],
}


@pytest.mark.parametrize("parameter", ["filter", "post_filter"])
async def test_words_of_filters_are_alternatives(either: Site, parameter: str) -> None:
    """OR stands between the words of `filter` and `post_filter`, unlike those of `q`; an empty one is none."""
    for text, expected in FILTERED.items():
        assert ids(await either.get("/query", **{parameter: text}, sort="_id")) == expected
        posted = {"q": ["cdk2", "abl1", "odd"], "scopes": ["symbol"], parameter: text, "sort": ["_id"]}
        assert [hit["_id"] for hit in await either.post("/query", json=posted) if "_id" in hit] == expected
        assert ids(await either.get("/query", **{parameter: text}, fetch_all="1")) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"q": []},
        {"q": ""},
        {"q": [""]},
        {"q": ["1017", ""]},
        {"q": [None]},
        {"q": [[]]},
        {"q": [["a", ""]], "scopes": ["symbol", "taxid"]},
        {"q": [["a", None]], "scopes": ["symbol", "taxid"]},
        {"q": [{}], "scopes": []},
        {"q": [{"a": 1}]},
        {"q": ["a"], "scopes": [[]]},
        {"q": ["a"], "scopes": [""]},
        {"q": ["a"], "scopes": [1]},
        {"q": ["a"], "scopes": ["symbol^x"]},
        {"q": ["a"], "scopes": ["^2"]},
        {"ids": []},
        {"ids": ""},
        {"ids": [""]},
        {"ids": ["1017", ""]},
        {"ids": [["1017"]]},
        {},
    ],
)
async def test_empty_batches_are_refused(site: Site, body: dict[str, Any]) -> None:
    """A batch without terms, or with one that is none, is the client's mistake, in a form as in JSON."""
    assert (await site.post("/gene" if "ids" in body else "/query", 400, json=body))["keyword"] in ("q", "scopes", "id")
    for form in ({"q": ""}, {"q": ",", "scopes": "symbol"}):
        assert (await site.post("/query", 400, **form))["keyword"] == "q"


async def test_ids_keep_their_type(either: Site) -> None:
    """Each term comes back as it was sent; null, decimals and booleans name no document, and numbers the one of their digits."""
    sent = [1017, "1017", 25.0, True, False, None, 0, "true"]
    given = await either.post("/gene", json={"ids": sent})
    found = await either.post("/query", json={"q": [term for term in sent if term is not None]})
    scoped = await either.post("/query", json={"q": [9606, 10090.0, 0], "scopes": ["taxid"], "size": 1, "fields": ["_id"]})

    assert [item["query"] for item in given] == sent
    assert [type(item["query"]) for item in given] == [type(term) for term in sent]
    assert [item.get("_id") for item in given] == ["1017", "1017", None, None, None, None, None, None]
    assert [item.get("_id") for item in found] == ["1017", "1017", None, None, None, None, None]
    assert [item.get("notfound") for item in scoped] == [None, None, True]
    assert orjson.dumps([item["query"] for item in scoped]) == b"[9606,10090.0,0]"


async def test_fields_that_are_only_kept(either: Site) -> None:
    """`metadata/fields` tells of every object, and whether it, or a value, is indexed; what is not is found all the same."""
    await either.release(2, [*MANY, {"_id": "e", "raw": [1, {"n": 5}], "deep": {"raw": "x"}}], MANY_MAPPING)

    fields = await either.get("/metadata/fields")

    assert {path: (field["type"], field["index"]) for path, field in fields.items()} == {
        "n": ("integer", False),
        "kind": ("keyword", True),
        "words": ("text", True),
        "raw": ("object", False),
        "deep": ("object", True),
        "deep.raw": ("object", False),
        "deep.x": ("text", False),
    }
    assert ids(await either.get("/query", q="n:[7 TO 9]", sort="-n")) == ["d09", "d08", "d07"]
    assert (await either.get("/query", q="raw.n:5 OR deep.x:y"))["total"] == 0
    assert (await either.get("/gene/e"))["raw"] == [1, {"n": 5}]
    assert (await either.get("/gene/n:5", 404))["success"] is False


async def test_scrolls_have_scores_and_facets(either: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hit of a scroll has the score that it has without one, every page the best of them, the first page the facets."""
    monkeypatch.setattr("gateway.rest.search.PAGE", 10)
    await either.release(2, MANY, MANY_MAPPING)
    asked = {"q": "words:(common OR w7)", "facets": "kind", "facet_size": "1"}
    whole = await either.get("/query", **asked, size="100")

    page = await either.get("/query", **asked, fetch_all="1", sort="-n", size="3")
    pages = [page]
    while "hits" in page:
        page = await either.get("/query", scroll_id=page["_scroll_id"])
        pages.append(page)

    assert [len(each["hits"]) for each in pages[:-1]] == [10, 10, 5]
    assert pages[0]["facets"] == whole["facets"]
    assert ["facets" in each for each in pages] == [True, False, False, False]
    assert [each["max_score"] for each in pages[:-1]] == [pytest.approx(whole["max_score"])] * 3
    assert {hit["_id"]: pytest.approx(hit["_score"]) for each in pages[:-1] for hit in each["hits"]} == {
        hit["_id"]: hit["_score"] for hit in whole["hits"]
    }
    assert (await either.get("/query", fetch_all="1", skip="20"))["hits"] == (await either.get("/query", fetch_all="1"))["hits"]


async def test_sorting(either: Site) -> None:
    """`-field` and `field:desc` are descending, `field:asc` and the name alone ascending; `_score` descending unless it is said."""
    await either.release(2, [*MANY, {"_id": "best", "n": -1, "words": "w3 w3 w3"}], MANY_MAPPING)

    async def first(sort: str, q: str = "*") -> str:
        return ids(await either.get("/query", q=q, sort=sort, size="1"))[0]

    assert [await first(sort) for sort in ("n", "n:asc", "-n", "n:desc")] == ["best", "best", "d24", "d24"]
    assert await first("kind:desc,n:desc") == "d23"
    scored = "words:(common OR w3)"
    assert [await first(sort, scored) for sort in ("_score", "_score:desc", "-_score")] == [await first("", scored)] * 3
    assert await first("_score:asc", scored) not in (await first("_score", scored), "d03")
    assert (await either.get("/query", q=scored, sort="_score"))["max_score"] > 0
    for wrong in ("n:up", "-n:desc", ":desc", "--n"):
        assert "not mapped" in (await either.get("/query", 400, sort=wrong))["reason"]


async def test_scopes_with_boosts(either: Site) -> None:
    """A boost is no part of the name: the same documents are found, by ids too, the boosted ones before the others."""
    await either.release(2, [{"_id": "a", "alias": "x"}, {"_id": "b", "symbol": "x"}, {"_id": "x", "taxid": 1}], MAPPING)

    for scopes, first in (("symbol^9,alias", "b"), ("symbol,alias^9.5", "a"), ("alias^.5 symbol^1", "b")):
        found = await either.post("/query", q="x", scopes=scopes)
        assert sorted(ids(found)) == ["a", "b"]
        assert ids(found)[0] == first
    assert ids(await either.post("/query", json={"q": ["x"], "scopes": ["_id^2"]})) == ["x"]
    assert ids(await either.post("/query", json={"q": [["x", "1"]], "scopes": [["_id^2", "symbol"], "taxid^3"]})) == ["x"]


async def test_facets_without_a_size(either: Site) -> None:
    """0 is as if nothing were said, on both engines."""
    await either.release(2, MANY, MANY_MAPPING)

    for asked in ({"facet_size": "0"}, {"facet_size": "10"}, {}):
        facet = (await either.get("/query", facets="n", **asked))["facets"]["n"]
        assert (len(facet["terms"]), facet["other"], facet["total"]) == (10, 15, 10)


async def test_ids_with_line_breaks(either: Site) -> None:
    """Whatever stands in an id, GET finds it as POST does."""
    odd = ["a\nb", "\n", "a\r\nb\u2028", "a%0Ab", "a/b\nc", "tab\there"]
    await either.release(2, [{"_id": id, "symbol": "x"} for id in odd])

    for id in odd:
        for prefix in ("", "/v1"):
            assert (await either.get(f"{prefix}/gene/{quote(id, safe='')}"))["_id"] == id
    assert ids(await either.post("/gene", json={"ids": odd})) == odd


async def test_methods(site: Site) -> None:
    """What is there and takes no such method says which it takes; what is missing in the address is said too."""
    assert (await site.get("/gene", 400))["keyword"] == "id"
    assert (await site.get("/v1/gene/", 400))["keyword"] == "id"
    for path in ("/metadata", "/metadata/fields", "/status", "/spec", "", "/gene/1017"):
        async with site.client.post(f"/api/genes{path}", json={"ids": ["1017"]}) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
            assert (await response.json())["code"] == 405
    for method in ("PUT", "DELETE", "PATCH"):
        async with site.client.request(method, "/api/genes/query") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
        async with site.client.request(method, "/api/genes/nothing") as response:
            assert response.status == 404


@pytest.mark.parametrize("name", ["userquery", "userfilter", "nonsense"])
async def test_unknown_names_are_passed_over(site: Site, name: str) -> None:
    """As BioThings does with a user query that it does not know."""
    assert ids(await site.get("/query", q="symbol:abl1", **{name: "prefix"})) == ["25"]


@pytest.mark.parametrize("path", ["/api", "/api/"])
async def test_apis_are_listed(site: Site, path: str) -> None:
    """Who knows the hub alone finds its APIs."""
    async with site.client.get(path) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert await response.json() == {"apis": [{"name": "genes", "description": "", "running": True, "url": "/api/genes"}]}
    async with site.client.post(path) as response:
        assert response.status == 405


async def test_a_word_without_a_default_field(either: Site) -> None:
    """The answer says that there is nothing that a plain word is looked for in, but ids."""
    await either.release(2, DOCUMENTS, {"symbol": KEYWORD})

    found = await either.get("/query", q="cdk2")

    assert found["total"] == 0
    assert "no field is searched by default" in found["_warning"]
    assert "_warning" not in await either.get("/query", q="symbol:cdk2")
    async with either.client.post("/api/genes/query", json={"q": ["cdk2", "symbol:x"], "scopes": []}) as response:
        assert "no field is searched by default" in response.headers["Leat-Warning"]


async def test_engines_keep_their_words_to_themselves(either: Site) -> None:
    """Whatever the engine can't do is refused in our words: no index, server or setting is named."""
    assert either.hub.search
    async with either.client.get(
        "/api/genes/query", params={"q": "name:/(a|b|c|d){1,40}(e|f){1,40}g/ OR name:/.*(a.){20}x/"}
    ) as response:
        text = await response.text()
    assert response.status in (200, 400)
    for word in ("lucene", "elastic", "exception", "tantivy", "test-", ".1"):
        assert word not in text.lower()
