"""Unpacks the archives of a dump: nothing leaves the folder, no links or devices are made, bombs are refused."""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from domain.hub import Stores
from workers.context import Report
from workers.dump.errors import DumpRefused

_CHUNK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")
_COUNT = 200_000
"""Files that an archive may hold."""
_RATIO = 500
"""Bytes that a packed byte may become, once _FREE bytes are passed."""
_FREE = 2**28
_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError)
"""What the libraries raise on damaged or unknown archives; zipfile's NotImplementedError means a packing it doesn't know."""

PACKED = (".zip", *_TARS, ".gz", ".bz2", ".xz")
"""Endings that are unpacked; each such file at the dump's top level is."""


def is_packed(name: str) -> bool:
    """Would `unpack_folder` look into the file?"""
    return "/" not in name and name.lower().endswith(PACKED)


def packed_size(folder: Path) -> int:
    """Bytes of the files that `unpack_folder` would unpack."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file() and is_packed(path.name))


async def unpack(stores: Stores, arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """The heavy step: unpack the folder `arguments['folder']`; the result holds nothing, the files are in the folder."""
    unpack_folder(Path(arguments["folder"]), stores.limits.download_size, lambda text: report.log(text, "warning"))
    return {}


def unpack_folder(folder: Path, limit: int, warn: Callable[[str], None]) -> None:
    """Unpack what is packed at the top of `folder`, in BioThings' order (zip, tar, gz, then bz2, xz), so that a .gz out of a zip
    is unpacked too. The packed files stay. Raises DumpRefused; then the folder is half done and to be thrown away."""
    originals = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    budget = _Budget(limit, max(_FREE, _RATIO * packed_size(folder)))
    stages: tuple[tuple[tuple[str, ...], Callable[[_Unpacking], None]], ...] = (
        ((".zip",), _unzip),
        (_TARS, _untar),
        ((".gz",), lambda job: _unpack_one(job, gzip.open)),
        ((".bz2",), lambda job: _unpack_one(job, bz2.open)),
        ((".xz",), _unxz),
    )
    for endings, step in stages:
        for archive in sorted(folder.iterdir()):
            name = archive.name.lower()
            if not archive.is_file() or not name.endswith(endings) or (endings is not _TARS and name.endswith(_TARS)):
                continue
            try:
                step(_Unpacking(archive, originals, budget, warn))
            except _BROKEN as error:
                raise DumpRefused(f"{archive.name} can't be unpacked: {error}") from error


class _Budget:
    """What archives may grow to: each of them `limit` bytes, and all of them together `most`, since one may hold a thousand
    others."""

    def __init__(self, limit: int, most: int) -> None:
        self.limit = limit
        self.most = most
        self.size = 0
        self.count = 0


class _Unpacking:
    """One archive being unpacked: where its files may go, and how much they may be."""

    def __init__(self, archive: Path, originals: frozenset[str], budget: _Budget, warn: Callable[[str], None]) -> None:
        self.archive = archive
        self.folder = archive.parent
        self.originals = originals
        self.budget = budget
        self.warn = warn
        self.size = 0

    def add(self, size: int) -> None:
        """Count unpacked bytes; raises DumpRefused for a bomb."""
        self.size += size
        self.budget.size += size
        most = self.budget.most if self.budget.size > self.budget.most else self.budget.limit
        if self.size > most or self.budget.size > self.budget.most:
            raise DumpRefused(f"{self.archive.name} unpacks to more than {most} bytes: it is refused as a bomb")

    def store(self, name: str, source: IO[bytes], *, counted: bool = False) -> None:
        """Write one member. `counted`: its bytes are counted already, where they are read."""
        self.budget.count += 1
        if self.budget.count > _COUNT:
            raise DumpRefused(f"{self.archive.name} holds more than {_COUNT} files")
        target = self._target(name)
        if target is None:
            return
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                if not counted:
                    self.add(len(chunk))
                file.write(chunk)

    def _target(self, name: str) -> Path | None:
        path = PurePosixPath(name.replace("\\", "/"))
        if not path.parts or path.is_absolute() or ".." in path.parts or _DRIVE.match(path.parts[0]) or "\x00" in name:
            raise DumpRefused(f"{self.archive.name} holds {name!r}, which would lie outside its folder")
        if str(path) in self.originals:
            self.warn(f"{self.archive.name} holds {path}, which was fetched by itself: left out")
            return None
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


class _Metered:
    """A stream that counts what is read, so that headers and skipped members count too."""

    def __init__(self, stream: IO[bytes], job: _Unpacking) -> None:
        self.stream = stream
        self.job = job

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size if 0 <= size <= _CHUNK else _CHUNK)
        self.job.add(len(data))
        return data


def _unzip(job: _Unpacking) -> None:
    with zipfile.ZipFile(job.archive) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                continue
            if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                job.warn(f"{job.archive.name} holds {info.filename}, which is a link or a device: left out")
                continue
            if info.flag_bits & 1:
                raise DumpRefused(f"{job.archive.name} is encrypted")
            with archive.open(info) as source:
                job.store(info.filename, source)


def _plain(archive: Path) -> IO[bytes]:
    """The archive's bytes with its outer packing taken off."""
    name = archive.name.lower()
    if name.endswith((".gz", ".tgz")):
        return cast(IO[bytes], gzip.open(archive, "rb"))
    if name.endswith((".bz2", ".tbz2")):
        return bz2.open(archive, "rb")
    return lzma.open(archive, "rb") if name.endswith((".xz", ".txz")) else archive.open("rb")


def _members(job: _Unpacking, stream: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    with tarfile.open(fileobj=cast(IO[bytes], _Metered(stream, job)), mode="r|") as archive:
        for member in archive:
            yield archive, member
            archive.members = []  # type: ignore[attr-defined]  # it would keep every header


def _untar(job: _Unpacking) -> None:
    with _plain(job.archive) as stream:
        for archive, member in _members(job, stream):
            if member.isdir():
                continue
            source = archive.extractfile(member) if member.isreg() else None
            if source is None:
                job.warn(f"{job.archive.name} holds {member.name}, which is a link or a device: left out")
                continue
            job.store(member.name, source, counted=not member.issparse())


def _unpack_one(job: _Unpacking, open_packed: Callable[[Path], Any]) -> None:
    with open_packed(job.archive) as source:
        job.store(job.archive.stem, source)


def _unxz(job: _Unpacking) -> None:
    """A plain .xz, or a tar that is called so (BioThings takes every .xz for a tar)."""
    with lzma.open(job.archive, "rb") as stream:
        head = stream.read(tarfile.BLOCKSIZE)
    if head[257:262] == b"ustar":
        _untar(job)
    else:
        _unpack_one(job, lzma.open)


__all__ = ["PACKED", "is_packed", "unpack", "unpack_folder"]
