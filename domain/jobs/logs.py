"""Logs: what jobs say line by line, stored apart from their records, in batches that only an attempt's owner writes."""

import time
from collections import deque
from typing import Literal, NamedTuple

import msgspec

from domain.hub import Hub
from domain.nouns import Table
from domain.ports.records import Kind
from events.jobs import LogWritten

Level = Literal["debug", "info", "warning", "error"]

HEAD = 5_000
"""First lines of an attempt that are kept."""
TAIL = 5_000
"""Last lines of an attempt that are kept; what is between is dropped."""
BATCH = 500
"""Lines of one record."""
WIDTH = 4_000
"""Characters of a line that are kept."""
ATTEMPT = 1_000_000_000.0
"""Position of an attempt's line 0 is its number times this: lines are ordered by (attempt, number)."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's log."""

    number: int
    """1 for the attempt's first line; a gap where lines were dropped."""
    at: float
    """Unix seconds."""
    level: Level
    text: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive lines of one attempt."""

    job: str
    attempt: int
    position: float
    """Of its last line."""
    lines: tuple[Line, ...]


LOGS = Table(Kind(name="log", indexes=(("job",),), order=("position",)), Batch)


class Read(NamedTuple):
    """A line as it is read, with the attempt that said it."""

    attempt: int
    line: Line


class LogWriter:
    """Collects an attempt's lines, and stores them when told to."""

    def __init__(self, hub: Hub, job_id: str, run_id: str, attempt: int) -> None:
        self._hub = hub
        self._job_id, self._run_id, self._attempt = job_id, run_id, attempt
        self._number = 0
        self._waiting: deque[Line] = deque()
        self._storing: tuple[Line, ...] = ()
        """The batch that is being stored; stays the same until it is, since its record is named for its first line."""
        self._tail: deque[tuple[str, int]] = deque()
        """Stored batches behind the head: (id, lines), oldest first."""

    def add(self, text: str, level: Level) -> None:
        """Add one line; costs no more than memory, and of that no more than head and tail."""
        self._number += 1
        cut = text if len(text) <= WIDTH else f"{text[:WIDTH]} … ({len(text)} characters)"
        self._waiting.append(Line(number=self._number, at=time.time(), level=level, text=cut))
        behind_head = max(0, HEAD + 1 - self._waiting[0].number)
        if len(self._waiting) - behind_head > TAIL:
            del self._waiting[behind_head]

    @property
    def waiting(self) -> bool:
        """Are there lines to be stored?"""
        return bool(self._waiting or self._storing)

    async def flush(self) -> None:
        """Store what waits, drop what is between head and tail, tell watchers. Raises Unavailable; what was not stored waits."""
        if not self.waiting:
            return
        while self.waiting:
            await self._store_batch()
        while self._tail and sum(count for _, count in self._tail) - self._tail[0][1] >= TAIL:
            await self._hub.records.delete(LOGS.kind, self._tail.popleft()[0])
        await self._hub.announce(LogWritten(job_id=self._job_id, run_id=self._run_id, attempt=self._attempt, upto=self._number))

    async def _store_batch(self) -> None:
        if not self._storing:
            size, first = min(BATCH, len(self._waiting)), self._waiting[0].number
            if first <= HEAD:
                size = min(size, HEAD - first + 1)
            self._storing = tuple(self._waiting.popleft() for _ in range(size))
        lines = self._storing
        id = f"{self._job_id}.{self._attempt}.{lines[0].number}"
        position = self._attempt * ATTEMPT + lines[-1].number
        await LOGS.insert(self._hub.records, id, Batch(job=self._job_id, attempt=self._attempt, position=position, lines=lines))
        self._storing = ()
        if lines[0].number > HEAD:
            self._tail.append((id, len(lines)))


async def read(hub: Hub, job_id: str, after: tuple[int, int] = (0, 0), limit: int = 1000) -> list[Read]:
    """Up to `limit` lines behind `after` = (attempt, number), oldest first."""
    position = after[0] * ATTEMPT + after[1]
    found: list[Read] = []
    while len(found) < limit:
        batches = await LOGS.find(hub.records, order="position", after=(position, "\uffff"), limit=20, job=job_id)
        found += [
            Read(batch.value.attempt, line)
            for batch in batches
            for line in batch.value.lines
            if (batch.value.attempt, line.number) > after
        ]
        if len(batches) < 20:
            break
        position = batches[-1].value.position
    return found[:limit]


async def drop(hub: Hub, job_id: str) -> None:
    """Remove a job's log."""
    while batches := await LOGS.find(hub.records, order="position", limit=100, job=job_id):
        for batch in batches:
            await hub.records.delete(LOGS.kind, batch.id)
