"""The data folder: what lies where in it; one hub at a time, of a version that this Leat can read, with a token of its own.

What processes of the hub put there by themselves has its place in `domain.hub.Stores`.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import LeatError

LOCK = "lock"
"""Held by the hub's process, and names it."""
VERSION = "version"
TOKEN = "token"
"""The administrator's token, mode 600."""
FINGERPRINT = "fingerprint"
"""Of the certificate that the gateway serves with, where it has one: how the command line knows it again."""
URL = "url"
"""Where the gateway is, while one serves the folder."""
PULSE = "pulse"
"""Touched by gateway, workers and scalers from their event loop every `PULSE_INTERVAL` seconds."""
RECORDS = "records.db"
DOCUMENTS = "documents"
SEARCH = "search"
FILES = "files"
COPIES = "copies"
"""Files of an object store that were fetched."""

FORM = 2
"""The version of what is kept here, raised when that changes its form. 2: events are followed, and what was removed leaves its
record for a while; records of form 1 are brought into it when the hub is opened (domain.jobs.upgrading)."""
PULSE_INTERVAL = 5.0


class FolderRefused(LeatError):
    """The data folder can't be used."""

    code = "FOLDER_REFUSED"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder if need be and hold its lock; raises FolderRefused naming the process that has it, or the newer version."""
    try:
        make_private(folder)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
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


async def beat(folder: Path) -> None:
    """Show a pulse for ever. Where it fails, of a full disk, say, the health check says what is true."""
    while True:
        await asyncio.to_thread((folder / PULSE).touch)
        await asyncio.sleep(PULSE_INTERVAL)


def make_private(folder: Path) -> None:
    """Make the folder, for its owner alone. One that is a hub's already, or empty, is closed to others where it is ours; in any
    other folder something else may lie that they need."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = folder.stat()
    if there.st_uid == os.geteuid() and there.st_mode & 0o077 and ((folder / VERSION).exists() or not any(folder.iterdir())):
        folder.chmod(0o700)


def make_empty(folder: Path) -> None:
    """Make the folder, for its owner alone, or take it where it is empty; raises FolderRefused where something lies there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = next(iter(sorted(folder.iterdir())), None)
    except OSError as error:
        raise FolderRefused(f"{folder}: {error.strerror}; name a folder that this user can write") from error
    if first is not None:
        raise FolderRefused(f"{folder} is not empty: {first.name} lies there; name a folder that is new, or empty")


def check_version(folder: Path) -> None:
    """Write the version into the folder; raises FolderRefused where a newer Leat wrote it, or nobody can say."""
    file = folder / VERSION
    text = _line_of(file, errors="backslashreplace") or "0"
    if not re.fullmatch("[0-9]{1,9}", text):
        advice = f"put it back from a copy, or write the form of the Leat that used the folder last into it (this one's is {FORM})"
        raise FolderRefused(f"{file} is damaged: it holds {text[:40]!r} instead of a number; {advice}")
    if int(text) > FORM:
        raise FolderRefused(f"{folder} was written by a newer Leat (form {text}; this one reads up to {FORM}); upgrade Leat")
    file.write_text(f"{FORM}\n")


def kept_token(folder: Path) -> str:
    """The administrator's token, made at the first start, and anew where the file is blank; only its owner can read it.

    It is written and brought to the disk beside its place, and then gets its name: a crash leaves no token or a whole one, and
    processes that start at once agree on one. Who makes a blank file anew has to hold the folder.
    """
    file = folder / TOKEN
    if not (token := _line_of(file)):
        made = folder / f"{TOKEN}.{os.urandom(8).hex()}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as written:
                written.write(f"{os.urandom(24).hex()}\n")
                written.flush()
                os.fsync(descriptor)
            _name(made, file)
        finally:
            made.unlink()
        token = _line_of(file)
    return token


def keep_token(folder: Path, token: bytes) -> None:
    """Put the token of a backup there; only its owner can read it."""
    with os.fdopen(os.open(folder / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(token)


def _name(made: Path, file: Path) -> None:
    """Give what was written its place, unless another process was quicker; the folder is brought to the disk too."""
    if file.exists() and not _line_of(file):
        file.unlink()
    with suppress(FileExistsError):
        os.link(made, file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line_of(file: Path, errors: str = "strict") -> str:
    """The line that a file has, without blanks around it; empty where there is no such file."""
    try:
        return file.read_text(errors=errors).strip()
    except FileNotFoundError:
        return ""
