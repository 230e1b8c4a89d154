"""What log lines cost, on the embedded hub: storing them, what durable records are slowed down by that, and reading them.

So many jobs say ten lines every fifth of a second, as often as a worker stores them, while a record is replaced again and again.
"""

import argparse
import asyncio
import statistics
import time

from bench.jobs import open_bench
from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.logs import LogWriter
from domain.ports.records import Kind

TEXT = "parsed line {} of the file, as a plugin says it at the debug level: nothing is unusual about it"


async def say(hub: Hub, job: str, until: float) -> list[float]:
    """Ten lines every fifth of a second until a time of the loop's clock; returns the seconds of each flush."""
    writer, took = LogWriter(hub, job, job, 1), list[float]()
    number = 0
    while asyncio.get_running_loop().time() < until:
        for _ in range(10):
            number += 1
            writer.add(TEXT.format(number), "info")
        started = time.perf_counter()
        await writer.flush()
        took.append(time.perf_counter() - started)
        await asyncio.sleep(max(0.0, 0.2 - took[-1]))
    return took


async def beside(hub: Hub, jobs: int, seconds: float) -> None:
    """Replaces of one record per second, and milliseconds of a flush, with so many jobs that say lines."""
    kind = Kind(name="worker")
    id, version = f"beside {jobs}", 1
    await hub.records.insert(kind, id, {"created_at": 0.0})
    until = asyncio.get_running_loop().time() + seconds
    saying = [asyncio.create_task(say(hub, f"beside-{jobs}-{n}", until)) for n in range(jobs)]
    while asyncio.get_running_loop().time() < until:
        version = await hub.records.replace(kind, id, {"created_at": 0.0}, version)
    took = sorted(seconds * 1000 for said in await asyncio.gather(*saying) for seconds in said)
    flush = f"; a flush {statistics.median(took):.2f} ms, p99 {took[len(took) * 99 // 100]:.2f} ms" if took else ""
    print(f"{jobs} jobs that log: {version / seconds:.0f} replaces/s{flush}")


async def long(hub: Hub, lines: int) -> None:
    """One attempt that says very much: storing and reading all of it."""
    writer = LogWriter(hub, "long", "long", 1)
    started = time.perf_counter()
    for number in range(1, lines + 1):
        writer.add(TEXT.format(number), "info")
        if number % 20_000 == 0:
            await writer.flush()
            await asyncio.sleep(0)
    await writer.flush()
    print(f"{lines} lines stored in {time.perf_counter() - started:.2f} s")
    started, after, count = time.perf_counter(), (0, 0), 0
    while (page := await logs.read(hub, "long", after, 5000)).lines:
        count += len(page.lines)
        after = page.cursor
    print(f"{count} lines read page by page in {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    for _ in range(20):
        await logs.read(hub, "long", (1, lines - 10), 1000)
    print(f"the last ten behind a cursor: {(time.perf_counter() - started) * 50:.2f} ms")
    started = time.perf_counter()
    for _ in range(20):
        await logs.tail(hub, "long", 20)
    print(f"the last twenty: {(time.perf_counter() - started) * 50:.2f} ms")
    started, page, count = time.perf_counter(), await logs.read(hub, "long", text="UNUSUAL ABOUT IT THAT NOBODY SAID"), 1
    while page.more:
        page, count = await logs.read(hub, "long", page.cursor, text="UNUSUAL ABOUT IT THAT NOBODY SAID"), count + 1
    print(f"searched for what is not there, {count} calls: {time.perf_counter() - started:.2f} s")


async def run(lines: int, seconds: float) -> None:
    """Print the figures."""
    async with open_bench() as hub:
        for jobs in (0, 4, 32):
            await beside(hub, jobs, seconds)
        await long(hub, lines)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="for which jobs log beside a record that is replaced")
    given = parser.parse_args()
    asyncio.run(run(given.lines, given.seconds))


if __name__ == "__main__":
    main()
