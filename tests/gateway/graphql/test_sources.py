"""Sources over GraphQL."""

from pathlib import Path
from typing import Any

from domain.data.sources import SOURCES
from domain.hub import Hub
from events.sources import Inspected, SourceInspected
from tests.gateway.conftest import Client

ADD = """mutation ($folder: String!) { addSource(input: {folder: $folder}) {
  __typename ... on AddSourceSuccess { source { id name code parts { name count mapping } } }
  ... on UserError { code message path } } }"""
DUMP = """mutation ($source: String!, $force: Boolean! = false, $key: ID!) {
  dumpSource(input: {source: $source, force: $force, idempotencyKey: $key}) { __typename
    ... on DumpSourceSuccess { replayed job { id jobId type target state } run { title state steps { name after } } }
    ... on UserError { code message path } } }"""
MAP = """mutation ($input: SetMappingInput!) { setMapping(input: $input) { __typename
  ... on SetMappingSuccess { source { part(name: "genes") { mapping } } } ... on UserError { code message path } } }"""


async def add(client: Client, plugin: Path) -> Any:
    """Add the plugin."""
    return (await client.ask(ADD, folder=str(plugin)))["addSource"]


async def test_a_plugin_becomes_a_source_that_is_found_again(client: Client, plugin: Path) -> None:
    """addSource gives the source; source, sources and node find it."""
    added = await add(client, plugin)

    assert added["source"]["parts"] == [{"name": "genes", "count": None, "mapping": None}]
    found = await client.ask(
        """query ($id: ID!) { source(name: "genes") { name folder disabled manifest createdAt }
             sources { nodes { name } edges { cursor } pageInfo { hasNextPage endCursor } }
             node(id: $id) { __typename id ... on Source { name } } }""",
        id=added["source"]["id"],
    )
    assert found["source"]["folder"] == str(plugin)
    assert found["source"]["createdAt"].endswith("Z")
    assert found["sources"]["nodes"] == [{"name": "genes"}]
    assert found["sources"]["pageInfo"] == {"hasNextPage": False, "endCursor": found["sources"]["edges"][0]["cursor"]}
    assert found["node"] == {"__typename": "Source", "id": added["source"]["id"], "name": "genes"}


async def test_refusals_are_members_of_the_payload(client: Client, plugin: Path) -> None:
    """A wrong folder, a second source of the name and an absent source are data, not errors."""
    absent = await add(client, plugin / "nowhere")
    await add(client, plugin)
    again = await add(client, plugin)
    removed = await client.ask('mutation { removeSource(input: {name: "absent"}) { __typename ... on UserError { code } } }')

    assert (absent["__typename"], absent["code"], absent["path"]) == ("ValidationFailed", "INVALID", ["folder"])
    assert (again["__typename"], again["code"]) == ("Conflict", "CONFLICT")
    assert removed["removeSource"] == {"__typename": "NotFound", "code": "NOT_FOUND"}


async def test_a_source_is_edited_reloaded_and_removed(client: Client, plugin: Path) -> None:
    """editSource changes what is given, reloadSource reads new code, removeSource takes it away."""
    before = (await add(client, plugin))["source"]["code"]
    (plugin / "parser.py").write_text("def load(folder):\n    yield {'_id': '2'}\n")

    done = await client.ask(
        """mutation { editSource(input: {name: "genes", disabled: true}) { ... on EditSourceSuccess { source { disabled code } } }
             reloadSource(input: {name: "genes"}) { ... on ReloadSourceSuccess { source { code } } }
             removeSource(input: {name: "genes"}) { ... on RemoveSourceSuccess { name } } }"""
    )

    assert done["editSource"]["source"] == {"disabled": True, "code": before}
    assert done["reloadSource"]["source"]["code"] != before
    assert (await client.ask('{ source(name: "genes") { name } }'))["source"] is None


async def test_a_key_makes_one_run(client: Client, plugin: Path) -> None:
    """The same idempotency key and input give the same job, another input under it is a Conflict, another key another run."""
    await add(client, plugin)

    first = (await client.ask(DUMP, source="genes", key="a"))["dumpSource"]
    again = (await client.ask(DUMP, source="genes", key="a"))["dumpSource"]
    other = (await client.ask(DUMP, source="genes", key="a", force=True))["dumpSource"]
    second = (await client.ask(DUMP, source="genes", key="b"))["dumpSource"]

    assert (first["job"]["type"], first["job"]["target"], first["job"]["state"]) == ("DumpSource", "source/genes", "QUEUED")
    assert [step["name"] for step in first["run"]["steps"]] == ["dump:genes", "upload:genes", "inspect:genes"]
    assert (first["replayed"], again["replayed"], again["job"]["id"]) == (False, True, first["job"]["id"])
    assert (other["code"], other["path"]) == ("CONFLICT", ["idempotencyKey"])
    assert second["job"]["id"] != first["job"]["id"]


