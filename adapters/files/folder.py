"""Files in a folder, of this machine or shared by several."""

import asyncio
import errno
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Self

from adapters.files.paths import path_parts
from domain.errors import Conflict, Invalid, NotFound, Unavailable
from domain.ports.files import Files, StoredFile

CHUNK = 2**20
"""Bytes that `open` reads at a time."""
PASSING = ".leat"
"""Folder inside the folder for what is not there yet, or not any more: one rename makes it whole, or gone."""
LEFT_BEHIND = 86400.0
"""Seconds after which what lies there was left by a crash."""

Place = Callable[[Path, Path], None]
"""Gives a file its name: `os.replace`, or `os.link`."""


class FolderFiles(Files):
    """Files in a folder: `async with FolderFiles.open_folder(root) as files`. Lends the stored files themselves."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    @asynccontextmanager
    async def open_folder(cls, root: Path) -> AsyncIterator[Self]:
        """Open the folder, made where it is missing, and clear away what a crash left there more than a day ago."""
        with _translated(str(root)):
            files = cls(await asyncio.to_thread(_prepared, root))
        yield files

    async def put(self, path: str, source: Path | bytes | AsyncIterator[bytes], *, stored: int = 0) -> None:
        target = self._path(path)
        if stored and isinstance(source, bytes):
            with _translated(path):
                await asyncio.to_thread(self._extend, target, source, stored)
            return
        if isinstance(source, Path | bytes):
            with _translated(path):
                await asyncio.to_thread(self._put, target, source)
            return
        received = self._root / PASSING / uuid.uuid4().hex
        try:
            await _receive(path, source, received)
            with _translated(path):
                await asyncio.to_thread(self._put, target, received)
        finally:
            await asyncio.to_thread(received.unlink, missing_ok=True)

    async def create(self, path: str, content: bytes) -> bool:
        with _translated(path):
            return await asyncio.to_thread(self._put, self._path(path), content, os.link)

    async def open(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        with _translated(path), await asyncio.to_thread(self._path(path).open, "rb") as file:
            file.seek(start)
            left = max(0, end - start) if end is not None else 2**63 - 1
            while chunk := await asyncio.to_thread(file.read, min(CHUNK, left)):
                left -= len(chunk)
                yield chunk

    @asynccontextmanager
    async def local(self, prefix: str) -> AsyncIterator[Path]:
        path = self._path(prefix)
        if not await asyncio.to_thread(path.exists):
            raise NotFound(f"there is no file {prefix}")
        yield path

    async def find(self, prefix: str = "") -> list[StoredFile]:
        with _translated(prefix):
            return await asyncio.to_thread(self._find, self._path(prefix) if prefix else self._root)

    async def folders(self, prefix: str = "") -> list[str]:
        path = self._path(prefix) if prefix else self._root
        try:
            with _translated(prefix):
                names = await asyncio.to_thread(os.listdir, path)
        except NotFound:
            return []
        return sorted(name for name in names if name != PASSING)

    async def delete(self, prefix: str) -> None:
        with _translated(prefix):
            await asyncio.to_thread(self._delete, self._path(prefix))

    async def ping(self) -> None:
        with _translated("(all)"):
            await asyncio.to_thread(os.listdir, self._root)

    def _path(self, path: str) -> Path:
        parts = path_parts(path)
        if parts[0] == PASSING:
            raise Invalid(f"{PASSING} is no place for stored files", ("path",))
        return self._root.joinpath(*parts)

    def _put(self, target: Path, source: Path | bytes, place: Place = os.replace) -> bool:
        """Whether it was placed there: `os.link`, unlike `os.replace`, leaves what is there."""
        coming = self._root / PASSING / uuid.uuid4().hex
        try:
            if isinstance(source, bytes):
                coming.write_bytes(source)
            elif source.is_symlink() or not _moved(source, coming):
                shutil.copyfile(source, coming)
            _sync(coming)
            if not self._placed(coming, target, place):
                return False
        finally:
            coming.unlink(missing_ok=True)
        for parent in target.parents:
            _sync(parent)
            if parent == self._root:
                break
        return True

    def _extend(self, target: Path, content: bytes, stored: int) -> None:
        """To make a new file costs more than to write a few lines more into one."""
        try:
            with target.open("r+b") as file:
                file.seek(stored)
                file.write(content[stored:])
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:  # it was deleted
            self._put(target, content)

    def _placed(self, coming: Path, target: Path, place: Place) -> bool:
        while True:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                place(coming, target)
            except FileNotFoundError:
                if not coming.exists():
                    raise
                continue  # a delete took the empty parent away in between
            except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
                if target.is_file():
                    return False
                if not target.is_dir() and not any(parent.is_file() for parent in target.parents):
                    continue  # mkdir, too, looks twice: the parent was there, and then it was gone
                raise Conflict(f"{target.relative_to(self._root)} is a folder, or below a file") from error
            return True

    def _find(self, path: Path) -> list[StoredFile]:
        walked = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
        found: list[StoredFile] = []
        for file in [path] if path.is_file() else walked:
            relative = file.relative_to(self._root)
            if relative.parts[0] == PASSING:
                continue
            with suppress(FileNotFoundError):  # it was deleted meanwhile
                status = file.stat()
                found.append(StoredFile(relative.as_posix(), status.st_size, status.st_mtime))
        return sorted(found)

    def _delete(self, path: Path) -> None:
        going = self._root / PASSING / uuid.uuid4().hex
        try:
            path.rename(going)
        except (FileNotFoundError, NotADirectoryError):
            return
        _remove(going)
        for parent in path.parents:
            if parent == self._root:
                break
            try:
                parent.rmdir()
            except OSError:  # not empty, or gone already
                break


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise Unavailable(f"the folder of files can't be used: {error}") from error


async def _receive(path: str, source: AsyncIterator[bytes], target: Path) -> None:
    """Write a stream to a file; what the stream raises says nothing of the folder, and is raised as it is."""
    with _translated(path):
        file = await asyncio.to_thread(target.open, "xb")
    try:
        async for chunk in source:
            with _translated(path):
                await asyncio.to_thread(file.write, chunk)
    finally:
        with _translated(path):
            await asyncio.to_thread(file.close)


def _prepared(root: Path) -> Path:
    passing = root.absolute() / PASSING
    passing.mkdir(parents=True, exist_ok=True)
    for path in passing.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_ctime < time.time() - LEFT_BEHIND:
                _remove(path)
    return root.absolute()


def _moved(source: Path, target: Path) -> bool:
    """Whether it could be moved without copying: both lie on the same file system."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
