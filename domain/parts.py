"""Parts: files that come piece by piece, to any process, from senders who may be cut off and go on later."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from domain.errors import Conflict, Invalid, NotFound
from domain.ports.files import Files, StoredFile

log = logging.getLogger(__name__)

PARTS = "parts"
"""Where the parts are among the stored files."""
ABANDONED = 7 * 86400.0
"""Seconds after which a sender who sent nothing more will not come back."""
SIZE = 8 * 2**20
"""Bytes that are held in memory and stored at a time."""


class Parts:
    """Files that are coming, each under an id of its own: a name without `/` that is never used again.

    A part is a stored file `parts/<id>/<offset>`. It is created only where there is none, behind the part that ends at its offset.
    So of two senders at one offset one wins, and the parts are the whole truth about what is there. They are as durable, and as
    visible to every process, as all stored files.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    async def held(self, id: str) -> int:
        """How many bytes are there: the offset of the next ones. 0 where nothing came yet."""
        return _size(await self._parts(id))

    async def append(self, id: str, offset: int, content: AsyncIterator[bytes]) -> int:
        """Add the bytes of a stream behind the first `offset` bytes; returns how many are there then.

        Parts of SIZE are confirmed as they come. So most of a stream that raises is kept, and all of one that just ends where its
        sender was cut off. Raises Conflict, which says how many bytes are there, where that is not `offset` or another sender was
        faster.
        """
        if offset != await self.held(id):
            raise await self._refused(id, offset)
        waiting = bytearray()
        async for chunk in content:
            waiting += chunk
            while len(waiting) >= SIZE:
                offset = await self._store(id, offset, bytes(waiting[:SIZE]))
                del waiting[:SIZE]
        return await self._store(id, offset, bytes(waiting)) if waiting else offset

    async def complete(self, id: str, path: str, size: int, sha256: str) -> None:
        """Make the parts the file `path`, whole or not at all, and remove them. Where that was done already, nothing more is done.

        Raises Conflict where there are not `size` bytes, and Invalid where they have another checksum (hexadecimal): then the parts
        stay, until they are abandoned.
        """
        parts = await self._parts(id)
        held = _size(parts)
        if held < size and await self._is_there(path, size, sha256):
            await self.abandon(id)  # whoever completed it did not get as far as removing them all
            return
        if held != size:
            raise Conflict(f"{held} bytes are there, not {size}", ("size",))
        try:
            async with aclosing(self._checked(parts, sha256)) as content:
                await self._files.put(path, content)
        except NotFound as error:
            if not await self._is_there(path, size, sha256):
                raise Conflict("its parts were abandoned meanwhile") from error
        await self.abandon(id)

    async def abandon(self, id: str) -> None:
        """Remove the parts; absent is fine."""
        await self._files.delete(_folder(id))

    async def left(self, before: float) -> list[str]:
        """The ids under which nothing came since `before` (Unix seconds)."""
        newest: dict[str, float] = {}
        for part in await self._files.find(PARTS):
            id = part.path.split("/")[1]
            newest[id] = max(part.modified, newest.get(id, part.modified))
        return [id for id, modified in newest.items() if modified < before]

    async def _parts(self, id: str) -> list[StoredFile]:
        """In order, each beginning where the one before ends. Others are left out: an append that was under way during an `abandon`
        may have left them."""
        parts: list[StoredFile] = []
        size = 0
        for part in await self._files.find(_folder(id)):
            if int(part.path.rsplit("/", 1)[1]) != size:
                break
            parts.append(part)
            size += part.size
        return parts

    async def _store(self, id: str, offset: int, part: bytes) -> int:
        if not await self._files.create(f"{_folder(id)}/{offset:020}", part):
            raise await self._refused(id, offset)
        return offset + len(part)

    async def _refused(self, id: str, offset: int) -> Conflict:
        return Conflict(f"{await self.held(id)} bytes are there, so none can be added at {offset}", ("offset",))

    async def _checked(self, parts: Iterable[StoredFile], sha256: str) -> AsyncGenerator[bytes, None]:
        digest = hashlib.sha256()
        for part in parts:
            async for chunk in self._files.open(part.path):
                await asyncio.to_thread(digest.update, chunk)
                yield chunk
        if digest.hexdigest() != sha256.lower():
            raise Invalid(f"the bytes that came have the SHA-256 {digest.hexdigest()}, not {sha256}", ("sha256",))

    async def _is_there(self, path: str, size: int, sha256: str) -> bool:
        found = [stored for stored in await self._files.find(path) if stored.path == path and stored.size == size]
        try:
            async for _ in self._checked(found, sha256):
                pass
        except (Invalid, NotFound):
            return False
        return bool(found)


async def sweep(files: Files) -> None:
    """Remove the parts whose sender will not come back."""
    parts = Parts(files)
    for id in await parts.left(time.time() - ABANDONED):
        await parts.abandon(id)
        log.info("abandoned parts dropped", extra={"file": id})


def _folder(id: str) -> str:
    if "/" in id:
        raise Invalid(f"{id!r} is no id of a file that comes in parts", ("id",))
    return f"{PARTS}/{id}"


def _size(parts: Iterable[StoredFile]) -> int:
    return sum(part.size for part in parts)
