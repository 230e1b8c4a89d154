"""A gateway in a process of its own, which serves documents that make large answers: `python -m tests.bounds.serving FOLDER`."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from domain.callers import ADMINISTRATOR
from gateway.app import make_app
from gateway.authentication import Authentication
from gateway.connections import Runner
from tests.gateway.rest.site import KEYWORD, open_site

MAPPING: dict[str, Any] = {"kind": KEYWORD, "words": {"type": "text"}}


def documents() -> list[dict[str, Any]]:
    """60 of 200 kB each, with many small values, and 5,000 of one kind with some 200 bytes."""
    rows = [{"name": f"row {number}", "value": number / 7, "codes": ["a:1", "b", None]} for number in range(2500)]
    large = [{"_id": f"large{number}", "kind": "large", "rows": rows} for number in range(60)]
    return [*large, *({"_id": f"{number:05}", "kind": "small", "words": "common word " * 12} for number in range(5000))]


async def serve(folder: Path) -> None:
    """Serve until stdin closes; the address is printed."""
    async with open_site(folder) as site:
        await site.release(2, documents(), MAPPING)
        known = Authentication({"a-token": ADMINISTRATOR})
        runner = Runner(make_app(site.hub, known), connections=500, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print("http://{}:{}".format(*runner.addresses[0][:2]), flush=True)  # noqa: T201 - who started this waits for it
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
