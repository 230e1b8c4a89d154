"""A document that leaves as it is stored, in one write behind a head that was made beforehand."""

from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict


class Stored(web.StreamResponse):
    """200 with `body`, for requests that `suits` allows.

    aiohttp's Response puts its headers together anew each time, which costs more than to read the document. What is set on this
    response later is not sent.
    """

    def __init__(self, head: bytes, body: bytes) -> None:
        super().__init__()
        self._whole = b"%b%d\r\n\r\n%b" % (head, len(body), body)

    @staticmethod
    def suits(request: web.Request) -> bool:
        """Whether the client wants a body, whatever it has already, and the connection stays open without a header that says so."""
        return (
            request.method == "GET"
            and request.keep_alive
            and request.version == HttpVersion11
            and "If-None-Match" not in request.headers
        )

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._whole)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """All was written already."""


def head_of(headers: CIMultiDict[str]) -> bytes:
    """Status line and headers of an answer of now, up to the length of its body."""
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    dated = f"Date: {formatdate(usegmt=True)}\r\nServer: {SERVER_SOFTWARE}\r\nContent-Length: "
    return f"HTTP/1.1 200 OK\r\n{''.join(lines)}{dated}".encode()
