"""Inspection of a stored collection beside `biothings-cli dataplugin inspect`, start of the processes included.

    .venv/bin/python -m bench.inspection [--documents 150000] [--rounds 3]

Targets: at least 10 times the peer's `type,stats` and 2 times its `mapping`, with at most 150 MB at the peak.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import peer, variants
from bench.processes import Measured, address, measure, measure_step
from leat.adapters import open_stores


async def prepare(folder: Path, count: int) -> None:
    """Store the documents on our side."""
    async with open_stores(address(folder)) as stores:
        await variants.store(stores, variants.A, variants.associations(count))


def main() -> None:
    """Print each side's median and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, given.documents))
        arguments = {"part": "a", "collection": variants.A, "output": "00000000-0000-4000-8000-00000000000c.1.a", "meta": {}}
        sides: dict[str, Callable[[], Measured]] = {"leat": lambda: measure_step("inspect", folder, arguments)}
        if peer.PROGRAM.exists():
            made = peer.plugin(folder, variants.associations(given.documents))
            command = [str(peer.PROGRAM.absolute()), "dataplugin", "inspect", "-s", made.name, "-m"]
            sides["peer mapping"] = lambda: measure([*command, "mapping"], made)
            sides["peer type,stats"] = lambda: measure([*command, "type,stats"], made)
        found: dict[str, list[Measured]] = {side: [] for side in sides}
        for _ in range(given.rounds):
            for side, run in sides.items():
                found[side].append(run())
        ours = statistics.median(each.seconds for each in found["leat"])
        for side, each in found.items():
            seconds = statistics.median(one.seconds for one in each)
            memory = max(one.memory for one in each)
            print(f"{side:16} {seconds:6.2f} s  {given.documents / seconds:9,.0f} docs/s  {memory:4.0f} MB  x {seconds / ours:.1f}")


if __name__ == "__main__":
    main()
