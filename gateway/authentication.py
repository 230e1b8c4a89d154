"""Authentication: who asks, as told by what is shown, and what is said to a client that shows nothing."""

import hmac
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.callers import ANONYMOUS, Caller

NEEDED = "the token is missing or wrong: it is what LEAT_TOKEN sets, else in the file `token` of the hub's data folder"
HEADERS = ("authorization",)
PAYLOAD = ("authorization", "token")
"""Where a socket's `connection_init` shows a secret; the names of both in small letters."""


class Authentication:
    """The secrets that are known, and whose they are; compared in constant time. An empty one is nobody's."""

    def __init__(self, secrets: Mapping[str, Caller]) -> None:
        self._secrets = [(_bytes(secret), caller) for secret, caller in secrets.items()]

    def caller_of(self, shown: Mapping[str, object], names: tuple[str, ...] = HEADERS) -> Caller:
        """Who shows one of the secrets under one of these names, with or without `Bearer ` before it; else ANONYMOUS."""
        found = ANONYMOUS
        for name, value in shown.items():
            if name.lower() in names and isinstance(value, str):
                found = self._owner(value) or found
        return found

    def _owner(self, shown: str) -> Caller | None:
        scheme, _, rest = shown.partition(" ")
        value, owner = _bytes(rest if scheme.lower() == "bearer" else shown), None
        for secret, caller in self._secrets:  # all of them: how long it takes says nothing
            if value and hmac.compare_digest(value, secret):
                owner = caller
        return owner


def _bytes(text: str) -> bytes:
    """What is compared. A header's bytes that are not UTF-8 come as surrogates, which stay what they are."""
    return text.strip().encode("utf-8", "surrogatepass")


def is_page(request: web.Request) -> bool:
    """Whether a browser asks for a page rather than for data."""
    return request.method == "GET" and "query" not in request.query and "text/html" in request.headers.get("Accept", "")


def guarded(authentication: Authentication, handler: Handler, but: Callable[[web.Request], bool] = lambda _: False) -> Handler:
    """The handler; a request of nobody known gets 401 instead, except where `but` says that it will say later who asks."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if authentication.caller_of(request.headers) != ANONYMOUS or but(request):
            return await handler(request)
        error = {"message": NEEDED, "extensions": {"code": "UNAUTHENTICATED"}}
        return web.json_response({"errors": [error]}, status=401, headers={"WWW-Authenticate": "Bearer"})

    return checked
