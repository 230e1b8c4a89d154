"""Ids that are converted by an API, as a manifest's `keylookup` says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from domain.canonical import document
from domain.data.keylookup import Field, KeyLookup
from domain.errors import JobFailed, Unavailable
from domain.hub import Limits
from tests.gateway.rest.site import open_site
from tests.workers.parsing import uploading
from tests.workers.test_upload import Place, place
from workers.plugin.calls import Batch
from workers.upload.keylookup import converting

__all__ = ["place"]

GENES = [
    {"_id": "24", "RGD": "R1", "uniprot": {"Swiss-Prot": ["P1", "P2"]}, "entrezgene": 24},
    {"_id": "25", "RGD": "R2", "uniprot": {"Swiss-Prot": "P2"}, "entrezgene": 25},
]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def genes(request: web.Request) -> web.Response:
    """What a BioThings API answers to a batch."""
    question = await request.json()
    found: list[dict[str, Any]] = []
    for term in question["q"]:
        hits = [gene for gene in GENES if term in values(gene, question["scopes"].split("."))]
        found += [{"query": term, **hit} for hit in hits] or [{"query": term, "notfound": True}]
    return web.json_response(found)


def values(value: Any, path: list[str]) -> list[str]:
    """The values at a path, as texts."""
    for key in path:
        value = value.get(key, [])
    return [str(each) for each in (value if isinstance(value, list) else [value])]


class Api:
    """A server whose answer a test chooses."""

    def __init__(self) -> None:
        self.answer: Answer = genes
        self.url = ""
        self.asked = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler."""
        self.asked += 1
        return await self.answer(request)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A BioThings API with two genes."""
    found = Api()
    application = web.Application()
    application.router.add_post("/v3/query", found.handle)
    async with TestServer(application) as server:
        found.url = str(server.make_url("/v3"))
        yield found


RAT = Field("rgd", "RGD", "rat.id")
SWISS = Field("swissprot", "uniprot.Swiss-Prot", "proteins.ac")
LIMITS = Limits(download_networks=("private",))


async def converted(api: str, documents: list[dict[str, Any]], limits: Limits = LIMITS, **wanted: Any) -> list[dict[str, Any]]:
    """The documents, with the ids that the API gives them."""
    bodies = [document(each).body for each in documents]
    async with converting(KeyLookup(**{"inputs": (RAT, SWISS), "api": api, **wanted}), limits) as conversion:
        assert conversion is not None
        batch = await conversion.converted(Batch(ids=[each["_id"] for each in documents], bodies=bodies))
    found = list(map(orjson.loads, batch.bodies))
    assert [each["_id"] for each in found] == batch.ids
    return found


ASKED = [
    {"_id": "x", "rat": {"id": "R2"}},
    {"_id": "y", "proteins": [{"ac": "P1"}, {"ac": "none"}]},
    {"_id": "z", "rat": {"id": "absent"}, "proteins": {"ac": "P2"}},
    {"_id": "w"},
]


async def test_ids_are_looked_for_one_sort_after_the_other(api: Api) -> None:
    """Through lists too; what stands for several gives a copy for each, and what is not found keeps its id."""
    found = await converted(api.url, ASKED)

    assert [each["_id"] for each in found] == ["25", "24", "24", "25", "w"]
    assert found[0] == {"_id": "25", "rat": {"id": "R2"}}
    assert found[2]["proteins"] == {"ac": "P2"}


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"skip_on_failure": True}, ["25", "24", "24", "25"]),
        ({"skip_on_success": True}, ["w"]),
        ({"skip_w_regex": "[xyz]", "skip_on_failure": True}, ["x", "y", "z"]),
        ({"outputs": (Field("symbol", "none"), Field("entrez", "entrezgene")), "inputs": (RAT,), "skip_on_failure": True}, ["25"]),
        ({"outputs": (Field("rgd", "RGD"),), "inputs": (RAT,), "copy_from_doc": True}, ["R2", "absent", "y", "w"]),
    ],
)
async def test_what_becomes_of_documents(api: Api, wanted: dict[str, Any], ids: list[str]) -> None:
    """As BioThings has it: left out or kept, found by whichever sort, or taken from the document itself."""
    assert [each["_id"] for each in await converted(api.url, ASKED, **wanted)] == ids


async def test_an_api_of_this_hub(tmp_path: Path) -> None:
    """What Leat publishes is asked in the same way."""
    async with open_site(tmp_path) as site:
        known = await site.post("/query", json={"q": ["CDK2"], "scopes": "symbol", "fields": "symbol"})
        url = str(site.client.make_url("/api/genes"))

        found = await converted(url, [{"_id": "x", "s": "CDK2"}, {"_id": "y", "s": "none"}], inputs=(Field("s", "symbol", "s"),))

    assert [each["_id"] for each in found] == [*(hit["_id"] for hit in known), "y"]


def plain(status: int, text: str) -> Answer:
    """The same answer to everything."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return answer


