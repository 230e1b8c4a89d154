"""The administrator's token: where it is looked for, and what is said without it."""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

NEEDED = "the token is missing or wrong: it is what LEAT_TOKEN sets, else in the file `token` of the hub's data folder"


class Token:
    """The one token of this hub; compared in constant time. An empty one fits nothing."""

    def __init__(self, token: str) -> None:
        self._token = _bytes(token)

    def fits(self, shown: str | None) -> bool:
        """Whether this is the token; `Bearer ` before it is taken off."""
        scheme, _, rest = (shown or "").partition(" ")
        value = _bytes(rest if scheme.lower() == "bearer" else shown or "")
        return bool(value) and hmac.compare_digest(value, self._token)

    def fits_parameters(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a socket's `connection_init` payload shows it, as `Authorization` or `token`."""
        shown = [value for name, value in parameters.items() if name.lower() in ("authorization", "token")]
        return any(isinstance(value, str) and self.fits(value) for value in shown)


def _bytes(text: str) -> bytes:
    """What is compared. A header's bytes that are not UTF-8 come as surrogates, which stay what they are."""
    return text.strip().encode("utf-8", "surrogatepass")


def is_page(request: web.Request) -> bool:
    """Whether a browser asks for a page rather than for data."""
    return request.method == "GET" and "query" not in request.query and "text/html" in request.headers.get("Accept", "")


def guarded(token: Token, handler: Handler, but: Callable[[web.Request], bool] = lambda _: False) -> Handler:
    """The handler, behind 401 where the token is not shown; `but` those requests that show it later."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if token.fits(request.headers.get("Authorization")) or but(request):
            return await handler(request)
        error = {"message": NEEDED, "extensions": {"code": "UNAUTHENTICATED"}}
        return web.json_response({"errors": [error]}, status=401, headers={"WWW-Authenticate": "Bearer"})

    return checked
