"""Room on disks: what is said where there is too little, which folder it is, and what would be enough."""

import errno
import re
import shutil
import sqlite3
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from domain.errors import DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT)
_TOLD = re.compile(rf"\(os error ({'|'.join(map(str, _FULL))})\)")
"""How Rust's libraries end their text."""


class Disk(NamedTuple):
    """How a folder, or a store that tells, stands."""

    free: int
    """Bytes that can still be written."""
    needed: int
    """Bytes that the next job may need."""
    failure: str = ""
    """Why a small write failed; empty where it did not."""

    @property
    def reason(self) -> str:
        """What is wrong, in words; empty where nothing is."""
        if self.failure:
            return f"can't be written ({self.failure}): {_megabytes(self.free)} are free"
        if self.free < self.needed:
            return f"nearly full: {_megabytes(self.free)} are free, {_megabytes(self.needed)} may be needed"
        return ""


def look_at(folder: Path, needed: int) -> Disk:
    """How the disk of a folder stands, by what it says and by a small write."""
    file, failure = folder / f"room.{uuid.uuid4().hex}", ""
    try:
        file.write_bytes(b"room" * 1024)
    except OSError as error:
        failure = str(error.strerror)
    finally:
        with suppress(OSError):  # a disk that went read-only has said so above
            file.unlink(missing_ok=True)
    return Disk(shutil.disk_usage(folder).free if folder.is_dir() else 0, needed, failure)


def is_full(error: Exception) -> bool:
    """Does it say that a disk, or what a user may have of it, is full: as the system, SQLite or tantivy tell it?"""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return (isinstance(error, OSError) and error.errno in _FULL) or (
        isinstance(error, ValueError) and _TOLD.search(str(error)) is not None
    )


def check_room(folder: Path | str, needed: int, purpose: str, free: int | None = None) -> None:
    """Raises DiskFull where the disk of the folder has no room for so many bytes more. `free`: what it has, where that is known."""
    free = shutil.disk_usage(folder).free if free is None else free
    if free < needed:
        sizes = f"{_megabytes(free)} are free, {_megabytes(needed)} are needed"
        raise DiskFull(f"the disk of {folder} is nearly full: {sizes} for {purpose}")


def as_disk_full(error: Exception, folder: Path) -> Exception:
    """The error itself, or what is told of one that says that the disk is full, met by whoever writes into `folder`: nobody knows
    what it would have needed, but more than is free."""
    if not is_full(error):
        return error
    if not isinstance(error, OSError):
        return disk_full(folder, str(error))
    named = Path(error.filename) if isinstance(error.filename, str) else folder
    where = next((each for each in (named, *named.parents) if each.is_dir()), folder)
    return disk_full(where, str(error.strerror))


def disk_full(folder: Path, reason: str, detail: str = "") -> DiskFull:
    """What is told where something failed for want of room on the disk of `folder`."""
    free = shutil.disk_usage(folder).free if folder.exists() else 0
    return DiskFull(f"the disk of {folder} is full: {_megabytes(free)} are free, more is needed ({reason})", detail)


def _megabytes(size: int) -> str:
    return f"{size:,} bytes" if size < 2**20 else f"{size / 2**20:,.1f} MiB"
