"""A small web site whose manners a test chooses: the dumper's counterpart."""

from collections.abc import Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Website:
    """Answers each path by what was put there; `asked` keeps the headers of every request, oldest first."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[dict[str, str]] = []

    def put(self, path: str, *answers: Answer) -> None:
        """The n-th request for `path` gets the n-th answer, later ones the last."""
        self.answers[path] = list(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler."""
        self.asked.append(dict(request.headers))
        answers = self.answers[request.path]
        return await (answers.pop(0) if len(answers) > 1 else answers[0])(request)


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    """Plain content; underscores in header names stand for dashes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def conditional(content: bytes, etag: str, modified: str = "Sat, 21 Nov 2026 10:00:00 GMT") -> Answer:
    """Content with validators that answers 304, and ranges where If-Range still holds."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"ETag": etag, "Last-Modified": modified}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        asked = request.headers.get("Range")
        if asked and request.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return web.Response(status=206, body=content[start:], headers=headers)
        return web.Response(body=content, headers=headers)

    return answer


def cut(content: bytes, after: int, **headers: str) -> Answer:
    """Announces all of `content`, sends `after` bytes of it and breaks the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={name.replace("_", "-"): value for name, value in headers.items()})
        response.content_length = len(content)
        await response.prepare(request)
        await response.write(content[:after])
        assert request.transport is not None
        request.transport.close()
        return response

    return answer
