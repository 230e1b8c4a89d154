"""Runs at random, by seed: `embedded-…` on the embedded stack, `servers-…` on the servers, `long-…` with one away for 30 s."""

import asyncio
import random
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.faults import stack
from tests.faults.faults import outage
from tests.faults.fork_server import ForkServer
from tests.faults.runs import Injection, perform, perform_under
from tests.faults.workload import API, BUILD, Workload

WORKERS = ("work", "dump", "upload", "build", "index", "notification", "--concurrency", "1")
LONG = (("mongodb", "upload:genes"), ("mongodb", f"build:{BUILD}"), ("elasticsearch", f"release:{API}"))
"""Which server is away in the middle of which step."""


def fresh(kind: str, number: int) -> list[str]:
    """That many new seeds."""
    return [f"{kind}-{secrets.token_hex(4)}" for _ in range(number)]


async def hold(
    fork_server: ForkServer,
    seeds: Sequence[str],
    folder: Path,
    urls: Mapping[str, str],
    *,
    at_a_time: int = 2,
    say: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """Do these runs, each in a folder of its own, which stays where the run did not hold; returns what was said of those."""
    slots = asyncio.Semaphore(at_a_time)

    async def one(seed: str) -> str:
        async with slots:
            home = folder / seed
            home.mkdir()
            began = time.monotonic()
            try:
                told = await do(fork_server, seed, home, urls)
            except AssertionError as error:
                failure = f"FAILED {seed}\n{error}\nits folder is {home}; make faults SEED={seed} repeats it"
                say(failure)
                return failure
            say(f"held {seed} {time.monotonic() - began:5.1f} s  {told}")
            await asyncio.to_thread(shutil.rmtree, home)
            return ""

    return [failure for failure in await asyncio.gather(*map(one, seeds)) if failure]


async def do(fork_server: ForkServer, seed: str, folder: Path, urls: Mapping[str, str]) -> str:
    """The run of this seed, on the stack that it names."""
    if seed.startswith("embedded"):
        return await perform(seed, stack.embedded(fork_server, folder))
    members = {"up": ("up", "--concurrency", "1"), "work": WORKERS}
    if seed.startswith("long"):
        async with stack.on_servers(fork_server, folder, urls, **members) as hub:
            return await long_outage(hub, seed)
    return await perform(seed, stack.on_servers(fork_server, folder, urls, **members), servers=True)


async def long_outage(hub: stack.Stack, seed: str) -> str:
    """One server is away for half a minute in the middle of a job."""
    chance = random.Random(seed)
    server, step = chance.choice(LONG)
    workload = Workload(hub.folder)
    workload.add_plugin("genes", rows=2000)
    await perform_under(
        hub, workload, [Injection(partial(outage, server=server, seconds=30.0), step, "JobStarted", child=True)], chance
    )
    return f"{server} was away for 30 s in the middle of {step}"
