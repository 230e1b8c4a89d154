"""What a gateway answers while it waits for the servers that its settings name: that it lives, and what it waits for."""

from collections.abc import Callable

from aiohttp import web


def make_waiting_app(port: Callable[[], str]) -> web.Application:
    """`port`: the name of the port whose server is away just now. No answer says where that server is: anybody may ask."""
    app = web.Application(client_max_size=2**20)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        away = {"ports": {port(): "the hub waits for it to begin"}, "apis": {}, "disks": {}, "away": {}}
        return web.json_response({"ready": False, **away}, status=503)

    async def later(_: web.Request) -> web.Response:
        told = {"code": 503, "success": False, "error": "Service Unavailable", "reason": f"the hub waits for its {port()} to begin"}
        return web.json_response(told, status=503, headers={"Retry-After": "2"})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_route("*", r"/{path:[\s\S]*}", later)
    return app
