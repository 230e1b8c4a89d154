"""One stream to many listeners of this process, none of which can hold up another or fill the memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

BUFFER = 10_000
"""Items that wait for one listener before it is told of a gap instead."""


class Listener(Generic[T]):
    """What one listener has yet to see."""

    def __init__(self, buffer: int) -> None:
        self._waiting: deque[T] = deque()
        self._buffer = buffer
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, item: T, gap: T) -> None:
        """Add an item; where too many wait already, `gap` takes the place of them all."""
        if len(self._waiting) >= self._buffer:
            self._waiting.clear()
            self._waiting.append(gap)
        self._waiting.append(item)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration after what still waits."""
        self._closed = True
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class Broadcast(Generic[T]):
    """Hands every item to every listener, in order."""

    def __init__(self, gap: T, buffer: int = BUFFER) -> None:
        self._gap = gap
        self._buffer = buffer
        self._listeners: set[Listener[T]] = set()

    def put(self, item: T) -> None:
        """Tell every listener; never waits."""
        for listener in self._listeners:
            listener.put(item, self._gap)

    def tell_gap(self) -> None:
        """Tell every listener that something may have been missed."""
        self.put(self._gap)

    def close(self) -> None:
        """End every listener's iteration."""
        for listener in self._listeners:
            listener.close()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[T]]:
        """Everything from now on."""
        listener: Listener[T] = Listener(self._buffer)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
