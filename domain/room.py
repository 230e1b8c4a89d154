"""Room on disks: what is said where there is too little, which folder it is, and what would be enough."""

import errno
import shutil
from pathlib import Path

from domain.errors import DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: Exception) -> bool:
    """Does it say that a disk, or what a user may have of it, is full?"""
    return isinstance(error, OSError) and error.errno in _FULL


def check_room(folder: Path, needed: int, purpose: str, free: int | None = None) -> None:
    """Raises DiskFull where the disk of the folder has no room for so many bytes more. `free`: what it has, where that is known."""
    free = shutil.disk_usage(folder).free if free is None else free
    if free < needed:
        sizes = f"{_megabytes(free)} are free, {_megabytes(needed)} are needed"
        raise DiskFull(f"the disk of {folder} is nearly full: {sizes} for {purpose}")


def as_disk_full(error: Exception, folder: Path) -> Exception:
    """The error itself, or what is told of one that says that the disk is full, met by whoever writes into `folder`: nobody knows
    what it would have needed, but more than is free."""
    if not isinstance(error, OSError) or not is_full(error):
        return error
    named = Path(error.filename) if isinstance(error.filename, str) else folder
    where = next((each for each in (named, *named.parents) if each.is_dir()), folder)
    return disk_full(where, str(error.strerror))


def disk_full(folder: Path, reason: str, detail: str = "") -> DiskFull:
    """What is told where something failed for want of room on the disk of `folder`."""
    free = shutil.disk_usage(folder).free if folder.exists() else 0
    return DiskFull(f"the disk of {folder} is full: {_megabytes(free)} are free, more is needed ({reason})", detail)


def _megabytes(size: int) -> str:
    return f"{size:,} bytes" if size < 2**20 else f"{size / 2**20:,.1f} MiB"
