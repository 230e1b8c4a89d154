"""What all published APIs have in common: headers, metadata, being stopped, and releases that switch under them."""

import asyncio
import io
import time
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest
import yaml

from domain.data.apis import APIS
from domain.errors import Unavailable
from tests.gateway.rest.site import DOCUMENTS, Site


async def test_headers(site: Site) -> None:
    """Any web page may ask; caches ask again with the ETag, and get 304 until the next release."""
    async with site.client.get("/api/genes/gene/1017") as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
        etag = response.headers["ETag"]
        assert "no-cache" in response.headers["Cache-Control"]
    async with site.client.get("/api/genes/query?q=cdk2", headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert await response.read() == b""
    async with site.client.options("/api/genes/query") as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Methods"] == "*"
    async with site.client.head("/api/genes/gene/1017") as response:
        assert response.status == 200
        assert await response.read() == b""
        assert int(response.headers["Content-Length"]) > 100
    async with site.client.delete("/api/genes/gene/1017") as response:
        assert response.status == 405


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KNOWN = {
    "/gene/1017": 304,
    "/gene/1017?fields=symbol": 304,
    "/gene/symbol:cdk2": 304,
    "/gene/nothing": 404,
    "/gene/1017?format=nonsense": 400,
    "/query?q=cdk2": 304,
    "/query?q=cdk2&format=yaml": 304,
    "/query?q=(": 400,
    "/query?q=cdk2&size=nonsense": 400,
    "/query?fetch_all=1": 200,
    "/query?scroll_id=nonsense": 400,
    "/query?q=__any__": 200,
    "/metadata": 304,
    "/metadata/fields": 304,
    "/status": 200,
    "": 200,
    "/nothing": 404,
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ["{}", '"other", {}', "*"])
async def test_what_is_known_already(site: Site, known: str, method: str) -> None:
    """304 is answered where the same request without the ETag is answered 200 with it, and nowhere else."""
    async with site.client.get("/api/genes/metadata") as response:
        known = known.format(response.headers["ETag"])
    said = {}
    for path in KNOWN:
        async with site.client.request(method, f"/api/genes{path}", headers={"If-None-Match": known}) as response:
            said[path] = response.status
    assert said == KNOWN


async def test_another_release_is_not_known(site: Site) -> None:
    """With another release's ETag, or with what is none, everything is sent."""
    for known in ('W/"00000000-0000-4000-8000-000000000009.1"', "nonsense", ""):
        async with site.client.get("/api/genes/gene/1017", headers={"If-None-Match": known}) as response:
            assert (response.status, (await response.json())["_id"]) == (200, "1017")


async def test_a_bug_is_told_in_the_envelope(site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong inside, clients get BioThings' JSON and an id, under which the traceback is in the log."""
    monkeypatch.setattr(site.hub.search, "search", lambda *_: 1 / 0)
    found = await site.get("/query", 500, q="cdk2")
    assert found == {"code": 500, "success": False, "error": "Internal Server Error", "request_id": found["request_id"]}
    [record] = [record for record in caplog.records if record.exc_info]
    assert getattr(record, "request_id", "") == found["request_id"]
    assert "ZeroDivisionError" in caplog.text


WRONG = {
    "a form without boundary": ("multipart/form-data", b"x", ""),
    "a form of nothing": ("multipart/form-data; boundary=a", b"x", ""),
    "a form that is no UTF-8": (FORM["Content-Type"], b"q=\xff", ""),
    "an unknown charset": (FORM["Content-Type"] + "; charset=nope", b"q=a", ""),
    "what is not compressed": ("application/json", b"{}", "gzip"),
    "no JSON": ("application/json", b"{", ""),
}


@pytest.mark.parametrize(("type", "body", "encoding"), WRONG.values(), ids=WRONG.keys())
async def test_bodies_that_cannot_be_read(site: Site, type: str, body: bytes, encoding: str) -> None:
    """They are the client's mistake: 400, in the envelope."""
    headers = {"Content-Type": type} | ({"Content-Encoding": encoding} if encoding else {})
    async with site.client.post("/api/genes/query", data=body, headers=headers) as response:
        assert (response.status, (await response.json())["success"]) == (400, False)


async def test_large_bodies_are_refused(site: Site) -> None:
    """A megabyte is enough; the refusal is in the envelope."""
    async with site.client.post("/api/genes/query", data=io.BytesIO(b"q=" + b"x" * 2_000_000), headers=FORM) as response:
        assert (response.status, (await response.json())["max"]) == (413, 2**20)


async def test_metadata(site: Site) -> None:
    """BioThings' five keys; the total is what is served."""
    found = await site.get("/metadata")
    assert found == {
        "biothing_type": "gene",
        "build_date": "2026-11-21T10:00:00+00:00",
        "build_version": "20261121",
        "src": {"ncbi": {"version": "1"}},
        "stats": {"total": 4, "ncbi": 4},
    }
    assert (await site.get("/v1/metadata", dev="1"))["src"]["ncbi"]["_private"] == 1
    async with site.client.get("/api/genes/metadata?format=yaml") as response:
        assert (response.content_type, yaml.safe_load(await response.text())) == ("text/x-yaml", found)


async def test_fields(site: Site) -> None:
    """Every path with its type, parents too, and what is searched by default."""
    found = await site.get("/metadata/fields")
    assert found["pathway"] == {"type": "object", "index": True}
    assert found["pathway.id"] == {"type": "keyword", "index": True}
    assert found["symbol"] == {"type": "keyword", "index": True, "searched_by_default": True}
    assert found["hidden"]["index"] is False
    assert set(await site.get("/metadata/fields", search="way")) == {"pathway", "pathway.id", "pathway.name"}
    assert set(await site.get("/metadata/fields", prefix="tax")) == {"taxid"}


async def test_unknown_and_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that is not there is 404, one that is stopped or was never released 503."""
    async with site.client.get("/api/nothing/query") as response:
        assert response.status == 404
        assert (await response.json())["success"] is False
    assert (await site.get("/status"))["status"] == "green"
    await APIS.change(site.hub.records, "genes", lambda api: msgspec.structs.replace(api, running=False))

    monkeypatch.setattr("gateway.rest.served.AGE", 0.0)
    assert "stopped" in (await site.get("/gene/1017", 503))["reason"]


async def test_who_asks_is_not_told_of_servers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 while a server is away, without its address: an API is open to everybody."""

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("Elasticsearch does not answer: 10.0.0.7:9200")

    monkeypatch.setattr(site.hub.search, "search", away)
    answer = await site.get("/query", 503, q="symbol:abl1")
    assert "does not answer" in answer["reason"]
    assert "10.0.0.7" not in str(answer)


async def test_what_is_served_depends_on_the_search_engine_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the records are away, APIs are served by what was known last, and every answer says since when. What was never asked
    for is 503. Once they are back, all is as before. (What silent records cost is in tests/bounds/test_away.py.)"""
    monkeypatch.setattr("gateway.rest.served.AGE", 0.0)
    here = site.hub.records.find
    await site.get("/query", q="symbol:abl1")
    await site.client.get("/api")

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("mongodb at 10.0.0.7:27017 is away")

    with monkeypatch.context() as patched:
        for name in ("get", "find"):
            patched.setattr(site.hub.records, name, away)
        for _ in range(20):
            for path in ("/gene/1017", "/gene/1017?fields=symbol", "/query?q=cdk2", "/metadata", "/query?q=*&fetch_all=1"):
                async with site.client.get(f"/api/genes{path}") as response:
                    assert response.status == 200
                    assert parsedate_to_datetime(response.headers["Leat-As-Of"]).timestamp() <= time.time()
        async with site.client.get("/api") as response:
            assert [api["name"] for api in (await response.json())["apis"]] == ["genes"]
        async with site.client.get("/api/others/query") as response:
            assert response.status == 503
            assert "10.0.0.7" not in await response.text()

    assert site.hub.records.find == here
    async with asyncio.timeout(5):
        while "Leat-As-Of" in (await site.client.get("/api/genes/query?q=cdk2")).headers:
            pass


async def test_release_switches_under_requests(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While requests come in, a release replaces the other and the old one is dropped: every answer is
    whole, of one or the other."""
    monkeypatch.setattr("gateway.rest.served.AGE", 0.05)
    old = (await APIS.get(site.hub.records, "genes")).value.served
    seen: list[str] = []
    warm = asyncio.Event()

    async def ask() -> None:
        while "new" not in seen:
            found = await site.get("/gene/1017", fields="symbol")
            seen.append(found["symbol"])
            await site.get("/query", q="symbol:abl1")
            warm.set()

    async def switch() -> None:
        await warm.wait()
        await site.release(2, [{**DOCUMENTS[0], "symbol": "new"}, DOCUMENTS[2]])
        await site.hub.search.drop(old)
        await site.hub.documents.drop(old)

    await asyncio.wait_for(asyncio.gather(ask(), ask(), switch()), 20)
    assert set(seen) == {"CDK2", "new"}
