"""What is asked of the hub's ports in the background, for health and metrics: who wants to know never waits for long."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from domain.data import apis
from domain.data.disks import Disks
from domain.errors import LeatError
from domain.hub import Hub
from domain.room import Disk
from events.bus import BusError

log = logging.getLogger(__name__)

PATIENCE = 1.5
"""Seconds that somebody waits for an answer."""
LONGEST = 10.0
"""Seconds after which a question that nobody answered is given up, to be asked anew."""

T = TypeVar("T")


class Reading(Generic[T]):
    """What was read last, and how long ago; read anew for whoever asks, once for all who ask at the same time."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._task: asyncio.Task[None] | None = None
        self._begun_at = self._read_at = time.monotonic()
        self.value: T | None = None
        self._failure = ""

    async def renew(self) -> str:
        """Read it anew; why that did not come to an end in time, empty where it did. `value` is the last known one either way."""
        if self._task is None or self._task.done():
            self._begun_at = time.monotonic()
            self._task = asyncio.create_task(self._try())
        await asyncio.wait([self._task], timeout=PATIENCE)
        if not self._task.done():
            return f"silent for {time.monotonic() - self._begun_at:.2g} s"
        self._task.result()  # a bug in a port is one here too
        return self._failure

    @property
    def age(self) -> float:
        """Seconds since it was read, or since the process began."""
        return time.monotonic() - self._read_at

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                self.value = await self._read()
        except TimeoutError:
            self._failure = f"silent for {LONGEST:g} s"
        except (LeatError, BusError) as error:
            self._failure = type(error).__name__
            log.info("a port does not answer", extra={"error": str(error)})
        else:
            self._failure, self._read_at = "", time.monotonic()

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._task is not None:
            self._task.cancel()


class Ports:
    """Whether every port of the hub answers."""

    def __init__(self, hub: Hub) -> None:
        ports: dict[str, Any] = {
            "bus": hub.bus,
            "records": hub.records,
            "documents": hub.documents,
            "search": hub.search,
            "files": hub.files,
        }
        self._disks = Reading(Disks(hub, hub.records).look)
        self._served = Reading(lambda: apis.gone(hub))
        self._readings: dict[str, Reading[None]] = {name: Reading(_pinging(port)) for name, port in ports.items()}

    async def ping(self) -> dict[str, str]:
        """Why each port does not answer; empty where it does. The reason is for whoever runs the hub: it names no address."""
        states = await asyncio.gather(*(reading.renew() for reading in self._readings.values()))
        return dict(zip(self._readings, states, strict=True))

    async def served(self) -> dict[str, str]:
        """By API: why what it serves is not there; empty where it is. As it was known last, where that can't be found out in time:
        then a port does not answer, which `ping` tells."""
        await self._served.renew()
        return self._served.value or {}

    async def disks(self) -> dict[str, Disk]:
        """How the disks stand that tell, as it was known last."""
        await self._disks.renew()
        return self._disks.value or {}

    def ages(self) -> dict[str, float]:
        """Seconds since each port answered."""
        return {name: reading.age for name, reading in self._readings.items()}

    def close(self) -> None:
        """Ask no more."""
        self._served.close()
        self._disks.close()
        for reading in self._readings.values():
            reading.close()


def _pinging(port: Any) -> Callable[[], Awaitable[None]]:
    async def ping() -> None:
        await port.ping()

    return ping
