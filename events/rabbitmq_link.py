"""One connection to RabbitMQ, through aiormq (the protocol layer of aio-pika), with everything that a hub declares on it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import aiormq
from aiormq import spec
from aiormq.abc import AbstractConnection, DeliveredMessage
from pamqp.common import FieldTable
from pamqp.exceptions import PAMQPException
from yarl import URL

from events.bus import BusError, DeadLetter, Depth
from events.catalogue import QUEUES, UndecodableMessage, decode_command, encode
from events.message import Command

T = TypeVar("T")
Received = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]

PATIENCE = 10.0
"""Seconds that a call waits for the connection and the answer before it raises BusError."""
IN_FLIGHT = 200
"""Commands published and not yet confirmed; more make RabbitMQ slower, not faster."""
DELIVERY_LIMIT = 20
"""Deliveries of one command before it is a dead letter; 4.x has this limit by default, 3.10 has none."""
EVENTS_WAITING = 10_000
"""Events that wait for one process in the broker; the oldest goes first."""


class ConnectionLost(BusError):
    """The connection went away under a call; who may do it twice does it again on the next one."""


async def driven(call: Awaitable[T]) -> T:
    """What the driver answers; the one place where its exceptions become ours."""
    try:
        return await call
    except asyncio.CancelledError as error:
        # The driver cancels what waits on a connection that ends; only our own cancellation is counted in `cancelling`.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionLost("the connection to RabbitMQ ended") from error
    except (aiormq.AMQPError, PAMQPException, OSError, RuntimeError) as error:  # it says "closed" by RuntimeError
        raise ConnectionLost(f"RabbitMQ: {error or type(error).__name__}") from error


class Link:
    """One connection with its channels. A channel that the broker closes ends the whole link: there is one way to come back."""

    def __init__(self, connection: AbstractConnection, hub: str) -> None:
        self._connection = connection
        self._hub = hub
        self._channels: dict[str, aiormq.Channel] = {}
        self._opening = asyncio.Lock()
        self._consuming = asyncio.Lock()
        self._window = asyncio.Semaphore(IN_FLIGHT)
        self.lost = asyncio.Event()
        connection.closing.add_done_callback(self._ended)

    @classmethod
    async def open(cls, url: URL, hub: str) -> "Link":
        """Connect and declare; raises ConnectionLost."""
        link = cls(await driven(asyncio.wait_for(aiormq.connect(url), PATIENCE)), hub)
        try:
            await driven(asyncio.wait_for(link._declare(), PATIENCE))
        except BaseException:
            await link.close()
            raise
        return link

    def _ended(self, closing: "asyncio.Future[object]") -> None:
        if not closing.cancelled():
            closing.exception()  # looked at, so that asyncio does not report it
        self.lost.set()

    def _consumer_cancelled(self, _: spec.Basic.Cancel) -> None:
        self.lost.set()  # somebody deleted its queue: declare it again

    async def close(self) -> None:
        """Close channels and connection; fine where they are closed."""
        self.lost.set()
        with contextlib.suppress(ConnectionLost):
            await driven(asyncio.wait_for(self._connection.close(), PATIENCE))

    async def channel(self, purpose: str, confirms: bool = False) -> aiormq.Channel:
        """The channel for that purpose, opened on first use."""
        async with self._opening:
            found = self._channels.get(purpose)
            if found is None:
                opened = await self._connection.channel(publisher_confirms=confirms, on_return_raises=True)
                assert isinstance(opened, aiormq.Channel)  # the abstract one does not tell of `wait`
                found = opened
                found.closing.add_done_callback(self._ended)
                found.on_consumer_cancel_callbacks.add(self._consumer_cancelled)
                self._channels[purpose] = found
            return found

    async def _declare(self) -> None:
        channel = await self.channel("commands", confirms=True)
        await self.channel("hints")
        for exchange, kind in (("commands", "direct"), ("dead", "fanout"), ("events", "topic"), ("control", "fanout")):
            await channel.exchange_declare(f"{self._hub}.{exchange}", exchange_type=kind, durable=True)
        await channel.queue_declare(f"{self._hub}.dead", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.queue_bind(f"{self._hub}.dead", f"{self._hub}.dead")
        for queue in QUEUES:
            await self.declare(queue)

    async def declare(self, queue: str) -> Depth:
        """Make the queue where it is missing, and say how it stands."""
        arguments: FieldTable = {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": f"{self._hub}.dead",
        }
        channel = await self.channel("declare")
        found = await channel.queue_declare(f"{self._hub}.{queue}", durable=True, arguments=arguments)
        await channel.queue_bind(f"{self._hub}.{queue}", f"{self._hub}.commands", queue)
        return Depth(queue=queue, ready=found.message_count or 0, consumers=found.consumer_count or 0)

    async def depths(self, queues: Sequence[str]) -> list[Depth]:
        """How these queues stand."""
        return [await self.declare(queue) for queue in queues]

    async def publish(self, command: Command) -> None:
        """Return once the broker has confirmed."""
        properties = spec.Basic.Properties(content_type="application/json", delivery_mode=2, message_id=command.id)
        exchange = f"{self._hub}.commands"
        async with self._window:
            try:
                await self._channels["commands"].basic_publish(
                    encode(command), exchange=exchange, routing_key=command.queue, properties=properties, mandatory=True, wait=False
                )
            except aiormq.PublishError:  # no such queue any more
                self.lost.set()
                raise

    async def hint(self, exchange: str, key: str, body: bytes) -> None:
        """Publish, unconfirmed, to whoever listens."""
        await self._channels["hints"].basic_publish(body, exchange=f"{self._hub}.{exchange}", routing_key=key, wait=True)

    async def consume(self, queue: str, slots: int, received: Received) -> str:
        """Take deliveries of a queue; returns the consumer's tag."""
        channel = await self.channel(f"consume {queue}")
        async with self._consuming:
            await channel.basic_qos(prefetch_count=slots)
            return (await channel.basic_consume(f"{self._hub}.{queue}", received)).consumer_tag or ""

    async def stop(self, queue: str, tag: str) -> None:
        """Return when the broker said that this consumer gets nothing more."""
        channel = await self.channel(f"consume {queue}")
        await channel.basic_cancel(tag, timeout=PATIENCE)

    async def subscribe(self, exchange: str, received: Received) -> None:
        """Take everything of that exchange, through a queue that ends with this connection."""
        channel = await self.channel("subscribe")
        arguments: FieldTable = {"x-max-length": EVENTS_WAITING, "x-overflow": "drop-head"}
        queue = str((await channel.queue_declare(exclusive=True, arguments=arguments)).queue)
        await channel.queue_bind(queue, f"{self._hub}.{exchange}", "#")
        await channel.basic_consume(queue, received, no_ack=True)

    async def take_dead(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` messages off the dead-letter queue."""
        channel = await self.channel("dead")
        taken: list[DeliveredMessage] = []
        while len(taken) < limit and (message := await channel.basic_get(f"{self._hub}.dead")).delivery_tag:
            taken.append(message)
        if taken:
            await channel.basic_ack(taken[-1].delivery_tag or 0, multiple=True)
        return [dead_letter(message, self._hub) for message in taken]


def dead_letter(message: DeliveredMessage, hub: str) -> DeadLetter:
    """Where it was, and why it died: what the decoder says, or the broker's word (`delivery_limit`)."""
    headers = message.header.properties.headers or {}
    reason = str(headers.get("x-first-death-reason", ""))
    try:
        decode_command(message.body)
    except UndecodableMessage as error:
        reason = str(error)
    queue = str(headers.get("x-first-death-queue", "")).removeprefix(f"{hub}.")
    return DeadLetter(queue=queue, body=message.body, reason=reason)
