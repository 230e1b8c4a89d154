"""The web application: what is served where, and what of it needs the token."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.hub import Hub
from events.tracing import HEADER
from gateway import mails
from gateway.authentication import Authentication, guarded
from gateway.breakers import behind_breakers
from gateway.connections import HANDLER_ARGS, bounded
from gateway.endpoint.limits import OperationLimits
from gateway.endpoint.view import View
from gateway.job_logs import serve_logs
from gateway.live.stream import Watching
from gateway.metrics import Metrics
from gateway.pages import Pages
from gateway.pinging import Ports
from gateway.rates import Proxies, limited
from gateway.rest.limits import Limits
from gateway.rest.routes import Published
from gateway.schema import build_schema

ROUTES = ("/", "/graphql", "/api/<name>/", "/jobs/<job>/log", mails.BOUNCES, "/health/live", "/health/ready", "/metrics")
"""What is told to a client that asks for something else."""


def make_app(
    hub: Hub,
    known: Authentication,
    *,
    limits: OperationLimits | None = None,
    answers: Limits | None = None,
    pages: Pages | None = None,
    rate: int = 0,
    proxies: Proxies | None = None,
    public: str = "",
) -> web.Application:
    """The application, for callers whom `known` recognises. It listens to the hub's events while it runs, and closes sockets with
    1001 at its end. `limits` are those of GraphQL's operations, `answers` those of published APIs,
    which an address may ask `rate` times a minute (0: any number), as `proxies` tell it;
    `public` is the address that people are told."""
    ports = Ports(hub)
    metrics, shown = Metrics(hub, ports), pages or Pages()
    watching = Watching(hub.bus, metrics.heard)
    asked = behind_breakers(hub)
    view = View(build_schema(), asked, watching, known, limits or OperationLimits(), shown)
    app = web.Application(client_max_size=2**20, handler_args=HANDLER_ARGS)

    def serve(method: str, path: str, handler: Handler) -> None:
        app.router.add_route(method, path, metrics.counted(path.partition("{")[0], bounded(handler)))

    published = limited(Published(asked, answers, public).__call__, rate, proxies or Proxies())
    serve("*", "/api", published)
    serve("*", r"/api/{path:[\s\S]*}", published)
    serve("*", "/graphql", guarded(known, _traced(hub, view.__call__), but=view.asks_later))
    serve("GET", "/jobs/{job}/log", guarded(known, serve_logs(hub, known)))
    for method in ("GET", "POST"):
        serve(method, mails.UNSUBSCRIBE, mails.unsubscribe(hub))
    serve("POST", mails.BOUNCES, guarded(known, mails.bounces(hub)))
    serve("GET", "/metrics", guarded(known, metrics.serve))
    serve("GET", "/health/live", _live)
    serve("GET", "/health/ready", _ready(ports))
    serve("GET", "/", _explorer(shown))
    serve("GET", "/assets/{name:.+}", shown.asset)
    serve("*", r"/{path:[\s\S]*}", _nothing)

    async def watched(_: web.Application) -> AsyncIterator[None]:
        async with watching.running(), metrics.running():
            yield
        ports.close()

    async def closed(_: web.Application) -> None:
        await view.close_sockets()

    app.cleanup_ctx.append(watched)
    app.on_shutdown.append(closed)
    return app


def _traced(hub: Hub, handler: Handler) -> Handler:
    """The handler within a span, below that of the client where it tells one. A socket is no span: it may be open for days."""

    async def traced(request: web.Request) -> web.StreamResponse:
        if "Upgrade" in request.headers:
            return await handler(request)
        with hub.tracing.span("graphql", request.headers.get(HEADER, "")):
            return await handler(request)

    return traced


def _explorer(pages: Pages) -> Handler:
    async def explorer(_: web.Request) -> web.StreamResponse:
        return pages.explorer()

    return explorer


async def _nothing(request: web.Request) -> web.Response:
    return web.json_response({"error": f"there is nothing at {request.path}", "routes": ROUTES}, status=404)


async def _live(_: web.Request) -> web.Response:
    return web.json_response({"live": True})


def _ready(ports: Ports) -> Handler:
    async def ready(_: web.Request) -> web.Response:
        states, served, disks = await asyncio.gather(ports.ping(), ports.served(), ports.disks())
        full = any(disk.failure for disk in disks.values())
        # One API whose release is gone must not take the others off their balancer; all of them must.
        well = not any(states.values()) and not full and not (served and all(served.values()))
        body = {
            "ready": well,
            "ports": {name: state or "ok" for name, state in states.items()},
            "apis": {name: state or "ok" for name, state in served.items()},
            "disks": {name: disk.reason or "ok" for name, disk in disks.items()},
            "away": {name: round(age, 1) for name, age in ports.ages().items() if states[name]},
        }
        return web.json_response(body, status=200 if well else 503)

    return ready
