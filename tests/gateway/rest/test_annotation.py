"""Documents by id."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.gateway.rest.site import DOCUMENTS, Site

CDK2 = DOCUMENTS[0]


@pytest.mark.parametrize("path", ["/gene/1017", "/v1/gene/1017", "/gene/1017/", "/v1/gene/symbol:abl1", "/gene/HGNC:76%2Fx%20y"])
async def test_document_by_id(site: Site, path: str) -> None:
    """With and without version; by `_id` or by a value of an indexed field; with its version, without a score."""
    found = await site.get(path)
    expected = CDK2 if "1017" in path else DOCUMENTS[2] if "abl1" in path else DOCUMENTS[3]
    assert found == expected | {"_version": 1}


async def test_several_documents_make_a_list(site: Site) -> None:
    """`field:value` may name more than one."""
    found = await site.get("/gene/symbol:cdk2")
    assert {document["_id"] for document in found} == {"1017", "12566"}


@pytest.mark.parametrize("path", ["/gene/1", "/gene/hidden:x", "/gene/nothing:x", "/variant/1017", "/genes", "/nothing"])
async def test_unknown_is_404_in_json(site: Site, path: str) -> None:
    """Whatever is not there is said in the envelope."""
    assert (await site.get(path, 404)) | {"code": 404, "success": False, "error": "Not Found."} == await site.get(path, 404)


async def test_shape_of_one_document(site: Site) -> None:
    """Fields, dotted keys and formats work here as in queries."""
    found = await site.get("/gene/25", fields="pathway.id,taxid", dotfield="true")
    assert found == {"_id": "25", "_version": 1, "pathway.id": "hsa1", "taxid": 9606}
    async with site.client.get("/api/genes/gene/25?fields=taxid&format=yaml") as response:
        assert response.headers["Content-Type"] == "text/x-yaml; charset=UTF-8"
        assert await response.text() == "_id: '25'\n_version: 1\ntaxid: 9606\n"


@pytest.mark.parametrize("json", [None, {"ids": ["1017", "nope", "symbol:ABL1"]}, {"id": "1017,nope,symbol:ABL1"}])
async def test_many_ids(site: Site, json: object) -> None:
    """One item per document in the order asked for, with its query; `notfound` where there is none."""
    found = await (site.post("/gene", json=json) if json else site.post("/gene/", ids='"1017","nope","symbol:ABL1"'))
    assert found == [
        CDK2 | {"query": "1017", "_version": 1},
        {"query": "nope", "notfound": True},
        DOCUMENTS[2] | {"query": "symbol:ABL1", "_version": 1},
    ]
    shaped = await site.post("/gene", ids="1017", fields="symbol")
    assert shaped == [{"_id": "1017", "_version": 1, "query": "1017", "symbol": "CDK2"}]


@pytest.mark.parametrize("more", [{}, {"A": 1}, {"_license": "x"}, {"_id": 'a",'}])
async def test_version_of_ones_own(site: Site, more: dict[str, Any]) -> None:
    """A document's own `_version` gives way to the release's: the key is there once."""
    own = {"_id": "1", "_version": "mine", "k": {"_version": "kept"}, **more}
    await site.release(2, [own])
    id = quote(own["_id"], safe="")

    for method, path, json in (("GET", f"/{id}", None), ("POST", "", {"ids": [own["_id"]]})):
        async with site.client.request(method, f"/api/genes/gene{path}", json=json) as response:
            body = await response.text()
        assert body.count('"_version":') == 2
        assert body.count('"_version":1') == 1
        assert body.count('"_version":"kept"') == 1


@pytest.mark.parametrize("fields", ["", "query,_score,n"])
async def test_keys_of_ones_own(site: Site, fields: str) -> None:
    """A document's own `query` and `_score` stand in every answer, once, in place of ours."""
    own = {"_id": "1", "_score": "high", "n": {"query": 1}, "query": "mine"}
    await site.release(2, [own])

    for method, path, json in (("POST", "gene", {"ids": ["1"]}), ("POST", "query", {"q": ["1"]}), ("GET", "query", None)):
        asked = {"q": "_id:1"} if method == "GET" else {}
        async with site.client.request(method, f"/api/genes/{path}", params=asked | {"fields": fields}, json=json) as response:
            body = await response.text()
        assert (body.count('"query":'), body.count('"_score":')) == (2, 1)
        assert '"query":"mine"' in body
        assert '"_score":"high"' in body


async def test_bad_bodies(site: Site) -> None:
    """What is missing, too much or no JSON is refused in the envelope."""
    assert (await site.post("/gene", 400, json={}))["missing"] is True
    assert (await site.post("/gene", 400, json={"ids": ["x"] * 1001}))["max"] == 1000
    async with site.client.post("/api/genes/gene", data=b"{", headers={"Content-Type": "application/json"}) as response:
        assert response.status == 400
        assert (await response.json())["error"] == "Invalid JSON body."


async def test_licenses_stand_in_documents(site: Site) -> None:
    """Of a source with a root key of its name, however its documents are asked for; the short address goes before."""
    about = {"license_url": "https://example.org/license/1.0", "license_url_short": "https://example.org/l"}
    await site.release(2, DOCUMENTS, src={"pathway": about, "symbol": about, "absent": about})
    with_license = {"id": "hsa1", "name": "Leukemia", "_license": "https://example.org/l"}
    one = await site.get("/gene/25")
    many = await site.post("/gene", json={"ids": ["25", "1017"]})
    found = (await site.get("/query", q="symbol:ABL1"))["hits"]
    terms = await site.post("/query", json={"q": ["ABL1"], "scopes": ["symbol"]})
    scrolled = (await site.get("/query", q="symbol:ABL1", fetch_all="1"))["hits"]
    assert [document["pathway"] for document in (one, many[0], found[0], terms[0], scrolled[0])] == [with_license] * 5
    assert many[1] == DOCUMENTS[0] | {"query": "1017", "_version": 1}
