"""What only Elasticsearch does, or what only it can be done to."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError, AsyncElasticsearch

from adapters.elasticsearch.index import meta
from adapters.elasticsearch.search import ALL_TERMS, ElasticsearchSearch, _aggregations
from domain.errors import NotReady, QueryInvalid, Unavailable
from domain.ports.search import IndexSpec, SearchRequest
from domain.query.plan import Fields
from domain.query.tree import MatchAll
from tests.adapters.places import document
from tests.faults.proxy import Cable, Trigger
from tests.services import need

WRITES = (
    rb"^DELETE /[^_]",
    rb"^PUT /[^/ ]+ HTTP",
    rb"/_bulk",
    rb"/_refresh",
    rb"/_flush",
    rb"/_settings",
    rb"/_mapping ",
    rb"^DELETE /[^ ]*/_alias/",
    rb"/_aliases",
)


async def test_lost_answers() -> None:
    """Whatever is written, the driver sends again where the answer was lost with the connection, and it is as if sent once."""
    hub, cable = f"t{secrets.token_hex(4)}", Cable(need("elasticsearch"))
    await cable.listen()
    triggers = [Trigger(re.compile(pattern), answered=True) for pattern in WRITES]
    for trigger in triggers:
        cable.set(trigger)
    async with ElasticsearchSearch.open(cable.url, hub) as search:
        await search.create("a", IndexSpec(mapping={"name": {"type": "keyword"}}, collection="a"))
        await search.bulk("a", [document("1", name="x"), document("2", name="y")])
        assert await search.seal("a") == 2
        await search.publish("alias", "a")
        again = Trigger(re.compile(rb"/_aliases"), answered=True)
        cable.set(again)
        await search.publish("alias", None)
        await search.drop("a")
        assert await search.names() == []
    assert [trigger.pattern for trigger in (*triggers, again) if not trigger.fired] == []
    await cable.close()


@pytest.fixture
async def search() -> AsyncIterator[ElasticsearchSearch]:
    """The adapter, with nothing in it."""
    async with ElasticsearchSearch.open(need("elasticsearch"), f"t{secrets.token_hex(4)}") as opened:
        yield opened
        for name in await opened.names():
            await opened.drop(name)


async def test_a_shard_that_is_away_gives_no_answer(search: ElasticsearchSearch) -> None:
    """Elasticsearch would answer from the shards that are there: fewer hits, and no word about it."""
    spec, everything = IndexSpec(mapping={}, collection="a", shards=2), SearchRequest(query=MatchAll())
    await search.create("a", IndexSpec(mapping={}, collection="a"))
    async with AsyncElasticsearch(need("elasticsearch")) as client:
        index = f"{search._hub}.a"
        await client.indices.delete(index=index)
        await client.indices.create(
            index=index,
            settings={"number_of_shards": 2, "number_of_replicas": 0, "routing.allocation.total_shards_per_node": 1},
            mappings={"_meta": meta(spec, sealed=True)},
            wait_for_active_shards="0",
        )

    with pytest.raises(Unavailable):
        await search.search("a", everything)
    with pytest.raises(Unavailable):
        await search.describe("a")
    with pytest.raises(Unavailable):
        await anext(search.scan("a", everything))


async def test_a_server_that_ends_refuses_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it could not do just then, of a request or as a whole, is sent again: it says nothing about the document."""

    class Ending:
        answers = None, [{"index": {"_id": "1", "status": 503, "error": {"reason": "closed"}}}], []

        def __init__(self) -> None:
            self.sent: list[int] = []

        async def bulk(self, *, operations: list[bytes], **_: Any) -> dict[str, Any]:
            self.sent.append(len(operations))
            items = self.answers[len(self.sent) - 1]
            if items is None:
                meta = ApiResponseMeta(429, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 1))
                raise ApiError("circuit_breaking_exception", meta, {})
            return {"errors": bool(items), "items": items}

    client = Ending()
    search = ElasticsearchSearch(cast(AsyncElasticsearch, client), "t")
    search._last["a"] = ""
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: asyncio.gather())

    await search.bulk("a", [document("1"), document("2")])

    assert client.sent == [2, 2, 1]


