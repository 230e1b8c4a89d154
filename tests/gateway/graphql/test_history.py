"""History, the way back, and drafts over GraphQL."""

from pathlib import Path
from typing import Any

from tests.gateway.conftest import Client
from tests.gateway.graphql.test_sources import add

MAP = """mutation ($input: SetMappingInput!) { setMapping(input: $input) { __typename
  ... on SetMappingSuccess { source { part(name: "genes") { mapping draft } } } ... on UserError { code message path } } }"""
HISTORY = '{ %s(name: "%s") { history(topic: "%s") { number by topic values } } }'
RESTORE = """mutation ($change: Int!) { restore%s(input: {name: "%s", change: $change}) { __typename
  ... on Restore%sSuccess { %s } ... on UserError { code message } } }"""
TEXT, KEYWORD = {"note": {"type": "text"}}, {"note": {"type": "keyword"}}


async def mapped(client: Client, **values: Any) -> Any:
    """What setMapping answers."""
    done = (await client.ask(MAP, input={"source": "genes", "part": "genes", **values}))["setMapping"]
    return done["source"]["part"] if "source" in done else done


async def test_a_draft_is_saved_edited_and_committed_or_discarded(client: Client, plugin: Path) -> None:
    """Until it is committed nothing else changes; afterwards there is none."""
    await add(client, plugin)
    await mapped(client, properties=TEXT)

    saved = await mapped(client, properties={"mappings": {"properties": KEYWORD}}, draft=True)
    edited = await mapped(client, fields=[{"path": "pages", "type": "integer"}], draft=True)
    committed = await mapped(client, endDraft="COMMIT")
    none = await mapped(client, endDraft="DISCARD")
    begun = await mapped(client, fields=[{"path": "pages", "type": "long"}], draft=True)
    discarded = await mapped(client, endDraft="DISCARD")
    misled = await mapped(client, automatic=True, draft=True)

    both = {**KEYWORD, "pages": {"type": "integer"}}
    assert saved == {"mapping": TEXT, "draft": KEYWORD}
    assert edited["mapping"] == TEXT
    assert edited["draft"].keys() == both.keys()
    assert (committed["mapping"], committed["draft"]) == (edited["draft"], None)
    assert none["code"] == "NOT_READY"
    assert begun["draft"]["pages"] == {"type": "long"}
    assert (discarded["mapping"], discarded["draft"]) == (committed["mapping"], None)
    assert misled["code"] == "INVALID"


async def test_mappings_and_gates_of_a_source_are_gone_back_to(client: Client, plugin: Path) -> None:
    """The history says who changed what; going back is a change of its own, and touches no other topic."""
    await add(client, plugin)
    await mapped(client, properties=TEXT)
    await client.ask('mutation { setSourceGates(input: {name: "genes", gates: {lost: 0.3}}) { __typename } }')
    await mapped(client, properties=KEYWORD)
    changes = (await client.ask(HISTORY % ("source", "genes", "mapping")))["source"]["history"]
    restore = RESTORE % ("Source", "genes", "Source", 'source { part(name: "genes") { mapping mappedBy } gates { lost } }')

    back = (await client.ask(restore, change=changes[1]["number"]))["restoreSource"]["source"]
    newest = (await client.ask(HISTORY % ("source", "genes", "")))["source"]["history"][0]
    unknown = (await client.ask(restore, change=99))["restoreSource"]

    assert [(change["values"]["mapping"].get("genes"), change["by"]) for change in changes] == [
        (KEYWORD, "administrator"),
        (TEXT, "administrator"),
        (None, ""),
    ]
    assert back == {"part": {"mapping": TEXT, "mappedBy": "PERSON"}, "gates": {"lost": 0.3}}
    assert (newest["topic"], newest["by"], newest["values"]) == ("mapping", "administrator", {"mapping": {"genes": TEXT}})
    assert unknown["code"] == "INVALID"
    assert "there is no change 99 in its history" in unknown["message"]


async def test_configuration_and_gates_of_a_build_are_gone_back_to(client: Client) -> None:
    """A configuration gets a new version, so that it is built anew; gates don't."""
    await client.ask('mutation { addBuild(input: {name: "all", sources: ["a"], docType: "gene"}) { __typename } }')
    await client.ask('mutation { editBuild(input: {name: "all", sources: ["a", "b"], root: ["a"]}) { __typename } }')
    for share in ("0.2", "0.4"):
        await client.ask(f'mutation {{ setBuildGates(input: {{name: "all", gates: {{lost: {share}}}}}) {{ __typename }} }}')
    built = (await client.ask(HISTORY % ("build", "all", "configuration")))["build"]["history"]
    gates = (await client.ask(HISTORY % ("build", "all", "gates")))["build"]["history"]
    restore = RESTORE % ("Build", "all", "Build", "build { version sources root docType gates { lost } }")

    first = (await client.ask(restore, change=built[-1]["number"]))["restoreBuild"]["build"]
    second = (await client.ask(restore, change=gates[1]["number"]))["restoreBuild"]["build"]

    assert [change["by"] for change in (*built, *gates)] == ["administrator"] * 5
    assert first == {"version": 3, "sources": ["a"], "root": [], "docType": "gene", "gates": {"lost": 0.4}}
    assert second == {**first, "gates": {"lost": 0.2}}
