"""The web application: the GraphQL endpoint, health and pages; the published APIs are added by whoever makes it."""

from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.hub import Hub
from gateway.auth import Token, guard
from gateway.limits import Limits
from gateway.metrics import Metrics
from gateway.pages import Pages
from gateway.pinging import ping
from gateway.rest import routes
from gateway.schema import build_schema
from gateway.stream import Watching
from gateway.view import View


def make_app(hub: Hub, token: str, *, limits: Limits | None = None, pages: Pages | None = None) -> web.Application:
    """The application: it listens to the hub's events while it runs, and closes sockets with 1001 at shutdown."""
    metrics, shown = Metrics(hub), pages or Pages()
    watching = Watching(hub.bus, metrics.heard)
    checked = Token(token)
    view = View(build_schema(), hub, watching, checked, limits or Limits(), shown)
    app = web.Application(
        middlewares=[metrics.count, guard(checked)], client_max_size=2**20, handler_args={"handler_cancellation": True}
    )
    app.router.add_route("*", "/graphql", view.__call__)
    app.router.add_get("/", _explorer(shown))
    app.router.add_get("/assets/{name:.+}", shown.asset)
    routes.add(app, hub)
    app.router.add_get("/health/live", _live)
    app.router.add_get("/health/ready", _ready(hub))
    app.router.add_get("/metrics", metrics.serve)

    async def watched(_: web.Application) -> AsyncIterator[None]:
        async with watching.running(), metrics.running():
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
    async def ready(_: web.Request) -> web.Response:
        states = await ping(hub)
        well = not any(states.values())
        body = {"ready": well, "ports": {name: state or "ok" for name, state in states.items()}}
        return web.json_response(body, status=200 if well else 503)

    return ready
