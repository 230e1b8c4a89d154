"""A whole hub in one process: killed, stopped and robbed of its children in every step, with a full disk, and at random."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.disks import leave, mounted
from tests.faults import stack
from tests.faults.faults import Fault, Scene, crash, jump, lose_child, stop
from tests.faults.nursery import Nursery
from tests.faults.runs import KILLED, SPENT, Strike, suffer
from tests.faults.seeds import fresh, hold
from tests.faults.world import API, BUILD, World, slow_site
from tests.services import required

RUNS = 20 if required("rabbitmq") else 5
"""Random runs: a tenth of what `make faults` does where everything is tested, fewer on a laptop."""
CHILDREN = ("upload:genes", "inspect:genes", f"build:{BUILD}", f"release:{API}")
"""Steps that are done in child processes."""


@pytest.mark.parametrize("fault", [crash, stop, lose_child, jump])
async def test_every_step_is_struck(fault: Fault, nursery: Nursery, tmp_path: Path) -> None:
    """One pipeline whose every step is struck in its middle succeeds, with each document once and nothing left behind."""
    chance = random.Random()
    strikes = [Strike(fault, step, "JobStarted", delay=chance.uniform(0.0, 0.4), child=True) for step in CHILDREN]
    if fault is not lose_child:
        strikes.insert(0, Strike(fault, "dump:genes", "JobStarted", delay=0.2))
    async with stack.embedded(nursery, tmp_path) as hub, slow_site(tmp_path) as site:
        world = World(tmp_path)
        world.plant("genes", rows=300, site=site)
        await suffer(hub, world, strikes, chance, SPENT)  # one that comes late finds the next step at work


async def test_runs_at_random(nursery: Nursery, tmp_path: Path) -> None:
    """Fresh seeds each time; `make faults SEED=…` repeats one."""
    assert await hold(nursery, fresh("embedded", RUNS), tmp_path, {}) == []


@pytest.mark.parametrize("left", [4096, 400_000])
async def test_a_full_disk_is_survived(left: int, nursery: Nursery, tmp_path: Path) -> None:
    """While the disk is full jobs wait, or fail saying so; with room again, the run goes on and ends well: where nothing can
    be written, and where records can be but not what a job makes."""

    async def fill(_: Scene) -> None:
        await asyncio.to_thread(leave, disk, left)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(leave, disk, 2**30)

    with mounted(tmp_path / "disk", 2**30) as disk:
        async with stack.embedded(nursery, disk) as hub:
            world = World(disk)
            world.plant("genes", rows=3000)
            strikes = [Strike(fill, step, "JobStarted") for step in ("upload:genes", f"build:{BUILD}", f"release:{API}")]
            await suffer(hub, world, strikes, random.Random(0), KILLED | {"DISK_FULL"})
