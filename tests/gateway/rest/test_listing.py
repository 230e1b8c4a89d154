"""Lists of documents: the same in every form and however many batches they are sent in, within limits, or not at all."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Unavailable
from gateway.rest import forms, listing
from gateway.rest.limits import Limits
from tests.gateway.rest.site import KEYWORD, Site, open_site

READ: dict[str, Any] = {"json": orjson.loads, "yaml": yaml.safe_load, "msgpack": msgspec.msgpack.decode}
MAPPING: dict[str, Any] = {"n": {"type": "integer"}, "kind": KEYWORD}
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": f"{number:04}", "n": number, "kind": "abc"[number % 3], "text": "ä" * number, "list": [{"x": None}, []]}
    for number in range(300)
]
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)


@given(st.dictionaries(st.text(min_size=1), JSON, max_size=20).filter(lambda head: "hits" not in head), st.lists(JSON, max_size=20))
@settings(max_examples=200, deadline=None)
def test_pieces_are_the_whole(head: dict[str, Any], members: list[Any]) -> None:
    """What is written member by member reads as what is written at once, in each form."""
    expected = {**head, "hits": members} if head else members
    for form, read in READ.items():
        written = forms.BETWEEN[form].join([forms.MEMBER[form](member) for member in members])
        content = forms.opening(head, len(members), form) + written + forms.closing(head, form)
        assert read(content) == read(forms.encode(expected, form))


@pytest.mark.parametrize("count", [0, 15, 16, 65_535, 65_536])
def test_long_lists_in_messagepack(count: int) -> None:
    """The number of members stands before them, in as many bytes as it needs."""
    content = forms.opening({}, count, "msgpack") + forms.MEMBER["msgpack"](7) * count
    assert msgspec.msgpack.decode(content) == [7] * count


@pytest.fixture
async def long(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The application with documents that make several batches."""
    monkeypatch.setattr(listing, "AT_ONCE", 7)
    monkeypatch.setattr("gateway.rest.search.AT_ONCE", 7)
    monkeypatch.setattr(listing, "BATCH", 5000)
    await site.release(2, DOCUMENTS, MAPPING)
    return site


@pytest.mark.parametrize("form", forms.TYPES)
async def test_many_batches(long: Site, form: str) -> None:
    """Every request for many documents has all of them in their order, changed or not, whatever the form."""
    numbers = [str(number) for number in range(0, 600, 2)]

    async def asked(method: str, path: str, json: Any = None, **arguments: str) -> Any:
        async with long.client.request(method, f"/api/genes{path}", json=json, params={"format": form, **arguments}) as response:
            assert response.status == 200
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert response.headers["Content-Type"] == forms.TYPES[form]
            return READ[form](await response.read())

    page = await asked("GET", "/query", q="*", sort="-n", size="300")
    by_id = await asked("POST", "/query", {"q": numbers, "scopes": ["n"], "size": 1}, fields="n")
    totals = await asked("POST", "/query", {"q": ["a", "z", "c"], "scopes": ["kind"], "size": 150, "with_total": True})
    documents = await asked("POST", "/gene", {"ids": ["nope", *(document["_id"] for document in DOCUMENTS)]})
    named = await asked("GET", "/gene/kind:b")
    scrolled = await asked("GET", "/query", fetch_all="1", dotfield="1")

    assert page["total"] == 300
    assert page["hits"] == [{**document, "_score": None} for document in reversed(DOCUMENTS)]
    assert [item["query"] for item in by_id] == numbers
    assert [item.get("n") for item in by_id] == [*range(0, 300, 2), *[None] * 150]
    assert [(item["query"], item.get("n")) for item in totals["hits"]][99:102] == [("a", 297), ("z", None), ("c", 2)]
    assert (totals["max_total"], len(totals["hits"])) == (100, 201)
    assert documents == [
        {"query": "nope", "notfound": True},
        *({**document, "query": document["_id"], "_version": 1} for document in DOCUMENTS),
    ]
    assert [document["n"] for document in named] == list(range(1, 300, 3))
    assert [hit["list.x"] for hit in scrolled["hits"]] == [None] * 300


