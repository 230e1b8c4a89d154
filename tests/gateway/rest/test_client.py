"""BioThings' own Python client, pointed at a Leat."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.rest.site import DOCUMENTS, Site

biothings_client = pytest.importorskip("biothings_client", reason="biothings_client is not installed")


async def asked(site: Site, question: Callable[[Any], Any]) -> Any:
    """The answer of a blocking question to a gene client."""

    def ask() -> Any:
        client = biothings_client.get_client("gene", url=str(site.client.make_url("/api/genes/v1")))
        try:
            return question(client)
        finally:
            if client.http_client is not None:
                client.http_client.close()

    return await asyncio.to_thread(ask)


async def test_one_and_many_genes(site: Site) -> None:
    """getgene and getgenes; a gene that is not there is None, or named as not found."""
    assert await asked(site, lambda client: client.getgene("1017")) == DOCUMENTS[0] | {"_version": 1}
    assert await asked(site, lambda client: client.getgene("nope")) is None
    found = await asked(site, lambda client: client.getgenes(["1017", "nope"], fields="symbol,taxid"))
    assert found == [
        {"query": "1017", "_id": "1017", "_version": 1, "symbol": "CDK2", "taxid": 9606},
        {"query": "nope", "notfound": True},
    ]


async def test_queries(site: Site) -> None:
    """query with its options, and querymany with scopes and what it makes of missing and several hits."""
    found = await asked(site, lambda client: client.query("symbol:cdk2", size=1, fields=["symbol"], sort="_id"))
    assert found["total"] == 2
    assert [hit["symbol"] for hit in found["hits"]] == ["CDK2"]
    many = await asked(site, lambda client: client.querymany(["ABL1", "cdk2", "no such"], scopes="symbol", returnall=True))
    assert many["missing"] == ["no such"]
    assert many["dup"] == [("cdk2", 2)]
    assert len(many["out"]) == 4


async def test_fetch_all(site: Site) -> None:
    """The generator yields every hit and ends."""
    found = await asked(site, lambda client: list(client.query("__all__", fetch_all=True, fields="symbol")))
    assert {hit["_id"] for hit in found} == {document["_id"] for document in DOCUMENTS}


async def test_metadata(site: Site) -> None:
    """metadata and get_fields."""
    metadata = await asked(site, lambda client: client.metadata())
    assert metadata["biothing_type"] == "gene"
    fields = await asked(site, lambda client: client.get_fields("symbol"))
    assert set(fields) == {"symbol"}


async def test_client_finds_the_type_by_itself(site: Site) -> None:
    """get_client(url=…) reads the type in the metadata."""
    url = str(site.client.make_url("/api/genes"))
    client = await asyncio.to_thread(lambda: biothings_client.get_client(url=url))
    assert client._entity == "gene"
