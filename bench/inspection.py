"""Inspection of a stored collection beside `biothings-cli dataplugin inspect`, start of the processes included.

    .venv/bin/python -m bench.inspection [--documents 150000] [--rounds 3]

Targets: at least 10 times the peer's `type,stats` and 2 times its `mapping`, with at most 150 MB at the peak.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import peer, variants
from bench.processes import Measured, address, apart, measure, measure_step, show
from bench.results import tell
from leat.adapters import open_stores


def prepare(folder: Path, count: int) -> None:
    """Store the documents of this bench."""
    asyncio.run(store(folder, count))
    if peer.PROGRAM.exists():
        peer.plugin(folder, variants.associations(count))


async def store(folder: Path, count: int) -> None:
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
        apart(prepare, folder, given.documents)
        arguments = {"part": "a", "collection": variants.A, "output": "00000000-0000-4000-8000-00000000000c.1.a", "meta": {}}
        sides: dict[str, Callable[[], Measured]] = {"leat": lambda: measure_step("inspect", folder, arguments)}
        if peer.PROGRAM.exists():
            made = folder / "variants"
            command = [str(peer.PROGRAM.absolute()), "dataplugin", "inspect", "-s", made.name, "-m"]
            sides["peer mapping"] = lambda: measure([*command, "mapping"], made)
            sides["peer type,stats"] = lambda: measure([*command, "type,stats"], made)
        found: dict[str, list[Measured]] = {side: [] for side in sides}
        for _ in range(given.rounds):
            for side, run in sides.items():
                found[side].append(run())
        ratios = show(found, given.documents)
    if "peer mapping" in ratios:
        tell("inspect", ratios["peer type,stats"])
        tell("inspect mapping", ratios["peer mapping"])
    tell("inspect memory", max(each.memory for each in found["leat"]))


if __name__ == "__main__":
    main()
