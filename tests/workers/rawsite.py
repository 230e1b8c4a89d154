"""A server that sends whatever bytes a test wants: for answers that no library would write."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = Callable[[bytes], bytes]
"""Takes the head of a request, as it came, and gives all that is sent before the connection is closed."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What is done with one connection, which is closed afterwards."""


class RawSite:
    """`asked` keeps the heads of all requests, oldest first."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.port = 0

    def url(self, path: str, scheme: str = "http") -> str:
        """An address here."""
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        writer.write(self.answer(head))
        await writer.drain()


@asynccontextmanager
async def listening(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port where every connection is served so, until all who came have gone."""
    tasks = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            """The other side has gone, as it may."""
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*filter(None, tasks)), 10)


@asynccontextmanager
async def open_raw_site(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[RawSite]:
    """A server on a port of its own."""
    site = RawSite(answer)
    async with listening(site.serve, context) as site.port:
        yield site


def answer(body: bytes = b"", status: str = "200 OK", *headers: bytes) -> bytes:
    """An answer with its length."""
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n" % (status.encode(), len(body))
    return head + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def field(head: bytes, name: str) -> str:
    """A header of a request; empty where it is not there."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.lower().encode():
            return value.strip().decode()
    return ""
