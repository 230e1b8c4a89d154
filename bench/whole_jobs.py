"""Whole jobs on RabbitMQ and MongoDB beside a bare loop that makes the same calls, on the same servers in the same run.

    .venv/bin/python -m bench.whole_jobs [--jobs 500] [--rounds 3] [--amqp URL] [--mongodb URL]

A whole job is asked, sent, claimed, finished and seen; its handler does nothing. The loop makes, for each job, the same reads and
writes of records of the same size, the same confirmed publication, acknowledgement and hints, through the same drivers. Target: at
least 0.7 of the loop. Commands to the records are counted by the driver, and those to the broker where they are made.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import aio_pika
import orjson
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern, monitoring

from adapters.mongodb.records import MongoRecords
from bench.jobs import ASKING, SLOTS, build, throughput, validate
from bench.mongodb import Commands
from bench.results import Ratio, tell
from domain.catalogue import CATALOGUE
from domain.hub import Hub
from domain.jobs.jobs import JOBS
from domain.ports.documents import Documents
from domain.ports.files import Files
from domain.ports.records import Kind
from domain.ports.search import Search
from events.apis import ValidateMapping
from events.builds import RunBuild
from events.message import Command, Event
from events.rabbitmq import RabbitBus
from tests.events.buses import remove
from workers.context import Registration
from workers.worker import Worker

STAGES: list[dict[str, Any]] = []
"""A job's record as inserted, sent, claimed and finished."""


class Servers(NamedTuple):
    """Where they are."""

    amqp: str
    mongodb: str


class Witness(MongoRecords):
    """Keeps what was written of jobs, so that the loop can write the same."""

    seen: list[dict[str, Any]] = []

    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any], version: int = 1, sequence: int = 0) -> bool:
        """Keep it."""
        if kind.name == "job":
            self.seen.append(dict(body))
        return await super().insert(kind, id, body, version, sequence)

    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        """Keep it."""
        if kind.name == "job":
            self.seen.append(dict(body))
        return await super().replace(kind, id, body, version)


class CountedBus(RabbitBus):
    """Counts what is asked of the broker."""

    asked: Counter[str] = Counter()

    async def send(self, command: Command) -> None:
        """Count it."""
        self.asked["publish and confirm"] += 1
        await super().send(command)

    async def emit(self, event: Event) -> None:
        """Count it."""
        self.asked["hint"] += 1
        await super().emit(event)


@asynccontextmanager
async def opened(servers: Servers) -> AsyncIterator[Hub]:
    """A hub over both servers with a worker, and nothing left of it."""
    name = f"bench-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.push_async_callback(remove, servers.amqp, name)
        stack.push_async_callback(forget, servers.mongodb, name)
        records = await stack.enter_async_context(Witness.open(servers.mongodb, name))
        await records.prepare(CATALOGUE.kinds)
        nothing: Any = None
        hub = Hub(
            name=name,
            data=data,
            documents=cast(Documents, nothing),
            search=cast(Search, nothing),
            files=cast(Files, nothing),
            records=records,
            bus=await stack.enter_async_context(await CountedBus.open(servers.amqp, name)),
            process="bench",
            catalogue=CATALOGUE,
        )
        handlers = Registration(command=ValidateMapping, handler=validate), Registration(command=RunBuild, handler=build)
        worker = Worker(hub, handlers, SLOTS)
        task = asyncio.create_task(worker.run())
        try:
            yield hub
        finally:
            worker.stop()
            await task


