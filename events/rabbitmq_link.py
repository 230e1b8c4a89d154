"""One connection to RabbitMQ, through aio-pika, with everything that a hub declares on it."""

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, PublishError
from aiormq import spec
from aiormq.abc import DeliveredMessage
from yarl import URL

from events.bus import BusError, DeadLetter, Depth
from events.catalogue import QUEUES, UndecodableMessage, decode_command, encode
from events.message import Command
from events.tracing import headers

T = TypeVar("T")
Delivered = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]
Received = Callable[[AbstractIncomingMessage], Awaitable[None]]
Stop = Callable[[], Awaitable[object]]

PATIENCE = 10.0
"""Seconds that a call waits for the connection and the answer before it raises BusError."""
IN_FLIGHT = 200
"""Commands published and not yet confirmed; more make RabbitMQ slower, not faster."""
DELIVERY_LIMIT = 20
"""Deliveries of one command before it is a dead letter; 4.x has this limit by default, 3.10 has none."""
EVENTS_WAITING = 10_000
"""Events that wait for one process in the broker; the oldest goes first."""


class ConnectionLost(BusError):
    """The connection went away during a call; a caller that may do it twice does it again on the next one."""


async def driven(call: Awaitable[T]) -> T:
    """What the driver answers. This is the one place where its exceptions become ours."""
    try:
        return await call
    except asyncio.CancelledError as error:
        # The driver cancels what waits on a connection that ends; only our own cancellation is counted in `cancelling`.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionLost("the connection to RabbitMQ ended") from error
    except CONNECTION_EXCEPTIONS as error:
        raise ConnectionLost(f"RabbitMQ: {error or type(error).__name__}") from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        # The driver gives a bare exception to what waits on a connection that ends without a reason (aiormq's FutureStore).
        raise ConnectionLost("the connection to RabbitMQ ended") from error


