"""The OpenAPI document says all that may be asked and all that is answered: schemathesis asks, and finds nothing to say."""

import asyncio
import os
import sys
from pathlib import Path

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate

from domain.callers import ADMINISTRATOR
from gateway.app import make_app
from gateway.authentication import Authentication
from tests.gateway.rest.site import KEYWORD, Site

ROOT = Path(__file__).parents[3]

pytest.importorskip("schemathesis", reason="schemathesis is not installed")


async def test_specification(site: Site) -> None:
    """It is a valid document, and its routes exist."""
    found = await site.get("/v1/spec")

    validate(found)
    assert "/gene/{id}" in found["paths"]
    for path in found["paths"]:
        if "{" not in path and path != "/gene":
            await site.get(path)


async def test_people_are_told_the_public_address(site: Site) -> None:
    """Where a proxy stands before the gateway, the document and the list of APIs name its address, with one slash between."""
    app = make_app(site.hub, Authentication({"t": ADMINISTRATOR}), public="https://data.example.edu:8443/")
    async with TestClient(TestServer(app)) as client:
        document = await (await client.get("/api/genes/spec")).json()
        listed = await (await client.get("/api")).json()

    validate(document)
    assert document["servers"] == [{"url": "https://data.example.edu:8443/api/genes/v1"}]
    assert [each["url"] for each in listed["apis"]] == ["https://data.example.edu:8443/api/genes"]
    assert (await site.get("/spec"))["servers"] == [{"url": "/api/genes/v1"}]


async def test_names_of_fields_stand_in_patterns(site: Site) -> None:
    """Whatever fields are called, the document is valid, and says which can be sorted by where they are not too many."""
    odd = {"a.b|c": KEYWORD, "d^e/": KEYWORD, "t": {"type": "text"}, "x-[y]": {"type": "long"}}
    await site.release(2, [{"_id": "1"}], odd)
    found = await site.get("/spec")
    validate(found)
    assert await site.get("/query", sort="-d^e/")
    (sort,) = (each["schema"] for each in found["paths"]["/query"]["get"]["parameters"] if each["name"] == "sort")
    assert "a\\.b\\|c" in sort["pattern"]
    assert "t|" not in sort["pattern"]

    await site.release(3, [{"_id": "1"}], {f"f{number}": KEYWORD for number in range(300)})
    validate(await site.get("/spec"))


async def test_schemathesis_finds_nothing(site: Site, tmp_path: Path) -> None:
    """Every phase and every check of it: nothing is answered that the document does not say, nothing valid is refused, nothing
    else accepted."""
    base = str(site.client.make_url("/api/genes/v1"))
    document = tmp_path / "openapi.json"
    document.write_bytes(orjson.dumps(await site.get("/spec")))
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.gateway.rest.schema_hooks", "PYTHONPATH": str(ROOT)}
    command = ("-m", "schemathesis.cli", "run", str(document), "--url", base, "-n", "10", "--seed", "1", "--no-color")

    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
    assert b"No issues found" in said
