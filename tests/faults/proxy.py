"""A cable to a server that can be cut, pulled out, or go dead."""

import asyncio
import contextlib
from urllib.parse import urlsplit


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
        self.port = 0

    @property
    def url(self) -> str:
        """The server's URL through the cable."""
        parts = urlsplit(self._url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}").geturl()

    async def plug_in(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pull_out(self) -> None:
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

    def let_go(self) -> None:
        """Let everything through that was held."""
        self._flows.set()

    async def close(self) -> None:
        """End for good."""
        self.let_go()
        await self.pull_out()
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
                    await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
                finally:
                    self._writers -= both
        finally:
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