async def test_a_search_that_takes_too_long_is_ended_by_the_server_and_not_asked_again() -> None:
    """Every search has a deadline at the server; one that ran out is refused, since it would take as long again."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        head = {"X-Elastic-Product": "Elasticsearch"}
        if "_mapping" in request.path:
            known = {request.path.split("/")[1]: {"mappings": {"_meta": meta(IndexSpec(mapping={}, collection="a"), sealed=True)}}}
            return web.json_response(known, headers=head)
        if "_pit" in request.path:
            return web.json_response({"id": "p", "succeeded": True}, headers=head)
        asked.append(await request.json())
        reason = {"type": "search_phase_execution_exception", "reason": "all shards failed"}
        return web.json_response({"error": reason, "status": 504}, status=504, headers=head)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, ElasticsearchSearch.open(str(server.make_url("")), "t") as search:
        everything = SearchRequest(query=MatchAll())
        with pytest.raises(QueryInvalid, match="takes longer than 10 s"):
            await search.search("a", everything)
        with pytest.raises(QueryInvalid, match="takes longer than 10 s"):
            await anext(search.scan("a", everything))

    assert [body["timeout"] for body in asked] == ["10s", "10s"]


async def test_many_facets_have_a_share_of_the_terms_each(search: ElasticsearchSearch) -> None:
    """Their counts are right where the values are few, however many facets are asked for."""
    mapping = {f"f{number}": {"type": "keyword"} for number in range(300)}
    await search.create("a", IndexSpec(mapping=mapping, collection="a"))
    await search.bulk("a", [document("1", **dict.fromkeys(mapping, "x")), document("2", **dict.fromkeys(mapping, "y"))])
    await search.seal("a")

    found = await search.search("a", SearchRequest(query=MatchAll(), facets=tuple(mapping), facet_size=60))

    assert {facet.terms for facet in found.facets.values()} == {(("x", 1), ("y", 1))}
    handed = [made["terms"]["shard_size"] for made in _aggregations(Fields(mapping).indexed, 60).values() if "terms" in made]
    assert sum(handed) <= ALL_TERMS


async def test_an_index_that_is_dropped_stays_dropped(search: ElasticsearchSearch) -> None:
    """What is still sent to it does not make it anew, and no other's index is taken for it."""
    async with AsyncElasticsearch(need("elasticsearch")) as client:
        for made in (False, True):
            await search.create("a", IndexSpec(mapping={}, collection="a"))
            await client.indices.delete(index=f"{search._hub}.a")
            with pytest.raises(NotReady):
                await search.bulk("a", [document("1")])
            assert await search.names() == []
            if made:
                await client.indices.create(index=f"{search._hub}.a")
            with pytest.raises(NotReady):
                await search.seal("a")
            with pytest.raises(NotReady):
                await search.describe("a")


async def test_names_that_differ_by_case_have_aliases_of_their_own(search: ElasticsearchSearch) -> None:
    """Elasticsearch takes no capitals: each is told by a dot."""
    hub = search._hub
    async with AsyncElasticsearch(need("elasticsearch")) as client:
        await search.create("filling", IndexSpec(mapping={}, collection="filling"))
        for name, alias in (("a", "Genes"), ("b", "genes"), ("c", "gEnes")):
            await search.publish(alias, None)
            await search.create(name, IndexSpec(mapping={}, collection=name))
            await search.seal(name)
            for moved in ("filling", name):
                await search.publish(alias, moved)
        await search.drop("filling")
        found = await client.indices.get_alias(index=f"{hub}.*")
    assert {index: list(told["aliases"]) for index, told in found.items()} == {
        f"{hub}.a": [f"{hub}-.genes"],
        f"{hub}.b": [f"{hub}-genes"],
        f"{hub}.c": [f"{hub}-g.enes"],
    }
