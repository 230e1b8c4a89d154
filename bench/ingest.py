"""Plugin → stored documents beside `biothings-cli dataplugin upload`, start of the processes included.

    .venv/bin/python -m bench.ingest [--documents 150000] [--rounds 3] [--case grouped]

Targets: at least 2.5 times the peer's documents per second; at least 10 times where shuffled rows are merged by `_id`.
"""

import argparse
import asyncio
import functools
import http.server
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import orjson

from bench import generate, peer
from bench.processes import Measured, address, measure, measure_step, show
from bench.results import Ratio, tell
from domain.data import plugins
from events.message import new_id
from leat.adapters import open_stores
from workers.upload.store import Task

PARSER = """import csv
import os
from itertools import groupby


def rows(folder):
    with open(os.path.join(folder, "table.tsv"), newline="") as file:
        found = csv.reader(file, delimiter="\\t", quoting=csv.QUOTE_NONE)
        next(found)
        yield from found


def association(row):
    found = {"drug": row[7], "disease": row[8], "significance": row[9], "score": float(row[10]), "date": row[12], "text": row[13]}
    if row[11]:
        found["pmids"] = [int(pmid) for pmid in row[11].split(";")]
    return found


def document(row, associations):
    found = {
        "_id": f"chr{row[0]}:g.{row[1]}{row[2]}>{row[3]}",
        "variant": {"chrom": row[0], "pos": int(row[1]), "ref": row[2], "alt": row[3], "type": "snv"},
        "known": {"gene": row[5], "gene_id": int(row[6]), "associations": associations},
    }
    if row[4]:
        found["variant"]["rsid"] = row[4]
    return found


def load_grouped(folder):
    for _, same in groupby(rows(folder), lambda row: row[:4]):
        same = list(same)
        yield document(same[0], [association(row) for row in same])


def load_rows(folder):
    for row in rows(folder):
        yield document(row, [association(row)])


def get_release(self):
    return "1"
"""
CASES = {"grouped": ("load_grouped", "error"), "merge": ("load_rows", "merge")}
TOLD = {"grouped": "upload", "merge": "merge duplicates"}


class Case:
    """One kind of upload of one file, ready on both sides."""

    def __init__(self, folder: Path, file: Path, source: str, parser: str, policy: str) -> None:
        self.folder = folder
        self.plugin = folder / f"bench_{parser}"
        self.plugin.mkdir(parents=True)
        self.file = file
        (self.plugin / "parser.py").write_text(source)
        self.parser, self.policy = parser, policy
        self.write_manifest("http://127.0.0.1/")
        asyncio.run(self.store_inputs())

    def write_manifest(self, url: str) -> None:
        """The manifest, which both sides read."""
        uploader = {"parser": f"parser:{self.parser}", "on_duplicates": self.policy}
        dumper = {"data_url": f"{url}{self.file.name}", "release": "parser:get_release"}
        (self.plugin / "manifest.json").write_bytes(orjson.dumps({"version": "0.3", "dumper": dumper, "uploader": uploader}))

    async def store_inputs(self) -> None:
        """Code and dump, as a dump leaves them."""
        async with open_stores(address(self.folder)) as stores:
            self.code = await plugins.snapshot(stores.files, self.plugin, "bench")
            copy = self.folder / "copy"
            shutil.copyfile(self.file, copy)
            await stores.files.put(f"dumps/d.1/bench/1/{self.file.name}", copy)

    def ours(self) -> Measured:
        """Our step, in its own process."""
        output = f"{new_id()}.1"
        scratch = self.folder / output
        scratch.mkdir()
        task = Task(
            source="bench",
            release="1",
            dump="dumps/d.1/bench/1",
            code=f"plugins/{self.code}/bench",
            manifest=plugins.read(self.plugin, "bench"),
            output=output,
            scratch=str(scratch),
        )
        measured = measure_step("store", self.folder, msgspec.to_builtins(task))
        shutil.rmtree(scratch)
        return measured

    def dump_peer(self) -> None:
        """Let the peer fetch the file."""
        handler = functools.partial(peer.Quiet, directory=str(self.file.parent))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.write_manifest(f"http://127.0.0.1:{server.server_port}/")
            measure([str(peer.PROGRAM.absolute()), "dataplugin", "dump"], self.plugin)
            server.shutdown()

    def theirs(self) -> Measured:
        """The peer's upload."""
        return measure([str(peer.PROGRAM.absolute()), "dataplugin", "upload"], self.plugin)

    def compare(self, rounds: int, documents: int) -> Ratio | None:
        """Print each side's median; the ratio where the peer is there."""
        sides: dict[str, Callable[[], Measured]] = {"leat": self.ours}
        if peer.PROGRAM.exists():
            self.dump_peer()
            sides["peer"] = self.theirs
        found: dict[str, list[Measured]] = {side: [] for side in sides}
        for _ in range(rounds):
            for side, run in sides.items():
                found[side].append(run())
        return show(found, documents).get("peer")


def main() -> None:
    """Print each side's median for each case, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=CASES, action="append", help="only this one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for kind in given.case or CASES:
            function, policy = CASES[kind]
            folder = Path(name) / kind
            folder.mkdir()
            generate.write_table(folder / "table.tsv", given.documents, shuffled=policy == "merge")
            print(kind)
            case = Case(folder, folder / "table.tsv", PARSER, function, policy)
            if ratio := case.compare(given.rounds, given.documents):
                tell(TOLD[kind], ratio)


if __name__ == "__main__":
    main()
