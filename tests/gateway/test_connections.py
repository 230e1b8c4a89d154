"""Connections: what clients that say half a sentence, or nothing, may hold up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from domain.hub import Hub
from gateway.app import make_app
from gateway.connections import REST, Runner, bounded
from tests.gateway.conftest import KNOWN, TOKEN

HALVES = [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /graphql HTTP/1.1\r\nContent-Length: 5\r\nX-A: " + b"b" * 3000]


@asynccontextmanager
async def listening(app: web.Application, connections: int = 100, headers: float = 60.0) -> AsyncIterator[int]:
    """A gateway's port."""
    runner = Runner(app, connections=connections, headers=headers, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def live(port: int) -> int:
    """The status of /health/live, on a connection of its own."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/health/live") as response:
        return response.status


@pytest.mark.parametrize("half", HALVES)
async def test_a_head_comes_in_time(hub: Hub, half: bytes) -> None:
    """What is no whole request after a while loses its connection."""
    async with listening(make_app(hub, KNOWN), headers=0.2) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(half)

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_a_second_request_comes_in_time_too(hub: Hub) -> None:
    """Half a head behind a request that was answered."""
    async with listening(make_app(hub, KNOWN), headers=0.2) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"}")
        writer.write(b"GET /health/li")

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_half_requests_make_room(hub: Hub) -> None:
    """However many there are, who asks for something is answered, and there are never more connections than there may be."""
    async with listening(make_app(hub, KNOWN), connections=20) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(70)]
        for at, (_, writer) in enumerate(held):
            writer.write(HALVES[at % len(HALVES)])

        assert [await live(port) for _ in range(5)] == [200] * 5

        ended = [asyncio.create_task(reader.read()) for reader, _ in held]
        done, _ = await asyncio.wait(ended, timeout=1.0)
        assert len(done) >= 50
        for task in ended:
            task.cancel()
        for _, writer in held:
            writer.close()


async def test_too_many_that_are_answered_are_refused() -> None:
    """Who asked already is not thrown out for somebody new, who hears 503; afterwards there is room again."""
    released, asked = asyncio.Event(), asyncio.Event()
    app = web.Application()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await released.wait()
        return web.Response()

    app.router.add_get("/health/live", slow)
    async with listening(app, connections=1) as port:
        first = asyncio.create_task(live(port))
        await asked.wait()
        second = await live(port)
        released.set()

        assert (await first, second) == (200, 503)
        async with asyncio.timeout(5):
            while await live(port) != 200:  # noqa: ASYNC110 -- the server hears a moment later that the client has gone
                await asyncio.sleep(0.01)


async def test_a_body_comes_in_time() -> None:
    """A connection whose body does not come is closed, whatever its handler waits for."""
    app = web.Application()

    async def reading(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app.router.add_post("/", bounded(reading, 0.2))
    async with listening(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234")

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (f"Content-Length: {REST}", True),
        (f"Content-Length: {REST + 1}", False),
        ("Content-Length: 99\r\nContent-Encoding: gzip", False),
        ("Transfer-Encoding: chunked", False),
    ],
)
async def test_what_nobody_wants_is_not_read(hub: Hub, headers: str, kept: bool) -> None:
    """Behind a refusal only a small, plain body is taken, so that the connection can be used again; any other is closed."""
    async with listening(make_app(hub, KNOWN)) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: not {TOKEN}\r\n{headers}\r\n\r\n".encode())
        if kept:
            writer.write(b"x" * REST + b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            answered = await reader.read()
        finally:
            writer.close()

        assert b"401 Unauthorized" in answered
        assert (b'"live": true' in answered) is kept
