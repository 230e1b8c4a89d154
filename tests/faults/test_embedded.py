"""A whole hub in one process: killed, stopped and robbed of its children in every step, with a full disk, and at random."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.disks import leave, mounted
from tests.faults import stack
from tests.faults.faults import Fault, Scene, crash, jump, lose_child, stop
from tests.faults.fork_server import ForkServer
from tests.faults.runs import KILLED, SPENT, Injection, perform_under
from tests.faults.seeds import fresh, hold
from tests.faults.workload import API, BUILD, Workload, slow_site
from tests.services import required

RUNS = 20 if required("rabbitmq") else 5
"""Random runs: a tenth of what `make faults` does where everything is tested, fewer on a laptop."""
CHILDREN = ("upload:genes", "inspect:genes", f"build:{BUILD}", f"release:{API}")
"""Steps that are done in child processes."""


@pytest.mark.parametrize("fault", [crash, stop, lose_child, jump])
async def test_every_step_is_struck(fault: Fault, fork_server: ForkServer, tmp_path: Path) -> None:
    """One pipeline whose every step meets a fault in its middle succeeds, with each document once and nothing left behind."""
    chance = random.Random()
    injections = [Injection(fault, step, "JobStarted", delay=chance.uniform(0.0, 0.4), child=True) for step in CHILDREN]
    if fault is not lose_child:
        injections.insert(0, Injection(fault, "dump:genes", "JobStarted", delay=0.2))
    async with stack.embedded(fork_server, tmp_path) as hub, slow_site(tmp_path) as site:
        workload = Workload(tmp_path)
        workload.add_plugin("genes", rows=300, site=site)
        await perform_under(hub, workload, injections, chance, SPENT)  # one that comes late finds the next step at work


async def test_runs_at_random(fork_server: ForkServer, tmp_path: Path) -> None:
    """Fresh seeds each time; `make faults SEED=…` repeats one."""
    assert await hold(fork_server, fresh("embedded", RUNS), tmp_path, {}) == []


@pytest.mark.parametrize("left", [4096, 400_000])
async def test_a_full_disk_is_survived(left: int, fork_server: ForkServer, tmp_path: Path) -> None:
    """While the disk is full jobs wait, or fail saying so; with room again, the run goes on and ends well: where nothing can
    be written, and where records can be but not what a job makes."""

    async def fill(_: Scene) -> None:
        await asyncio.to_thread(leave, disk, left)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(leave, disk, 2**30)

    with mounted(tmp_path / "disk", 2**30) as disk:
        async with stack.embedded(fork_server, disk) as hub:
            workload = Workload(disk)
            workload.add_plugin("genes", rows=3000)
            injections = [Injection(fill, step, "JobStarted") for step in ("upload:genes", f"build:{BUILD}", f"release:{API}")]
            await perform_under(hub, workload, injections, random.Random(0), KILLED | {"DISK_FULL"})
