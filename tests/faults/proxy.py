"""A cable to a server that can be cut, pulled out, or go dead."""

import asyncio
import contextlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(eq=False)
class Trigger:
    """Cuts the connection over which the first message goes that looks so: the message is lost, or the answer to it."""

    pattern: re.Pattern[bytes]
    by_server: bool = False
    """It is the server that says it."""
    answered: bool = False
    """The message goes through, and what the other side says next is lost."""
    fired: bool = False


@dataclass
class Connection:
    """One connection through the cable."""

    loses_answer: bool = False
    """It is cut when the server says its next word."""


class Cable:
    """A TCP proxy on a free port of this machine, in front of the server of a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._target = (parts.hostname, parts.port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._triggers: list[Trigger] = []
        self.port = 0

    @property
    def url(self) -> str:
        """The server's URL through the cable."""
        parts = urlsplit(self._url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}").geturl()

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections, and cut those there are."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Cut every connection without a word."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing through in either direction, and nobody know."""
        self._flows.clear()

    def resume(self) -> None:
        """Let everything through that was held."""
        self._flows.set()

    def set(self, trigger: Trigger) -> None:
        """Let it wait for its message, on whichever connection that comes."""
        self._triggers.append(trigger)

    def disarm(self) -> None:
        """Take away the triggers that have not fired."""
        self._triggers.clear()

    async def close(self) -> None:
        """End for good."""
        self.resume()
        await self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(OSError):
                await self._flows.wait()
                far_reader, far_writer = await asyncio.open_connection(*self._target)
                both = {writer, far_writer}
                self._writers |= both
                try:
                    connection = Connection()
                    to, back = self._pump(reader, far_writer, connection, False), self._pump(far_reader, writer, connection, True)
                    await asyncio.gather(to, back)
                finally:
                    self._writers -= both
        finally:
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection, by_server: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while (data := await reader.read(65536)) and not self._fires(data, connection, by_server):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    def _fires(self, data: bytes, connection: Connection, by_server: bool) -> bool:
        """Is the connection to be cut instead of passing this on?"""
        if by_server and connection.loses_answer:
            return True
        trigger = next(
            (trigger for trigger in self._triggers if trigger.by_server == by_server and trigger.pattern.search(data)), None
        )
        if trigger is None:
            return False
        self._triggers.remove(trigger)
        trigger.fired, connection.loses_answer = True, trigger.answered
        return not trigger.answered
