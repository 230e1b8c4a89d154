"""Logs: what jobs say line by line, stored as files that only an attempt's owner writes, a few times a second.

The lines that an attempt said last are one file, which grows with each flush until it has FULL bytes; then the next one begins.
An object store puts it anew each time, a folder adds to it. So a line costs no write, and a log has few files, on both.
"""

import asyncio
import time
from bisect import bisect
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import msgspec

from domain.hub import Hub
from domain.jobs import old_logs
from domain.jobs.lines import Level, Line, Read, Segment, path, said, stored
from domain.masking import masked
from events.jobs import LogWritten

__all__ = ["Level", "Line", "LogWriter", "Page", "Read", "drop", "read", "tail"]

FULL = 2**16
"""Bytes from which on a file is not put anew: what a flush writes at most again."""
LARGEST = 2**18
"""Bytes of a file at most, where lines come fast: what a reader decodes at once."""
WAITING = 64
"""Files that wait in memory at most, where the store is away or slow; further lines push out those behind the first."""
WIDTH = 4_000
"""Characters of a line that are kept."""
SCANNED = 8 * 2**20
"""Bytes that one call reads at most."""


class Page(NamedTuple):
    """Lines that were read."""

    lines: list[Read]
    """Oldest first."""
    cursor: tuple[int, int]
    """(attempt, number) of the last line that was looked at: `after` of who reads on."""
    more: bool
    """There may be more behind the cursor already; not how a search ends, nor a job."""

    def upto(self, position: tuple[int, int]) -> Self:
        """What of it is not behind this (attempt, number)."""
        lines = [one for one in self.lines if one.position <= position]
        if len(lines) == len(self.lines) and self.cursor <= position:
            return self
        return self._replace(lines=lines, cursor=min(self.cursor, position), more=False)


class Growing:
    """A file that lines are still added to, or that is not stored as far as they were."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.content = bytearray()
        self.stored = 0
        """Bytes of it that are."""


class LogWriter:
    """Collects an attempt's lines, and stores them when told to. One that says nothing touches no store."""

    def __init__(self, hub: Hub, job_id: str, run_id: str, attempt: int) -> None:
        self._hub = hub
        self._job_id, self._run_id, self._attempt = job_id, run_id, attempt
        self._number = 0
        self._growing: deque[Growing] = deque()
        self._sizes: dict[tuple[int, int], int] | None = None
        """Bytes of the job's stored files by attempt and first line, oldest first; None until the first is stored."""
        self._flushing: asyncio.Task[None] | None = None

    def add(self, text: str, level: Level) -> None:
        """Add one line, with the secrets of URLs masked; costs no more than memory, and of that no more than WAITING files."""
        self._number += 1
        text = masked(text)
        cut = text if len(text) <= WIDTH else f"{text[:WIDTH]} … ({len(text)} characters)"
        cut = cut.encode(errors="replace").decode()  # half a surrogate pair, as JSON may hold, is no text
        line = msgspec.json.encode(Line(number=self._number, at=time.time(), level=level, text=cut)) + b"\n"
        if not self._growing or len(self._growing[-1].content) + len(line) > LARGEST:
            self._growing.append(Growing(self._number))
            if len(self._growing) > WAITING:
                del self._growing[1]  # the first may be under way
        self._growing[-1].content += line

    @property
    def waiting(self) -> bool:
        """Are there lines to be stored?"""
        return bool(self._growing) and self._growing[-1].stored < len(self._growing[-1].content)

    async def flush(self) -> None:
        """Store what waits, drop what is too much, tell watchers. Raises Unavailable; what was not stored waits.

        Where it is cancelled, what it began goes on, and the next one waits for that: else an older state of a file could replace
        a newer one.
        """
        if self._flushing:
            await asyncio.wait([self._flushing])
        if self.waiting:
            self._flushing = asyncio.create_task(self._flush())
            await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        for _ in range(len(self._growing)):
            growing = self._growing[0]
            content = bytes(growing.content)
            await self._store(growing.first, content, growing.stored)
            growing.stored = len(content)
            last = growing is self._growing[-1]
            if len(growing.content) > len(content) or (last and len(content) < FULL):
                break
            self._growing.popleft()
        await self._hub.announce(LogWritten(job_id=self._job_id, run_id=self._run_id, attempt=self._attempt, upto=self._number))

    async def _store(self, first: int, content: bytes, before: int) -> None:
        if self._sizes is None:
            earlier = await stored(self._hub, self._job_id) if self._attempt > 1 else []
            self._sizes = {(segment.attempt, segment.first): segment.size for segment in earlier}
        await self._hub.files.put(path(self._job_id, self._attempt, first), content, stored=before)
        self._sizes[self._attempt, first] = len(content)
        excess = sum(self._sizes.values()) - self._hub.limits.log_size
        if excess > 0:
            await self._drop_middle(self._sizes, excess)

    async def _drop_middle(self, sizes: dict[tuple[int, int], int], excess: int) -> None:
        """How a job began and how it ended is worth most: half of what a log may have is its beginning, half its end."""
        size = 0
        for (attempt, first), more in list(sizes.items())[:-1]:
            size += more
            if size > self._hub.limits.log_size / 2:
                await self._hub.files.delete(path(self._job_id, attempt, first))
                del sizes[attempt, first]
                excess -= more
                if excess <= 0:
                    return


