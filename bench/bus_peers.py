"""What task frameworks make of the same broker and kilobyte: `bus_peers.py NAME URL MESSAGES` prints [publish/s, consume/s].

Stands alone: it runs in an environment of its own (bench/.venv-queues), started by bench/bus.py. As bench/bus.py does, each fills a
queue and then works it off, with confirms where the framework has them, a hundred in flight, a hundred prefetched.
"""

import asyncio
import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

PADDING = "x" * 900
IN_FLIGHT = 100
QUEUE = f"bench-{secrets.token_hex(4)}"


async def fill(number: int, send: Callable[[int], Awaitable[object]]) -> float:
    """Messages a second."""
    numbers = iter(range(number))

    async def sender() -> None:
        for one in numbers:
            await send(one)

    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    return number / (time.perf_counter() - begun)


async def faststream(url: str, number: int) -> tuple[float, float]:
    """FastStream with a quorum queue and no logger."""
    from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue  # noqa: PLC0415  (one framework a process)

    queue = RabbitQueue(QUEUE, queue_type=QueueType.QUORUM, durable=True)
    broker = RabbitBroker(url, logger=None, default_channel=Channel(prefetch_count=IN_FLIGHT))
    await broker.connect()
    declared = await broker.declare_queue(queue)
    published = await fill(number, lambda one: broker.publish({"source": f"{one}{PADDING}"}, queue, persist=True))
    left, done = number, asyncio.Event()

    @broker.subscriber(queue)
    async def handle(message: dict[str, str]) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    begun = time.perf_counter()
    await broker.start()
    await done.wait()
    consumed = number / (time.perf_counter() - begun)
    await declared.delete(if_unused=False, if_empty=False)
    await broker.stop()
    return published, consumed


async def taskiq(url: str, number: int) -> tuple[float, float]:
    """taskiq over taskiq-aio-pika, whose queues are quorum queues."""
    from taskiq.receiver import Receiver  # noqa: PLC0415  (one framework a process)
    from taskiq_aio_pika import AioPikaBroker, Exchange, Queue  # noqa: PLC0415  (one framework a process)

    exchange, dead = Exchange(name=QUEUE), Queue(name=f"{QUEUE}.dead")
    broker = AioPikaBroker(url, qos=IN_FLIGHT, exchange=exchange, task_queues=[Queue(name=QUEUE)], dead_letter_queue=dead)
    broker.is_worker_process = True
    left, done = number, asyncio.Event()

    @broker.task
    async def handle(source: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    await broker.startup()
    published = await fill(number, lambda one: handle.kiq(f"{one}{PADDING}"))
    finish = asyncio.Event()
    begun = time.perf_counter()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=IN_FLIGHT, run_startup=False).listen(finish))
    await done.wait()
    consumed = number / (time.perf_counter() - begun)
    finish.set()
    await asyncio.wait([listening], timeout=5)
    listening.cancel()
    for queue in (QUEUE, f"{QUEUE}.dead"):
        await broker.write_channel.queue_delete(queue)
    await broker.write_channel.exchange_delete(QUEUE)
    await broker.shutdown()
    return published, consumed


def celery(url: str, number: int) -> NoReturn:
    """Celery, solo pool, late acknowledgement, a classic queue; it awaits no confirms."""
    from celery import Celery  # noqa: PLC0415  (one framework a process)
    from celery.contrib.testing.worker import start_worker  # noqa: PLC0415  (one framework a process)

    app = Celery("bench", broker=url)
    app.conf.update(task_default_queue=QUEUE, task_acks_late=True, worker_prefetch_multiplier=IN_FLIGHT, task_ignore_result=True)
    left, done = number, threading.Event()

    @app.task(name="handle")
    def handle(source: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    begun = time.perf_counter()
    with app.pool.acquire(block=True) as connection, connection.channel() as channel, app.amqp.Producer(channel) as producer:
        for one in range(number):
            handle.apply_async((f"{one}{PADDING}",), producer=producer)
    published = number / (time.perf_counter() - begun)
    begun = time.perf_counter()
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
        done.wait()
        consumed = number / (time.perf_counter() - begun)
        with app.connection() as connection:
            connection.default_channel.queue_delete(QUEUE)
        tell((published, consumed))


def tell(measured: tuple[float, float]) -> NoReturn:
    """Print it and end: some leave threads behind that never do."""
    print(json.dumps(measured), flush=True)
    os._exit(0)


def main() -> None:
    """Measure the one that is named."""
    name, url, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    match name:
        case "faststream":
            tell(asyncio.run(faststream(url, number)))
        case "taskiq":
            tell(asyncio.run(taskiq(url, number)))
        case "celery":
            celery(url, number)
        case _:
            raise SystemExit(f"there is no {name}")


if __name__ == "__main__":
    main()
