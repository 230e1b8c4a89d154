"""What the hub is given to do: sources with real files and code, the documents that must come out, and what must not be left."""

import asyncio
import contextlib
import gzip
import json
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.test_utils import RawTestServer

import adapters.files.folder
from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.hub import Hub
from domain.jobs import garbage
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS
from domain.nouns import owner
from events.apis import ReleaseCreated
from leat.wiring import open_hub
from tests.faults.front import Front, Watcher
from tests.faults.stack import Stack, until

BUILD = API = "main"
PARSER = """
import os

def load_data(folder):
    with open(os.path.join(folder, "rows.tsv")) as file:
        for line in file:
            id, value = line.rstrip("\\n").split("\\t")
            yield {"_id": id, NAME: [value] if LISTS else {"value": value}}
"""


@contextlib.asynccontextmanager
async def slow_site(folder: Path) -> AsyncIterator[str]:
    """A web site of the plugins' data that takes half a second for each file; yields its URL."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        content = await asyncio.to_thread((folder / "plugins" / request.path[1:]).read_bytes)
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        for part in (content[:10], content[10:]):
            await response.write(part)
            await asyncio.sleep(0.25)
        return response

    async with RawTestServer(answer) as server:
        yield str(server.make_url("")).rstrip("/")


@dataclass
class Workload:
    """Sources, one build and one API of them."""

    folder: Path
    sources: list[str] = field(default_factory=list)
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Every document that the API has to serve."""

    @classmethod
    def of(cls, folder: Path, chance: random.Random, site: str) -> "Workload":
        """A workload that depends on chance alone."""
        workload = cls(folder)
        for number in range(chance.choice((1, 1, 2))):
            doubled, packed, slow = chance.random() < 0.3, chance.random() < 0.3, chance.random() < 0.3
            rows = chance.randrange(20, 300)
            workload.add_plugin(f"source{number}", rows=rows, doubled=doubled, packed=packed, site=site if slow else "")
        return workload

    def add_plugin(self, name: str, rows: int, *, doubled: bool = False, packed: bool = False, site: str = "") -> None:
        """A plugin with its data: `doubled` rows are merged, a `packed` file is unpacked, and it is fetched from a slow `site`."""
        home = self.folder / "plugins" / name
        (home / "data").mkdir(parents=True)
        lines = [(f"id{number:05}", f"{name} {number}") for number in range(rows)]
        for id, value in lines:
            self.expected.setdefault(id, {"_id": id})[name] = [value] if doubled else {"value": value}
        if doubled:
            for id, _ in lines[: rows // 10]:
                lines.append((id, f"{name} again"))
                self.expected[id][name].insert(0, f"{name} again")  # as BioThings merges
        text = "".join(f"{id}\t{value}\n" for id, value in lines).encode()
        file = "rows.tsv.gz" if packed else "rows.tsv"
        (home / "data" / file).write_bytes(gzip.compress(text) if packed else text)
        manifest = {
            "version": "1",
            "dumper": {"data_url": [f"{site}/{name}/data/{file}" if site else f"file:data/{file}"], "uncompress": packed},
            "uploader": {"parser": "parser:load_data", "on_duplicates": "merge" if doubled else "error"},
        }
        (home / "manifest.json").write_text(json.dumps(manifest))
        (home / "parser.py").write_text(f"NAME, LISTS = {name!r}, {doubled}\n{PARSER}")
        self.sources.append(name)

    def steps(self) -> list[str]:
        """The planned steps of its pipeline."""
        return [f"{step}:{name}" for name in self.sources for step in ("dump", "upload", "inspect")] + [
            f"build:{BUILD}",
            f"release:{API}",
        ]

    async def prepare(self, front: Front) -> None:
        """Tell the hub of sources, build and API."""
        for name in self.sources:
            await front.mutate("addSource", "source { name }", folder=str(self.folder / "plugins" / name), name=name)
        await front.mutate("addBuild", "build { name }", name=BUILD, sources=self.sources, docType="gene")
        await front.mutate("addApi", "api { name }", name=API, build=BUILD)

    async def begin(self, front: Front) -> str:
        """Start the pipeline; returns the run's UUID."""
        return await front.start("runPipeline", build=BUILD, api=API)

    async def check_served(self, front: Front) -> None:
        """The API serves each document, as it should be, and once."""
        served = await front.served(API)
        ids = [document["_id"] for document in served]
        assert len(ids) == len(set(ids)), "documents are served twice"
        found = {document["_id"]: document for document in served}
        assert set(ids) == set(self.expected)
        differing = {id: (found[id], document) for id, document in self.expected.items() if found[id] != document}
        assert differing == {}, f"{len(differing)} documents differ: {list(differing.items())[:2]}"


def check_watched(watchers: Iterable[Watcher], run: dict[str, Any], jobs: Iterable[dict[str, Any]]) -> None:
    """Who watched, one after the other, was told of every change of every job of the run once, and in order."""
    told: dict[str, list[int]] = {}
    for watcher in watchers:
        assert watcher.gaps == 0, "the cursor was refused"
        for id, seq in watcher.seen:
            told.setdefault(id, []).append(seq)
    last = {job["jobId"]: job["lastSeq"] for job in jobs}
    expected = {step["jobId"]: list(range(1, last[step["jobId"]] + 1)) for step in run["steps"] if step["job"]}
    wrong = {id: (told.get(id), seqs) for id, seqs in expected.items() if told.get(id) != seqs}
    assert (wrong, set(told) - set(expected)) == ({}, set()), f"told, and what happened: {wrong}"


async def check_left(stack: Stack, letters: int = 0) -> None:
    """Nothing is left of what jobs wrote beside what the nouns list: no collection, index, dump, folder or process."""
    await until(lambda: not stack.descendants(), "child processes end", 10)
    kept, adapters.files.folder.LEFT_BEHIND = adapters.files.folder.LEFT_BEHIND, -1.0
    try:
        async with open_hub(stack.settings) as hub:
            await garbage.collect(hub, age=0.0)
            assert len(await DEAD_LETTERS.every(hub.records)) == letters
            await _check_records(hub)
            await _check_stores(hub)
    finally:
        adapters.files.folder.LEFT_BEHIND = kept
    _check_folder(stack.data, await asyncio.to_thread(_outputs_in, stack.data))


async def _check_records(hub: Hub) -> None:
    for stored in await JOBS.every(hub.records):
        job = stored.value
        assert (job.state, job.waiting_for) == ("FINISHED", ""), (stored.id, job)
        assert not job.is_untold or job.outcome == "CANCELED", (stored.id, job)
        assert [plain.get("seq", seq) for seq, plain in enumerate(job.events, 1)] == list(range(1, job.seq + 1))


async def _check_stores(hub: Hub) -> None:
    listed: set[str] = set()
    for table in (SOURCES, BUILDS, APIS):
        for noun in await table.every(hub.records):
            assert noun.value.writer == "", noun
            for event in noun.value.outputs:
                listed |= {event.output, *([event.build] if isinstance(event, ReleaseCreated) else [])}
    for name in [*await hub.documents.names(), *await hub.search.names(), *await hub.files.folders("dumps")]:
        assert ".".join(map(str, owner(name))) in listed, f"{name} is left behind"
    for name in await hub.documents.names():
        assert len([1 async for batch in hub.documents.scan(name) for _ in batch]) == (await hub.documents.describe(name)).count


def _outputs_in(data: Path) -> list[str]:
    """Whatever lies in the data folder where jobs write."""
    places = ("documents", "search", "scratch", "files/.leat")
    return [f"{place}/{path.name}" for place in places if (data / place).is_dir() for path in (data / place).iterdir()]


def _check_folder(data: Path, found: list[str]) -> None:
    temporary = [
        name for name in found if name.startswith(("scratch/", "files/.leat/")) or name.endswith((".unsealed", ".part", "-journal"))
    ]
    assert temporary == [], f"left in {data}: {unquote(str(temporary))}"
