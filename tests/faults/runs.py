"""One run at random: a world, a pipeline over it, one or two faults at moments of it, and everything that has to hold afterwards.

Its seed says what is done and when, as far as other processes let it: moments are told from what the watcher hears.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from tests.faults import front
from tests.faults.faults import EMBEDDED, SERVERS, Fault, Scene
from tests.faults.stack import Stack
from tests.faults.world import API, BUILD, World, check_left, check_watched

KILLED = frozenset({"PLUGIN_DIED"})
"""Errors with which a job fails for good where its plugin's process is killed."""


@dataclass(frozen=True)
class Strike:
    """A fault, some time after something was told of a step."""

    fault: Fault
    step: str
    event: str
    delay: float

    def __str__(self) -> str:
        return f"{self.fault.__name__} {self.delay:.2f} s after {self.step} {self.event}"


def plan(chance: random.Random, world: World, faults: Sequence[Fault]) -> list[Strike]:
    """One or two strikes, in the order of the steps."""
    steps = world.steps()
    chosen = sorted(chance.randrange(len(steps)) for _ in range(chance.choice((1, 1, 2))))
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
    """Do the run of this seed; returns what was done to it. Raises AssertionError, or TimeoutError where it never ended."""
    chance = random.Random(seed)
    async with stack as hub:
        world = World.of(hub.folder, chance)
        strikes = plan(chance, world, SERVERS if servers else EMBEDDED)
        told = "; ".join(map(str, strikes))
        try:
            async with front.opened(hub) as gateway:
                await world.settle_in(gateway)
                letters = await suffer(hub, gateway, world, chance, strikes)
            await hub.stop_all()
            await check_left(hub, letters)
        except (AssertionError, TimeoutError) as error:
            logs = "\n".join(f"--- {name}\n{hub.said(name)}" for name in hub.members)
            raise AssertionError(f"seed {seed}: {told}: {error!r}\n{logs}") from error
    return told


async def suffer(hub: Stack, gateway: front.Front, world: World, chance: random.Random, strikes: Sequence[Strike]) -> int:
    """The pipeline, and what strikes it; returns how many dead letters there are."""
    run = await gateway.start("runPipeline", build=BUILD, api=API)
    async with front.watching(gateway, run) as watcher:
        scene = Scene(hub, gateway, world, watcher, chance)
        for strike in strikes:
            await watcher.until(strike.step, strike.event)
            await asyncio.sleep(strike.delay)
            await strike.fault(scene)
        ended = await watcher.end()
        seen = [watcher]
        while ended["state"] == "FAILED":
            ended = await try_again(scene, ended, seen)
        assert ended["state"] == "SUCCEEDED", ended
        await world.check_served(gateway)
        await front.quiet(gateway)
        check_watched(seen, ended, await gateway.jobs())
    return scene.letters


async def try_again(scene: Scene, run: dict[str, Any], watchers: list[front.Watcher]) -> dict[str, Any]:
    """A plugin whose process is killed fails its job for good, since that may be its own doing: an operator tries it again."""
    errors = [step["job"]["error"]["code"] for step in run["steps"] if step["job"] and step["job"]["outcome"] == "FAILED"]
    assert set(errors) <= KILLED, run
    for step in run["steps"]:
        if step["job"] and step["job"]["outcome"] == "FAILED":
            await scene.front.mutate("retryJob", "job { state }", jobId=step["jobId"])
    async with front.watching(scene.front, scene.watcher.run, watchers[-1].cursor) as watcher:
        watchers.append(watcher)
        return await watcher.end()
