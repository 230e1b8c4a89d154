"""Records and Documents on SQLite beside plain sqlite3 loops that do the same.

    .venv/bin/python -m bench.stores [--documents 150000] [--jobs 40] [--rounds 5]

Records: 64 tasks insert a job and replace it twice, each write durable when it returns; beside them one connection in WAL mode with
synchronous FULL that commits each write by itself, and one that commits the same writes in transactions of 64.
Documents: of 700 bytes in batches of 5,000, sealed; beside them one table filled by executemany in WAL mode, synchronous
NORMAL, with the index at the end. Rounds are interleaved; the figures are medians.
"""

import argparse
import asyncio
import hashlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from domain.jobs.jobs import JOBS
from domain.ports.documents import Document

TASKS = 64
BATCH = 5_000


def job(number: int, state: str) -> dict[str, Any]:
    """A job's body, as long as they are."""
    return {
        "created_at": float(number),
        "finished_at": 0.0,
        "state": state,
        "queue": "upload",
        "is_untold": False,
        "run_id": f"run-{number}",
        "target": "source/clinvar",
        "command": {"type": "UploadSource", "source": "clinvar", "release": "x" * 200},
        "events": ["e" * 200] * 3,
    }


def documents(count: int) -> list[Document]:
    """Documents of 700 bytes, ids in no order."""
    made: list[Document] = []
    for n in range(count):
        id = f"chr{n % 22}:g.{n * 7919 % 10**8}A>G"
        body = orjson.dumps({"_id": id, "text": "y" * 660})
        made.append(Document(id, body, hashlib.sha256(body).digest()[:16]))
    return made


async def records_adapter(folder: Path, jobs_each: int) -> dict[str, float]:
    """Writes per second of 64 tasks, and milliseconds of one write by a single task."""
    async with SqliteRecords.open(folder / "records.db") as records:
        await records.prepare([JOBS.kind])

        async def work(first: int, count: int) -> None:
            for number in range(first, first + count):
                await records.insert(JOBS.kind, str(number), job(number, "QUEUED"))
                await records.replace(JOBS.kind, str(number), job(number, "RUNNING"), 1)
                await records.replace(JOBS.kind, str(number), job(number, "FINISHED"), 2)

        started = time.perf_counter()
        await asyncio.gather(*(work(task * jobs_each, jobs_each) for task in range(TASKS)))
        many = time.perf_counter() - started
        started = time.perf_counter()
        alone = max(1, jobs_each * 5 // 2)
        await work(10**6, alone)
        one = time.perf_counter() - started
    return {"records: 64 tasks, writes/s": TASKS * jobs_each * 3 / many, "records: one task, ms a write": one / (3 * alone) * 1000}


def records_loop(folder: Path, jobs_each: int) -> dict[str, float]:
    """The same writes by sqlite3, one commit each, and one commit for 64."""
    figures: dict[str, float] = {}
    for name, together in (("each its commit", 1), ("64 a commit", TASKS)):
        connection = sqlite3.connect(folder / f"plain{together}.db", isolation_level=None)
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            " CREATE TABLE job (id TEXT PRIMARY KEY, version INTEGER, body TEXT);"
        )
        writes = TASKS * jobs_each * 3
        started = time.perf_counter()
        for first in range(0, writes, together):
            connection.execute("BEGIN IMMEDIATE")
            for write in range(first, min(first + together, writes)):
                number, step = divmod(write, 3)
                body = orjson.dumps(job(number, ("QUEUED", "RUNNING", "FINISHED")[step])).decode()
                if step:
                    connection.execute(
                        "UPDATE job SET version = version + 1, body = ? WHERE id = ? AND version = ?", (body, str(number), step)
                    )
                else:
                    connection.execute("INSERT INTO job VALUES (?, 1, ?)", (str(number), body))
            connection.execute("COMMIT")
        figures[f"records: plain sqlite3, no indexes, {name}, writes/s"] = writes / (time.perf_counter() - started)
        connection.close()
    return figures


async def documents_adapter(folder: Path, made: list[Document]) -> dict[str, float]:
    """Documents per second through the port: written and sealed, scanned, and milliseconds of one get."""
    async with SqliteDocuments.open(folder / "documents") as store:
        started = time.perf_counter()
        await store.create("job.1")
        for first in range(0, len(made), BATCH):
            await store.write("job.1", made[first : first + BATCH])
        written = time.perf_counter()
        await store.seal("job.1", {})
        sealed = time.perf_counter()
        count = sum([len(batch) async for batch in store.scan("job.1")])
        scanned = time.perf_counter()
        keys = sum([len(batch) async for batch in store.scan("job.1", bodies=False)])
        listed = time.perf_counter()
        for document in made[::50]:
            await store.get("job.1", [document.id])
        got = time.perf_counter()
        assert count == keys == len(made)
    return {
        "documents: written/s": len(made) / (written - started),
        "documents: written and sealed/s": len(made) / (sealed - started),
        "documents: scanned/s": len(made) / (scanned - sealed),
        "documents: ids and digests/s": len(made) / (listed - scanned),
        "documents: got by id/s": len(made) / 50 / (got - listed),
    }


def documents_loop(folder: Path, made: list[Document]) -> dict[str, float]:
    """The same documents by sqlite3 alone."""
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE documents (id TEXT, body BLOB, digest BLOB);"
    )
    started = time.perf_counter()
    for first in range(0, len(made), BATCH):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", made[first : first + BATCH])
        connection.execute("COMMIT")
    written = time.perf_counter()
    connection.execute("CREATE UNIQUE INDEX by_id ON documents (id)")
    sealed = time.perf_counter()
    rows = connection.execute("SELECT id, body, digest FROM documents ORDER BY id")
    while rows.fetchmany(1000):
        pass
    scanned = time.perf_counter()
    connection.close()
    return {
        "documents: plain sqlite3, written/s": len(made) / (written - started),
        "documents: plain sqlite3, written and indexed/s": len(made) / (sealed - started),
        "documents: plain sqlite3, scanned/s": len(made) / (scanned - sealed),
    }


def main() -> None:
    """Run everything in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--jobs", type=int, default=40, help="that each task inserts")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    made = documents(given.documents)
    measures: list[Callable[[Path], dict[str, float]]] = [
        lambda folder: asyncio.run(records_adapter(folder, given.jobs)),
        lambda folder: records_loop(folder, given.jobs),
        lambda folder: asyncio.run(documents_adapter(folder, made)),
        lambda folder: documents_loop(folder, made),
    ]
    figures: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        for measure in measures:
            with tempfile.TemporaryDirectory() as folder:
                for name, value in measure(Path(folder)).items():
                    figures.setdefault(name, []).append(value)
    for name, values in figures.items():
        print(f"{name:58} {statistics.median(values):12,.2f}")


if __name__ == "__main__":
    main()
