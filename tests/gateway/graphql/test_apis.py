"""APIs and their releases over GraphQL."""

import hashlib
import json
from typing import Any

import msgspec

from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.hub import Hub
from domain.ports.documents import Document
from domain.ports.search import IndexSpec
from events.apis import ReleaseCreated
from tests.gateway.conftest import Client

MAPPING = {
    "symbol": {"type": "keyword", "normalizer": "keyword_lowercase_normalizer", "copy_to": ["all"]},
    "length": {"type": "integer"},
}
SEARCH = """query ($input: SearchInput!) { searchApi(name: "genes", input: $input) { __typename
  ... on SearchSuccess { total maxScore hits facets warnings } ... on UserError { code message }
  ... on QueryInvalid { position } } }"""


async def release(hub: Hub, output: str, *symbols: str) -> None:
    """A release of the API `genes` with a document for each symbol, served from now on."""
    await hub.documents.create(output)
    bodies = [json.dumps({"_id": str(n), "length": n, "symbol": symbol}).encode() for n, symbol in enumerate(symbols)]
    documents = [Document(str(n), body, hashlib.sha256(body).digest()[:16]) for n, body in enumerate(bodies)]
    await hub.documents.write(output, documents)
    await hub.documents.seal(output, {})
    await hub.search.create(output, IndexSpec(mapping=MAPPING, collection=output, meta={"build_version": output}))
    await hub.search.bulk(output, documents)
    await hub.search.seal(output)
    event = ReleaseCreated(api="genes", output=output, build=output, version=output, count=len(symbols))

    def served(api: Api) -> Api:
        return Api(**{**{f: getattr(api, f) for f in api.__struct_fields__}, "served": output}).with_output(event, keep=3)

    await APIS.change(hub.records, "genes", served)


async def add(client: Client, hub: Hub) -> None:
    """An API `genes` of a build."""
    await BUILDS.insert(hub.records, "mygene", Build(created_at=1.0, sources=("genes",)))
    added = await client.ask(
        """mutation { addApi(input: {name: "genes", build: "mygene", description: "Genes"}) {
             ... on AddApiSuccess { api { id name path running served { output } build { name } } } } }"""
    )
    assert added["addApi"]["api"]["path"] == "/api/genes/"
    assert added["addApi"]["api"]["build"] == {"name": "mygene"}
    assert added["addApi"]["api"]["served"] is None


async def test_an_api_is_added_edited_stopped_and_removed(client: Client, hub: Hub) -> None:
    """Start and stop are edits; what is wrong is refused as data."""
    await add(client, hub)

    done = await client.ask(
        """mutation {
             editApi(input: {name: "genes", automatic: true}) { ... on EditApiSuccess { api { automatic description } } }
             stopApi(input: {name: "genes"}) { ... on StopApiSuccess { api { running } } }
             startApi(input: {name: "genes"}) { ... on StartApiSuccess { api { running } } }
             addApi(input: {name: "other", build: "absent"}) { ... on UserError { code path } }
             removeApi(input: {name: "genes"}) { ... on RemoveApiSuccess { name } } }"""
    )

    assert done["editApi"]["api"] == {"automatic": True, "description": "Genes"}
    assert (done["stopApi"]["api"]["running"], done["startApi"]["api"]["running"]) == (False, True)
    assert done["addApi"] == {"code": "NOT_FOUND", "path": ["build"]}
    assert (await client.ask("{ apis { nodes { name } } }"))["apis"]["nodes"] == []


async def test_releases_are_listed_and_switched(client: Client, hub: Hub) -> None:
    """switchRelease rolls back to a release that is kept, and refuses another."""
    await add(client, hub)
    await release(hub, "job.1", "ABL1")
    await release(hub, "job.2", "ABL1", "BRCA2")
    switch = """mutation ($release: String!) { switchRelease(input: {api: "genes", release: $release}) {
                  ... on SwitchReleaseSuccess { release { output served } } ... on UserError { code path } } }"""

    before = await client.ask('{ api(name: "genes") { served { output metadata mapping } releases { output served count } } }')
    switched = await client.ask(switch, release="job.1")
    refused = await client.ask(switch, release="job.9")

    assert before["api"]["served"] == {"output": "job.2", "metadata": {"build_version": "job.2"}, "mapping": MAPPING}
    assert before["api"]["releases"] == [
        {"output": "job.2", "served": True, "count": 2},
        {"output": "job.1", "served": False, "count": 1},
    ]
    assert switched["switchRelease"]["release"] == {"output": "job.1", "served": True}
    assert refused["switchRelease"] == {"code": "INVALID", "path": ["release"]}


async def test_createrelease_starts_a_job(client: Client, hub: Hub) -> None:
    """Of the API, on its queue."""
    await add(client, hub)

    started = await client.ask(
        """mutation { createRelease(input: {api: "genes", idempotencyKey: "k"}) {
             ... on CreateReleaseSuccess { replayed job { type target queue } } } }"""
    )

    assert started["createRelease"] == {
        "replayed": False,
        "job": {"type": "CreateRelease", "target": "api/genes", "queue": "index"},
    }


