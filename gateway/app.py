"""The web application: the GraphQL endpoint, health and pages; the published APIs are added by whoever makes it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.errors import LeatError
from domain.hub import Hub
from events.bus import BusError
from gateway.auth import Token, guard
from gateway.limits import Limits
from gateway.pages import Pages
from gateway.rest import routes
from gateway.schema import build_schema
from gateway.stream import Watching
from gateway.view import View

PING = 5.0
"""Seconds that a port may take to answer a ping."""


def make_app(hub: Hub, token: str, *, limits: Limits | None = None, pages: Pages | None = None) -> web.Application:
    """The application: it listens to the hub's events while it runs, and closes sockets with 1001 at shutdown."""
    watching, shown = Watching(hub.bus), pages or Pages()
    checked = Token(token)
    view = View(build_schema(), hub, watching, checked, limits or Limits(), shown)
    app = web.Application(middlewares=[guard(checked)], client_max_size=2**20, handler_args={"handler_cancellation": True})
    app.router.add_route("*", "/graphql", view.__call__)
    app.router.add_get("/", _explorer(shown))
    app.router.add_get("/assets/{name:.+}", shown.asset)
    routes.add(app, hub)
    app.router.add_get("/health/live", _live)
    app.router.add_get("/health/ready", _ready(hub))

    async def watched(_: web.Application) -> AsyncIterator[None]:
        async with watching.running():
            yield

    async def closed(_: web.Application) -> None:
        await view.close_sockets()

    app.cleanup_ctx.append(watched)
    app.on_shutdown.append(closed)
    return app


def _explorer(pages: Pages) -> Handler:
    async def explorer(_: web.Request) -> web.StreamResponse:
        return pages.explorer()

    return explorer


async def _live(_: web.Request) -> web.Response:
    return web.json_response({"live": True})


def _ready(hub: Hub) -> Handler:
    ports: dict[str, Any] = {"bus": hub.bus, "records": hub.records, "documents": hub.documents, "search": hub.search}
    ports["files"] = hub.files

    async def ready(_: web.Request) -> web.Response:
        states = await asyncio.gather(*(_ping(port) for port in ports.values()))
        answered = dict(zip(ports, states, strict=True))
        return web.json_response(
            {"ready": not any(states), "ports": {name: state or "ok" for name, state in answered.items()}},
            status=503 if any(states) else 200,
        )

    return ready


async def _ping(port: Any) -> str:
    """Why a port does not answer; empty where it does. The reason is for whoever runs the hub: it names no address."""
    try:
        async with asyncio.timeout(PING):
            await port.ping()
    except (LeatError, BusError, TimeoutError) as error:
        return type(error).__name__
    return ""
