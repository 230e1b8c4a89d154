"""How soon a hub answers while it works: `leat up` uploads, builds and indexes, beside it small questions, by the step at work.

    .venv/bin/python -m bench.answering [--documents 150000]

Two APIs: a small one is asked for documents by id all the time, the large one is led from its file to its release. Target:
99 of 100 small GraphQL queries within 100 ms, documents by id within 50 ms. `idle` is the same hub before and after.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench import generate
from bench.ingest import PARSER
from bench.results import tell
from leat.data_folder import TOKEN, URL

SMALL = 2000
PAUSE = 0.02
"""Seconds between two questions of one kind."""
QUERY = "{ jobs(first: 3) { nodes { state command } } }"
API = "variant"


class Hub:
    """A hub in a folder, with its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEAT_")}
        self.environment = inherited | {"LEAT_DATA": str(folder / "data"), "LEAT_PORT": "0", "LEAT_RATE": "0"}

    def command(self, *words: str) -> list[str]:
        """The command line."""
        return [str(Path(sys.executable).with_name("leat")), *words]

    def do(self, *words: str) -> None:
        """Do a command to its end."""
        done = subprocess.run(self.command(*words), env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{words}: {done.stdout}{done.stderr}")

    @contextlib.contextmanager
    def up(self) -> Iterator[tuple[str, str]]:
        """Serve; yields URL and token."""
        data = self.folder / "data"
        with subprocess.Popen(self.command("up"), env=self.environment, stdout=subprocess.DEVNULL) as process:
            try:
                while not (data / URL).exists():
                    if process.poll() is not None:
                        raise SystemExit("leat up ended")
                    time.sleep(0.1)
                yield (data / URL).read_text().strip(), (data / TOKEN).read_text().strip()
            finally:
                process.terminate()

    def publish(self, name: str, documents: int) -> None:
        """A source of generated documents, with a build and an API."""
        plugin = self.folder / name
        plugin.mkdir()
        generate.write_table(plugin / "table.tsv", documents)
        (plugin / "parser.py").write_text(PARSER)
        dumper = {"data_url": ["file:table.tsv"], "release": "parser:get_release"}
        uploader = {"parser": "parser:load_grouped", "on_duplicates": "error"}
        (plugin / "manifest.json").write_text(json.dumps({"version": "0.3", "dumper": dumper, "uploader": uploader}))
        self.do("source", "add", str(plugin))
        self.do("build", "add", name, name, "--doc-type", API)
        self.do("api", "add", name, name)


class Asking:
    """Asks without end, and notes how long each answer took under the step that was at work."""

    def __init__(self, session: aiohttp.ClientSession, ids: list[str]) -> None:
        self.session = session
        self.ids = ids
        self.step = "idle"
        self.taken: dict[tuple[str, str], list[float]] = defaultdict(list)

    async def graphql(self) -> None:
        """The small query, whose answer says what is at work."""
        while True:
            begun, step = time.perf_counter(), self.step
            async with self.session.post("/graphql", json={"query": QUERY}) as answer:
                found = (await answer.json())["data"]["jobs"]["nodes"]
            self.taken["graphql", step].append(time.perf_counter() - begun)
            self.step = next((each["command"]["type"] for each in found if each["state"] == "RUNNING"), "idle")
            await asyncio.sleep(PAUSE)

    async def by_id(self) -> None:
        """One document after the other."""
        while True:
            for id in self.ids:
                begun, step = time.perf_counter(), self.step
                async with self.session.get(f"/api/small/{API}/{id}") as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise SystemExit(f"{id}: HTTP {answer.status}")
                self.taken["by id", step].append(time.perf_counter() - begun)
                await asyncio.sleep(PAUSE)


async def ask(hub: Hub, url: str, token: str, idle: float) -> dict[tuple[str, str], list[float]]:
    """Ask while the large API is made."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        async with session.get("/api/small/query", params={"q": "*:*", "size": "500", "fields": "_id"}) as answer:
            ids = [hit["_id"] for hit in (await answer.json())["hits"]]
        asking = Asking(session, ids)
        tasks = [asyncio.create_task(asking.graphql()), asyncio.create_task(asking.by_id())]
        await asyncio.sleep(idle)
        process = await asyncio.create_subprocess_exec(*hub.command("run", "large"), env=hub.environment, stdout=subprocess.DEVNULL)
        ended = asyncio.create_task(process.wait())
        await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(idle)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for error in done:
            if not isinstance(error, asyncio.CancelledError):
                raise SystemExit(f"a question failed: {error!r}")
        if await ended:
            raise SystemExit("the pipeline failed")
        return asking.taken


def main() -> None:
    """Print each step's median and its 99th percentile in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--idle", type=float, default=3.0, help="seconds before the large API is made, and as many after")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        hub = Hub(folder)
        with hub.up() as (url, token):
            hub.publish("small", min(SMALL, given.documents))
            hub.do("run", "small")
            hub.publish("large", given.documents)
            taken = asyncio.run(ask(hub, url, token, given.idle))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for (kind, step), seconds in sorted(taken.items()):
        print(
            f"{kind:8} {step:14} {len(seconds):6} asked   p50 {statistics.median(seconds) * 1e3:6.1f} ms   p99 {late(seconds):6.1f} ms"  # noqa: E501
        )
    for kind, target in (("graphql", "answering: GraphQL p99"), ("by id", "answering: by id p99")):
        tell(target, max(late(seconds) for (one, step), seconds in taken.items() if one == kind and step != "idle"))


def late(seconds: list[float]) -> float:
    """The 99th percentile in milliseconds."""
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1e3


if __name__ == "__main__":
    main()
