"""Processes of a hub begin before the servers do, and go on once these are there."""

import asyncio
import contextlib
import secrets
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from leat.cli.health import check_pulse
from leat.serving import serving
from leat.settings import Settings, load
from leat.waiting import hub_when_there
from tests.events.buses import remove
from tests.faults.proxy import Cable
from tests.services import need


@contextlib.asynccontextmanager
async def gateway_of(cable: Cable, folder: Path) -> "contextlib.AsyncIterator[Settings]":
    """Settings of a hub whose bus is at the end of the cable, and of which nothing stays."""
    id = secrets.token_hex(4)
    try:
        yield load(data=folder, bus=cable.url, name="test", id=id, port=unused_port())
    finally:
        await remove(need("rabbitmq"), f"test-{id}")


async def until_waiting(url: str, session: aiohttp.ClientSession) -> tuple[int, str]:
    """What readiness says while the hub waits."""
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(f"{url}/health/ready") as answer:
                return answer.status, await answer.text()
        await asyncio.sleep(0.02)


async def test_a_gateway_waits_for_a_server_and_tells(tmp_path: Path) -> None:
    """It lives, is not ready and says which part it waits for, without its address; then it serves, at the same address."""
    cable = Cable(need("rabbitmq"))
    await cable.listen()
    await cable.refuse()
    async with asyncio.timeout(60), gateway_of(cable, tmp_path) as settings, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{settings.port}"
        hub = serving(settings, queues=())
        begun = asyncio.create_task(hub.__aenter__())
        ready = await until_waiting(url, session)
        statuses = []
        for path in ("/health/live", "/api/genes/query?q=x", "/graphql"):
            async with session.get(url + path) as answer:
                statuses.append(answer.status)
        pulse = check_pulse(tmp_path)
        await cable.listen()
        address, _ = await begun
        async with session.get(f"{url}/health/ready") as answer:
            served = answer.status
        await hub.__aexit__(None, None, None)
    await cable.close()

    assert ready[0] == 503
    assert '"bus"' in ready[1]
    assert str(cable.port) not in ready[1]
    assert statuses == [200, 503, 503]
    assert pulse == 0
    assert (address.url, served) == (url, 200)


async def test_a_worker_waits_for_a_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It says once what it waits for, and opens the hub when that is there."""
    cable = Cable(need("rabbitmq"))
    await cable.listen()
    await cable.refuse()
    async with asyncio.timeout(60), gateway_of(cable, tmp_path) as settings:
        opening = hub_when_there(settings)
        begun = asyncio.create_task(opening.__aenter__())
        while not caplog.records:  # noqa: ASYNC110 -- a log tells nobody that it grew
            await asyncio.sleep(0.01)
        await cable.listen()
        hub = await begun
        await hub.bus.ping()
        await opening.__aexit__(None, None, None)
    await cable.close()

    (told,) = [record for record in caplog.records if record.name == "leat.waiting"]
    assert "LEAT_BUS=" in told.__dict__["reason"]
