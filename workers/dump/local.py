"""Fetches `file:` URLs: a file, or all files of a folder, of this machine or of the plugin itself."""

import email.utils
import errno
import os
import shutil
import stat
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from domain.room import check_room
from events.sources import File
from workers.dump.download import Fetched
from workers.dump.errors import DumpRefused
from workers.dump.names import safe_path
from workers.dump.text import text_of

_CHUNK = 2**20
_KERNEL = ("/proc", "/sys", "/dev")


def path_of(url: str, plugin: Path) -> Path:
    """The path that a `file:` URL names; a relative one (`file:data/genes.tsv`) lies in the plugin's folder and
    must not leave it. Raises DumpRefused."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise DumpRefused(f"{url} names no file: {error}") from error
    if parts.netloc not in ("", "localhost"):
        raise DumpRefused(
            f"{url} names the machine {parts.netloc}: a file: URL has three slashes, or none for a file of the plugin"
        )
    path = Path(os.fsdecode(urllib.parse.unquote_to_bytes(parts.path)))
    if "\x00" in str(path):
        raise DumpRefused(f"{url} names no file: it holds a null byte")
    if path.is_absolute():
        return path
    if ".." in path.parts or not (plugin / path).resolve().is_relative_to(plugin.resolve()):
        raise DumpRefused(f"{url} leaves the plugin's folder")
    return plugin / path


Owns = Callable[[Path], bool]
"""Whether a path lies among what the hub keeps for itself."""


def nobodys(path: Path) -> bool:
    """Owns nothing: for files of the plugin, which lie in the hub's own folder."""
    return False


def fetch_local(url: str, path: Path, folder: Path, previous: dict[str, File], limit: int, owns: Owns = nobodys) -> list[Fetched]:
    """Copies, in `folder`, of the file at `path`, or of every file below the folder there. A file is not copied where its size and
    time are those in `previous` (by URL). Blocks: to be called in a thread. Raises DumpRefused."""
    if not path.exists():
        raise DumpRefused(f"{url} is no file or folder of the machine that this worker runs on")
    if not path.is_dir():
        _refuse_own(url, [path], owns)
        return [_fetch_one(url, _name_of(Path(path.name)), path, folder, previous, limit)]
    if _is_of_kernel(path.resolve()):
        raise DumpRefused(f"{url} lies in /proc, /sys or /dev: it can't be fetched")
    found = sorted(Path(root, name) for root, folders, names in os.walk(path) for name in names if not name.startswith("."))
    if not found:
        raise DumpRefused(f"{url} is an empty folder")
    _refuse_own(url, found, owns)
    fetched = []
    for file in found:
        inside = file.relative_to(path)
        address = f"{url.rstrip('/')}/{urllib.parse.quote(os.fsencode(inside))}"
        fetched.append(_fetch_one(address, _name_of(inside), file, folder, previous, limit))
    return fetched


def _refuse_own(url: str, paths: Iterable[Path], owns: Owns) -> None:
    for path in paths:
        if owns(path):
            raise DumpRefused(
                f"{url} can't be fetched: {path.name} is the hub's own, in LEAT_DATA; keep files for sources elsewhere"
            )


def _name_of(path: Path) -> str:
    """The name that is stored, also of a file whose name is no UTF-8, or holds what shells obey."""
    return safe_path(text_of(os.fsencode(path)))


def _fetch_one(url: str, name: str, source: Path, folder: Path, previous: dict[str, File], limit: int) -> Fetched:
    try:
        with _opened(url, source) as file:
            return _copy(url, name, file, folder / name, previous, limit)
    except (FileNotFoundError, PermissionError) as error:
        raise DumpRefused(f"{url} can't be read: {error.strerror}") from error


def _opened(url: str, path: Path) -> IO[bytes]:
    """The file, opened without waiting for anybody. Whatever links lead to it, it has to be a regular one, and none that the kernel
    makes up: there the environment and the memory of processes can be read. Raises DumpRefused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP):  # sockets, and devices that are not there
            raise DumpRefused(f"{url} is no regular file: it can't be fetched") from error
        raise
    file = os.fdopen(descriptor, "rb")
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode) or state.st_dev in _devices() or _is_of_kernel(path.resolve()):
        file.close()
        raise DumpRefused(f"{url} is no regular file, or lies in /proc, /sys or /dev: it can't be fetched")
    return file


def _is_of_kernel(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _KERNEL)


def _devices() -> set[int]:
    """Those of the kernel's file systems, which may be mounted elsewhere too."""
    return {os.stat(folder).st_dev for folder in ("/proc", "/sys") if os.path.ismount(folder)}


def _copy(url: str, name: str, source: IO[bytes], target: Path, previous: dict[str, File], limit: int) -> Fetched:
    state = os.fstat(source.fileno())
    if state.st_size > limit:
        raise DumpRefused(f"{url} is larger than the limit of {limit} bytes")
    etag = f"{state.st_mtime_ns:x}-{state.st_size:x}"
    modified = email.utils.formatdate(state.st_mtime, usegmt=True)
    old = previous.get(url)
    if old and old.etag == etag:
        return Fetched(name=name, url=url, path=None, previous=old, etag=etag, last_modified=modified)
    target.parent.mkdir(parents=True, exist_ok=True)
    check_room(target.parent, state.st_size, f"a copy of {name}")
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
    return Fetched(name=name, url=url, path=target, etag=etag, last_modified=modified)
