"""The data folder: one hub at a time, of a version that this Leat can read."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import LeatError

VERSION = 1
"""Raised when what is kept in a data folder changes its form."""


class FolderRefused(LeatError):
    """The data folder can't be used."""

    code = "FOLDER_REFUSED"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder if need be and hold its lock; raises FolderRefused naming the process that has it, or the newer version."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderRefused(f"LEAT_DATA={folder}: {error.strerror}; name a folder that this user can write") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.read(descriptor, 32).decode().strip() or "unknown"
            raise FolderRefused(f"{folder} is in use by process {process}; stop that, or set LEAT_DATA to another folder") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        check_version(folder)
        yield
    finally:
        os.close(descriptor)


def check_version(folder: Path) -> None:
    """Write the version into a new folder; raises FolderRefused where a newer Leat wrote it."""
    file = folder / "version"
    if not file.exists():
        file.write_text(f"{VERSION}\n")
        return
    text = file.read_text().strip()
    if not text.isdigit() or int(text) > VERSION:
        raise FolderRefused(f"{folder} was written by a newer Leat (form {text}; this one reads up to {VERSION}); upgrade Leat")