class Link:
    """One connection with its channels. A channel that the broker closes ends the whole link: there is one way to come back."""

    def __init__(self, connection: AbstractConnection, hub: str) -> None:
        self._connection = connection
        self._hub = hub
        self._channels: dict[str, AbstractChannel] = {}
        self._exchanges: dict[str, AbstractExchange] = {}
        self._opening = asyncio.Lock()
        self._consuming = asyncio.Lock()
        self._dead: list[AbstractIncomingMessage] = []
        """Dead letters that were taken and are not kept yet, in the order of the queue."""
        self._window = asyncio.Semaphore(IN_FLIGHT)
        self.lost = asyncio.Event()
        connection.close_callbacks.add(self._ended)

    @classmethod
    async def open(cls, url: URL, hub: str) -> "Link":
        """Connect and declare; raises ConnectionLost."""
        link = cls(await driven(aio_pika.connect(url, timeout=PATIENCE)), hub)
        try:
            await driven(asyncio.wait_for(link._declare(), PATIENCE))
        except BaseException:
            await link.close()
            raise
        return link

    def _ended(self, *_: object) -> None:
        self.lost.set()

    async def close(self) -> None:
        """Close channels and connection; fine where they are closed."""
        self.lost.set()
        with contextlib.suppress(ConnectionLost):
            await driven(asyncio.wait_for(self._connection.close(), PATIENCE))

    async def channel(self, purpose: str, confirms: bool = False) -> AbstractChannel:
        """The channel for that purpose, opened on first use."""
        async with self._opening:
            if purpose not in self._channels:
                channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
                channel.close_callbacks.add(self._ended)
                await channel.initialize()
                # aio-pika itself does not tell that somebody deleted a consumer's queue: declare it again.
                (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(self._ended)
                self._channels[purpose] = channel
            return self._channels[purpose]

    async def _declare(self) -> None:
        commands, hints = await self.channel("commands", confirms=True), await self.channel("hints")
        for exchange, kind in (("commands", "direct"), ("dead", "fanout"), ("events", "topic"), ("control", "fanout")):
            channel = commands if exchange == "commands" else hints
            self._exchanges[exchange] = await channel.declare_exchange(f"{self._hub}.{exchange}", kind, durable=True)
        dead = await commands.declare_queue(f"{self._hub}.dead", durable=True, arguments={"x-queue-type": "quorum"})
        await dead.bind(self._exchanges["dead"])
        for queue in QUEUES:
            await self._declared(queue)

    async def _declared(self, queue: str) -> AbstractQueue:
        """The queue, made where it is missing."""
        declared = await (await self.channel("declare")).declare_queue(
            f"{self._hub}.{queue}",
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": f"{self._hub}.dead",
            },
        )
        await declared.bind(self._exchanges["commands"], queue)
        return declared

    async def depths(self, queues: Sequence[str]) -> list[Depth]:
        """How these queues stand."""
        found = [(queue, (await self._declared(queue)).declaration_result) for queue in queues]
        return [Depth(queue=queue, ready=how.message_count or 0, consumers=how.consumer_count or 0) for queue, how in found]

    async def publish(self, command: Command) -> None:
        """Return once the broker has confirmed."""
        properties = spec.Basic.Properties(content_type="application/json", delivery_mode=2, message_id=command.id)
        properties.headers = {**headers(command)}
        channel = await self._channels["commands"].get_underlay_channel()
        async with self._window:
            try:
                await channel.basic_publish(
                    encode(command),
                    exchange=self._exchanges["commands"].name,
                    routing_key=command.queue,
                    properties=properties,
                    mandatory=True,
                )
            except PublishError:  # no such queue any more
                self.lost.set()
                raise

    async def hint(self, exchange: str, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Publish, unconfirmed, to whoever listens."""
        await self._exchanges[exchange].publish(aio_pika.Message(body, headers={**headers}), key, mandatory=False)

    async def consume(self, queue: str, slots: int, delivered: Delivered) -> Stop:
        """Take deliveries of a queue. Returns what to call to get nothing more; the broker has said so when that returns."""
        channel = await (await self.channel(f"consume {queue}")).get_underlay_channel()
        async with self._consuming:
            await channel.basic_qos(prefetch_count=slots)
            begun = await channel.basic_consume(f"{self._hub}.{queue}", delivered)
        return functools.partial(channel.basic_cancel, str(begun.consumer_tag), timeout=PATIENCE)

    async def subscribe(self, exchange: str, received: Received) -> None:
        """Take everything of that exchange, through a queue that ends with this connection."""
        queue = await (await self.channel("subscribe")).declare_queue(
            f"{self._hub}.{exchange}.{secrets.token_hex(8)}",
            exclusive=True,
            arguments={"x-max-length": EVENTS_WAITING, "x-overflow": "drop-head"},
        )
        await queue.bind(self._exchanges[exchange], "#")
        await queue.consume(received, no_ack=True)

    async def dead_letters(self, limit: int) -> tuple[list[DeadLetter], Stop]:
        """Up to `limit` messages of the dead-letter queue, oldest first, and what to call once they are kept. Until then this
        connection holds them: to give them back would count as a delivery, and a message has only so many of those."""
        queue = await (await self.channel("dead")).get_queue(f"{self._hub}.dead", ensure=False)
        while len(self._dead) < limit and (message := await queue.get(fail=False)):
            self._dead.append(message)
        taken = self._dead[:limit]
        return [dead_letter(message, self._hub) for message in taken], functools.partial(self._drop_dead, len(taken))

    async def _drop_dead(self, number: int) -> None:
        dropped, self._dead = self._dead[:number], self._dead[number:]
        if dropped:
            await dropped[-1].ack(multiple=True)


def dead_letter(message: AbstractIncomingMessage, hub: str) -> DeadLetter:
    """Where it was, and why it died: what the decoder says, or the broker's word (`delivery_limit`)."""
    reason = str(message.headers.get("x-first-death-reason", ""))
    queue = str(message.headers.get("x-first-death-queue", "")).removeprefix(f"{hub}.")
    try:
        decode_command(message.body, queue)
    except UndecodableMessage as error:
        reason = str(error)
    return DeadLetter(queue=queue, body=message.body, reason=reason)
