"""What can go wrong, each as something done to a hub that works on a run."""

import asyncio
import contextlib
import os
import random
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aio_pika

from domain.jobs.jobs import JOBS
from events.catalogue import QUEUES, command_from
from leat.wiring import open_hub
from tests.faults.front import Front, Watcher
from tests.faults.process import CLOCK
from tests.faults.proxy import Cable, Trigger
from tests.faults.stack import LEASE, Stack, until
from tests.faults.workload import Workload

PUBLISH = re.compile(rb"\0\x3c\0\x28\0\0[^\0]+\.commands")
DELIVER = re.compile(rb"\0\x3c\0\x3c[^\xce]+\.commands", re.DOTALL)
ACK = re.compile(rb"\0\x3c\0\x50")
"""AMQP's methods, as they are on the wire."""
WRITES = {
    "rabbitmq": PUBLISH,
    "mongodb": re.compile(rb"\x02(?:insert|update|delete)\0"),
    "elasticsearch": re.compile(rb"^(?:POST|PUT|DELETE) "),
}
"""What is written to each server."""


@dataclass
class Scene:
    """A hub at work, who watches it, and chance."""

    stack: Stack
    front: Front
    workload: Workload
    watcher: Watcher
    chance: random.Random
    letters: int = 0
    """Dead letters that there have to be in the end."""
    others: list[str] = field(default_factory=list)
    """Further runs of the same pipeline."""
    cancelled: bool = False
    """The first run was."""

    def somebody(self) -> str:
        """Any process of the hub."""
        return self.chance.choice(sorted(self.stack.members))

    def cable(self, server: str = "") -> Cable:
        """The cable to that server, or to any."""
        return self.stack.cables[server or self.chance.choice(sorted(self.stack.cables))]

    async def owner(self) -> str:
        """The process that does a job just now, if any does, else any."""
        for job in await self.front.jobs():
            if job["state"] == "RUNNING" and (name := self.stack.name_of(int(job["worker"].split(".")[-2]))):
                return name
        return self.somebody()


Fault = Callable[[Scene], Awaitable[None]]


async def crash(scene: Scene) -> None:
    """kill -9 of whoever works, and a new process in its place."""
    name = await scene.owner()
    await scene.stack.kill(name)
    await asyncio.sleep(scene.chance.choice((0.0, 0.0, 0.3)))
    await scene.stack.start(name)


