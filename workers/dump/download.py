"""One file on its way: the bytes that are held, and what has to hold before they are the whole file."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from domain.room import check_room
from events.sources import File
from workers.dump.errors import DumpRefused
from workers.dump.names import safe_path

Advance = Callable[[int, int | None], Awaitable[None]]
"""Called with the number of new bytes, negative after a fresh start; and with the growth of the size that is expected, once that is
known."""

LEAST, WITHIN = 2**16, 600.0
"""Bytes that have to arrive, and the seconds that they have for it: a transfer that is slower counts as broken off."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was found at its URL."""

    name: str
    url: str
    path: Path | None
    """Where it lies now; None where it did not change since `previous`."""
    previous: File | None = None
    etag: str = ""
    last_modified: str = ""
    warnings: tuple[str, ...] = ()
    """What its server said that can't be taken at its word."""


class Interrupted(Exception):
    """The transfer ended early, or the server asks to wait: `wait` seconds at least."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of a file when it was begun: every further part has to be of the same version."""

    total: int | None = None
    """Bytes of the whole file; None where the server does not tell."""
    etag: str = ""
    last_modified: str = ""
    codings: tuple[str, ...] = ()
    disposition: str = ""


class Download:
    """The part of a file that has arrived. `limit`: bytes that it may have."""

    def __init__(self, url: str, folder: Path, limit: int, advance: Advance) -> None:
        self.url = url
        self.part = folder / "part"
        self.limit = limit
        self.advance = advance
        self.have = 0
        self.most = 0
        """Bytes that were ever held. Only more is progress: else a file that changes at each try would be begun for ever."""
        self.version = Version()
        self.expected = 0

    @property
    def is_whole(self) -> bool:
        """All that was announced is here; where nothing was, the end of the transfer decides, which the caller has to see."""
        return self.version.total is None or self.have == self.version.total

    async def begin(self, version: Version) -> None:
        """Forget what is held, and begin with the file that the server tells of now.

        Raises DumpRefused where it is too large, DiskFull where there is no room for it.
        """
        if self.have:
            await self.advance(-self.have, None)
        self.have = 0
        self.version = version
        self.part.write_bytes(b"")
        self._check_size(version.total or 0)
        check_room(self.part.parent, version.total or 0, f"the file of {self.url}")

    async def take(self, chunks: AsyncIterator[bytes], most: int | None) -> None:
        """Add what arrives. `most`: bytes that were announced of it; more than that is not what was announced.

        Raises Interrupted then, TimeoutError where it is too slow, and DumpRefused beyond the limit.
        """
        end = None if most is None else self.have + most
        await self._announce()
        time, arrived = asyncio.get_running_loop().time, 0
        async with asyncio.timeout(WITHIN) as deadline:
            with self.part.open("ab", buffering=0) as file:
                async for chunk in chunks:
                    if end is not None and self.have + len(chunk) > end:
                        await self.begin(Version())
                        raise Interrupted("more bytes arrived than were announced")
                    self._check_size(self.have + len(chunk))
                    file.write(chunk)
                    self.have += len(chunk)
                    self.most = max(self.most, self.have)
                    arrived += len(chunk)
                    if arrived >= LEAST:
                        arrived = 0
                        deadline.reschedule(time() + WITHIN)
                    await self.advance(len(chunk), None)

    async def _announce(self) -> None:
        """Tell the size, or by how much it is another than was told before."""
        total = self.version.total
        if total is not None and total != self.expected:
            await self.advance(0, total - self.expected)
            self.expected = total

    def missing(self) -> Interrupted:
        """That not all of it arrived."""
        total = self.version.total
        return Interrupted(f"{self.have} of {'an unknown number of' if total is None else total} bytes arrived")

    def unchanged(self, previous: File) -> Fetched:
        """The file is the one that was fetched before."""
        return Fetched(
            name=safe_path(previous.name),
            url=self.url,
            path=None,
            previous=previous,
            etag=previous.etag,
            last_modified=previous.last_modified,
        )

    def _check_size(self, size: int) -> None:
        if size > self.limit:
            raise DumpRefused(f"{self.url} is larger than the limit of {self.limit} bytes")


__all__ = ["Advance", "Download", "Fetched", "Interrupted", "Version"]
