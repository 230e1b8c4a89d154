"""What a gateway answers, and how soon, while a server is silent or refuses: published APIs, GraphQL, readiness and metrics."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from adapters.mongodb.documents import MongoDocuments
from adapters.mongodb.records import MongoRecords
from adapters.tantivy.search import TantivySearch
from domain.callers import ADMINISTRATOR
from domain.catalogue import CATALOGUE
from domain.data.apis import APIS
from domain.hub import Hub
from domain.ports.records import Records
from events.rabbitmq import RabbitBus
from gateway.app import make_app
from gateway.authentication import Authentication
from tests.events.buses import remove
from tests.faults.proxy import Cable
from tests.gateway.rest.site import Site, open_site
from tests.services import need
from tests.workers.uploads import add_source

LATEST = 2.2
"""Seconds in which everything answers: 2, and what a busy machine adds."""
AT_ONCE = 0.25
"""Seconds in which it answers once it is known that a server is away."""
QUERY, READY, METRICS = "/api/genes/query?q=cdk2", "/health/ready", "/metrics"
JOBS = "{ jobs { nodes { id } } }"
DUMP = 'mutation { dumpSource(input: {source: "genes", idempotencyKey: "k%d"}) { __typename } }'
ADDED = 'mutation { addApi(input: {name: "more", build: "genes"}) { __typename } }'


class Answer(NamedTuple):
    """What came, and after how many seconds."""

    status: int
    took: float
    since: bool
    text: str


class Asker:
    """A client of a gateway."""

    def __init__(self, server: TestServer, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def get(self, path: str) -> Answer:
        """The answer to a GET."""
        return await self._ask("GET", path)

    async def graphql(self, query: str) -> Answer:
        """The answer to an operation."""
        return await self._ask("POST", "/graphql", query)

    async def _ask(self, method: str, path: str, query: str | None = None) -> Answer:
        begun, body = time.monotonic(), None if query is None else {"query": query}
        async with self._session.request(method, self._server.make_url(path), json=body) as response:
            text = await response.text()
            return Answer(response.status, time.monotonic() - begun, "Leat-As-Of" in response.headers, text)


@asynccontextmanager
async def gateway(hub: Hub) -> AsyncIterator[Asker]:
    """A gateway of this hub, and its client."""
    async with (
        TestServer(make_app(hub, Authentication({"t": ADMINISTRATOR}))) as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer t"}) as session,
    ):
        yield Asker(server, session)


@asynccontextmanager
async def cable_to(service: str) -> AsyncIterator[Cable]:
    """A cable to this server."""
    cable = Cable(need(service))
    await cable.listen()
    try:
        yield cable
    finally:
        await cable.close()


@asynccontextmanager
async def on_mongodb(site: Site, cable: Cable) -> AsyncIterator[Records]:
    """The site's records on a MongoDB behind the cable."""
    async with MongoRecords.open(cable.url, f"away-{secrets.token_hex(3)}") as records:
        await records.prepare(CATALOGUE.kinds)
        await APIS.insert(records, "genes", (await APIS.get(site.hub.records, "genes")).value)
        yield records


async def until(found: Callable[[Answer], bool], asker: Asker, path: str) -> None:
    """Ask until the answer is so; not even the first takes long."""
    async with asyncio.timeout(30):
        while not found(answer := await asker.get(path)):
            assert answer.took < LATEST


async def leave(cable: Cable, silent: bool) -> None:
    """The server is silent, or refuses connections."""
    if silent:
        cable.hold()
    else:
        await cable.refuse()


async def come_back(cable: Cable, silent: bool) -> None:
    """It answers again."""
    if silent:
        cable.resume()
    else:
        await cable.listen()


@pytest.mark.parametrize("silent", [True, False])
async def test_a_gateway_answers_while_mongodb_is_away(tmp_path: Path, silent: bool) -> None:
    """The first who asks may find out for 2 seconds; from then on APIs answer at once, and say since when, until it is back."""
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(cable_to("mongodb"))
        site = await stack.enter_async_context(open_site(tmp_path))
        records = await stack.enter_async_context(on_mongodb(site, cable))
        asker = await stack.enter_async_context(gateway(replace(site.hub, records=records)))
        paths = (QUERY, READY, METRICS)
        before = [(await asker.get(path)).status for path in paths]
        await leave(cable, silent)
        await until(lambda answer: answer.since, asker, QUERY)
        away = [await asker.get(path) for path in paths * 3]
        asked = [await asker.graphql(operation) for operation in (JOBS, ADDED) * 2]
        await come_back(cable, silent)
        await until(lambda answer: answer.status == 200 and not answer.since, asker, QUERY)
        await until(lambda answer: answer.status == 200, asker, READY)
        again = await asker.graphql(JOBS)

    assert before == [200, 200, 200]
    assert [answer.status for answer in away] == [200, 503, 200] * 3
    assert max(answer.took for answer in away) < LATEST
    assert max(answer.took for answer in [*away, *asked] if answer.since or answer in asked) < AT_ONCE
    assert all("UNAVAILABLE" in answer.text and "27017" not in answer.text for answer in asked)
    assert "errors" not in again.text


