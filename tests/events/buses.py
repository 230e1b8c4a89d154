"""Both buses under one name, a proxy in front of RabbitMQ that can cut the cable, and what tests see of deliveries."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import aio_pika
import pamqp.frame
from pamqp.base import Frame
from yarl import URL

from events.bus import Bus, DeadLetter, Delivery, Depth
from events.catalogue import QUEUES
from events.embedded import EmbeddedBus
from events.rabbitmq import RabbitBus
from events.sources import DumpSource

T = TypeVar("T")

PATIENCE = 3.0
BUFFER = 50


class Proxy:
    """A TCP proxy on a free port of this machine."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._sent: list[bytearray] = []
        self.port = 0

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections, and cut those there are."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Cut every connection without a word."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        both = {writer, far_writer}
        self._writers |= both
        try:
            self._sent.append(sent := bytearray())
            await asyncio.gather(self._pump(reader, far_writer, sent), self._pump(far_reader, writer, bytearray()))
        finally:
            self._writers -= both

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                record += data
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    def sent(self) -> list[Frame]:
        """Every AMQP method that came through towards the broker."""
        frames: list[Frame] = []
        for sent in self._sent:
            left = bytes(sent)
            while left:
                length, _, frame = pamqp.frame.unmarshal(left)
                left = left[length:]
                if isinstance(frame, Frame):
                    frames.append(frame)
        return frames


@dataclass
class Bench:
    """A bus to be tested, and what only its adapter knows how to do."""

    bus: Bus
    put: Callable[[str, bytes], Awaitable[None]]
    """Put any bytes on a queue."""
    open: Callable[[], Awaitable[Bus]]
    """Another bus of the same hub, as another process would open it; the same one where there is only one process."""
    proxy: Proxy | None = None


@contextlib.asynccontextmanager
async def embedded() -> AsyncIterator[Bench]:
    """A bus in memory."""
    async with EmbeddedBus(buffer=BUFFER) as bus:

        async def put(queue: str, body: bytes) -> None:
            bus.put(queue, body)

        async def same() -> Bus:
            return bus

        yield Bench(bus, put, same)


@contextlib.asynccontextmanager
async def rabbit(url: str) -> AsyncIterator[Bench]:
    """A bus over RabbitMQ behind a proxy, whose queues are deleted afterwards."""
    address = URL(url)
    proxy = Proxy(str(address.host), address.port or 5672)
    await proxy.start()
    hub = f"test-{secrets.token_hex(4)}"
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(proxy.stop)
        stack.push_async_callback(remove, url, hub)
        connection = await stack.enter_async_context(await aio_pika.connect(url))
        commands = await (await connection.channel()).get_exchange(f"{hub}.commands", ensure=False)
        near = str(address.with_host("127.0.0.1").with_port(proxy.port))
        bus = await stack.enter_async_context(await RabbitBus.open(near, hub, patience=PATIENCE, buffer=BUFFER))

        async def put(queue: str, body: bytes) -> None:
            await commands.publish(aio_pika.Message(body), queue)

        async def other() -> Bus:
            return await stack.enter_async_context(await RabbitBus.open(url, hub, patience=PATIENCE, buffer=BUFFER))

        yield Bench(bus, put, other, proxy)


async def remove(url: str, hub: str) -> None:
    """Take away what a hub declared; fine where it is gone."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in (*QUEUES, "dead"):
            await channel.queue_delete(f"{hub}.{queue}")
        for exchange in ("commands", "dead", "events", "control"):
            await channel.exchange_delete(f"{hub}.{exchange}")


class Inbox:
    """A handler that keeps its deliveries, acknowledged at once or not."""

    def __init__(self, ack: bool = True) -> None:
        self._ack = ack
        self.deliveries: list[Delivery] = []
        self._arrived = asyncio.Condition()

    async def __call__(self, delivery: Delivery) -> None:
        """Keep it."""
        if self._ack:
            await delivery.ack()
        async with self._arrived:
            self.deliveries.append(delivery)
            self._arrived.notify_all()

    @property
    def sources(self) -> list[str]:
        """The source that each command names, in the order of arrival."""
        return [source_of(delivery) for delivery in self.deliveries]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something about the deliveries."""
        async with asyncio.timeout(20), self._arrived:
            await self._arrived.wait_for(holds)

    async def count(self, number: int) -> None:
        """Wait for so many deliveries."""
        await self.until(lambda: len(self.deliveries) >= number)


def source_of(delivery: Delivery) -> str:
    """The source that the command names."""
    assert isinstance(delivery.command, DumpSource)
    return delivery.command.source


async def polled(question: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """The first answer that is so; for what another process knows and does not tell."""
    async with asyncio.timeout(20):
        while not holds(answer := await question()):  # noqa: ASYNC110  (there is no event to wait for)
            await asyncio.sleep(0.02)
    return answer


async def settled(bus: Bus, queue: str, holds: Callable[[Depth], bool]) -> Depth:
    """The queue's depth as soon as it is so; a broker counts a moment later than it acts."""
    return (await polled(lambda: bus.depth([queue]), lambda depths: holds(depths[0])))[0]


async def dead_letters(bus: Bus, limit: int = 100) -> list[DeadLetter]:
    """Take dead letters off the bus."""
    async with bus.dead_letters(limit) as letters:
        return letters