async def read(
    hub: Hub, job_id: str, after: tuple[int, int] = (0, 0), limit: int = 1000, *, attempt: int = 0, text: str = ""
) -> Page:
    """Up to `limit` lines behind `after` = (attempt, number), of one attempt or (0) of all, that hold `text` in whatever case.

    It looks at about SCANNED bytes at most: a page without lines is no end, as long as there is `more`.
    """
    wanted, lines, cursor, scanned = text.casefold(), list[Read](), after, 0
    segments = await _segments(hub, job_id, attempt)
    for segment in segments[max(0, bisect(_starts(segments), after) - 1) :]:
        if scanned > SCANNED:
            return Page(lines, cursor, more=True)
        scanned += segment.size
        found = [one for one in await said(hub, job_id, segment) if one.position > after]
        for one in await asyncio.to_thread(_holding, found, wanted) if wanted else found:
            lines.append(one)
            if len(lines) == limit:
                return Page(lines, one.position, more=True)
        cursor = found[-1].position if found else cursor
    return Page(lines, cursor, more=False)


async def tail(hub: Hub, job_id: str, count: int, *, attempt: int = 0) -> Page:
    """The last `count` lines, of one attempt or (0) of all."""
    lines: deque[Read] = deque()
    for segment in reversed(await _segments(hub, job_id, attempt)):
        if len(lines) >= count:
            break
        lines.extendleft(reversed(await said(hub, job_id, segment)))
    last = list(lines)[max(0, len(lines) - count) :]
    return Page(last, last[-1].position if last else (0, 0), more=False)


async def drop(hub: Hub, job_id: str, upto: int) -> None:
    """Remove what the attempts of a job up to this one said: a later one may be alive."""
    for segment in await stored(hub, job_id):
        if segment.attempt <= upto:
            await hub.files.delete(path(job_id, segment.attempt, segment.first))
    await old_logs.drop(hub, job_id)


async def _segments(hub: Hub, job_id: str, attempt: int) -> list[Segment]:
    found = [*await old_logs.segments(hub, job_id), *await stored(hub, job_id)]
    return sorted(segment for segment in found if attempt in (0, segment.attempt))


def _starts(segments: Iterable[Segment]) -> list[tuple[int, int]]:
    return [(segment.attempt, segment.first) for segment in segments]


def _holding(lines: Sequence[Read], wanted: str) -> list[Read]:
    return [one for one in lines if wanted in one.line.text.casefold()]
