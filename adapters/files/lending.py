"""Copies of remote files on this machine: each content once, kept while it is lent and for a day after."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

KEPT = 86400.0
"""Seconds that a copy is kept after it was lent last."""


class Copies:
    """A folder of copies, shared by the processes of this machine. `<key>/<name>` is a copy, `<key>.lock` says who has it: the
    system takes the lock from a process that was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def lend(self, name: str, content: str, fetch: Callable[[Path], Awaitable[None]]) -> AsyncIterator[Path]:
        """The copy called `name` of this content, fetched to the path that `fetch` gets where it is missing."""
        key = hashlib.sha256(f"{name}\0{content}".encode()).hexdigest()[:32]
        await asyncio.to_thread(self._sweep)
        lock = await asyncio.to_thread(_lock, self._folder / f"{key}.lock", fcntl.LOCK_SH)
        try:
            path = self._folder / key / name
            if not await asyncio.to_thread(path.exists):
                await self._fetch(key, name, fetch)
            yield path
        finally:
            os.close(lock)

    async def _fetch(self, key: str, name: str, fetch: Callable[[Path], Awaitable[None]]) -> None:
        coming = self._folder / f"{key}.{uuid.uuid4().hex}"
        coming.mkdir()
        try:
            await fetch(coming / name)
            await asyncio.to_thread(_rename, coming, self._folder / key)
        finally:
            await asyncio.to_thread(shutil.rmtree, coming, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what nobody has borrowed for a day, and what an interrupted fetch left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for lock in self._folder.glob("*.lock"):
            try:
                if lock.stat().st_mtime > time.time() - KEPT:
                    continue
                held = _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, FileNotFoundError):  # it is lent, or another process was faster
                continue
            try:
                for copy in self._folder.glob(f"{lock.stem}*"):
                    if copy != lock:
                        shutil.rmtree(copy)
                lock.unlink()
            finally:
                os.close(held)


def _lock(path: Path, operation: int) -> int:
    """The descriptor of the lock file, locked until it is closed; asking to share it marks the time."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except OSError:
            os.close(descriptor)
            raise
        if _is(path, descriptor):
            if operation == fcntl.LOCK_SH:
                os.utime(descriptor)
            return descriptor
        os.close(descriptor)  # it was swept away between opening and locking


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _rename(coming: Path, path: Path) -> None:
    try:
        coming.rename(path)
    except OSError:
        if not path.is_dir():
            raise
        # another borrower fetched the same content meanwhile
