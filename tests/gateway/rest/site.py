"""A running application with one published API over a few documents."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from adapters.sqlite.records import SqliteRecords
from domain.canonical import document
from domain.catalogue import CATALOGUE
from domain.data.apis import APIS, Api
from domain.hub import Hub
from domain.nouns import Stored
from domain.ports.search import IndexSpec
from events.apis import ReleaseCreated
from events.embedded import EmbeddedBus
from gateway.rest.limits import Limits
from gateway.rest.routes import Published
from leat.adapters import open_stores

KEYWORD = {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}
MAPPING: dict[str, Any] = {
    "name": {"type": "text", "copy_to": ["all"]},
    "symbol": {**KEYWORD, "copy_to": ["all"]},
    "taxid": {"type": "integer"},
    "alias": KEYWORD,
    "hidden": {"type": "keyword", "index": False},
    "pathway": {"properties": {"id": KEYWORD, "name": {"type": "text"}}},
}
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "1017", "symbol": "CDK2", "name": "cyclin dependent kinase 2", "taxid": 9606, "alias": ["p33", "CDKN2"]},
    {"_id": "12566", "symbol": "Cdk2", "name": "cyclin dependent kinase 2", "taxid": 10090, "hidden": "x"},
    {"_id": "25", "symbol": "ABL1", "name": "ABL proto-oncogene 1", "taxid": 9606, "pathway": {"id": "hsa1", "name": "Leukemia"}},
    {"_id": "HGNC:76/x y", "symbol": "odd", "name": "an id that needs quoting", "taxid": 9606},
]
META = {
    "biothing_type": "gene",
    "build_date": "2026-11-21T10:00:00+00:00",
    "build_version": "20261121",
    "src": {"ncbi": {"version": "1", "_private": 1}},
    "stats": {"total": 99, "ncbi": 4},
    "other": "left out",
}


class Site:
    """A hub and its published APIs, asked over HTTP."""

    def __init__(self, hub: Hub, client: TestClient[web.Request, web.Application]) -> None:
        self.hub = hub
        self.client = client

    async def release(
        self,
        number: int,
        documents: list[dict[str, Any]],
        mapping: dict[str, Any] | None = None,
        doc_type: str = "gene",
        src: dict[str, Any] | None = None,
    ) -> Stored[Api]:
        """Index these documents and serve them."""
        name = f"00000000-0000-4000-8000-{number:012}.1"
        bodies = sorted((document(one) for one in documents), key=lambda one: one.id)
        await self.hub.documents.create(name)
        await self.hub.documents.write(name, bodies)
        await self.hub.documents.seal(name, {})
        meta = META | {"biothing_type": doc_type} | ({"src": src} if src else {})
        await self.hub.search.create(name, IndexSpec(mapping=mapping or MAPPING, collection=name, meta=meta))
        await self.hub.search.bulk(name, bodies)
        await self.hub.search.seal(name)
        event = ReleaseCreated(api="genes", output=name, build=name, version=str(number), count=len(bodies))

        def served(api: Api) -> Api:
            return Api(created_at=api.created_at, build=api.build, served=name, outputs=(event, *api.outputs))

        return await APIS.change(self.hub.records, "genes", served)

    async def get(self, path: str, status: int = 200, **arguments: Any) -> Any:
        """The JSON of a GET below /api/genes."""
        async with self.client.get(f"/api/genes{path}", params=arguments) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def post(self, path: str, status: int = 200, json: Any = None, **form: Any) -> Any:
        """The JSON of a POST below /api/genes: of a JSON body, or of a form."""
        async with self.client.post(f"/api/genes{path}", json=json, data=form or None) as response:
            assert response.status == status, await response.text()
            return await response.json()


@asynccontextmanager
async def open_site(data: Path, search: str = "tantivy:", limits: Limits | None = None) -> AsyncIterator[Site]:
    """The application with the API `genes`."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    address = {"name": name, "data": str(data), "documents": "sqlite:", "search": search, "files": "file:", "limits": {}}
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(address))
        records = await stack.enter_async_context(SqliteRecords.open(data / "records.db"))
        await records.prepare(CATALOGUE.kinds)
        hub = Hub(
            name="test",
            data=data,
            documents=stores.documents,
            search=stores.search,
            files=stores.files,
            records=records,
            bus=await stack.enter_async_context(EmbeddedBus()),
            process="test",
            catalogue=CATALOGUE,
            address=address,
        )
        await APIS.insert(records, "genes", Api(created_at=time.time(), build="genes"))
        app = web.Application()
        published = Published(hub, limits)
        app.router.add_route("*", "/api", published.__call__)
        app.router.add_route("*", r"/api/{path:[\s\S]*}", published.__call__)
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        site = Site(hub, client)
        await site.release(1, DOCUMENTS)
        yield site
        for index in await hub.search.names():
            await hub.search.drop(index)