@pytest.mark.parametrize(
    ("status", "text", "error", "told"),
    [
        (400, '{"error": "scopes"}', JobFailed, "POST /v3/query answers 400"),
        (200, "<html>", JobFailed, "answers 200: <html>"),
        (302, "", JobFailed, "answers 302"),
        (503, "", Unavailable, "does not answer: status 503"),
        (429, "", Unavailable, "status 429"),
    ],
)
async def test_answers_that_are_none(api: Api, status: int, text: str, error: type[Exception], told: str) -> None:
    """What passes is tried again with the job, what does not ends it."""
    api.answer = plain(status, text)

    with pytest.raises(error, match=told):
        await converted(api.url, ASKED)


async def test_a_server_that_says_nothing(api: Api, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    """Neither one that is away nor one that never ends is waited for without end, and an answer has a limit."""
    over = asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    api.answer = silent
    monkeypatch.setattr("workers.upload.keylookup.DEADLINE", 0.2)
    with pytest.raises(Unavailable, match="does not answer"):
        await converted(api.url, ASKED)
    over.set()
    with pytest.raises(Unavailable, match="does not answer"):
        await converted(f"http://127.0.0.1:{unused_tcp_port}", ASKED)
    api.answer = plain(200, "[" + " " * 2000)
    monkeypatch.setattr("workers.upload.keylookup.LARGEST", 1000)
    monkeypatch.setattr("workers.upload.keylookup.DEADLINE", 20.0)
    with pytest.raises(JobFailed, match="more than 1000 bytes"):
        await converted(api.url, ASKED)


async def test_only_what_may_be_reached_is_asked(api: Api) -> None:
    """The addresses that downloads may reach are those that are asked; the error names the setting."""
    with pytest.raises(JobFailed, match="LEAT_DOWNLOAD_NETWORKS"):
        await converted(api.url, ASKED, replace(LIMITS, download_networks=()))

    assert api.asked == 0


async def test_a_term_that_is_no_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for very many documents would give one copy for each, or not all of them."""
    monkeypatch.setattr("workers.upload.keylookup.HITS", 2)

    with pytest.raises(JobFailed, match=r"P2 in uniprot\.Swiss-Prot stands for 2 documents or more"):
        await converted(api.url, ASKED)


async def test_no_api_is_named() -> None:
    """The error says where to name one."""
    with pytest.raises(JobFailed, match="LEAT_KEYLOOKUP_API"):
        await converted("", ASKED)


async def test_an_upload_converts_before_it_merges(place: Place, api: Api) -> None:
    """Documents that turn out to be the same gene are merged, and the job's warnings say which were not found."""
    says = {"input_types": [["RGD", "rat"]], "skip_on_failure": True, "api": api.url}
    await place.plugin({"manifest.json": uploading(keylookup=says, on_duplicates="merge")})
    await place.dump([{"_id": "a", "rat": "R1", "n": 1}, {"_id": "b", "rat": "R1", "m": 2}, {"_id": "c", "rat": "unknown"}])

    await place.upload()

    assert await place.stored() == [{"_id": "24", "m": 2, "n": 1, "rat": "R1"}]
    assert any("1 not found, which are left out (c)" in str(line) for line in place.job.lines), json.dumps(
        place.job.lines, default=str
    )
