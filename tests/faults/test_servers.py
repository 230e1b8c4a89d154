"""A hub on the three servers, each worker a process of its own: killed in every step, cut off, flooded and raced."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.faults import stack
from tests.faults.broker import Broker
from tests.faults.faults import (
    Fault,
    Scene,
    crash,
    cut_at_every_word,
    cut_bus,
    double,
    jump,
    lose_answers,
    lose_child,
    outage,
    pause,
    poison,
    stop,
)
from tests.faults.fork_server import ForkServer
from tests.faults.proxy import Trigger
from tests.faults.runs import SPENT, Injection, perform_under
from tests.faults.seeds import LONG, WORKERS, fresh, hold
from tests.faults.stack import LEASE
from tests.faults.workload import API, BUILD, Workload, slow_site

RUNS = 5
"""Random runs: a tenth of what `make faults` does."""
ONE_EACH = {queue: ("work", queue) for queue in ("dump", "upload", "build", "index", "notification")}
TWO_OF_ALL = dict.fromkeys(("first", "second"), ("work", *ONE_EACH, "--concurrency", "1"))
STEPS = ("dump:genes", "upload:genes", "inspect:genes", f"build:{BUILD}", f"release:{API}")


async def inject_all(
    fork_server: ForkServer,
    folder: Path,
    urls: dict[str, str],
    members: Mapping[str, tuple[str, ...]],
    injections: Sequence[Injection],
) -> None:
    """A pipeline over one source on the servers, under these faults."""
    async with stack.on_servers(fork_server, folder, urls, **members) as hub, slow_site(folder) as site:
        workload = Workload(folder)
        workload.add_plugin("genes", rows=300, site=site)
        await perform_under(hub, workload, injections, random.Random(), SPENT)  # one that comes late finds the next step at work


def each_step(fault: Fault, *, children_only: bool = False) -> list[Injection]:
    """That fault in the middle of every step."""
    dump = Injection(fault, STEPS[0], "JobStarted", delay=0.2)
    others = [Injection(fault, step, "JobStarted", delay=random.uniform(0.0, 1.0), child=True) for step in STEPS[1:]]
    return others if children_only else [dump, *others]


@pytest.mark.parametrize("fault", [crash, stop, lose_child, jump])
async def test_each_worker_is_struck_in_its_step(
    fault: Fault, fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]
) -> None:
    """kill -9 of each worker in the middle of its step, SIGTERM, kill -9 of its children, a clock that jumps: the run succeeds."""
    await inject_all(fork_server, tmp_path, urls, ONE_EACH, each_step(fault, children_only=fault is lose_child))


async def test_two_workers_race_for_each_job(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """The one that has the job stands still for longer than a lease, the other takes over, and both go on."""

    async def overtake(scene: Scene) -> None:
        await pause(scene, seconds=2.5 * LEASE)

    await inject_all(fork_server, tmp_path, urls, TWO_OF_ALL, each_step(overtake))


async def test_the_bus_is_cut_all_the_time(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """Connections to RabbitMQ that last for a fraction of a second, while commands are published, consumed and acknowledged."""
    injections = [Injection(cut_bus, step, "JobQueued") for step in STEPS]
    await inject_all(fork_server, tmp_path, urls, TWO_OF_ALL, injections)


async def test_the_bus_is_cut_at_every_word(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """Each command is lost, its confirmation is lost, the delivery to a worker is lost, and so is the acknowledgement."""
    triggers: list[Trigger] = []

    async def cut(scene: Scene) -> None:
        triggers.extend(cut_at_every_word(scene))

    await inject_all(fork_server, tmp_path, urls, TWO_OF_ALL, [Injection(cut, step, "JobStarted") for step in STEPS[:-1]])
    assert [trigger for trigger in triggers if not trigger.fired] == []


async def test_answers_of_the_stores_are_lost(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """What was written is there, but who wrote it is not told so: of records, of documents, and of the index."""
    records, index = partial(lose_answers, server="mongodb", times=4), partial(lose_answers, server="elasticsearch", times=3)
    injections = [Injection(records, step, "JobQueued") for step in STEPS[:-1]]
    await inject_all(fork_server, tmp_path, urls, ONE_EACH, [*injections, Injection(index, STEPS[-1], "JobStarted")])


async def test_rabbitmq_is_restarted(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str], broker: Broker) -> None:
    """The broker is restarted in order in the middle of a job, and killed in the middle of the next one.

    In this order, since RabbitMQ 3.10 never elects a leader for a quorum queue that it made less than a second before it was killed
    (docs/operations.md says what to do about it), and this hub's are as young as that in its first job."""
    injections = [
        Injection(lambda _: broker.restart(crash=False), "dump:genes", "JobStarted"),
        Injection(lambda _: broker.restart(crash=True), "upload:genes", "JobStarted", child=True),
    ]
    await inject_all(fork_server, tmp_path, {**urls, "rabbitmq": broker.url}, ONE_EACH, injections)


async def test_a_store_is_away_for_half_a_minute(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """A store that can't be reached for long, just when a job works with it, ends no job. Three hubs wait at the same time."""

    async def away(server: str, step: str) -> None:
        folder = tmp_path / step.partition(":")[0]
        folder.mkdir()
        injection = Injection(partial(outage, server=server, seconds=30.0), step, "JobStarted", delay=random.random(), child=True)
        await inject_all(fork_server, folder, urls, {"work": WORKERS}, [injection])

    async with asyncio.TaskGroup() as group:
        for server, step in LONG:
            group.create_task(away(server, step))


async def test_doubled_and_poisoned_queues(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """Commands that are delivered several times, before, while and after their job is done, make it done once; what nobody can
    decode holds up nothing, and is kept among the dead letters."""
    injections = [Injection(double, step, "JobQueued") for step in STEPS]
    await inject_all(
        fork_server, tmp_path, urls, TWO_OF_ALL, [injections[0], Injection(poison, STEPS[1], "JobQueued"), *injections[1:]]
    )


async def test_runs_at_random(fork_server: ForkServer, tmp_path: Path, urls: dict[str, str]) -> None:
    """Fresh seeds each time; `make faults SEED=…` repeats one."""
    assert await hold(fork_server, fresh("servers", RUNS), tmp_path, urls) == []
