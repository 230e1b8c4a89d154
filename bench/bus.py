"""Bare commands through the bus over RabbitMQ beside plain aio-pika and task frameworks, on the same broker in the same run.

The frameworks live in an environment of their own: `python -m venv bench/.venv-queues`, then pip install
`faststream[rabbit] taskiq-aio-pika celery` there; who is missing is named.
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aio_pika

from bench.results import Ratio, tell
from events.bus import Bus, Delivery
from events.catalogue import decode_command, encode
from events.embedded import EmbeddedBus
from events.rabbitmq import RabbitBus
from events.sources import DumpSource
from tests.events.buses import remove

IN_FLIGHT = 100
SLOTS = 100
FRAMEWORKS = Path(__file__).with_name(".venv-queues") / "bin" / "python"
PADDING = "x" * 900
"""Makes a message about one kilobyte long."""

Measured = tuple[float, float, float, float]
"""Published (confirmed) and consumed (acknowledged) messages a second, and microseconds of processor time for each of them."""


def command(number: int) -> DumpSource:
    """One message."""
    return DumpSource(source=f"{number}{PADDING}", job_id="j", run_id="r")


async def timed(
    number: int, send: Callable[[int], Awaitable[object]], consume: Callable[[asyncio.Event], Awaitable[object]]
) -> Measured:
    """Fill the queue with `number` messages, then take them off it."""
    numbers = iter(range(number))

    async def sender() -> None:
        for one in numbers:
            await send(one)

    begun, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    sent, used = time.perf_counter(), time.process_time()
    done = asyncio.Event()
    await consume(done)
    await done.wait()
    taken, ended = time.perf_counter(), time.process_time()
    return number / (sent - begun), number / (taken - sent), (used - worked) * 1e6 / number, (ended - used) * 1e6 / number


async def over(bus: Bus, number: int) -> Measured:
    """Through one of our buses."""

    async def consume(done: asyncio.Event) -> None:
        left = number

        async def handler(delivery: Delivery) -> None:
            nonlocal left
            await delivery.ack()
            left -= 1
            if not left:
                done.set()

        await bus.consume("dump", handler, SLOTS)

    return await timed(number, lambda one: bus.send(command(one)), consume)


async def embedded(url: str, number: int) -> Measured:
    """The bus in one process."""
    async with EmbeddedBus() as bus:
        return await over(bus, number)


async def rabbit(url: str, number: int) -> Measured:
    """The bus over RabbitMQ."""
    hub = f"bench-{secrets.token_hex(4)}"
    try:
        async with await RabbitBus.open(url, hub) as bus:
            return await over(bus, number)
    finally:
        await remove(url, hub)


@contextlib.asynccontextmanager
async def plain_queue(url: str) -> AsyncIterator[tuple[aio_pika.abc.AbstractConnection, str]]:
    """A quorum queue of the same settings."""
    name = f"bench-{secrets.token_hex(4)}"
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 20})
        try:
            yield connection, name
        finally:
            await channel.queue_delete(name)


async def plain(url: str, number: int) -> Measured:
    """A plain aio-pika publisher and consumer that encode and decode the same messages."""
    async with plain_queue(url) as (connection, name):
        publishing, consuming = await connection.channel(), await connection.channel()
        await consuming.set_qos(prefetch_count=SLOTS)

        async def send(one: int) -> None:
            body = encode(command(one))
            await publishing.default_exchange.publish(aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT), name)

        async def consume(done: asyncio.Event) -> None:
            left = number

            async def handler(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                nonlocal left
                decode_command(message.body)
                await message.ack()
                left -= 1
                if not left:
                    done.set()

            await (await consuming.get_queue(name)).consume(handler)

        return await timed(number, send, consume)


def framework(name: str) -> Callable[[str, int], Awaitable[Measured]]:
    """A framework, measured in a process of its own."""

    async def measured(url: str, number: int) -> Measured:
        program = (str(FRAMEWORKS), str(Path(__file__).with_name("bus_peers.py")), name, url, str(number))
        process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(300):
            told, _ = await process.communicate()
        publish, consume = json.loads(told.splitlines()[-1])
        return publish, consume, math.nan, math.nan

    return measured


async def run(url: str, number: int, rounds: int, only: bool) -> None:
    """Interleaved rounds, medians, ratios to plain aio-pika."""
    contenders: dict[str, Callable[[str, int], Awaitable[Measured]]] = {"plain aio-pika": plain, "leat, RabbitMQ": rabbit}
    if only:
        print("frameworks are left out")
    elif FRAMEWORKS.exists():
        contenders |= {name: framework(name) for name in ("faststream", "taskiq", "celery")}
    else:
        print(f"{FRAMEWORKS} is missing, so faststream, taskiq and celery are left out")
    contenders["leat, embedded"] = embedded
    measured: dict[str, list[Measured]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            measured[name].append(await contender(url, number))
    floor = [statistics.median(column) for column in zip(*measured["plain aio-pika"], strict=True)]
    titles = ("publish/s", "consume/s", "publish, us", "consume, us")
    print(" " * 24 + "".join(f"{title:>14}{'ratio':>7}" for title in titles))
    for name, rows in measured.items():
        columns = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"{name:24}" + "".join(f"{value:14,.0f}{value / plain:7.2f}" for value, plain in zip(columns, floor, strict=True)))
        if name == "leat, RabbitMQ":
            ratios = [value / plain for value, plain in zip(columns, floor, strict=True)]
            tell("bus publish", Ratio(ratios[0], ratios[2]))
            tell("bus consume", Ratio(ratios[1], ratios[3]))


def main() -> None:
    """Read the flags and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default=os.environ.get("LEAT_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/"))
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-frameworks", action="store_true", help="only plain aio-pika and Leat")
    flags = parser.parse_args()
    asyncio.run(run(flags.url, flags.messages, flags.rounds, flags.no_frameworks))


if __name__ == "__main__":
    main()
