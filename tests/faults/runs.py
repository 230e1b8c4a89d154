"""One run at random: a workload, a pipeline over it, one or two faults at moments of it, and everything that has to hold then.

Its seed says what is done and when, as far as other processes let it: moments are told from what the watcher hears.
"""

import asyncio
import random
import traceback
from collections.abc import Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from tests.faults import front
from tests.faults.faults import EMBEDDED, SERVERS, Fault, Scene
from tests.faults.stack import Stack, until
from tests.faults.workload import Workload, check_left, check_watched, slow_site

KILLED = frozenset({"PLUGIN_DIED"})
"""A plugin whose process is killed fails its job for good, since that may be its own doing."""
SPENT = KILLED | {"CHILD_DIED", "WORKER_LOST"}
"""Where many faults may meet one job, it fails for good when its attempts are spent."""


@dataclass(frozen=True)
class Injection:
    """A fault, some time after something was told of a step; perhaps not before a child process is at it."""

    fault: Fault
    step: str
    event: str
    delay: float = 0.0
    child: bool = False

    async def inject(self, scene: Scene) -> None:
        """Wait for the moment, and let the fault happen."""
        await scene.watcher.until(self.step, self.event)
        if self.child:
            await until(lambda: bool(scene.stack.descendants()) or scene.watcher.ended.is_set(), f"a child of {self.step}")
        await asyncio.sleep(self.delay)
        await self.fault(scene)

    def __str__(self) -> str:
        return f"{getattr(self.fault, '__name__', self.fault)} {self.delay:.2f} s after {self.step} {self.event}"


def plan(chance: random.Random, workload: Workload, faults: Sequence[Fault]) -> list[Injection]:
    """One or two faults, or a storm of them, in the order of the steps."""
    steps = workload.steps()
    chosen = sorted(chance.randrange(len(steps)) for _ in range(chance.choice((1, 1, 1, 2, 2, 8))))
    return [
        Injection(
            fault=chance.choice(faults),
            step=steps[number],
            event=chance.choice(("JobQueued", "JobStarted", "JobStarted", "JobFinished")),
            delay=chance.choice((0.0, chance.uniform(0.0, 0.1), chance.uniform(0.0, 0.6))),
        )
        for number in chosen
    ]


async def perform(seed: str, stack: AbstractAsyncContextManager[Stack], *, servers: bool = False) -> str:
    """Do the run of this seed; returns what was done to it. Raises AssertionError with everything that was said."""
    chance = random.Random(seed)
    async with stack as hub, slow_site(hub.folder) as site:
        workload = Workload.of(hub.folder, chance, site)
        injections = plan(chance, workload, SERVERS if servers else EMBEDDED)
        await perform_under(hub, workload, injections, chance, SPENT)
    return "; ".join(map(str, injections))


async def perform_under(
    hub: Stack, workload: Workload, injections: Sequence[Injection], chance: random.Random, errors: Set[str] = KILLED
) -> None:
    """A pipeline over the workload, under these faults; then everything that has to hold. Jobs may fail for good with these errors,
    and are tried again then. Raises AssertionError with what was done and what the processes said."""
    told = "; ".join(map(str, injections))
    try:
        async with front.opened(hub) as gateway:
            await workload.prepare(gateway)
            letters = await _perform_under(hub, gateway, workload, chance, injections, errors)
        await hub.stop_all()
        await check_left(hub, letters)
    except (AssertionError, TimeoutError) as error:
        said = "\n".join(f"--- {name}\n{hub.said(name)}" for name in hub.members)
        why = "".join(traceback.format_exception(error))
        raise AssertionError(f"{told}:\n{why}\n{said}") from None


async def _perform_under(
    hub: Stack, gateway: front.Front, workload: Workload, chance: random.Random, injections: Sequence[Injection], errors: Set[str]
) -> int:
    """Returns how many dead letters there are."""
    async with front.watching(gateway, await workload.begin(gateway)) as watcher:
        scene = Scene(hub, gateway, workload, watcher, chance)
        for injection in injections:
            await injection.inject(scene)
        told = [await see_through(scene, watcher, errors, cancelled=scene.cancelled)]
    for other in scene.others:
        async with front.watching(gateway, other) as watcher:
            told.append(await see_through(scene, watcher, errors))
    await workload.check_served(gateway)
    await front.quiet(gateway)
    for watchers, ended in told:
        check_watched(watchers, ended, await gateway.jobs())
    return scene.letters


async def see_through(
    scene: Scene, watcher: front.Watcher, errors: Set[str], *, cancelled: bool = False
) -> tuple[list[front.Watcher], dict[str, Any]]:
    """Watch a run until it ended well, or at all if it was cancelled; returns who watched, and the run."""
    watchers, ended = [watcher], await watcher.end()
    while ended["state"] == "FAILED" and not cancelled:
        ended = await try_again(scene, ended, watchers, errors)
    assert ended["state"] == "SUCCEEDED" or cancelled, ended
    return watchers, ended


async def try_again(scene: Scene, run: dict[str, Any], watchers: list[front.Watcher], errors: Set[str]) -> dict[str, Any]:
    """What failed for good, and with the right error, an operator tries again."""
    found = {step["job"]["error"]["code"] for step in run["steps"] if step["job"] and step["job"]["outcome"] == "FAILED"}
    assert found <= errors, run
    for step in run["steps"]:
        if step["job"] and step["job"]["outcome"] == "FAILED":
            await scene.front.mutate("retryJob", "job { state }", jobId=step["jobId"])
    async with front.watching(scene.front, watchers[-1].run, watchers[-1].cursor) as watcher:
        watchers.append(watcher)
        return await watcher.end()