async def forget(url: str, hub: str) -> None:
    """Drop a hub's records."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(url)
    database = client.get_default_database("leat")
    for name in await database.list_collection_names():
        if name.startswith(hub):
            await database.drop_collection(name)
    await asyncio.to_thread(client.close)


async def whole(servers: Servers, jobs: int) -> float:
    """Ours, jobs a second."""
    async with opened(servers) as hub:
        return await throughput(hub, jobs, "plain")


async def witness(servers: Servers) -> None:
    """See the records of one job."""
    async with opened(servers) as hub:
        await throughput(hub, 1, "plain")
    STAGES.extend(sorted(Witness.seen, key=lambda body: (body["state"] != "QUEUED", body["state"] == "FINISHED")))


async def bare(servers: Servers, jobs: int) -> float:
    """The loop, jobs a second."""
    name = f"bench-{secrets.token_hex(4)}"
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(servers.mongodb)
    durable = WriteConcern("majority", j=True)
    async with MongoRecords.open(servers.mongodb, name) as prepared:
        await prepared.prepare((JOBS.kind,))
    records = client.get_default_database("leat").get_collection(f"{name}.job", write_concern=durable)
    async with await aio_pika.connect(servers.amqp) as connection:
        try:
            return await Loop(connection, records, jobs).run(name)
        finally:
            await forget(servers.mongodb, name)
            await asyncio.to_thread(client.close)


class Loop:
    """The same calls."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection, records: Any, jobs: int) -> None:
        self.connection = connection
        self.records = records
        self.left = jobs
        self.jobs = jobs
        self.done = asyncio.Event()

    async def run(self, name: str) -> float:
        """Jobs a second."""
        confirmed, hints = await self.connection.channel(), await self.connection.channel(publisher_confirms=False)
        consuming, watching = await self.connection.channel(), await self.connection.channel()
        await consuming.set_qos(prefetch_count=SLOTS // 2)
        quorum: Any = {"x-queue-type": "quorum", "x-delivery-limit": 20}
        queue = await confirmed.declare_queue(name, durable=True, arguments=quorum)
        self.events = await hints.declare_exchange(f"{name}.events", aio_pika.ExchangeType.TOPIC)
        watched = await watching.declare_queue(exclusive=True)
        await watched.bind(f"{name}.events", "#")
        try:
            await watched.consume(self.see, no_ack=True)
            await queue.consume(self.work)
            begun = time.perf_counter()
            await asyncio.gather(*(self.ask(confirmed, name, first) for first in range(ASKING)))
            await self.done.wait()
            return self.jobs / (time.perf_counter() - begun)
        finally:
            await confirmed.queue_delete(name)
            await confirmed.exchange_delete(f"{name}.events")

    async def ask(self, channel: aio_pika.abc.AbstractChannel, queue: str, first: int) -> None:
        """Insert, tell, publish, mark as sent."""
        for number in range(first, self.jobs, ASKING):
            await self.records.insert_one(self.record(number, 1))
            await self.tell("JobQueued", number)
            body = orjson.dumps({"number": number, "text": "x" * 300})
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, queue)
            await self.replace(number, 1)

    async def work(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """Read, claim, tell, acknowledge, finish, tell."""
        number = orjson.loads(message.body)["number"]
        while True:
            found = await self.records.find_one({"_id": str(number)})
            if await self.replace(number, found["version"]):
                break
        await self.tell("JobStarted", number)
        await message.ack()
        await self.replace(number, found["version"] + 1)
        await self.tell("MappingValidated", number)
        await self.tell("JobFinished", number)

    async def see(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """Count what has finished."""
        if message.routing_key == "JobFinished":
            orjson.loads(message.body)
            self.left -= 1
            if not self.left:
                self.done.set()

    def record(self, number: int, version: int) -> dict[str, Any]:
        """What a job's record holds by then."""
        return {"_id": str(number), "version": version, "body": STAGES[min(version, len(STAGES)) - 1]}

    async def replace(self, number: int, version: int) -> bool:
        """Compare and set."""
        wanted = {"_id": str(number), "version": version}
        result = await self.records.replace_one(wanted, self.record(number, version + 1))
        return bool(result.matched_count)

    async def tell(self, topic: str, number: int) -> None:
        """Publish a hint."""
        await self.events.publish(aio_pika.Message(orjson.dumps({"number": number, "text": "x" * 200})), topic)


def main() -> None:
    """Print round trips, rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--amqp", default=os.environ.get("LEAT_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/"))
    parser.add_argument("--mongodb", default=os.environ.get("LEAT_TEST_MONGODB_URL", "mongodb://127.0.0.1:27017/"))
    given = parser.parse_args()
    servers = Servers(given.amqp, given.mongodb)
    commands = Commands()
    monitoring.register(commands)
    sides: dict[str, Callable[[Servers, int], Any]] = {"bare": bare, "leat": whole}
    rates: dict[str, list[float]] = {side: [] for side in sides}
    costs: dict[str, list[float]] = {side: [] for side in sides}
    asyncio.run(witness(servers))
    for _ in range(given.rounds):
        for side, work in sides.items():
            commands.seen.clear()
            CountedBus.asked.clear()
            begun = time.process_time()
            rates[side].append(asyncio.run(work(servers, given.jobs)))
            costs[side].append((time.process_time() - begun) / given.jobs * 1000)
            counted = {name: commands.seen[name] / given.jobs for name in ("insert", "find", "update", "findAndModify")}
            told = ", ".join(f"{name} {number:.2f}" for name, number in counted.items())
            broker = ", ".join(f"{name} {number / given.jobs:.2f}" for name, number in CountedBus.asked.items())
            print(f"{side}: {rates[side][-1]:.0f} jobs/s; records {sum(counted.values()):.2f} a job ({told}); {broker}")
    for side in sides:
        rate, cost = statistics.median(rates[side]), statistics.median(costs[side])
        if side == "leat":
            bare_rate, bare_cost = statistics.median(rates["bare"]), statistics.median(costs["bare"])
            tell("whole jobs", Ratio(rate / bare_rate, bare_cost / cost))
        print(f"{side:6} {rate:8.0f} jobs/s  {cost:6.2f} ms of processor a job  x {rate / statistics.median(rates['bare']):.2f}")


if __name__ == "__main__":
    main()
