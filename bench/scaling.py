"""Uploads of eight sources by one, two and four `leat work upload` processes over RabbitMQ: wall time, and whether nothing is lost.

    .venv/bin/python -m bench.scaling [--documents 30000] [--workers 1 2 4] [--rounds 1] [--bus URL]

Stores are embedded and shared by all processes of this machine. While one worker is at it, the gateway is asked some ten times a
second how many commands wait, and its answer is compared with the jobs that are QUEUED in the records just before and after it. An
answer that lies outside is a deviation; one that the next look shows again is more than a message on its way.
"""

import argparse
import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from adapters.sqlite.records import SqliteRecords
from bench.memory import leat, started, write_plugin
from domain.jobs.jobs import JOBS
from domain.ports.records import Records
from events.message import new_id
from leat.cli import client
from leat.data_folder import RECORDS, TOKEN, URL
from leat.urls import Address

SOURCES = [f"s{number}" for number in range(8)]
QUEUES = "{ queues { name depth running } }"
QUEUED = {"queue": "upload", "state": "QUEUED"}


class Watched(NamedTuple):
    """What looking at the backlog found."""

    looks: int
    deviations: int
    lasting: int
    """Deviations that two looks in a row showed."""
    deepest: int


@contextmanager
def workers(number: int, environment: dict[str, str]) -> Iterator[None]:
    """So many worker processes, ready."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(started(environment, "work", "upload", "--concurrency", "1"))
        yield


async def watch(gateway: client.Gateway, records: Records, ended: asyncio.Event) -> Watched:
    """Compare what the gateway says with the records until it ends."""
    looks = deviations = lasting = deepest = 0
    before = False
    while not ended.is_set():
        least = await records.count(JOBS.kind, QUEUED)
        answer = await gateway.execute(QUEUES)
        most = await records.count(JOBS.kind, QUEUED)
        depth = next(queue["depth"] for queue in answer["queues"] if queue["name"] == "upload")
        wrong = not min(least, most) <= depth <= max(least, most)
        looks, deviations, lasting = looks + 1, deviations + wrong, lasting + (wrong and before)
        deepest, before = max(deepest, depth), wrong
        await asyncio.sleep(0.1)
    return Watched(looks, deviations, lasting, deepest)


async def uploaded(gateway: client.Gateway, records: Records) -> float:
    """Ask for an upload of each source, and wait until all jobs of the queue, the inspections too, have ended; in seconds."""
    begun = time.perf_counter()
    asked = []
    for source in SOURCES:
        answer = await gateway.mutate("uploadSource", "job { jobId }", source=source, force=True, idempotencyKey=new_id())
        asked.append(answer["job"]["jobId"])
    while await pending(records):  # noqa: ASYNC110 -- the jobs are other processes'
        await asyncio.sleep(0.1)
    seconds = time.perf_counter() - begun
    for job in asked:
        stored = await JOBS.get(records, job)
        assert (stored.value.outcome, stored.value.attempt) == ("SUCCEEDED", 1), stored
    return seconds


async def pending(records: Records) -> int:
    """Jobs that have not ended, and those whose followers are still to be asked for."""
    states = [await records.count(JOBS.kind, {"queue": "upload", "state": state}) for state in ("QUEUED", "RUNNING", "CANCELING")]
    return sum(states) + await records.count(JOBS.kind, {"is_untold": True})


async def measure(data: Path, number: int, environment: dict[str, str], documents: int) -> tuple[float, Watched | None]:
    """Seconds with so many workers, and what was seen of the backlog."""
    address = Address((data / URL).read_text().strip(), (data / TOKEN).read_text().strip())
    async with SqliteRecords.open(data / RECORDS) as records, client.connected(address) as gateway:
        ended = asyncio.Event()
        with workers(number, environment):
            watching = asyncio.create_task(watch(gateway, records, ended)) if number == 1 else None
            seconds = await uploaded(gateway, records)
            ended.set()
            watched = await watching if watching else None
        for source in SOURCES:
            answer: dict[str, Any] = await gateway.execute(f'{{ source(name: "{source}") {{ count }} }}')
            assert answer["source"]["count"] == documents, answer
    return seconds, watched


def main() -> None:
    """Print wall times, ratios and deviations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=30_000, help="of each source")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--bus", default=os.environ.get("LEAT_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/"))
    given = parser.parse_args()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LEAT_")}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        environment = {**kept, "LEAT_DATA": str(folder / "data"), "LEAT_BUS": given.bus, "LEAT_ID": secrets.token_hex(4)}
        stack.enter_context(started(environment, "up", "--no-workers", "--port", "0"))
        with started(environment, "work", "dump", "upload"):
            for number, source in enumerate(SOURCES):
                plugin = write_plugin(folder, source, number * given.documents, given.documents)
                leat("source", "add", str(plugin), environment=environment)
                leat("source", "dump", source, environment=environment)
        first = 0.0
        for _ in range(given.rounds):
            for number in given.workers:
                seconds, watched = asyncio.run(measure(folder / "data", number, environment, given.documents))
                first = first or seconds
                print(f"{number} workers: {seconds:6.1f} s  x {seconds / first:.2f}; nothing lost, each once", flush=True)
                if watched:
                    print(f"  backlog: {watched}")


if __name__ == "__main__":
    main()
