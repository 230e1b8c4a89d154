"""A document by id and a field query over HTTP, beside `biothings-cli dataplugin serve`, over the same documents in the same run.

    python -m bench.serve [--documents 20000] [--seconds 4] [--rounds 3] [--peer PATH/biothings-cli]

Load comes from wrk where it is installed, else from an aiohttp loop in this process, which is slower than either server: its
ratios are lower bounds. Without the peer's program only our own figures are printed.
"""

import argparse
import asyncio
import contextlib
import http.server
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from domain.apis import APIS, Api
from domain.documents import document
from domain.hub import Hub
from domain.ports import IndexSpec
from events.apis import ReleaseCreated
from events.embedded import EmbeddedBus
from gateway.app import make_app
from gateway.rest import routes
from leat.adapters import open_stores
from stores.sqlite_records import SqliteRecords

OUTPUT = "00000000-0000-4000-8000-000000000000.1"
GENES = [f"GENE{number}" for number in range(2000)]
MAPPING = {"cgi": {"properties": {"gene": {"type": "keyword"}, "score": {"type": "float"}, "text": {"type": "text"}}}}
CONNECTIONS = 32
PARSER = """import json
import os


def release(self):
    return "1"


def load_data(folder):
    with open(os.path.join(folder, "docs.ndjson")) as file:
        for line in file:
            yield json.loads(line)
"""


def documents(count: int) -> Iterator[dict[str, Any]]:
    """Documents of about two kilobytes, always the same."""
    chance = random.Random(7)
    words = [f"word{number}" for number in range(500)]
    for number in range(count):
        text = " ".join(chance.choices(words, k=240))
        yield {
            "_id": f"chr{number % 22 + 1}:g.{number}A>G",
            "cgi": {"gene": GENES[number % 2000], "score": chance.random(), "text": text},
        }


async def serve(folder: Path, count: int, port: int) -> None:
    """Our side: index the documents and serve them until stdin closes."""
    address = {"name": "bench", "data": str(folder), "documents": "sqlite:", "search": "tantivy:", "files": "file:", "limits": {}}
    async with open_stores(address) as stores, SqliteRecords.open(folder / "records.db") as records, EmbeddedBus() as bus:
        bodies = sorted((document(one) for one in documents(count)), key=lambda one: one.id)
        await stores.documents.create(OUTPUT)
        await stores.search.create(OUTPUT, IndexSpec(mapping=MAPPING, collection=OUTPUT, meta={"biothing_type": "variant"}))
        for start in range(0, count, 1000):
            await stores.documents.write(OUTPUT, bodies[start : start + 1000])
        await stores.documents.seal(OUTPUT, {})
        for start in range(0, count, 1000):
            await stores.search.bulk(OUTPUT, bodies[start : start + 1000])
        await stores.search.seal(OUTPUT)
        await records.prepare([APIS.kind])
        event = ReleaseCreated(api="bench", output=OUTPUT, build=OUTPUT, version="1", count=count)
        await APIS.insert(records, "bench", Api(created_at=1.0, build="bench", served=OUTPUT, outputs=(event,)))
        hub = Hub(
            name="bench", data=folder, documents=stores.documents, search=stores.search, files=stores.files,
            records=records, bus=bus, process="bench",
        )  # fmt: skip
        app = make_app(hub, "token")
        routes.add(app, hub)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


