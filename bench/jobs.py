"""Whole jobs per second, and how soon a job that was asked for is seen RUNNING, on the embedded hub.

    .venv/bin/python -m bench.jobs [--jobs 2000] [--latencies 200]

A whole job is asked, sent, claimed, finished, and its chain looked at; its handler does nothing. Records are durable SQLite.
`with writer`: the same for a command that takes its noun's writer and switches an output. `with line`: its handler says one line.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from adapters.files.folder import FolderFiles
from adapters.sqlite.records import SqliteRecords
from bench.results import tell
from domain.catalogue import CATALOGUE
from domain.data.builds import BUILDS, Build
from domain.hub import Hub
from domain.jobs import asking
from domain.ports.documents import Documents
from domain.ports.records import Records
from domain.ports.search import Search
from events.apis import MappingValidated, ValidateMapping
from events.builds import BuildFinished, RunBuild
from events.embedded import EmbeddedBus
from events.jobs import JobFinished, JobStarted
from leat.data_folder import RECORDS
from workers.context import JobContext, Registration
from workers.worker import Worker

SLOTS = 64
ASKING = 64


class Counted:
    """Records that counts the calls that reach it."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.records, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            return await method(*args, **kwargs)

        return call


async def validate(command: ValidateMapping, context: JobContext) -> MappingValidated:
    """Does nothing, but may say a line."""
    if command.source == "line":
        await context.log("done")
    return MappingValidated(source=command.source, documents=0)


async def build(command: RunBuild, context: JobContext) -> BuildFinished:
    """Switches to an output that is not there."""
    event = BuildFinished(build=command.build, output=context.output, version="1", configuration=1)
    await context.switch(BUILDS, command.build, lambda noun: noun.with_output(event, 3))
    return event


@asynccontextmanager
async def open_bench(counted: bool = False) -> AsyncIterator[Hub]:
    """A hub of embedded records and bus, with a worker."""
    async with AsyncExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=".")))
        records: Any = await stack.enter_async_context(SqliteRecords.open(data / RECORDS))
        await records.prepare(CATALOGUE.kinds)
        hub = Hub(
            name="bench",
            data=data,
            documents=cast(Documents, None),
            search=cast(Search, None),
            files=await stack.enter_async_context(FolderFiles.open_folder(data / "files")),
            records=Counted(records) if counted else records,
            bus=await stack.enter_async_context(EmbeddedBus()),
            process="bench",
            catalogue=CATALOGUE,
        )
        registrations = (
            Registration(command=ValidateMapping, handler=validate),
            Registration(command=RunBuild, handler=build),
        )
        worker = Worker(hub, registrations, SLOTS)
        task = asyncio.create_task(worker.run())
        try:
            yield hub
        finally:
            worker.stop()
            await task


async def throughput(hub: Hub, count: int, name: str) -> float:
    """Whole jobs per second."""
    finished = asyncio.Event()

    async def watch() -> None:
        left = count
        async with hub.bus.watch() as events:
            watching.set()
            async for event in events:
                left -= isinstance(event, JobFinished)
                if not left:
                    break
        finished.set()

    async def ask(first: int) -> None:
        for number in range(first, count, ASKING):
            await asking.ask(hub, RunBuild(build=f"b{number}") if name == "writer" else ValidateMapping(source=name))

    watching = asyncio.Event()
    watcher = asyncio.create_task(watch())
    await watching.wait()
    if name == "writer":
        for number in range(count):
            await BUILDS.insert(hub.records, f"b{number}", Build(created_at=0.0, sources=("x",)))
    if isinstance(hub.records, Counted):
        hub.records.calls.clear()
    started = time.perf_counter()
    await asyncio.gather(*(ask(first) for first in range(ASKING)))
    await finished.wait()
    seconds = time.perf_counter() - started
    await watcher
    return count / seconds


async def latency(hub: Hub, count: int) -> list[float]:
    """Milliseconds from asking until a watcher sees the job RUNNING, one at a time."""
    seen: list[float] = []
    async with hub.bus.watch() as events:
        for _ in range(count):
            started = time.perf_counter()
            asked = await asking.ask(hub, ValidateMapping(source="s"))
            async for event in events:
                if isinstance(event, JobStarted) and event.job_id == asked.job.id:
                    break
            seen.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.01)
    return seen


async def run(count: int, latencies: int) -> None:
    """Print the figures."""
    for name in ("plain", "line", "writer"):
        few = min(200, count)
        async with open_bench(counted=True) as hub:
            await throughput(hub, few, name)
            calls = cast(Any, hub.records).calls
            print(f"{name}: records calls per job:", {key: round(value / few, 2) for key, value in sorted(calls.items())})
        async with open_bench() as hub:
            rates = [await throughput(hub, count, name) for _ in range(1 if name == "writer" else 3)]
            print(f"{name}: {statistics.median(rates):.0f} whole jobs/s ({', '.join(f'{rate:.0f}' for rate in rates)})")
            if name == "plain":
                tell("jobs", statistics.median(rates))
    async with open_bench() as hub:
        seen = sorted(await latency(hub, latencies))
        tell("running p50", seen[len(seen) // 2])
        tell("running p99", seen[int(len(seen) * 0.99)])


def main() -> None:
    """Read the flags and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--latencies", type=int, default=200, help="jobs whose start is waited for, one at a time")
    given = parser.parse_args()
    asyncio.run(run(given.jobs, given.latencies))


if __name__ == "__main__":
    main()
