"""Dead letters: messages that nobody can decode, kept in the records so that somebody sees them."""

import logging
import time

import msgspec

from domain.hub import Hub
from domain.ids import input_hash
from domain.masking import masked
from domain.nouns import Stored, Table
from domain.ports.records import Kind

log = logging.getLogger(__name__)

WIDTH = 10_000
"""Characters of a body that are kept."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was taken off the dead-letter queue."""

    queue: str
    body: str
    reason: str
    created_at: float


DEAD_LETTERS = Table(Kind(name="dead_letter"), Letter)


async def drain(hub: Hub) -> None:
    """Move what the bus could not deliver into the records. Each is stored before the bus forgets it; one that comes again has the
    same id. Raises Unavailable or BusError."""
    async with hub.bus.dead_letters() as letters:
        for letter in letters:
            body = masked(letter.body.decode(errors="replace")[:WIDTH])
            kept = Letter(queue=letter.queue, body=body, reason=letter.reason, created_at=time.time())
            if await DEAD_LETTERS.insert(hub.records, input_hash([letter.queue, body]), kept):
                log.error("message can't be delivered", extra={"queue": letter.queue, "reason": letter.reason})


async def keep(hub: Hub, id: str, queue: str, body: str, reason: str) -> None:
    """Keep a letter, once under this id. Raises Unavailable."""
    await DEAD_LETTERS.insert(
        hub.records, id, Letter(queue=queue, body=masked(body[:WIDTH]), reason=reason, created_at=time.time())
    )


async def page(hub: Hub, *, after: tuple[float, str] | None = None, limit: int = 50) -> list[Stored[Letter]]:
    """Dead letters, newest first."""
    return await DEAD_LETTERS.find(hub.records, descending=True, after=after, limit=limit)
