"""Numbers that only grow, made by the server: no process's clock has a say in the order of what they count."""

import asyncio

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from adapters.mongodb.connection import Fields

COUNTER = {"_id": "records"}


class Sequence:
    """Counts in one document of its collection; those who wait for a number at the same time share a round trip.

    Nobody waits until a number is on disk: what is written durably under it is written later, to the same journal.
    """

    def __init__(self, counters: "AsyncIOMotorCollection[Fields]") -> None:
        self._counters = counters
        self._waiting: list[asyncio.Future[int]] = []
        self._counting: asyncio.Task[None] | None = None

    async def next(self) -> int:
        """A number above all that were given before this was asked for. Raises what the driver raises."""
        number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(number)
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())
        return await number

    async def reach(self, number: int) -> int:
        """Go on behind this number, which comes from a copy; returns it."""
        while True:
            try:
                await self._counters.update_one(COUNTER, {"$max": {"last": number}}, upsert=True)
            except DuplicateKeyError:  # somebody else makes the counter just now
                continue
            return number

    async def _count(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            try:
                last = await self._add(len(asked))
                for place, number in enumerate(asked, last - len(asked) + 1):
                    if not number.done():
                        number.set_result(place)
            except PyMongoError as error:
                for number in asked:
                    if not number.done():
                        number.set_exception(error)
            finally:
                for number in asked:
                    number.cancel()  # does nothing unless what was raised is a mistake in this module

    async def _add(self, numbers: int) -> int:
        while True:
            try:
                added = {"$inc": {"last": numbers}}
                found = await self._counters.find_one_and_update(COUNTER, added, upsert=True, return_document=ReturnDocument.AFTER)
            except DuplicateKeyError:  # somebody else makes the counter just now
                continue
            return int(found["last"])
