"""Connections: how many there are, and how long a client may take to say what it wants."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

HEADERS = 20.0
"""Seconds that the head of a request may take, from the first byte, or from the connection's begin."""
BODY = 30.0
"""Seconds that the body of a request may take."""
IDLE = 75.0
"""Seconds between two requests of a connection: longer than proxies keep one, so that none is closed under a request of theirs."""
SILENT_MS = 60_000
"""Milliseconds for which a client may take nothing of what was written to it, or not answer at all."""
REST = 64 * 1024
"""Bytes of a body that nobody wanted which are read all the same: closed sooner, a client might not see why it was refused."""
HANDLER_ARGS = {"handler_cancellation": True, "lingering_time": 0.0, "keepalive_timeout": IDLE}
"""How aiohttp treats connections: what a refused request still sends is not drained, its connection is closed."""
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Server(web.Server):
    """aiohttp's, with `most` connections at a time."""

    def __init__(self, server: web.Server, most: int, headers: float, **kwargs: Any) -> None:
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **kwargs,
        )
        self.most = most
        self.headers = headers
        self.open = 0
        self.waiting: dict[Connection, asyncio.TimerHandle] = {}
        """Connections whose request has not come as a whole, the oldest first."""

    def __call__(self) -> "Connection":
        """The protocol of one more connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def admits(self) -> bool:
        """Whether one more connection may stay; the oldest of those that still owe their request makes room for it."""
        if self.open < self.most:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is not None:
            oldest.give_up()
        return oldest is not None


class Connection(RequestHandler):
    """One client's, which is closed where no request comes in time."""

    __slots__ = ("_counted", "_server")

    def __init__(self, server: Server, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._server = server
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, or say that there are too many."""
        real = cast("asyncio.Transport", transport)
        if not self._server.admits():
            real.write(BUSY)
            real.close()
            return
        self._server.open += 1
        self._counted = True
        _notice_silence(real)
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room."""
        if self._counted:
            self._counted = False
            self._server.open -= 1
            self._come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of a request, whose head has to come as a whole soon."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before or self._current_request is not None:
            if self in self._server.waiting:
                self._come()
        elif self._counted and self not in self._server.waiting:
            self._wait()

    def give_up(self) -> None:
        """Close it: what was sent so far is no request."""
        self.force_close()
        if self.transport is not None:
            self.transport.abort()
        self.connection_lost(None)

    def _wait(self) -> None:
        self._server.waiting[self] = self._loop.call_later(self._server.headers, self.give_up)

    def _come(self) -> None:
        timer = self._server.waiting.pop(self, None)
        if timer is not None:
            timer.cancel()


def _notice_silence(transport: asyncio.Transport) -> None:
    """Let the system end a connection whose other end is gone, or takes nothing of an answer."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for name, value in (("TCP_USER_TIMEOUT", SILENT_MS), ("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15)):
        if option := getattr(socket, name, None):  # not every system has them
            with suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, option, value)


class Runner(web.AppRunner):
    """aiohttp's, for at most so many connections; `headers` as HEADERS."""

    def __init__(self, app: web.Application, *, connections: int, headers: float = HEADERS, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._most = connections
        self._headers = headers

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return Server(made, self._most, self._headers, **made._kwargs)


def bounded(handler: Handler, seconds: float = BODY) -> Handler:
    """The handler; where a body does not come in time its connection is closed, and so it is where nobody wants a large one."""

    async def answered(request: web.Request) -> web.StreamResponse:
        if not request.can_read_body:
            return await handler(request)
        deadline = asyncio.get_running_loop().call_later(seconds, _close_unless_read, request)
        try:
            return await handler(request)
        finally:
            await _take_rest(request)
            deadline.cancel()

    return answered


def _close_unless_read(request: web.Request) -> None:
    if request.transport is not None and not request.content.is_eof():
        request.transport.abort()


async def _take_rest(request: web.Request) -> None:
    """Read what is left of a small body that takes no work to read."""
    if request.content.is_eof() or "Content-Encoding" in request.headers or not 0 < (request.content_length or 0) <= REST:
        return
    with suppress(TimeoutError, web.RequestPayloadError):
        async with asyncio.timeout(1.0):
            while not request.content.is_eof():
                await request.content.readany()
