"""A document by id and a field query over HTTP, beside `biothings-cli dataplugin serve`, over the same documents in the same run.

    python -m bench.serve [--documents 20000] [--seconds 4] [--rounds 3]

Load comes from wrk where it is installed, else from an aiohttp loop in this process, which is slower than either server: its
ratios are lower bounds. Without the peer's program only our own figures are printed.
"""

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from adapters.sqlite.records import SqliteRecords
from bench.peer import PROGRAM, plugin
from bench.processes import address
from bench.results import tell
from domain.canonical import document
from domain.catalogue import CATALOGUE
from domain.data.apis import APIS, Api
from domain.hub import Hub
from domain.ports.search import IndexSpec
from events.apis import ReleaseCreated
from events.embedded import EmbeddedBus
from gateway.app import make_app
from gateway.authentication import Authentication
from leat.adapters import open_stores
from leat.data_folder import RECORDS
from leat.loop import run

OUTPUT = "00000000-0000-4000-8000-000000000000.1"
GENES = [f"GENE{number}" for number in range(2000)]
MAPPING = {"cgi": {"properties": {"gene": {"type": "keyword"}, "score": {"type": "float"}, "text": {"type": "text"}}}}


class Server(NamedTuple):
    """A process that answers."""

    base: str
    pid: int

    def processor(self) -> float:
        """Seconds of processor time that it took so far (Linux; 0 elsewhere)."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Figures(NamedTuple):
    """What one load came to."""

    rate: float
    """Requests a second."""
    cost: float
    """Microseconds of the server's processor per request: the load generator shares the machine, this it doesn't change."""


class Load(NamedTuple):
    """What both sides are asked."""

    title: str
    connections: int
    paths: dict[str, list[str]]
    seconds: float


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
    async with open_stores(address(folder)) as stores, SqliteRecords.open(folder / RECORDS) as records, EmbeddedBus() as bus:
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
            records=records, bus=bus, process="bench", catalogue=CATALOGUE,
        )  # fmt: skip
        app = make_app(hub, Authentication({}))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


@contextlib.contextmanager
def ours(folder: Path, count: int) -> Iterator[Server]:
    """Our API."""
    port = free_port()
    command = [sys.executable, "-m", "bench.serve", "--serve", str(folder), "--documents", str(count), "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/api/bench", "/status", process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


@contextlib.contextmanager
def peer(folder: Path, count: int) -> Iterator[Server]:
    """The peer's server over the same documents."""
    made = plugin(folder, documents(count))
    port = free_port()
    command = [str(PROGRAM.absolute()), "dataplugin", "serve", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=made) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/{made.name}", "/chr1:g.0A%3EG", process)
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(base: str, path: str, process: subprocess.Popen[bytes]) -> Server:
    """The server, as soon as it answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(base + path, timeout=5).close()
            return Server(base, process.pid)
        time.sleep(0.2)
    raise SystemExit(f"{base} does not answer")


def load(server: Server, paths: list[str], seconds: float, connections: int, folder: Path) -> Figures:
    """Ask for these paths in turn; every answer has to be 200."""
    before = server.processor()
    if wrk := shutil.which("wrk"):
        count, taken = _wrk(wrk, server.base, paths, seconds, connections, folder)
    else:
        count, taken = asyncio.run(_load(server.base, paths, seconds, connections)), seconds
    return Figures(count / taken, (server.processor() - before) / max(count, 1) * 1e6)


def _wrk(wrk: str, base: str, paths: list[str], seconds: float, connections: int, folder: Path) -> tuple[int, float]:
    table = ",".join(orjson.dumps(urllib.parse.urlsplit(base).path + path).decode() for path in paths)
    script = folder / "paths.lua"
    script.write_text(
        f"local paths = {{{table}}}\nlocal at = 0\nfunction request()\n  at = at % #paths + 1\n"
        "  return wrk.format('GET', paths[at])\nend\n"
        "function done(summary) print('COUNT ' .. summary.requests .. ' ' .. summary.duration / 1e6) end\n"
    )
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "60s", "-s", str(script), base]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(said)
    count, taken = said.split("COUNT ")[1].split()
    return int(count), float(taken)


async def _load(base: str, paths: list[str], seconds: float, connections: int) -> int:
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
                at += connections
                done += 1

        await asyncio.gather(*(ask(start) for start in range(connections)))
    return done


def main() -> None:
    """Print both sides' medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        run(serve(given.serve, given.documents, given.port))
        return
    ids = [urllib.parse.quote(one["_id"]) for one in documents(min(given.documents, 2000))]
    genes = GENES[:50]
    loads = (
        ("by id", 32, {"leat": [f"/variant/{id}" for id in ids], "peer": [f"/{id}" for id in ids]}),
        (
            "field query",
            2,
            {"leat": [f"/query?q=cgi.gene:{gene}" for gene in genes], "peer": [f"/?q=cgi.gene:{gene}" for gene in genes]},
        ),
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "ours").mkdir()
        servers = {"leat": stack.enter_context(ours(folder / "ours", given.documents))}
        if PROGRAM.exists():
            servers["peer"] = stack.enter_context(peer(folder, given.documents))
        for title, connections, paths in loads:
            compare(Load(title, connections, paths, given.seconds), servers, given.rounds, folder)


def compare(wanted: Load, servers: dict[str, Server], rounds: int, folder: Path) -> None:
    """Measure each side in turn, several times, and print the medians and their ratio."""
    found: dict[str, list[Figures]] = {side: [] for side in servers}
    for _ in range(rounds):
        for side, server in servers.items():
            found[side].append(load(server, wanted.paths[side], wanted.seconds, wanted.connections, folder))
    medians = {side: Figures(*map(statistics.median, zip(*each, strict=True))) for side, each in found.items()}
    for side, (rate, cost) in medians.items():
        print(f"{wanted.title:12} {side} {rate:10,.1f} requests/s {cost:12,.0f} us of processor each")
    if "peer" in medians:
        ours, theirs = medians["leat"], medians["peer"]
        cheaper = theirs.cost / max(ours.cost, 1e-9)
        print(f"{wanted.title:12} ratio {ours.rate / theirs.rate:.1f} in requests, {cheaper:.1f} in processor time")
        tell(wanted.title, cheaper)


if __name__ == "__main__":
    main()
