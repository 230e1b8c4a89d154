"""`python -m tests.faults`: runs at random, 200 on the embedded stack, 50 on the servers and two long outages; SEED=… repeats one.

--embedded N    runs on the embedded stack (200)
--servers N     runs on the servers (50; none where LEAT_TEST_AMQP_URL and its like are not set)
--seed SEED     one run: what was printed as its seed
--at-a-time N   runs side by side (2)
"""

import argparse
import asyncio
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.faults import nursery, stack
from tests.faults.faults import outage
from tests.faults.front import patient_client
from tests.faults.nursery import Nursery
from tests.faults.runs import Strike, perform, suffer
from tests.faults.world import API, BUILD, World
from tests.services import URLS

WORKERS = ("work", "dump", "upload", "build", "index", "--concurrency", "1")
LONG = (("mongodb", "upload:genes"), ("mongodb", f"build:{BUILD}"), ("elasticsearch", f"release:{API}"))
"""Which server is away in the middle of which step."""


def main() -> int:
    """Do the runs; the exit code says whether all held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedded", type=int, default=200)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--seed", default=os.environ.get("SEED", ""))
    parser.add_argument("--at-a-time", type=int, default=2)
    flags = parser.parse_args()
    urls = {server: os.environ.get(URLS[server], "") for server in stack.SERVERS}
    if flags.seed:
        seeds = [flags.seed]
    else:
        seeds = [f"embedded-{secrets.token_hex(4)}" for _ in range(flags.embedded)]
        if all(urls.values()):
            seeds += [f"servers-{secrets.token_hex(4)}" for _ in range(flags.servers)]
            seeds += [f"long-{secrets.token_hex(4)}" for _ in range(flags.servers and 2)]
    with nursery.opened() as opened, patient_client():
        failed = asyncio.run(_all(opened, seeds, urls, flags.at_a_time))
    say(f"{len(seeds) - failed} of {len(seeds)} runs held")
    return 1 if failed else 0


def say(text: str) -> None:
    """One line to whoever runs this."""
    print(text, flush=True)  # noqa: T201


async def _all(opened: Nursery, seeds: Sequence[str], urls: dict[str, str], at_a_time: int) -> int:
    slots = asyncio.Semaphore(at_a_time)

    async def one(seed: str) -> bool:
        async with slots:
            return await _one(opened, seed, urls)

    return (await asyncio.gather(*map(one, seeds))).count(False)


async def _one(opened: Nursery, seed: str, urls: dict[str, str]) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="leat-faults-"))
    began = time.monotonic()
    try:
        told = await do(opened, seed, folder, urls)
    except AssertionError as error:
        say(f"FAILED {seed}\n{error}\nits folder is {folder}; SEED={seed} repeats it")
        return False
    say(f"held {seed} {time.monotonic() - began:5.1f} s  {told}")
    shutil.rmtree(folder)
    return True


async def do(opened: Nursery, seed: str, folder: Path, urls: dict[str, str]) -> str:
    """The run of this seed, on the stack that it names."""
    if seed.startswith("embedded"):
        return await perform(seed, stack.embedded(opened, folder))
    members = {"up": ("up", "--concurrency", "1"), "work": WORKERS}
    if seed.startswith("long"):
        async with stack.on_servers(opened, folder, urls, **members) as hub:
            return await long_outage(hub, seed)
    return await perform(seed, stack.on_servers(opened, folder, urls, **members), servers=True)


async def long_outage(hub: stack.Stack, seed: str) -> str:
    """One server is away for half a minute in the middle of a job."""
    chance = random.Random(seed)
    server, step = chance.choice(LONG)
    world = World(hub.folder)
    world.plant("genes", rows=2000)
    await suffer(hub, world, [Strike(partial(outage, server=server, seconds=30.0), step, "JobStarted", child=True)], chance)
    return f"{server} was away for 30 s in the middle of {step}"


if __name__ == "__main__":
    sys.exit(main())
