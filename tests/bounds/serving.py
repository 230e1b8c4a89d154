"""A gateway in a process of its own, which serves documents that make large answers while it uploads others:
`python -m tests.bounds.serving FOLDER`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from domain.callers import ADMINISTRATOR
from domain.data import pipelines, sources
from domain.hub import Hub, Limits
from domain.jobs.jobs import JOBS
from gateway.app import make_app
from gateway.authentication import Authentication
from gateway.connections import Runner
from leat.loop import spare_what_stays
from leat.serving import working
from tests.gateway.rest.site import KEYWORD, open_site

MAPPING: dict[str, Any] = {"kind": KEYWORD, "words": {"type": "text"}}
PARSER = """
import time

def load(folder):
    for number in range(10**8):
        if not number % 100:
            time.sleep(0.001)  # some 50,000 documents a second: at full speed they would fill the disk
        yield {"_id": f"{number:08}", "name": f"row {number}", "codes": ["a:1", "b"], "value": number / 7}
"""


def documents() -> list[dict[str, Any]]:
    """60 of 200 kB each, with many small values, and 5,000 of one kind with some 200 bytes."""
    rows = [{"name": f"row {number}", "value": number / 7, "codes": ["a:1", "b", None]} for number in range(2500)]
    large = [{"_id": f"large{number}", "kind": "large", "rows": rows} for number in range(60)]
    return [*large, *({"_id": f"{number:05}", "kind": "small", "words": "common word " * 12} for number in range(5000))]


@asynccontextmanager
async def uploading(hub: Hub, folder: Path) -> AsyncIterator[None]:
    """An upload that goes on for longer than anybody looks, in the process of the gateway as with `leat up`."""
    plugin = folder / "plugin"
    plugin.mkdir()
    manifest = {"dumper": {"data_url": (plugin / "parser.py").as_uri()}, "uploader": {"parser": "parser:load"}}
    (plugin / "manifest.json").write_text(json.dumps(manifest))
    (plugin / "parser.py").write_text(PARSER)
    await sources.add(hub, str(plugin))
    async with working(hub, ("dump", "upload"), 1, alone=True):
        await pipelines.start_dump(hub, "plugin")
        async with asyncio.timeout(60):
            while not any(job.value.queue == "upload" and job.value.progress.done for job in await JOBS.every(hub.records)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield


async def serve(folder: Path) -> None:
    """Serve until stdin closes; the address is printed."""
    async with open_site(folder) as site:
        await site.release(2, documents(), MAPPING)
        hub = replace(site.hub, limits=Limits(grace=0.1))
        known = Authentication({"a-token": ADMINISTRATOR})
        runner = Runner(make_app(hub, known), connections=500, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        spare_what_stays()
        async with uploading(hub, folder):
            print("http://{}:{}".format(*runner.addresses[0][:2]), flush=True)  # noqa: T201 - who started this waits for it
            await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