@pytest.mark.parametrize("operation", [JOBS, ADDED])
async def test_graphql_tells_within_2_seconds_that_mongodb_is_silent(tmp_path: Path, operation: str) -> None:
    """A query and a mutation alike, though nobody found it out before them."""
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(cable_to("mongodb"))
        site = await stack.enter_async_context(open_site(tmp_path))
        records = await stack.enter_async_context(on_mongodb(site, cable))
        asker = await stack.enter_async_context(gateway(replace(site.hub, records=records)))
        await asker.graphql(JOBS)
        cable.hold()
        answer = await asker.graphql(operation)

    assert "UNAVAILABLE" in answer.text
    assert answer.took < LATEST


async def test_a_mutation_does_not_wait_for_a_silent_rabbitmq(tmp_path: Path) -> None:
    """A job is asked for all the same, within 2 seconds and then at once: its record is there, and a reaper sends its command. What
    only the bus can tell is told to be unavailable."""
    name = f"away-{secrets.token_hex(3)}"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(remove, need("rabbitmq"), name)
        cable = await stack.enter_async_context(cable_to("rabbitmq"))
        site = await stack.enter_async_context(open_site(tmp_path))
        bus = await stack.enter_async_context(await RabbitBus.open(cable.url, name))
        stack.callback(cable.resume)
        await add_source(site.hub, "genes")
        asker = await stack.enter_async_context(gateway(replace(site.hub, bus=bus)))
        cable.hold()
        asked = [await asker.graphql(DUMP % number) for number in range(3)]
        told = await asker.graphql("{ queues { name depth } }")
        apis = await asker.get(QUERY)

    assert all("DumpSourceSuccess" in answer.text for answer in asked)
    assert asked[0].took < LATEST
    assert max(answer.took for answer in (*asked[1:], told, apis)) < AT_ONCE
    assert "UNAVAILABLE" in told.text
    assert (apis.status, apis.since) == (200, False)


async def test_a_gateway_that_never_served_an_api_serves_what_one_before_it_did(tmp_path: Path) -> None:
    """While the records are away, from what was kept in the data folder; of what was kept nowhere it says that a server is away."""
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(cable_to("mongodb"))
        site = await stack.enter_async_context(open_site(tmp_path))
        records = await stack.enter_async_context(on_mongodb(site, cable))
        hub = replace(site.hub, records=records)
        async with gateway(hub) as before:
            first = await before.get(QUERY)
        asker = await stack.enter_async_context(gateway(hub))
        cable.hold()
        answers = [await asker.get(path) for path in (QUERY, QUERY, "/api/others/query", "/api/..%2Fgenes/query")]

    assert [answer.status for answer in (first, *answers)] == [200, 200, 200, 503, 503]
    assert [answer.since for answer in answers] == [True, True, False, False]
    assert max(answer.took for answer in answers) < LATEST


@pytest.mark.parametrize("silent", [True, False])
async def test_apis_tell_at_once_that_elasticsearch_is_away(tmp_path: Path, silent: bool) -> None:
    """503 within 2 seconds for whoever finds it out, whatever is asked, and at once for all who come then, until it is back. No
    answer names the server or its driver."""
    paths = (QUERY, "/api/genes/gene/1017", "/api/genes/query?fetch_all=true", "/api/genes/gene/symbol:CDK2")
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(cable_to("elasticsearch"))
        site = await stack.enter_async_context(open_site(tmp_path, cable.url))
        stack.callback(cable.resume)
        asker = await stack.enter_async_context(gateway(site.hub))
        before = [await asker.get(path) for path in paths]
        await leave(cable, silent)
        first = await asyncio.gather(*map(asker.get, paths))
        then = [await asker.get(path) for path in paths]
        others = [await asker.get(READY), await asker.get("/api/genes/metadata")]
        await come_back(cable, silent)
        await until(lambda answer: answer.status == 200, asker, QUERY)

    assert [answer.status for answer in before] == [200] * 4
    assert [answer.status for answer in (*first, *then)] == [503] * 8
    assert max(answer.took for answer in first) < LATEST
    assert max(answer.took for answer in then) < AT_ONCE
    assert [answer.status for answer in others] == [503, 200]
    told = " ".join(answer.text for answer in (*first, *then)).lower()
    assert not [word for word in ("elastic", str(cable.port), "127.0.0.1", "aiohttp", "timeout") if word in told]


async def test_apis_tell_that_their_documents_are_away(tmp_path: Path) -> None:
    """The embedded engine keeps no source: where MongoDB has the documents, it is what the APIs wait for, and no longer."""
    async with AsyncExitStack() as stack:
        cable = await stack.enter_async_context(cable_to("mongodb"))
        site = await stack.enter_async_context(open_site(tmp_path))
        name = (await APIS.get(site.hub.records, "genes")).value.served
        documents = await stack.enter_async_context(MongoDocuments.open(cable.url, f"away-{secrets.token_hex(3)}"))
        await documents.create(name)
        async for batch in site.hub.documents.scan(name):
            await documents.write(name, batch)
        await documents.seal(name, {})
        search = TantivySearch(tmp_path / "search", documents)
        asker = await stack.enter_async_context(gateway(replace(site.hub, documents=documents, search=search)))
        before = await asker.get("/api/genes/gene/1017")
        cable.hold()
        away = [await asker.get("/api/genes/gene/25") for _ in range(2)]
        cable.resume()
        await until(lambda answer: answer.status == 200, asker, "/api/genes/gene/25")
        await documents.drop(name)

    assert [answer.status for answer in (before, *away)] == [200, 503, 503]
    assert away[0].took < LATEST
    assert away[1].took < AT_ONCE
