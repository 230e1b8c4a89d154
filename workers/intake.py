"""Intake: takes commands off one queue while there are free slots, and claims their jobs before it acknowledges them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from domain.errors import LeatError, Unavailable
from domain.hub import Hub
from domain.jobs.attempts import Attempt, claim
from events.bus import BusError, Consumer, Delivery
from workers.context import Registration

log = logging.getLogger(__name__)

PATIENCE = 0.1
"""Seconds that a claimed delivery is held for a slot to be freed before the consumer is cancelled."""
BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to reach a store or a bus that doesn't answer; the last one for ever."""


class Intake:
    """One queue's consumer.

    A delivery is claimed in the record, then acknowledged: a message that waits is work that waits. Whoever claims for the last
    free slot first cancels the consumer and waits until that is confirmed, so that nothing arrives that would have to be held.
    So at any time: jobs that run and deliveries not yet acknowledged are at most `slots`. While the store can't answer, a
    message is held and nothing more is consumed.
    """

    def __init__(
        self,
        hub: Hub,
        queue: str,
        slots: int,
        registrations: dict[str, Registration],
        start: Callable[[Attempt, Registration], Awaitable[None]],
    ) -> None:
        self._hub = hub
        self._queue = queue
        self._slots = slots
        self._registrations = registrations
        self._start = start
        self._consumer: Consumer | None = None
        self._prefetch = 0
        self._running = 0
        self._held = 0
        """Deliveries not yet acknowledged."""
        self._blocked = 0
        """Deliveries that wait for the store."""
        self._pause = False
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._paused = asyncio.Event()
        self._paused.set()
        self._answered = asyncio.Event()
        """Nothing is held."""
        self._answered.set()

    async def run(self) -> None:
        """Consume, and stop consuming, as slots allow, until closed."""
        self._changed.set()
        tries = 0
        while not self._closed:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._arrange()
                tries = 0
            except BusError as error:
                log.warning("queue not consumed", extra={"queue": self._queue, "error": str(error)})
                await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
                tries += 1
                self._changed.set()
        await self._cancel()  # one that was being subscribed just then

    async def close(self) -> None:
        """Take no more; returns when no delivery can arrive, and what was being claimed just then has begun. What is not claimed by
        then stays with the bus."""
        self._closed = True
        self._changed.set()
        await self._cancel()
        await self._answered.wait()

    async def _arrange(self) -> None:
        if self._pause or self._blocked or self._closed:
            await self._cancel()
        free = self._slots - self._running - self._held
        idle = self._running + self._held == 0 and self._prefetch < self._wanted
        if self._consumer and idle:
            await self._cancel()
        if self._consumer is None and free > 0 and not self._blocked and not self._closed:
            self._prefetch = min(self._wanted, free)
            self._paused.clear()
            self._consumer = await self._hub.bus.consume(self._queue, self._take, self._prefetch)

    @property
    def _wanted(self) -> int:
        """Deliveries at a time: half the slots, so that claims go side by side and a freed slot finds a message ready."""
        return max(1, self._slots // 2)

    async def _cancel(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer:
            await consumer.cancel()
        self._pause = False
        self._paused.set()

    async def _take(self, delivery: Delivery) -> None:
        self._held += 1
        self._answered.clear()
        try:
            await self._answer(delivery)
        except LeatError as error:
            log.error("job not claimed", extra={"job_id": delivery.command.job_id, "error": error.message})
        finally:
            self._held -= 1
            if not self._held:
                self._answered.set()
            self._changed.set()

    async def _answer(self, delivery: Delivery) -> None:
        """Claim, then acknowledge. Also where claiming fails, with what nobody foresaw too: the record owns the work, and a reaper
        sends it again, while a message kept here would take a slot for ever."""
        stays = False
        try:
            stays = not await self._claim(delivery)
            if not stays:
                await self._make_room()
        except asyncio.CancelledError:
            stays = True
            raise
        finally:
            if not stays:
                await delivery.ack()

    async def _claim(self, delivery: Delivery) -> bool:
        """Claim the job and start it; False where the message has to stay with the bus, because this process stops."""
        command = delivery.command
        registration = self._registrations[type(command).__name__]
        tries = 0
        while not self._closed:
            try:
                attempt = await claim(self._hub, command.job_id, self._hub.process, registration.retry)
            except Unavailable as error:
                log.warning("job not claimed yet", extra={"job_id": command.job_id, "error": error.message})
                await self._block(BACKOFF[min(tries, len(BACKOFF) - 1)])
                tries += 1
                continue
            if attempt:
                await self._begin(attempt, registration)
            return True
        return False

    async def _begin(self, attempt: Attempt, registration: Registration) -> None:
        self._running += 1
        try:
            await self._start(attempt, registration)
        except BaseException:
            self._running -= 1
            raise

    async def _block(self, seconds: float) -> None:
        self._blocked += 1
        self._changed.set()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._blocked -= 1
            self._changed.set()

    async def _make_room(self) -> None:
        """Return when acknowledging can't bring more than fits: at once, or after a slot was freed, or the consumer cancelled."""
        if self._fits():
            return
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._fits():
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            self._pause = True
            self._changed.set()
            await self._paused.wait()

    def _fits(self) -> bool:
        return self._consumer is None or self._running + self._prefetch <= self._slots

    def ended(self) -> None:
        """A job of this queue has ended, or goes on elsewhere: its slot is free."""
        self._running -= 1
        self._room.set()
        if self._consumer is None or self._running == 0:
            self._changed.set()
