"""The administrator's token: what is open without it, and where it is looked for."""

import hmac
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

OPEN = ("/health/", "/api/", "/assets/")
"""What is served without a token: health, the published APIs and what pages are made of."""

ROUTES = ("/", "/graphql", "/api/<name>/", "/health/live", "/health/ready", "/metrics")
"""What is told to whoever asks for something else."""

NEEDED = "the token is missing or wrong: it is what LEAT_TOKEN sets, else in the file `token` of the hub's data folder"


class Token:
    """The one token of this hub; compared in constant time."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def fits(self, shown: str | None) -> bool:
        """Whether this is the token; `Bearer ` before it is taken off."""
        if not shown:
            return False
        scheme, _, rest = shown.partition(" ")
        value = rest.strip() if scheme.lower() == "bearer" else shown
        return hmac.compare_digest(value.encode(), self._token)

    def fits_parameters(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a socket's `connection_init` payload shows it, as `Authorization` or `token`."""
        shown = [value for name, value in parameters.items() if name.lower() in ("authorization", "token")]
        return any(isinstance(value, str) and self.fits(value) for value in shown)


def is_page(request: web.Request) -> bool:
    """Whether a browser asks for a page rather than for data."""
    return request.method == "GET" and "query" not in request.query and "text/html" in request.headers.get("Accept", "")


def guard(token: Token) -> Middleware:
    """Middleware that answers 404 where nothing is, and 401 where a token is needed and not shown. A socket shows it after the
    handshake."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        socket = request.path == "/graphql" and request.headers.get("Upgrade", "").lower() == "websocket"
        is_open = request.path == "/" or request.path.startswith(OPEN) or is_page(request) or socket
        if isinstance(request.match_info.http_exception, web.HTTPNotFound):
            return web.json_response({"error": f"there is nothing at {request.path}", "routes": ROUTES}, status=404)
        if is_open or token.fits(request.headers.get("Authorization")):
            return await handler(request)
        error = {"message": NEEDED, "extensions": {"code": "UNAUTHENTICATED"}}
        return web.json_response({"errors": [error]}, status=401, headers={"WWW-Authenticate": "Bearer"})

    return guarded
