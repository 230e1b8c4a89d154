"""What connections and bodies may cost that nobody wants: neither the event loop nor the memory feels them. The best of three tries
counts, since the machine has other things to do."""

import asyncio
import contextlib
import gzip
import io
import itertools
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import pytest

from tests.bounds.test_answers import DELAY, MEMORY, Process, gateway, measured, pytestmark

__all__ = ["gateway", "pytestmark"]

BOMB = gzip.compress(b"\0" * 2**28)
"""A quarter of a gigabyte that is sent as 256 kB."""
REPEATED = "{ jobs { nodes { " + "run { id } " * 480 + "} } }"
"""All of these fields are compared with each other."""
NUMBERS = itertools.count()
"""No text is asked for twice: it would be known."""


async def send(url: str, path: str, body: bytes, **headers: str) -> int:
    """The status of a POST; 0 where the connection was closed first."""
    with contextlib.suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session, session.post(url + path, data=io.BytesIO(body), headers=headers) as response:
            return response.status
    return 0


async def compressed(url: str) -> None:
    """Bodies that grow, to whoever may not ask, to what takes none, and to an API."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    statuses = await asyncio.gather(
        *(send(url, path, BOMB, **headers) for path in ("/graphql", "/nothing", "/api/genes/query") * 4)
    )
    assert 200 not in statuses


async def halves(url: str) -> None:
    """As many connections as can be, whose requests never come as a whole."""
    _, _, port = url.rpartition(":")
    opened = []
    with contextlib.suppress(OSError):
        for number in range(800):
            opened.append(await asyncio.open_connection("127.0.0.1", int(port)))
            opened[-1][1].write((b"GET /api/genes/query HTTP/1.1\r\nX-A: " + b"a" * 4000)[: number * 7])
    for _, writer in opened:
        writer.close()


async def repeated(url: str) -> None:
    """Texts that take long to validate, each another one, of somebody who has the token."""
    texts = [f"query Q{next(NUMBERS)} {REPEATED}" for _ in range(3)]
    token = {"Authorization": "Bearer a-token", "Content-Type": "application/json"}
    assert await asyncio.gather(*(send(url, "/graphql", orjson.dumps({"query": text}), **token) for text in texts)) == [200] * 3


@pytest.mark.parametrize("attack", [compressed, halves, repeated])
async def test_nobody_is_stalled(gateway: Process, attack: Callable[[str], Awaitable[None]]) -> None:
    """/health/live answers at once beside it, and memory stays what it was."""
    await measured(gateway, asyncio.sleep(0))
    tries = []

    for _ in range(3):
        delay, grown = await measured(gateway, attack(gateway.url))
        tries.append((delay, grown))
        if delay <= DELAY and grown <= MEMORY:
            return

    raise AssertionError(tries)
