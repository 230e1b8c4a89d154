"""What an idle process asks of the records: gateway, workers of every queue and a reaper, with nothing to do.

    .venv/bin/python -m bench.idle [--seconds 60]

Every process of a hub asks this of the one store that they share, day and night, so it bounds how many processes a hub can have.
"""

import argparse
import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from bench.jobs import Counted
from bench.results import tell
from leat.serving import listening, working
from leat.settings import load
from leat.wiring import open_hub
from workers.catalogue import WORKERS

READS = ("get", "find", "count")


async def run(folder: Path, seconds: float) -> None:
    """Count the calls for so long, from a moment after the start on."""
    settings = load(data=folder, port=0)
    async with open_hub(settings) as opened:
        counted: Any = Counted(opened.records)
        hub = dataclasses.replace(opened, records=counted)
        async with working(hub, tuple(WORKERS), 2), listening(hub, settings, "token"):
            await asyncio.sleep(min(2.0, seconds))
            counted.calls.clear()
            await asyncio.sleep(seconds)
            calls = dict(counted.calls)
    print("calls of the records a second:", {name: round(number / seconds, 2) for name, number in sorted(calls.items())})
    tell("idle", sum(calls.get(name, 0) for name in READS) / seconds)


def main() -> None:
    """Read the flags and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="longer than the longest pause of the reaper's quick passes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), given.seconds))


if __name__ == "__main__":
    main()