@contextlib.contextmanager
def ours(folder: Path, count: int) -> Iterator[str]:
    """The address of our API."""
    port = free_port()
    command = [sys.executable, "-m", "bench.serve", "--serve", str(folder), "--documents", str(count), "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/api/bench", "/status", process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextlib.contextmanager
def peer(program: str, folder: Path, count: int) -> Iterator[str]:
    """The address of the peer's server over the same documents."""
    data, plugin = folder / "data", folder / "bench"
    data.mkdir()
    plugin.mkdir()
    (data / "docs.ndjson").write_bytes(b"\n".join(orjson.dumps(one) for one in documents(count)))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(data))
    handler.func.log_message = lambda *_: None  # type: ignore[method-assign, assignment]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/docs.ndjson"
    manifest = {
        "version": "0.3",
        "dumper": {"data_url": url, "release": "parser:release"},
        "uploader": {"parser": "parser:load_data", "on_duplicates": "error"},
    }
    (plugin / "manifest.json").write_bytes(orjson.dumps(manifest))
    (plugin / "parser.py").write_text(PARSER)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": plugin}
    subprocess.run([program, "dataplugin", "dump_and_upload"], check=True, **quiet)
    server.shutdown()
    port = free_port()
    with subprocess.Popen([program, "dataplugin", "serve", "-p", str(port)], **quiet) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/bench", "/chr1:g.0A%3EG", process)
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(base: str, path: str, process: subprocess.Popen[bytes]) -> str:
    """`base`, as soon as it answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(base + path, timeout=5).close()
            return base
        time.sleep(0.2)
    raise SystemExit(f"{base} does not answer")


def load(base: str, paths: list[str], seconds: float, folder: Path) -> float:
    """Requests a second over these paths in turn; every answer has to be 200."""
    if wrk := shutil.which("wrk"):
        table = ",".join(orjson.dumps(urllib.parse.urlsplit(base).path + path).decode() for path in paths)
        script = folder / "paths.lua"
        script.write_text(
            f"local paths = {{{table}}}\nlocal at = 0\nfunction request()\n  at = at % #paths + 1\n"
            "  return wrk.format('GET', paths[at])\nend\n"
        )
        command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script), base]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if "Non-2xx" in said:
            raise SystemExit(said)
        return float(said.split("Requests/sec:")[1].split()[0])
    return asyncio.run(_load(base, paths, seconds))


async def _load(base: str, paths: list[str], seconds: float) -> float:
    done = 0
    deadline = time.perf_counter() + seconds
    async with aiohttp.ClientSession() as session:

        async def ask(start: int) -> None:
            nonlocal done
            at = start
            while time.perf_counter() < deadline:
                async with session.get(base + paths[at % len(paths)]) as response:
                    response.raise_for_status()
                    await response.read()
                at += CONNECTIONS
                done += 1

        await asyncio.gather(*(ask(start) for start in range(CONNECTIONS)))
    return done / seconds


def main() -> None:
    """Print both sides' medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default=shutil.which("biothings-cli") or "bench/.venv-peer/bin/biothings-cli")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.documents, given.port))
        return
    ids = [urllib.parse.quote(one["_id"]) for one in documents(min(given.documents, 2000))]
    genes = GENES[:50]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "ours").mkdir()
        bases = {"leat": stack.enter_context(ours(folder / "ours", given.documents))}
        if Path(given.peer).exists():
            bases["peer"] = stack.enter_context(peer(str(Path(given.peer).absolute()), folder, given.documents))
        for title, paths in (
            ("by id", {"leat": [f"/variant/{id}" for id in ids], "peer": [f"/{id}" for id in ids]}),
            (
                "field query",
                {"leat": [f"/query?q=cgi.gene:{gene}" for gene in genes], "peer": [f"/?q=cgi.gene:{gene}" for gene in genes]},
            ),
        ):
            rates: dict[str, list[float]] = {side: [] for side in bases}
            for _ in range(given.rounds):
                for side, base in bases.items():
                    rates[side].append(load(base, paths[side], given.seconds, folder))
            medians = {side: statistics.median(each) for side, each in rates.items()}
            shown = "  ".join(f"{side} {rate:,.1f}/s" for side, rate in medians.items())
            ratio = f"  ratio {medians['leat'] / medians['peer']:.1f}" if "peer" in medians else "  (no peer)"
            print(f"{title:12} {shown}{ratio}")


if __name__ == "__main__":
    main()
