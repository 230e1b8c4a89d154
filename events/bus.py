"""The port to whatever carries messages between processes."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Literal

import msgspec

from events.message import Command, Event


class BusError(Exception):
    """The bus could not be reached, or refused; the caller may try again."""


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A word to every process of the hub; may be lost, so the records say the same."""

    word: Literal["cancel"]
    """`cancel`: whoever runs `job_id` looks at its record now."""
    job_id: str = ""


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How one queue stands."""

    queue: str
    ready: int
    """Commands that wait for a worker (not those that one holds)."""
    consumers: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that no process of this version can decode, or that was delivered too often."""

    queue: str
    body: bytes
    reason: str


class Delivery(ABC):
    """A command as one consumer received it."""

    command: Command

    @abstractmethod
    async def ack(self) -> None:
        """Take the command off its queue. After a lost connection this does nothing: the bus delivers it again."""


class Consumer(ABC):
    """A running subscription to one queue."""

    @abstractmethod
    async def cancel(self) -> None:
        """Return when no delivery can arrive any more; what was delivered and not acknowledged stays with its holder."""


class Commands(ABC):
    """How commands reach one worker each."""

    @abstractmethod
    async def send(self, command: Command) -> None:
        """Put the command on its queue; return once the bus has taken responsibility for it. Raises BusError."""

    @abstractmethod
    async def consume(self, queue: str, handler: Callable[[Delivery], Awaitable[None]], slots: int) -> Consumer:
        """Call `handler` in a task of its own for each delivery, with at most `slots` deliveries unacknowledged at a time."""

    @abstractmethod
    async def depth(self, queues: Sequence[str]) -> list[Depth]:
        """How these queues stand now. Raises BusError."""

    @abstractmethod
    def dead_letters(self, limit: int = 100) -> AbstractAsyncContextManager[list[DeadLetter]]:
        """Up to `limit` messages of the dead-letter queue, oldest first, to be kept in the records within the block. They leave the
        queue when the block ends well; else they stay, and come again. So may those that were kept just before the process or
        the connection ended: whoever keeps them has to know one that it kept before. Raises BusError."""


class Hints(ABC):
    """How events and control words reach everybody."""

    @abstractmethod
    async def emit(self, event: Event) -> None:
        """Tell every watcher. A hint: it is lost where nobody watches. Raises BusError."""

    @abstractmethod
    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[Event | None]]:
        """Every event from entering the context on; None says that some may have been missed, so that the watcher reads again."""

    @abstractmethod
    async def signal(self, word: Control) -> None:
        """Tell every process. A hint, like an event. Raises BusError."""

    @abstractmethod
    def listen(self) -> AbstractAsyncContextManager[AsyncIterator[Control | None]]:
        """Every control word from entering the context on; None says that some may have been missed."""


class Bus(Commands, Hints):
    """Carries commands to one worker each, and events and control words to everybody.

    Commands survive a restart of a durable broker, arrive at least once, and in the order they were sent as far as one consumer
    goes. Events and control words are hints: they may be lost while a connection is away, and `watch` and `listen` then say so.
    Adapters reconnect by themselves; a call waits for the connection up to its own time-out and then raises BusError.
    """

    shared: ClassVar[bool] = True
    """Whether other processes may be on it."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the bus answers. Raises BusError."""
