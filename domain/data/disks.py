"""Disks: whether the folders and stores of a hub have room for its next jobs, each as far as it tells."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from urllib.parse import urlsplit

from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.errors import NotReady, Unavailable
from domain.hub import Stores
from domain.nouns import owner
from domain.ports.records import Records
from domain.room import Disk, look_at

LEAST = 64 * 2**20
"""Bytes that are needed anyway: records, logs, scratch."""
PATIENCE = 0.4
"""Seconds that each server may take to tell."""


class Disks:
    """The disks of one hub. What a collection takes is asked once, since it never changes."""

    def __init__(self, stores: Stores, records: Records) -> None:
        self._stores = stores
        self._records = records
        self._sizes: dict[str, int] = {}
        self._last = LEAST

    async def look(self) -> dict[str, Disk]:
        """By the setting that names it (`data`, `files`, `documents`, `search`): how it stands, of servers those that tell."""
        needed = await self._within_patience(self._needed()) or self._last
        self._last = needed
        folders = {"data": self._stores.data}
        files = urlsplit(str(self._stores.address.get("files", "")))
        if files.scheme == "file" and files.path:
            folders["files"] = Path(files.path)
        disks = {name: await asyncio.to_thread(look_at, folder, needed) for name, folder in folders.items()}
        for port, store in (("documents", self._stores.documents), ("search", self._stores.search)):
            if self._is_away(port) and (free := await self._within_patience(store.room())) is not None:
                disks[port] = Disk(free, needed)
        return disks

    async def _within_patience(self, asked: Awaitable[int | None]) -> int | None:
        """None where the server does not tell: that it is away is said elsewhere, and must not hide that a folder is full."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await asked
        except (TimeoutError, Unavailable):
            return None

    def _is_away(self, port: str) -> bool:
        """Does it write elsewhere than into the data folder?"""
        return urlsplit(str(self._stores.address.get(port, ""))).scheme not in ("", "sqlite", "tantivy")

    async def _needed(self) -> int:
        """Twice the largest of what is newest of each source and build: what a build checks for, too."""
        nouns = [stored.value for table in (SOURCES, BUILDS) for stored in await table.readable(self._records)]
        newest = {event.output for noun in nouns for event in {type(each): each for each in reversed(noun.outputs)}.values()}
        names = [name for name in await self._stores.documents.names() if ".".join(map(str, owner(name))) in newest]
        self._sizes = {name: await self._size(name) for name in names}
        return max(LEAST, *(2 * size for size in self._sizes.values())) if self._sizes else LEAST

    async def _size(self, name: str) -> int:
        if name in self._sizes:
            return self._sizes[name]
        try:
            return (await self._stores.documents.describe(name)).size
        except NotReady:  # it is being written, or goes
            return 0
