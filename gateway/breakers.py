"""A breaker before each port: who asks over HTTP learns within 2 seconds that a server is away, and from then on at once.

How long a call may take says little of whether the server is there: a heavy query is given its 10 seconds, and the server is asked
beside it whether it lives. Why this is so: docs/adr/0022-a-breaker-asks-whether-the-server-lives.md.
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, cast

from domain.errors import Unavailable
from domain.hub import Hub
from events.bus import BusError

log = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

LOOK = 0.25
"""Seconds between two looks at the calls that are under way."""
DOUBT = 0.75
"""Seconds after which a call makes doubt whether its server lives."""
SILENCE = 1.25
"""Seconds that the server may take to say so."""
SMALL = 2.0
"""Seconds that a call for records, or a message, may take."""
QUERIES = 15.0
"""Seconds that a call for documents, or of the search engine, may take: engines end a query after 10, and then tell why."""


class Breaker:
    """Lets calls to one port through for as long as its server answers; `ping` asks it, `longest` is what one call may take, and
    `error` is what callers of the port expect where it does not answer."""

    def __init__(
        self, name: str, ping: Callable[[], Awaitable[None]], longest: float | None, error: type[Exception] = Unavailable
    ) -> None:
        self._name = name
        self._ping = ping
        self._longest = longest
        self._error = error
        self._calls: dict[asyncio.Timeout, float] = {}
        """What is under way, the oldest first, with the time of its begin."""
        self._looking: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self.away = False
        """The server did not answer when it was asked last."""

    async def through(self, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns. Raises the error where the server is away, and at once where that is known already."""
        if self.away:
            self._ask()
            raise self._error(f"{self._name} did not answer just now, and is asked again in the background")
        loop = asyncio.get_running_loop()
        deadline = asyncio.timeout(None)
        try:
            async with deadline:
                self._calls[deadline] = loop.time()
                if self._looking is None:
                    self._looking = loop.call_later(LOOK, self._look)
                return await call(*args, **kwargs)
        except TimeoutError as error:
            raise self._error(f"{self._name} did not answer in time") from error
        finally:
            self._calls.pop(deadline, None)

    def _look(self) -> None:
        """End the calls that take too long, and ask whether the server lives where one makes doubt."""
        loop, self._looking = asyncio.get_running_loop(), None
        if not self._calls:
            return
        self._looking = loop.call_later(LOOK, self._look)
        now, longest = loop.time(), self._longest
        if longest is not None:
            self._end([deadline for deadline, begun in self._calls.items() if now - begun >= longest - LOOK])
        if now - next(iter(self._calls.values()), now) >= DOUBT - LOOK:
            self._ask()

    def _ask(self) -> None:
        """Ask the server, once for all who doubt."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._asked())

    async def _asked(self) -> None:
        try:
            async with asyncio.timeout(SILENCE):
                await self._ping()
        except (Unavailable, BusError, TimeoutError) as error:
            if not self.away:
                log.warning("a server is away", extra={"port": self._name, "error": str(error) or f"silent for {SILENCE:g} s"})
            self.away = True
            self._end(list(self._calls))
        else:
            self.away = False

    def _end(self, calls: list[asyncio.Timeout]) -> None:
        now = asyncio.get_running_loop().time()
        for deadline in calls:
            del self._calls[deadline]
            deadline.reschedule(now)


class Guarded:
    """A port whose calls, and the steps of whose scans, go through a breaker."""

    def __init__(self, port: Any, breaker: Breaker) -> None:
        self._port = port
        self._breaker = breaker

    def __getattr__(self, name: str) -> Any:
        """The port's own, or its method behind the breaker; made once."""
        own = getattr(self._port, name)
        if inspect.isasyncgenfunction(own):
            own = self._steps(own)
        elif inspect.iscoroutinefunction(own):
            own = functools.partial(self._breaker.through, own)
        else:
            return own
        setattr(self, name, own)
        return own

    def _steps(self, method: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
        async def steps(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with aclosing(method(*args, **kwargs)) as found:
                while (one := await self._breaker.through(anext, found, None)) is not None:
                    yield one

        return steps


def behind_breakers(hub: Hub) -> Hub:
    """The hub as those see it who ask over HTTP."""

    def behind(name: str, port: T, longest: float | None, error: type[Exception] = Unavailable) -> T:
        return cast("T", Guarded(port, Breaker(name, cast("Any", port).ping, longest, error)))

    return replace(
        hub,
        records=behind("records", hub.records, SMALL),
        documents=behind("documents", hub.documents, QUERIES),
        search=behind("search", hub.search, QUERIES),
        files=behind("files", hub.files, None),
        bus=behind("bus", hub.bus, SMALL, BusError),
    )
