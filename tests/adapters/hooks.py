"""A real web server on loopback that keeps what is posted to it, and speaks as Slack does under /api/."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Hooks:
    """What was posted, and what is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        """(path, headers with small names, body), in order."""
        self.statuses: list[int] = []
        """What is answered next; 200 where that is empty."""
        self.slack_errors: list[str] = []
        """What Slack's API refuses with next."""
        self.messages: dict[str, list[dict[str, Any]]] = {}
        """By Slack's time stamp: a message as it was posted, and what it became."""
        self._numbers = itertools.count(1)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posted.append((request.path, headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 200
        if status in (301, 302, 307, 308):
            return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"})
        return web.Response(text="ok", status=status)

    async def slack(self, request: web.Request) -> web.Response:
        method, body = request.match_info["method"], await request.json()
        if request.headers.get("Authorization") != "Bearer xoxb-good":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.slack_errors:
            return web.json_response({"ok": False, "error": self.slack_errors.pop(0)})
        if method == "chat.postMessage":
            at = f"17325.{next(self._numbers)}"
            self.messages[at] = [body]
            return web.json_response({"ok": True, "channel": "C0DATA", "ts": at})
        if body["ts"] not in self.messages:
            return web.json_response({"ok": False, "error": "message_not_found"})
        self.messages[body["ts"]].append(body)
        return web.json_response({"ok": True, "channel": body["channel"], "ts": body["ts"]})


@asynccontextmanager
async def hooks() -> AsyncIterator[Hooks]:
    """A server within the block."""
    kept = Hooks()
    app = web.Application()
    app.router.add_post("/api/{method}", kept.slack)
    app.router.add_post("/{path:.*}", kept.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield kept
    finally:
        await runner.cleanup()
