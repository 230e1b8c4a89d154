"""The examples as they are committed: they parse, they share ids, their mapping covers what they yield."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from leat.cli import main
from leat.cli.exits import Exit
from tests.gateway.rest.site import open_site

EXAMPLES = Path(__file__).parent.parent / "examples"


def module(source: str, name: str) -> ModuleType:
    """One file of a plugin."""
    spec = importlib.util.spec_from_file_location(f"example_{source}_{name}", EXAMPLES / source / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def documents(source: str) -> list[dict[str, Any]]:
    """What the parser yields."""
    return list(module(source, "parser").load_data(str(EXAMPLES / source / "data")))


@pytest.mark.parametrize(("source", "count"), [("bioregistry", 1844), ("wikidata_properties", 869)])
def test_every_record_becomes_a_document(source: str, count: int) -> None:
    """Ids are strings and unique, and the documents are JSON."""
    found = documents(source)
    assert len(found) == count
    assert len({document["_id"] for document in found}) == count
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_plugin_without_python(capsys: pytest.CaptureFixture[str]) -> None:
    """The example that has no code gives what its manifest says, by `leat source check`."""
    assert main(["source", "check", str(EXAMPLES / "rivers"), "--json"]) == Exit.DONE

    [part] = json.loads(capsys.readouterr().out)["parts"]
    danube = {"_id": "RO-Danube", "river": "Danube", "country": "RO", "navigable": True, "mouths": ["Black Sea"]}
    assert part["documents"] == 6
    assert part["sample"][0] == {**danube, "size": {"length": 2850, "discharge": 6500.5}}


def test_sources_share_ids() -> None:
    """A merge has something to merge."""
    shared = {document["_id"] for document in documents("bioregistry")} & {
        document["_id"] for document in documents("wikidata_properties")
    }
    assert len(shared) == 168


def test_mapping_covers_the_documents() -> None:
    """No path of a document is missing in the mapping that the plugin brings."""

    def paths(value: Any, properties: dict[str, Any], at: str = "") -> set[str]:
        values = value if isinstance(value, list) else [value]
        missing = set()
        for item in values:
            for key, inner in item.items() if isinstance(item, dict) else ():
                known = properties.get(key)
                missing |= {f"{at}{key}"} if known is None else paths(inner, known.get("properties", {}), f"{at}{key}.")
        return missing

    properties = module("bioregistry", "mapping").get_mapping(None)
    missing = {path for document in documents("bioregistry") for path in paths(document, {"_id": {}} | properties)}
    assert missing == set()


def test_nobody_is_named() -> None:
    """The data carries no people's addresses."""
    text = "".join(path.read_text() for path in EXAMPLES.glob("*/data/*.*"))
    for field in ('"contact":', '"contributor":', '"reviewer":', '"email":', '"orcid":'):
        assert field not in text


async def test_answers_of_the_readme(tmp_path: Path) -> None:
    """What examples/README.md asks the API is answered as it says."""
    merged: dict[str, dict[str, Any]] = {}
    for source in ("bioregistry", "wikidata_properties"):
        for document in documents(source):
            merged.setdefault(document["_id"], {}).update(document)
    keyword = {"type": "keyword"}
    mapping = module("bioregistry", "mapping").get_mapping(None) | {"wikidata": {"properties": {"property": keyword}}}
    async with open_site(tmp_path) as site:
        await site.release(1, list(merged.values()), mapping, "registry")
        hgnc = await site.get("/registry/hgnc")
        assert (hgnc["bioregistry"]["license"], hgnc["wikidata"]["property"]) == ("CC0-1.0", "P354")
        for query, total in (
            ("bioregistry.domain:gene", 14),
            ("bioregistry.license:CC0-1.0 AND _exists_:wikidata.property", 16),
            ("bioregistry.publications.year:>=2023", 121),
            ("*:*", 2545),
        ):
            assert (await site.get("/query", q=query, size=0))["total"] == total
        facets = (await site.get("/query", q="_exists_:bioregistry.license", facets="bioregistry.license", size=0))["facets"]
        assert {"term": "cc0-1.0", "count": 313} in facets["bioregistry.license"]["terms"]
        found = await site.post("/query", q="P683", scopes="wikidata.property", fields="_id")
        assert [item["_id"] for item in found] == ["chebi"]
