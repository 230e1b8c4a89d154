"""Builds over GraphQL."""

import asyncio
import hashlib
import json
from pathlib import Path

from domain.data.builds import BUILDS
from domain.hub import Hub
from domain.ports.documents import Document
from events.builds import BuildFinished
from tests.gateway.conftest import Client

ADD = """mutation ($input: AddBuildInput!) { addBuild(input: $input) { __typename
  ... on AddBuildSuccess { build { id name version sources root docType metadata automatic } } ... on UserError { code path } } }"""


async def test_a_build_is_added_edited_and_removed(client: Client) -> None:
    """What is left out takes its default, then stays; the version rises; refusals are data."""
    given = {"name": "mygene", "sources": ["genes"], "docType": "gene", "metadata": {"a": 1}}
    added = (await client.ask(ADD, input=given))["addBuild"]["build"]
    refused = (await client.ask(ADD, input={"name": "other", "sources": []}))["addBuild"]
    again = (await client.ask(ADD, input=given))["addBuild"]
    edited = await client.ask(
        """mutation { editBuild(input: {name: "mygene", automatic: true, root: ["genes"]}) {
             ... on EditBuildSuccess { build { version sources root automatic docType } } } }"""
    )
    removed = await client.ask('mutation { removeBuild(input: {name: "mygene"}) { __typename } }')

    assert {name: added[name] for name in ("name", "version", "sources", "root", "docType", "metadata", "automatic")} == {
        "name": "mygene",
        "version": 1,
        "sources": ["genes"],
        "root": [],
        "docType": "gene",
        "metadata": {"a": 1},
        "automatic": False,
    }
    assert (refused["code"], refused["path"]) == ("INVALID", ["sources"])
    assert again["__typename"] == "Conflict"
    assert edited["editBuild"]["build"] == {
        "version": 2,
        "sources": ["genes"],
        "root": ["genes"],
        "automatic": True,
        "docType": "gene",
    }
    assert removed["removeBuild"]["__typename"] == "RemoveBuildSuccess"
    assert (await client.ask("{ builds { nodes { name } } }"))["builds"]["nodes"] == []


async def test_unknown_parts_are_warned_of(client: Client, plugin: Path) -> None:
    """A build may be added before its sources; what it names and is not there is said, with what may have been meant."""
    manifest = json.loads((plugin / "manifest.json").read_text()) | {
        "uploaders": [{"name": part, "parser": "p:f"} for part in ("abcd", "cdef")]
    }
    (plugin / "manifest.json").write_text(json.dumps({key: value for key, value in manifest.items() if key != "uploader"}))
    await client.ask("mutation ($folder: String!) { addSource(input: {folder: $folder}) { __typename } }", folder=str(plugin))
    parts = ["abcd", "c.*", "genes", "abce", "x"]

    await client.ask(ADD, input={"name": "mygene", "sources": parts, "root": ["!abcd", "!y"]})

    assert (await client.ask('{ build(name: "mygene") { warnings } }'))["build"]["warnings"] == [
        "'genes' is no part of any source; the source of that name has the parts abcd, cdef",
        "'abce' is no part of any source; did you mean abcd?",
        "'x' is no part of any source; there are: abcd, cdef",
        "'y' is no part of any source; there are: abcd, cdef",
    ]


async def test_outputs_show_metadata_mapping_and_documents(client: Client, hub: Hub) -> None:
    """A build's output is described by what was sealed with its collection."""
    await client.ask(ADD, input={"name": "mygene", "sources": ["genes"]})
    body = json.dumps({"_id": "1", "symbol": "ABL1"}).encode()
    await hub.documents.create("job.1")
    await hub.documents.write("job.1", [Document("1", body, hashlib.sha256(body).digest()[:16])])
    await hub.documents.seal("job.1", {"mapping": {"symbol": {"type": "keyword"}}, "metadata": {"build_version": "20261121"}})
    event = BuildFinished(build="mygene", output="job.1", version="20261121", configuration=1, count=5_000_000_000)
    await BUILDS.change(hub.records, "mygene", lambda build: build.with_output(event, keep=3))

    found = await client.ask(
        '{ build(name: "mygene") { outputs { output version count metadata mapping documents(ids: ["1", "2"]) } } }'
    )

    many = 'query ($ids: [String!]!) { build(name: "mygene") { outputs { documents(ids: $ids) } } }'
    assert (await client.refused(many, ids=["1"] * 1001))[0]["extensions"]["code"] == "INVALID"
    assert found["build"]["outputs"] == [
        {
            "output": "job.1",
            "version": "20261121",
            "count": 5_000_000_000,
            "metadata": {"build_version": "20261121"},
            "mapping": {"symbol": {"type": "keyword"}},
            "documents": {"1": {"_id": "1", "symbol": "ABL1"}},
        }
    ]


async def test_documents_are_looked_at_page_by_page(client: Client, hub: Hub) -> None:
    """Pages follow each other in the order of ids until nothing is left, with the fields that are wanted; long documents end a page
    early."""
    await client.ask(ADD, input={"name": "mygene", "sources": ["genes"]})
    bodies = {f"k{n:02}": json.dumps({"_id": f"k{n:02}", "a": {"b": n, "c": "x" * 2**20}}).encode() for n in range(11)}
    await hub.documents.create("job.1")
    await hub.documents.write("job.1", [Document(id, body, hashlib.sha256(body).digest()[:16]) for id, body in bodies.items()])
    await hub.documents.seal("job.1", {})
    event = BuildFinished(build="mygene", output="job.1", version="20261121", configuration=1, count=11)
    await BUILDS.change(hub.records, "mygene", lambda build: build.with_output(event, keep=3))
    query = """query ($first: Int!, $after: String!) { build(name: "mygene") { output(version: "20261121") {
      documents(ids: ["k03"], fields: ["a.b"])
      documentPage(first: $first, after: $after, fields: ["a.b"]) { documents hasNextPage endCursor } } } }"""

    found, sizes, after, more = [], [], "", True
    while more:
        output = (await client.ask(query, first=10, after=after))["build"]["output"]
        page = output["documentPage"]
        found += page["documents"]
        sizes.append(len(page["documents"]))
        after, more = page["endCursor"], page["hasNextPage"]

    assert output["documents"] == {"k03": {"_id": "k03", "a": {"b": 3}}}
    assert found == [{"_id": id, "a": {"b": number}} for number, id in enumerate(bodies)]
    assert max(sizes) < 10
    assert (await client.ask('{ build(name: "mygene") { output(version: "1") { output } } }'))["build"]["output"] is None
    assert (await client.refused(query, first=101, after=""))[0]["extensions"]["code"] == "INVALID"


async def test_two_that_ask_at_once_with_one_key_get_one_job(client: Client) -> None:
    """runBuild is idempotent under its key, also when both arrive together."""
    await client.ask(ADD, input={"name": "mygene", "sources": ["genes"]})
    run = """mutation { runBuild(input: {build: "mygene", idempotencyKey: "k"}) {
               ... on RunBuildSuccess { replayed job { jobId queue } } } }"""

    both = await asyncio.gather(client.ask(run), client.ask(run))

    assert {answer["runBuild"]["job"]["jobId"] for answer in both} == {both[0]["runBuild"]["job"]["jobId"]}
    assert sorted(answer["runBuild"]["replayed"] for answer in both) == [False, True]