async def test_heads_and_old_clients(long: Site) -> None:
    """HEAD gets no body, a client of HTTP/1.0 no chunks, and whoever has it all already nothing."""
    async with long.client.head("/api/genes/query?size=300") as response:
        assert (response.status, await response.read()) == (200, b"")
        etag = response.headers["ETag"]
    async with long.client.get("/api/genes/query?size=300", headers={"If-None-Match": etag}) as response:
        assert response.status == 304

    reader, writer = await asyncio.open_connection("127.0.0.1", long.client.port)
    writer.write(b"GET /api/genes/query?size=300 HTTP/1.0\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()

    assert b"chunked" not in head.lower()
    assert len(orjson.loads(body)["hits"]) == 300


async def test_what_is_written_slowly_is_written_elsewhere(long: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML of more than a little, and much JSON that is changed, is made in threads of its own."""
    threads: set[str] = set()
    written = listing._written

    def noted(*arguments: Any) -> bytes:
        threads.add(threading.current_thread().name)
        return written(*arguments)

    monkeypatch.setattr(listing, "_written", noted)
    monkeypatch.setattr(listing, "BATCH", 2**20)
    for path in ("/query?size=300&format=yaml", "/query?size=300&dotfield=1&sort=-n"):
        threads.clear()
        async with long.client.get(f"/api/genes{path}") as response:
            await response.read()
        assert any(name.startswith("answers") for name in threads)
    threads.clear()
    await long.get("/query", q="n:1")
    assert threads == {threading.current_thread().name}


async def test_an_answer_that_cannot_go_on_is_cut(
    long: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody takes a part for the whole: where the store goes away meanwhile, the connection ends within the body."""
    get, calls = long.hub.search.get, 0

    async def away(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise Unavailable("the store at 10.0.0.7 does not answer")
        return await get(*arguments)

    monkeypatch.setattr(long.hub.search, "get", away)
    async with long.client.get("/api/genes/query?size=300") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert "answer cut" in caplog.text
    async with long.client.get("/api/genes/query?size=300") as response:
        assert response.status == 503
        assert "10.0.0.7" not in await response.text()


async def test_a_reader_who_stops_reading_is_left(long: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody takes is not kept for long."""
    monkeypatch.setattr(listing, "_PATIENCE", 0.2)
    documents = [{"_id": f"{number:04}", "text": "x" * 200_000} for number in range(300)]
    await long.release(3, documents, MAPPING)

    cut = asyncio.Event()
    monkeypatch.setattr(listing.log, "warning", lambda *_, **__: cut.set())
    reader, writer = await asyncio.open_connection("127.0.0.1", long.client.port, limit=1000)
    writer.write(b"GET /api/genes/query?size=300 HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.wait_for(cut.wait(), 30)

    try:
        rest = await reader.read()
    except ConnectionResetError:
        rest = b""
    writer.close()
    assert not rest.endswith(b"0\r\n\r\n")


LIMITS = Limits(hits=20, bytes=20_000, looks=12, facet_terms=30, terms=10, ids=5, size=15)


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application with small limits, which looks for its release each time."""
    monkeypatch.setattr("gateway.rest.served.AGE", 0.0)
    async with open_site(tmp_path, limits=LIMITS) as site:
        await site.release(2, DOCUMENTS, MAPPING)
        yield site


async def test_limits(small: Site) -> None:
    """What is asked for beyond them is refused with the limit; just within them it is answered."""
    assert (await small.get("/query", 400, size="16"))["max"] == 15
    assert len((await small.get("/query", size="15"))["hits"]) == 15
    assert (await small.post("/query", 400, json={"q": ["x"] * 11}))["max"] == 10
    assert (await small.post("/gene", 400, json={"ids": ["x"] * 6}))["max"] == 5
    assert (await small.get("/query", 400, facets="n,kind", facet_size="16"))["max"] == 30
    assert (await small.get("/query", facets="n,kind", facet_size="15"))["facets"]
    refused = await small.post("/query", 400, json={"q": ["a"] * 7, "scopes": ["n", "kind"]})
    assert (refused["num"], refused["max"]) == (14, 12)
    assert await small.post("/query", json={"q": ["x"] * 6, "scopes": ["n", "kind"]})
    assert (await small.post("/query", 400, json={"q": ["x"] * 7, "scopes": "*"}))["num"] == 14
    assert (await small.post("/query", 400, json={"q": ["a", "b", "c"], "scopes": ["kind"], "size": 7}))["max"] == 20
    assert len(await small.post("/query", json={"q": ["a", "b", "z"], "scopes": ["kind"], "size": 10})) == 21
    assert (await small.get("/gene/kind:a", 500))["max"] == 5
    large = [{"_id": str(number), "n": 0, "text": "x" * 5000} for number in range(5)]
    await small.release(3, large, MAPPING)
    assert (await small.get("/query", 400, q="n:0"))["max"] == 20_000
    assert len((await small.get("/query", q="n:0", size="3"))["hits"]) == 3
