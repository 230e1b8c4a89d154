"""One run at random: a world, a pipeline over it, one or two faults at moments of it, and everything that has to hold afterwards.

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
from tests.faults.world import World, check_left, check_watched, slow_site

KILLED = frozenset({"PLUGIN_DIED"})
"""A plugin whose process is killed fails its job for good, since that may be its own doing."""
SPENT = KILLED | {"CHILD_DIED", "WORKER_LOST"}
"""Where many strikes may hit one job, it fails for good when its attempts are spent."""


@dataclass(frozen=True)
class Strike:
    """A fault, some time after something was told of a step; perhaps not before a child process is at it."""

    fault: Fault
    step: str
    event: str
    delay: float = 0.0
    child: bool = False

    async def hit(self, scene: Scene) -> None:
        """Wait for the moment, and strike."""
        await scene.watcher.until(self.step, self.event)
        if self.child:
            await until(lambda: bool(scene.stack.descendants()) or scene.watcher.ended.is_set(), f"a child of {self.step}")
        await asyncio.sleep(self.delay)
        await self.fault(scene)

    def __str__(self) -> str:
        return f"{getattr(self.fault, '__name__', self.fault)} {self.delay:.2f} s after {self.step} {self.event}"


def plan(chance: random.Random, world: World, faults: Sequence[Fault]) -> list[Strike]:
    """One or two strikes, or a storm of them, in the order of the steps."""
    steps = world.steps()
    chosen = sorted(chance.randrange(len(steps)) for _ in range(chance.choice((1, 1, 1, 2, 2, 8))))
    return [
        Strike(
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
        world = World.of(hub.folder, chance, site)
        strikes = plan(chance, world, SERVERS if servers else EMBEDDED)
        await suffer(hub, world, strikes, chance, SPENT)
    return "; ".join(map(str, strikes))


async def suffer(hub: Stack, world: World, strikes: Sequence[Strike], chance: random.Random, errors: Set[str] = KILLED) -> None:
    """A pipeline over the world, and what strikes it; then everything that has to hold. Jobs may fail for good with these errors,
    and are tried again then. Raises AssertionError with what was done and what the processes said."""
    told = "; ".join(map(str, strikes))
    try:
        async with front.opened(hub) as gateway:
            await world.settle_in(gateway)
            letters = await _suffer(hub, gateway, world, chance, strikes, errors)
        await hub.stop_all()
        await check_left(hub, letters)
    except (AssertionError, TimeoutError) as error:
        said = "\n".join(f"--- {name}\n{hub.said(name)}" for name in hub.members)
        why = "".join(traceback.format_exception(error))
        raise AssertionError(f"{told}:\n{why}\n{said}") from None


async def _suffer(
    hub: Stack, gateway: front.Front, world: World, chance: random.Random, strikes: Sequence[Strike], errors: Set[str]
) -> int:
    """Returns how many dead letters there are."""
    async with front.watching(gateway, await world.begin(gateway)) as watcher:
        scene = Scene(hub, gateway, world, watcher, chance)
        for strike in strikes:
            await strike.hit(scene)
        told = [await see_through(scene, watcher, errors, cancelled=scene.cancelled)]
    for other in scene.others:
        async with front.watching(gateway, other) as watcher:
            told.append(await see_through(scene, watcher, errors))
    await world.check_served(gateway)
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