async def test_a_key_has_a_length(client: Client, plugin: Path) -> None:
    """An empty key, which a client forgot to fill, would do it twice: 1 to 200 characters are taken."""
    await add(client, plugin)

    empty, long = [(await client.ask(DUMP, source="genes", key=key))["dumpSource"] for key in ("", "k" * 201)]
    taken = [(await client.ask(DUMP, source="genes", key=key))["dumpSource"]["__typename"] for key in ("k", "k" * 200)]

    assert empty["__typename"] == long["__typename"] == "ValidationFailed"
    assert empty["path"] == long["path"] == ["idempotencyKey"]
    assert taken == ["DumpSourceSuccess"] * 2
    assert len((await client.ask("{ runs { nodes { id } } }"))["runs"]["nodes"]) == 2


async def test_a_mapping_is_committed_whole_and_by_field(client: Client, plugin: Path) -> None:
    """setMapping takes properties, or edits of fields; what is wrong is refused with its path."""
    await add(client, plugin)
    whole = {"symbol": {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}, "taxid": {"type": "integer"}}

    committed = (await client.ask(MAP, input={"source": "genes", "part": "genes", "properties": whole}))["setMapping"]
    fields = [{"path": "symbol", "searchedByDefault": True}, {"path": "taxid", "type": "long", "indexed": False}]
    edited = (await client.ask(MAP, input={"source": "genes", "part": "genes", "fields": fields}))["setMapping"]
    wrong = (await client.ask(MAP, input={"source": "genes", "part": "genes", "properties": {"a": {"type": "b"}}}))["setMapping"]
    neither = (await client.ask(MAP, input={"source": "genes", "part": "genes"}))["setMapping"]

    assert committed["source"]["part"]["mapping"] == whole
    assert edited["source"]["part"]["mapping"] == {
        "symbol": {"type": "keyword", "normalizer": "keyword_lowercase_normalizer", "copy_to": ["all"]},
        "taxid": {"type": "long", "index": False},
    }
    assert (wrong["code"], wrong["path"]) == ("INVALID", ["mapping", "a"])
    assert neither["__typename"] == "ValidationFailed"


async def test_what_an_inspection_found_is_told(client: Client, hub: Hub, plugin: Path) -> None:
    """Its suggestion, its warnings, who wrote the mapping and what that lacks; `automatic` commits the suggestion again."""
    await add(client, plugin)
    suggested = {"x": {"type": "long"}, "y": {"properties": {"Z": {"type": "date"}}}}
    warning = {"path": "y.Z", "code": "W002", "message": "the name has upper-case letters"}
    await hub.documents.create("job.1.genes")
    await hub.documents.seal("job.1.genes", {"mapping": suggested, "warnings": [warning]})
    inspected = Inspected(collection="job.1.genes", paths=3, documents=5, warnings=1)
    event = SourceInspected(source="genes", output="job.1", upload="", parts={"genes": inspected})
    await SOURCES.change(
        hub.records, "genes", lambda source: source.with_output(event, 3).with_derived({"genes": suggested}, "inspection")
    )
    part = """{ source(name: "genes") { part(name: "genes") { mappedBy mappedCount unmapped
                inspection { warnings suggested pathWarnings { path code message } } } } }"""

    before = (await client.ask(part))["source"]["part"]
    await client.ask(MAP, input={"source": "genes", "part": "genes", "properties": {"x": {"type": "long"}}})
    written = (await client.ask(part))["source"]["part"]
    again = (await client.ask(MAP, input={"source": "genes", "part": "genes", "automatic": True}))["setMapping"]

    assert before == {
        "mappedBy": "INSPECTION",
        "mappedCount": 2,
        "unmapped": [],
        "inspection": {"warnings": 1, "suggested": suggested, "pathWarnings": [warning]},
    }
    assert (written["mappedBy"], written["mappedCount"], written["unmapped"]) == ("PERSON", 1, ["y.Z"])
    assert again["source"]["part"]["mapping"] == suggested
    assert (await client.ask(part))["source"]["part"] == before


async def test_lists_are_paged_by_cursor(client: Client, tmp_path: Path, plugin: Path) -> None:
    """`first` and `after` walk the list; a foreign cursor and a wrong size are refused with a code."""
    for number in range(3):
        copy = tmp_path / f"source{number}"
        copy.mkdir()
        for name in ("manifest.json", "parser.py"):
            (copy / name).write_text((plugin / name).read_text())
        await add(client, copy)
    page = "query ($after: String) { sources(first: 2, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } }"

    first = (await client.ask(page))["sources"]
    second = (await client.ask(page, after=first["pageInfo"]["endCursor"]))["sources"]
    foreign = await client.refused(page, after="???")
    large = await client.refused("{ sources(first: 101) { nodes { name } } }")

    assert [node["name"] for node in first["nodes"] + second["nodes"]] == ["source0", "source1", "source2"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert foreign[0]["extensions"]["code"] == large[0]["extensions"]["code"] == "INVALID"
