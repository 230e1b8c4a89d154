"""The bus over RabbitMQ, 3.10 to 4.x: one connection a process, kept up by a loop of its own that declares and consumes anew."""

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar, cast

import msgspec
from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import DeliveredMessage
from yarl import URL

from events.broadcast import BUFFER, Broadcast
from events.bus import Bus, BusError, Consumer, Control, DeadLetter, Delivery, Depth
from events.catalogue import QUEUES, UndecodableMessage, decode_command, decode_event, encode
from events.message import Command, Event
from events.rabbitmq_link import PATIENCE, ConnectionLost, Link, Stop, driven
from events.supervision import supervise
from events.tasks import Tasks
from events.tracing import headers

T = TypeVar("T")
Handler = Callable[[Delivery], Awaitable[None]]

log = logging.getLogger(__name__)

HEARTBEAT = 10
"""Seconds; a dead peer is noticed after about three of them."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to reconnect; the last one repeats."""
AGAIN = 0.05
"""Seconds before a call that lost its connection looks for the next one."""
CONTROL = msgspec.json.Decoder(Control)


class RabbitDelivery(Delivery):
    """A command that arrived on one channel; once that channel is gone, so is the right to acknowledge it."""

    def __init__(self, command: Command, message: DeliveredMessage) -> None:
        self.command = command
        self._message: DeliveredMessage | None = message

    async def ack(self) -> None:
        """Take the command off its queue; a second time, and after a lost connection, this does nothing."""
        message, self._message = self._message, None
        if message is not None:
            with contextlib.suppress(ConnectionLost, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await driven(message.channel.basic_ack(cast("int", message.delivery_tag), wait=False))


class RabbitConsumer(Consumer):
    """A subscription to one queue, over whichever connection there is."""

    def __init__(self, queue: str, handler: Handler, slots: int, tasks: Tasks) -> None:
        self._queue = queue
        self._handler = handler
        self._slots = slots
        self._tasks = tasks
        self._changing = asyncio.Lock()
        self._link: Link | None = None
        self._stop_taking: Stop | None = None
        self.wanted = True
        self.held = True
        """False once nobody waits for deliveries that may still arrive."""

    async def start(self, link: Link) -> None:
        """Consume on this connection, once."""
        async with self._changing:
            if self.wanted and self._link is not link:
                self._stop_taking = await link.consume(self._queue, self._slots, self._delivered)
                self._link = link

    async def _delivered(self, message: DeliveredMessage) -> None:
        try:
            command = decode_command(message.body, self._queue)
        except UndecodableMessage as error:
            log.error("undecodable message", extra={"queue": self._queue, "error": str(error)})
            await message.channel.basic_reject(cast("int", message.delivery_tag), requeue=False)
            return
        if self.held:
            self._tasks.start(self._handler(RabbitDelivery(command, message)))
        else:
            await message.channel.basic_reject(cast("int", message.delivery_tag), requeue=True)

    async def cancel(self) -> None:
        """Return when the broker said that nothing more will come."""
        self.wanted = False
        await self._tasks.finish(self._stop())

    async def _stop(self) -> None:
        async with self._changing:
            link, self._link = self._link, None
            if link is not None and self._stop_taking is not None and not link.lost.is_set():
                with contextlib.suppress(ConnectionLost):  # then nothing comes over it any more
                    await driven(self._stop_taking())


class RabbitListener:
    """What this process hears of one exchange, over whichever connection there is."""

    def __init__(self, exchange: str, heard: Callable[[bytes], None]) -> None:
        self._exchange = exchange
        self._heard = heard
        self._changing = asyncio.Lock()
        self._link: Link | None = None
        self.wanted = False

    async def start(self, link: Link) -> None:
        """Subscribe on this connection, once, if anybody listens."""
        async with self._changing:
            if self.wanted and self._link is not link:
                await link.subscribe(self._exchange, self._received)
                self._link = link

    async def _received(self, message: AbstractIncomingMessage) -> None:
        try:
            self._heard(message.body)
        except (UndecodableMessage, msgspec.DecodeError) as error:
            log.warning("undecodable hint", extra={"exchange": self._exchange, "error": str(error)})


class RabbitBus(Bus):
    """Open it with `RabbitBus.open`; `async with` or `close()` ends it."""

    def __init__(self, url: URL, hub: str, patience: float, buffer: int) -> None:
        self._url = url
        self.hub = hub
        self._patience = patience
        self._tasks = Tasks()
        self._consumers: list[RabbitConsumer] = []
        self._events: Broadcast[Event | None] = Broadcast(None, buffer)
        self._control: Broadcast[Control | None] = Broadcast(None, buffer)
        self._listeners = {
            "events": RabbitListener("events", lambda body: self._events.put(decode_event(body))),
            "control": RabbitListener("control", lambda body: self._control.put(CONTROL.decode(body))),
        }
        self._link: Link | None = None
        self._linked = asyncio.Event()
        self._dead = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, url: str, hub_name: str, *, patience: float = PATIENCE, buffer: int = BUFFER) -> "RabbitBus":
        """Connect and declare what the hub needs, its names starting with `hub_name`; raises BusError at once if that fails."""
        address = URL(url)
        defaults = {"heartbeat": str(HEARTBEAT), "name": hub_name}
        bus = cls(address.update_query({**defaults, **dict(address.query)}), hub_name, patience, buffer)
        bus._link = await Link.open(bus._url, hub_name)
        bus._linked.set()
        bus._tasks.start(supervise("connection to RabbitMQ", bus._keep))
        return bus

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Take nothing more, end handlers and the upkeep of the connection, then watchers, then the connection."""
        self._closed = True
        for consumer in tuple(self._consumers):
            await consumer.cancel()
        await self._tasks.close()
        self._events.close()
        self._control.close()
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _keep(self) -> None:
        """Wait for the connection to be lost, and come back. Where it fails it is begun anew, in whatever state that left
        things."""
        while True:
            if self._link is None:
                self._link = await self._reconnect()
                log.info("bus connection restored", extra={"hub": self.hub})
                self._events.tell_gap()
                self._control.tell_gap()
            link = self._link
            self._linked.set()
            await link.lost.wait()
            self._linked.clear()
            self._link = None
            log.warning("bus connection lost", extra={"hub": self.hub})
            await link.close()

    async def _reconnect(self) -> Link:
        for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
            try:
                link = await Link.open(self._url, self.hub)
            except ConnectionLost as error:
                log.warning("bus can't be reached", extra={"hub": self.hub, "error": str(error)})
            else:
                if await self._resume(link):
                    return link
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
        raise AssertionError("unreachable: the pauses never end")

    async def _resume(self, link: Link) -> bool:
        """Hear and consume over this link; False where it was lost meanwhile. A link that is not resumed is closed."""
        resumed = False
        try:
            async with asyncio.timeout(PATIENCE):
                for listener in self._listeners.values():
                    await driven(listener.start(link))
                for consumer in tuple(self._consumers):
                    await driven(consumer.start(link))
            resumed = True
        except (ConnectionLost, TimeoutError) as error:
            log.warning("bus can't be resumed", extra={"hub": self.hub, "error": str(error) or f"no answer in {PATIENCE:g} s"})
        finally:
            if not resumed:
                await link.close()
        return resumed

    async def _patiently(self, call: Callable[[Link], Awaitable[T]]) -> T:
        """Do the call on the connection there is, and again where that is lost meanwhile, for as long as patience lasts."""
        try:
            async with asyncio.timeout(self._patience):
                while not self._closed:
                    await self._linked.wait()
                    if (link := self._link) is not None and not link.lost.is_set():
                        with contextlib.suppress(ConnectionLost):
                            return await driven(call(link))
                    await asyncio.sleep(AGAIN)
        except TimeoutError as error:
            raise BusError(f"RabbitMQ did not answer in {self._patience:g} s") from error
        raise BusError("the bus is closed")

    async def _finish(self, call: Callable[[Link], Awaitable[T]]) -> T:
        """As _patiently, and never cancelled half-way: the driver would close the channel."""
        return await self._tasks.finish(self._patiently(call))

    async def send(self, command: Command) -> None:
        """Publish, and wait for the broker's confirmation; may arrive twice where the connection was lost in between."""
        await self._patiently(lambda link: link.publish(command))

    async def consume(self, queue: str, handler: Handler, slots: int) -> Consumer:
        """Call `handler` for each delivery, with at most `slots` unacknowledged."""
        consumer = RabbitConsumer(queue, handler, slots, self._tasks)
        self._consumers = [known for known in self._consumers if known.wanted] + [consumer]
        try:
            await self._finish(consumer.start)
        except BaseException:
            consumer.held = False
            await consumer.cancel()
            raise
        return consumer

    async def _hint(self, exchange: str, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Never waits for a connection: a hint that comes late is worth nothing."""
        if self._link is None:
            raise BusError("RabbitMQ is not connected")
        try:
            async with asyncio.timeout(self._patience):
                await driven(self._link.hint(exchange, key, body, headers))
        except TimeoutError as error:
            raise BusError(f"RabbitMQ took nothing in {self._patience:g} s") from error

    async def emit(self, event: Event) -> None:
        """Publish to every watcher; the topic is the event's class name."""
        await self._hint("events", type(event).__name__, encode(event), headers(event))

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Event | None]]:
        """Every event from entering the context on."""
        await self._hear("events")
        async with self._events.listen() as heard:
            yield heard

    async def signal(self, word: Control) -> None:
        """Publish to every process."""
        await self._hint("control", word.word, msgspec.json.encode(word), {})

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Control | None]]:
        """Every control word from entering the context on; None where some may have been missed."""
        await self._hear("control")
        async with self._control.listen() as heard:
            yield heard

    async def _hear(self, exchange: str) -> None:
        self._listeners[exchange].wanted = True
        await self._finish(self._listeners[exchange].start)

    async def depth(self, queues: Sequence[str]) -> list[Depth]:
        """How these queues stand now."""
        return await self._finish(lambda link: link.depths(queues))

    @contextlib.asynccontextmanager
    async def dead_letters(self, limit: int = 100) -> AsyncIterator[list[DeadLetter]]:
        """Up to `limit` messages of the dead-letter queue, acknowledged when the block ends well. Otherwise they come again: in
        this process or, once its connection has ended, in another one."""
        async with self._dead:
            letters, drop = await self._finish(lambda link: link.dead_letters(limit))
            yield letters
            with contextlib.suppress(ConnectionLost):
                await self._tasks.finish(driven(drop()))

    async def ping(self) -> None:
        """Ask the broker for a queue's depth."""
        await self.depth(QUEUES[:1])
