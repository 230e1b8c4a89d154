"""A place for a plugin's process to work in: its code and its data under the paths that plugins expect, all of it removable.

A plugin opens its files as it likes, so it gets copies: what it writes into them reaches neither the stored dump, which is a dump
that others share, nor the folder of whoever tries the plugin. Where the file system can, a copy shares its blocks with the original
until one of them is written to, and costs next to nothing.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from domain.data.plugins import copy_code
from domain.errors import JobFailed
from domain.room import check_room

SPARE: Final = 256 * 2**20
"""Bytes that the disk keeps free of copies."""
CLONE: Final = 0x40049409
"""Linux's FICLONE, for which Python has no name."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """`root/plugins/<name>` is the code, `archive/<name>/<release>` the data: copies, which may be written to. `scratch` is the
    sandbox's folder for temporary files."""

    root: Path
    name: str
    data: Path
    archive: Path
    scratch: Path


async def prepare(
    home: Path, name: str, code: Path, release: str = "", data: Path | None = None, digests: Mapping[str, str] | None = None
) -> Workspace:
    """Make the workspace of the plugin `name` in the empty folder `home`, from its code and its data, which stay as they are.

    Raises Invalid where the code is more than a plugin may have, and JobFailed where the disk has no room for the data, or where
    these are not what `digests` (SHA-256 by path) says of them.
    """
    return await asyncio.to_thread(_prepare, home, name, code, release, data, digests or {})


def _prepare(home: Path, name: str, code: Path, release: str, data: Path | None, digests: Mapping[str, str]) -> Workspace:
    root, archive, scratch = home / "code", home / "archive", home / "scratch"
    copy_code(code, root / "plugins" / name)
    folder = archive / name / (release or "latest")
    folder.mkdir(parents=True)
    scratch.mkdir()
    if data is not None:
        _lend(data.resolve(), folder)
    for path, digest in digests.items():
        _check(folder / path, path, digest)
    return Workspace(root=root, name=name, data=folder, archive=archive, scratch=scratch)


def _lend(source: Path, target: Path) -> None:
    for path in _files(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size
        if not _cloned(path, copy):
            check_room(target, size + SPARE, f"a copy of {path.name}")
            shutil.copyfile(path, copy)
        stat = path.stat()
        os.utime(copy, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, behind links too."""
    for below, _, names in os.walk(folder):
        yield from (path for name in names if (path := Path(below, name)).is_file())


def _cloned(source: Path, target: Path) -> bool:
    """Whether the file system made a copy that shares its blocks."""
    with source.open("rb") as original, target.open("wb") as copy:
        try:
            fcntl.ioctl(copy, CLONE, original.fileno())
        except OSError:
            return False
    return True


def _check(copy: Path, path: str, digest: str) -> None:
    found = ""
    if copy.is_file():
        with copy.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        told = f"its SHA-256 is {found}, it was {digest}" if found else "it is not there"
        raise JobFailed(f"{path} is not what was dumped ({told}): dump the source again with --force", code="DUMP_CHANGED")
