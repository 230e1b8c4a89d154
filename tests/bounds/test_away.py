"""What a gateway answers, and how soon, while a MongoDB is silent or refuses: published APIs, readiness and metrics."""

import asyncio
import contextlib
import secrets
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from adapters.mongodb.records import MongoRecords
from domain.callers import ADMINISTRATOR
from domain.catalogue import CATALOGUE
from domain.data.apis import APIS
from gateway.app import make_app
from gateway.authentication import Authentication
from tests.faults.proxy import Cable
from tests.gateway.rest.site import open_site
from tests.services import need

LATEST = 2.2
"""Seconds in which everything answers: 2, and what a busy machine adds."""


@pytest.mark.parametrize("silent", [True, False])
async def test_a_gateway_answers_while_mongodb_is_away(tmp_path: Path, silent: bool) -> None:
    """The first who asks may find out for 2 seconds; from then on APIs answer at once, and say since when, until it is back."""
    cable = Cable(need("mongodb"))
    await cable.listen()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(cable.close)
        site = await stack.enter_async_context(open_site(tmp_path))
        records = await stack.enter_async_context(MongoRecords.open(cable.url, f"away-{secrets.token_hex(3)}"))
        await records.prepare(CATALOGUE.kinds)
        await APIS.insert(records, "genes", (await APIS.get(site.hub.records, "genes")).value)
        app = make_app(replace(site.hub, records=records), Authentication({"t": ADMINISTRATOR}))
        server = await stack.enter_async_context(TestServer(app))
        session = await stack.enter_async_context(aiohttp.ClientSession(headers={"Authorization": "Bearer t"}))

        async def ask(path: str) -> tuple[int, float, bool]:
            begun = time.monotonic()
            async with session.get(server.make_url(path)) as response:
                await response.read()
                return response.status, time.monotonic() - begun, "Leat-As-Of" in response.headers

        paths = ("/api/genes/query?q=cdk2", "/health/ready", "/metrics")
        before = [(await ask(path))[0] for path in paths]
        if silent:
            cable.hold()
        else:
            await cable.refuse()
        async with asyncio.timeout(10):
            while not (found := await ask(paths[0]))[2]:
                assert found[:1] == (200,)
                assert found[1] < LATEST
        away = [await ask(path) for path in paths * 3]
        if silent:
            cable.resume()
        else:
            await cable.listen()
        async with asyncio.timeout(30):
            while (await ask(paths[0]))[2] or (await ask(paths[1]))[0] != 200:
                pass

    assert before == [200, 200, 200]
    assert [status for status, _, _ in away] == [200, 503, 200] * 3
    assert max(took for _, took, _ in away) < LATEST
    assert max(took for _, took, since in away if since) < 0.25
