"""The bus of a hub that is one process: queues in memory, encoded as on the wire, nothing on disk (the records own the work)."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from types import TracebackType
from typing import Self

from events.broadcast import BUFFER, Broadcast
from events.bus import Bus, BusError, Consumer, Control, DeadLetter, Delivery, Depth
from events.catalogue import UndecodableMessage, decode_command, decode_event, encode
from events.message import Command, Event
from events.tasks import Tasks

DEAD_LETTERS = 1000
"""Undecodable messages that are kept until somebody takes them; the oldest goes first."""

Handler = Callable[[Delivery], Awaitable[None]]


class EmbeddedDelivery(Delivery):
    """A command that one consumer holds."""

    def __init__(self, command: Command, consumer: "EmbeddedConsumer") -> None:
        self.command = command
        self._consumer: EmbeddedConsumer | None = consumer

    async def ack(self) -> None:
        """Free the slot; a second time does nothing."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.freed()


class EmbeddedConsumer(Consumer):
    """A subscription to one queue."""

    def __init__(self, queue: "EmbeddedQueue", handler: Handler, slots: int) -> None:
        self._queue = queue
        self.handler = handler
        self.free = slots

    def freed(self) -> None:
        """One delivery fewer is unacknowledged."""
        self.free += 1
        self._queue.deliver()

    async def cancel(self) -> None:
        """Take no more."""
        if self in self._queue.consumers:
            self._queue.consumers.remove(self)


class EmbeddedQueue:
    """Commands that wait, and those who take them in turn."""

    def __init__(self, name: str, tasks: Tasks, dead: deque[DeadLetter]) -> None:
        self._name = name
        self._tasks = tasks
        self._dead = dead
        self.waiting: deque[bytes] = deque()
        self.consumers: deque[EmbeddedConsumer] = deque()

    def deliver(self) -> None:
        """Hand out what waits while somebody has a free slot."""
        while self.waiting and (consumer := self._next()) is not None:
            body = self.waiting.popleft()
            try:
                delivery = EmbeddedDelivery(decode_command(body, self._name), consumer)
            except UndecodableMessage as error:
                self._dead.append(DeadLetter(queue=self._name, body=body, reason=str(error)))
                continue
            consumer.free -= 1
            self._tasks.start(consumer.handler(delivery))

    def _next(self) -> EmbeddedConsumer | None:
        for _ in range(len(self.consumers)):
            self.consumers.rotate(-1)
            if self.consumers[-1].free > 0:
                return self.consumers[-1]
        return None


class EmbeddedBus(Bus):
    """Lives and ends with its process; `async with` or `close()` ends the handlers that still run."""

    shared = False

    def __init__(self, buffer: int = BUFFER) -> None:
        self._tasks = Tasks()
        self._dead: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS)
        self._queues: dict[str, EmbeddedQueue] = {}
        self._events: Broadcast[Event | None] = Broadcast(None, buffer)
        self._control: Broadcast[Control | None] = Broadcast(None, buffer)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Take nothing more, end handlers, then watchers."""
        self._closed = True
        await self._tasks.close()
        self._events.close()
        self._control.close()

    def _check(self) -> None:
        if self._closed:
            raise BusError("the bus is closed")

    def _queue(self, name: str) -> EmbeddedQueue:
        self._check()
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = EmbeddedQueue(name, self._tasks, self._dead)
        return queue

    async def send(self, command: Command) -> None:
        """Put the command on its queue."""
        self.put(command.queue, encode(command))

    def put(self, name: str, body: bytes) -> None:
        """Put an encoded message on a queue."""
        queue = self._queue(name)
        queue.waiting.append(body)
        queue.deliver()

    async def consume(self, queue: str, handler: Handler, slots: int) -> Consumer:
        """Call `handler` for each delivery, with at most `slots` unacknowledged."""
        found = self._queue(queue)
        consumer = EmbeddedConsumer(found, handler, slots)
        found.consumers.append(consumer)
        found.deliver()
        return consumer

    async def emit(self, event: Event) -> None:
        """Tell every watcher; what they get was encoded and decoded again, as on the wire."""
        self._check()
        self._events.put(decode_event(encode(event)))

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[Event | None]]:
        """Every event from entering the context on."""
        return self._events.listen()

    async def signal(self, word: Control) -> None:
        """Tell every listener."""
        self._check()
        self._control.put(word)

    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Control | None]]:
        """Every control word from entering the context on; None where some may have been missed."""
        return self._control.listen()

    async def depth(self, queues: Sequence[str]) -> list[Depth]:
        """How these queues stand."""
        found = {name: self._queue(name) for name in queues}
        return [Depth(queue=name, ready=len(queue.waiting), consumers=len(queue.consumers)) for name, queue in found.items()]

    @asynccontextmanager
    async def dead_letters(self, limit: int = 100) -> AsyncIterator[list[DeadLetter]]:
        """Up to `limit` undecodable messages, which are forgotten when the block ends well."""
        letters = list(islice(self._dead, limit))
        yield letters
        for letter in letters:
            if self._dead and self._dead[0] is letter:  # else too many came meanwhile, and it was dropped as the oldest
                self._dead.popleft()

    async def ping(self) -> None:
        """Return unless it is closed."""
        self._check()
