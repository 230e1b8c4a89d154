"""The merge step over two collections beside a bare merge-join over SQLite that does the same in one loop.

    .venv/bin/python -m bench.merge [--documents 150000] [--rounds 5]

Target: within 1.5 times the bare loop. The bare loop is timed without the start of a process, the step with it and without.
"""

import argparse
import asyncio
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench import variants
from bench.processes import Measured, address, apart, measure_here, measure_step, show
from bench.results import tell
from leat.adapters import open_stores
from workers.build.merge import merge
from workers.context import Level, Report

INPUTS = [{"part": "a", "collection": variants.A}, {"part": "b", "collection": variants.B}]
Row = tuple[str, bytes, bytes]


class Silent(Report):
    """Says nothing."""

    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        """Nobody looks."""

    def log(self, text: str, level: Level = "info") -> None:
        """Nobody looks."""


def arguments(number: int) -> dict[str, Any]:
    """What the step is asked."""
    output = f"00000000-0000-4000-8000-{number:012}.1"
    return {"output": output, "inputs": INPUTS, "meta": {"mapping": {}, "metadata": {}}}


def prepare(folder: Path, count: int) -> None:
    """Store the documents of this bench."""
    asyncio.run(store(folder, count))


async def store(folder: Path, count: int) -> None:
    """Store both sources."""
    async with open_stores(address(folder)) as stores:
        await variants.store(stores, variants.A, variants.associations(count))
        await variants.store(stores, variants.B, variants.accessions(count))


async def step(folder: Path, number: int) -> None:
    """The step in this process."""
    async with open_stores(address(folder)) as stores:
        await merge(stores, arguments(number), Silent())


def rows(path: Path) -> Iterator[Row]:
    """A collection's rows in order."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    yield from connection.execute("SELECT id, body, digest FROM documents ORDER BY id")
    connection.close()


def joined(one: Iterator[Row], other: Iterator[Row]) -> Iterator[Row]:
    """Both in order, those of the same id merged."""
    a, b = next(one, None), next(other, None)
    while a or b:
        if b is None or (a is not None and a[0] < b[0]):
            assert a is not None
            yield a
            a = next(one, None)
        elif a is None or b[0] < a[0]:
            yield b
            b = next(other, None)
        else:
            body = orjson.dumps({**orjson.loads(a[1]), **orjson.loads(b[1])}, option=orjson.OPT_SORT_KEYS)
            yield a[0], body, hashlib.sha256(body).digest()[:16]
            a, b = next(one, None), next(other, None)


def bare(folder: Path) -> None:
    """A loop that reads, joins, writes and syncs the same."""
    target = folder / "bare.db"
    target.unlink(missing_ok=True)
    out = sqlite3.connect(target, isolation_level=None)
    out.executescript("PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    out.execute("CREATE TABLE documents (id TEXT, body BLOB, digest BLOB)")
    sources = [rows(folder / "documents" / f"{name}.sqlite") for name in (variants.A, variants.B)]
    out.execute("BEGIN")
    out.executemany("INSERT INTO documents VALUES (?, ?, ?)", joined(*sources))
    out.execute("COMMIT")
    out.execute("CREATE INDEX by_id ON documents (id, digest)")
    out.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart(prepare, folder, given.documents)
        found: dict[str, list[Measured]] = {"bare": [], "step": [], "process": []}
        for number in range(given.rounds):
            found["bare"].append(measure_here(lambda: bare(folder)))
            found["step"].append(measure_here(partial(asyncio.run, step(folder, 2 * number))))
            found["process"].append(measure_step("merge", folder, arguments(2 * number + 1)))
        tell("merge", show(found, 2 * given.documents)["step"])


if __name__ == "__main__":
    main()