async def test_what_an_api_serves_is_searched(client: Client, hub: Hub) -> None:
    """Lucene syntax, filters, sort, facets and pages; documents by id."""
    await add(client, hub)
    await release(hub, "job.1", "ABL1", "ABL2", "BRCA2")

    async def search(**input: Any) -> Any:
        return (await client.ask(SEARCH, input=input))["searchApi"]

    found = await search(query="symbol:abl*", sort=["-length"], facets=["symbol"], limit=1)
    by_id = await client.ask(
        '{ api(name: "genes") { documents(ids: ["1", "x"]) search(input: {}) { ... on SearchSuccess { total } } } }'
    )

    assert (found["total"], [hit["_id"] for hit in found["hits"]]) == (2, ["1"])
    assert sum(term["count"] for term in found["facets"]["symbol"]["terms"]) == 2
    assert (await search(query="*:*", filters=["length:[2 TO *]"]))["total"] == 1
    assert (await search(query="length:2", offset=5))["hits"] == []
    assert by_id["api"] == {"documents": {"1": {"_id": "1", "length": 1, "symbol": "ABL2"}}, "search": {"total": 3}}


async def test_searches_that_cannot_be_are_refused_as_data(client: Client, hub: Hub) -> None:
    """A wrong query with its position, a size that is too large, an API without a release or that is absent."""
    await BUILDS.insert(hub.records, "mygene", Build(created_at=1.0, sources=("genes",)))
    absent = await client.ask(SEARCH, input={})
    await add(client, hub)
    unreleased = await client.ask(SEARCH, input={})
    await release(hub, "job.1", "ABL1")
    wrong = await client.ask(SEARCH, input={"query": "symbol:(ABL1 OR"})
    large = await client.ask(SEARCH, input={"limit": 1001})

    assert absent["searchApi"]["code"] == "NOT_FOUND"
    assert unreleased["searchApi"]["code"] == "NOT_READY"
    assert (wrong["searchApi"]["__typename"], wrong["searchApi"]["code"]) == ("QueryInvalid", "QUERY_INVALID")
    assert wrong["searchApi"]["position"] > 0
    assert large["searchApi"]["__typename"] == "ValidationFailed"


async def test_a_held_release_is_shown_and_accepted(client: Client, hub: Hub) -> None:
    """acceptRelease serves it, and says who did that, when, and despite what; by name, and once."""
    await add(client, hub)
    await release(hub, "job.1", "ABL1", "BRCA2")
    await release(hub, "job.2", "ABL1")

    def held(api: Api) -> Api:
        newest, before = api.releases()
        outputs = (msgspec.structs.replace(newest, held=("too few",), name="today"), before)
        return msgspec.structs.replace(api, served="job.1", outputs=outputs)

    await APIS.change(hub.records, "genes", held)
    accept = """mutation ($release: String!) { acceptRelease(input: {api: "genes", release: $release}) {
                  ... on UserError { code path }
                  ... on AcceptReleaseSuccess { release { output served held acceptedBy acceptedAt acceptedDespite } } } }"""

    shown = await client.ask('{ api(name: "genes") { served { output } held { name output held } } }')
    accepted = (await client.ask(accept, release="today"))["acceptRelease"]["release"]
    again = (await client.ask(accept, release=""))["acceptRelease"]

    assert shown["api"] == {"served": {"output": "job.1"}, "held": {"name": "today", "output": "job.2", "held": ["too few"]}}
    assert accepted.pop("acceptedAt")
    assert accepted == {
        "output": "job.2",
        "served": True,
        "held": [],
        "acceptedBy": "administrator",
        "acceptedDespite": ["too few"],
    }
    assert again == {"code": "INVALID", "path": ["release"]}


async def test_gates_are_set_and_shown(client: Client, hub: Hub) -> None:
    """All at once; what is left out takes its default again, and what can't be is refused with its path."""
    await add(client, hub)
    show = """{ build(name: "mygene") {
                gates { lost fieldLost { path lost } fields ids queries { query least most } searchable } } }"""
    set = """mutation ($gates: GatesInput!) { setBuildGates(input: {name: "mygene", gates: $gates}) { ... on UserError { code path }
               ... on SetBuildGatesSuccess { build { name } } } }"""

    await client.ask(
        set, gates={"lost": 0.2, "fieldLost": [{"path": "a.b", "lost": 0.5}], "queries": [{"query": "a:1", "least": 2, "most": 3}]}
    )
    first = await client.ask(show)
    refused = await client.ask(set, gates={"queries": [{"query": "(("}]})
    await client.ask(set, gates={"ids": ["1"], "searchable": False})
    second = await client.ask(show)

    assert first["build"]["gates"] == {
        "lost": 0.2,
        "fieldLost": [{"path": "a.b", "lost": 0.5}],
        "fields": [],
        "ids": [],
        "queries": [{"query": "a:1", "least": 2, "most": 3}],
        "searchable": True,
    }
    assert refused["setBuildGates"] == {"code": "INVALID", "path": ["queries"]}
    assert (second["build"]["gates"]["lost"], second["build"]["gates"]["ids"]) == (None, ["1"])