async def lose_child(scene: Scene) -> None:
    """kill -9 of a child process: a heavy step, or the plugin itself."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3):
            while not (children := scene.stack.descendants()) and not scene.watcher.ended.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    if children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(scene.chance.choice(children), signal.SIGKILL)


async def stop(scene: Scene) -> None:
    """SIGTERM: it ends in order, and comes back."""
    name = await scene.owner()
    await scene.stack.stop(name)
    await scene.stack.start(name)


async def stop_at_once(scene: Scene) -> None:
    """SIGTERM twice: it does not wait for anything."""
    name = await scene.owner()
    scene.stack.signal(name, signal.SIGTERM)
    await asyncio.sleep(scene.chance.random() * 0.1)
    scene.stack.signal(name, signal.SIGTERM)
    await scene.stack.gone(name)
    await scene.stack.start(name)


async def pause(scene: Scene, seconds: float = 0.0) -> None:
    """A process stands still, perhaps for more than a lease, and goes on as if nothing had been."""
    name = await scene.owner()
    scene.stack.signal(name, signal.SIGSTOP)
    await asyncio.sleep(seconds or LEASE * scene.chance.uniform(0.5, 2.5))
    scene.stack.signal(name, signal.SIGCONT)


async def compete(scene: Scene) -> None:
    """The same pipeline is started once more, so that its jobs wait for those of the first, or the other way round."""
    scene.others.append(await scene.workload.begin(scene.front))


async def cancel(scene: Scene) -> None:
    """The run is cancelled, and another one started at once."""
    scene.cancelled = True
    await scene.front.mutate("cancelRun", "run { state }", runId=scene.watcher.run)
    scene.others.append(await scene.workload.begin(scene.front))


async def jump(scene: Scene) -> None:
    """The wall clock of one process jumps by an hour or a few seconds, either way."""
    name = scene.somebody()
    (scene.stack.folder / f"{CLOCK}.new").write_text(str(scene.chance.choice((-3600.0, -20.0, 20.0, 3600.0))))
    (scene.stack.folder / f"{CLOCK}.new").rename(scene.stack.folder / CLOCK)  # another process may just read it
    scene.stack.signal(name, signal.SIGUSR1)


async def cut(scene: Scene) -> None:
    """The connections to a server are cut, several times."""
    cable = scene.cable()
    for _ in range(scene.chance.randrange(1, 4)):
        cable.cut()
        await asyncio.sleep(scene.chance.random() * 0.3)


async def cut_bus(scene: Scene) -> None:
    """The connections to RabbitMQ are cut again and again, while commands are published, consumed and acknowledged."""
    for _ in range(scene.chance.randrange(3, 10)):
        scene.stack.cables["rabbitmq"].cut()
        await asyncio.sleep(scene.chance.random() * 0.25)


def cut_at_every_word(scene: Scene) -> list[Trigger]:
    """The connection is cut instead of the next command being published, confirmed, delivered, and acknowledged."""
    triggers = [Trigger(PUBLISH), Trigger(ACK, by_server=True), Trigger(DELIVER, by_server=True), Trigger(ACK)]
    for trigger in triggers:
        scene.stack.cables["rabbitmq"].set(trigger)
    return triggers


async def lose_answers(scene: Scene, server: str = "", times: int = 0) -> None:
    """What is written to a server arrives there, and the answer is lost with the connection: several times."""
    server = server or scene.chance.choice(sorted(WRITES))
    cable = scene.cable(server)
    for _ in range(times or scene.chance.randrange(1, 5)):
        trigger = Trigger(WRITES[server], answered=True)
        cable.set(trigger)
        await until(lambda trigger=trigger: trigger.fired or scene.watcher.ended.is_set(), "a write")  # type: ignore[misc]
    cable.disarm()


async def outage(scene: Scene, server: str = "", seconds: float = 0.0) -> None:
    """A server can't be reached for some seconds."""
    cable = scene.cable(server)
    await cable.refuse()
    await asyncio.sleep(seconds or scene.chance.uniform(0.2, 4.0))
    await cable.listen()


async def silence(scene: Scene, server: str = "", seconds: float = 0.0) -> None:
    """A server says nothing for some seconds, and nobody is told."""
    cable = scene.cable(server)
    cable.hold()
    await asyncio.sleep(seconds or scene.chance.uniform(0.2, 4.0))
    cable.resume()


async def double(scene: Scene) -> None:
    """Every command so far comes again, three times."""
    async with open_hub(scene.stack.settings) as hub:
        for _ in range(3):
            for stored in await JOBS.every(hub.records):
                await hub.bus.send(command_from(stored.value.command))
            await asyncio.sleep(scene.chance.random() * 0.5)


async def poison(scene: Scene) -> None:
    """Messages that nobody can decode lie on every queue."""
    async with open_hub(scene.stack.settings) as hub:
        name = hub.name
    async with await aio_pika.connect(scene.stack.direct["LEAT_BUS"]) as connection:
        exchange = await (await connection.channel()).get_exchange(f"{name}.commands")
        for queue in QUEUES:
            await exchange.publish(aio_pika.Message(scene.chance.randbytes(40)), queue)
            scene.letters += 1


EMBEDDED: tuple[Fault, ...] = (crash, crash, crash, lose_child, lose_child, stop, stop_at_once, pause, jump, compete, cancel)
SERVERS: tuple[Fault, ...] = (
    crash,
    crash,
    lose_child,
    stop,
    stop_at_once,
    pause,
    pause,
    jump,
    compete,
    cancel,
    cut,
    cut_bus,
    lose_answers,
    lose_answers,
    outage,
    silence,
    double,
    poison,
)
