"""The breaker before a port: what ends a call, and what does not."""

import asyncio
import contextlib

import pytest

from domain.errors import Unavailable
from gateway import breakers
from gateway.breakers import Breaker


class Server:
    """One that answers, or is silent, when it is asked whether it lives."""

    def __init__(self) -> None:
        self.pings = 0
        self.pinged = asyncio.Event()
        self.lives = asyncio.Event()
        self.lives.set()

    async def ping(self) -> None:
        """Answer, once it lives."""
        self.pings += 1
        self.pinged.set()
        await self.lives.wait()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose breaker has less patience than usual."""
    for name in ("LOOK", "DOUBT", "SILENCE"):
        monkeypatch.setattr(breakers, name, 0.02)
    return Server()


async def test_a_slow_call_of_a_server_that_lives_is_waited_for(server: Server) -> None:
    """However often the server was asked beside it, the call ends with its own answer."""
    breaker = Breaker("search", server.ping, None)
    go_on = asyncio.Event()
    call = asyncio.create_task(breaker.through(go_on.wait))

    while server.pings < 5:
        server.pinged.clear()
        await server.pinged.wait()
    go_on.set()

    assert await call is True
    assert not breaker.away


async def test_calls_to_a_silent_server_end_and_later_ones_are_not_made(server: Server) -> None:
    """One silence ends every call that is under way; until the server answers again, calls fail without being made."""
    breaker, made = Breaker("records", server.ping, None), []

    async def call() -> str:
        made.append(1)
        await server.lives.wait()
        return "answered"

    server.lives.clear()
    calls = await asyncio.gather(*(breaker.through(call) for _ in range(3)), return_exceptions=True)
    with pytest.raises(Unavailable):
        await breaker.through(call)
    while_away = len(made)
    server.lives.set()
    while breaker.away:
        with contextlib.suppress(Unavailable):
            await breaker.through(call)
        await asyncio.sleep(0)

    assert [type(ended) for ended in calls] == [Unavailable] * 3
    assert while_away == 3
    assert await breaker.through(call) == "answered"


async def test_a_call_ends_after_its_longest_time(server: Server) -> None:
    """Though the server lives, and then others still go through."""
    breaker = Breaker("records", server.ping, 0.05)

    with pytest.raises(Unavailable):
        await breaker.through(asyncio.Event().wait)

    assert not breaker.away
    assert await breaker.through(asyncio.sleep, 0, "answered") == "answered"
