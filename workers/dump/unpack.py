"""Unpacks the archives of a dump: nothing leaves the folder, no links or devices are made, bombs are refused."""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tarfile import InvalidHeaderError, ReadError, TruncatedHeaderError  # type: ignore[attr-defined]
from typing import IO, Any, Self, cast

from domain.hub import Stores
from domain.room import as_disk_full, is_full
from workers.context import Report
from workers.dump.errors import DumpRefused
from workers.dump.members import Budget, Unpacking
from workers.dump.text import is_utf8

_CHUNK = 2**20
_COUNT = 200_000
"""Files that an archive may hold."""
_RATIO = 500
"""Bytes that a packed byte may become, once _FREE bytes are passed."""
_FREE = 2**28
_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
_GZ = (".gz", ".bgz", ".bgzf", ".gzip")
_BROKEN = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile),
    *(NotImplementedError, ValueError, struct.error, OverflowError),
)
"""What the libraries raise on damaged or unknown archives; zipfile's NotImplementedError means a packing it doesn't know."""
_FOLDER = 0x10
"""The mark of a folder in a zip that Windows made."""

PACKED = (".zip", *_TARS, *_GZ, ".bz2", ".xz")
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
    budget = Budget(limit, max(_FREE, _RATIO * packed_size(folder)), _COUNT)
    stages: tuple[tuple[tuple[str, ...], Callable[[Unpacking], None]], ...] = (
        ((".zip",), _unzip),
        (_TARS, _untar),
        (_GZ, lambda job: _unpack_one(job, gzip.open)),
        ((".bz2",), lambda job: _unpack_one(job, bz2.open)),
        ((".xz",), _unxz),
    )
    for endings, step in stages:
        for archive in sorted(folder.iterdir()):
            name = archive.name.lower()
            if not archive.is_file() or not name.endswith(endings) or (endings is not _TARS and name.endswith(_TARS)):
                continue
            try:
                step(Unpacking(archive, originals, budget, warn))
            except _BROKEN as error:
                if isinstance(error, OSError) and is_full(error):
                    raise as_disk_full(error, folder) from error  # which may change
                raise DumpRefused(f"{archive.name} can't be unpacked: {error}") from error


class _Metered:
    """A stream that counts what is read, so that headers and skipped members count too."""

    def __init__(self, stream: IO[bytes], job: Unpacking) -> None:
        self.stream = stream
        self.job = job

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size if 0 <= size <= _CHUNK else _CHUNK)
        self.job.add(len(data))
        return data


def _unzip(job: Unpacking) -> None:
    with zipfile.ZipFile(job.archive) as archive:
        for info in archive.infolist():
            name = _zip_name(info)
            kind = stat.S_IFMT(info.external_attr >> 16)
            if name.endswith((b"/", b"\\")) or (info.external_attr & _FOLDER and not info.file_size):
                continue
            if info.flag_bits & 1:
                raise DumpRefused(f"{job.archive.name} is encrypted")
            if kind not in (0, stat.S_IFREG, stat.S_IFLNK):
                job.leave_out(name)
                continue
            with archive.open(info) as source:
                if kind == stat.S_IFLNK:
                    job.note_link(name, source.read(4096))
                else:
                    job.store(name, source)
    job.follow_links()


def _zip_name(info: zipfile.ZipInfo) -> bytes:
    """The bytes of a name in UTF-8. Names without the mark of UTF-8 are of DOS by the book (code page 437), and UTF-8 all the same
    where they can be."""
    if info.flag_bits & 0x800:
        return info.filename.encode()
    raw = info.filename.encode("cp437")
    return raw if is_utf8(raw) else info.filename.encode()


def _plain(archive: Path) -> IO[bytes]:
    """The archive's bytes with its outer packing taken off."""
    name = archive.name.lower()
    if name.endswith((".gz", ".tgz")):
        return cast(IO[bytes], gzip.open(archive, "rb"))
    if name.endswith((".bz2", ".tbz2")):
        return bz2.open(archive, "rb")
    return lzma.open(archive, "rb") if name.endswith((".xz", ".txz")) else archive.open("rb")


_LABELS = (b"V", b"D")
"""GNU tar's names of volumes and lists of folders: no files."""
_CONTINUED = b"M"


class _Header(tarfile.TarInfo):
    """A header that can't be read is the end of nothing: the library stops there as if the archive were whole."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except (InvalidHeaderError, TruncatedHeaderError) as error:
            raise ReadError(f"a header in it is damaged: {error}") from error


def _members(job: Unpacking, stream: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    metered = cast(IO[bytes], _Metered(stream, job))
    with tarfile.open(fileobj=metered, mode="r|", tarinfo=_Header, encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            yield archive, member
            archive.members = []  # type: ignore[attr-defined]  # it would keep every header


def _untar(job: Unpacking) -> None:
    with _plain(job.archive) as stream:
        for archive, member in _members(job, stream):
            name = _bytes(member.name)
            if member.isdir() or member.type in _LABELS:
                continue
            if member.type == _CONTINUED:
                raise DumpRefused(
                    f"{job.archive.name} begins in the middle of {member.name!r}: it is a later one of several volumes"
                )
            if member.issym():
                job.note_link(name, _bytes(member.linkname))
            elif member.islnk():
                job.store_hard_link(name, _bytes(member.linkname))
            elif member.isreg() or member.type not in tarfile.SUPPORTED_TYPES:  # what tar doesn't know either, it takes for a file
                source = archive.extractfile(member)
                assert source is not None
                job.store(name, source, counted=not member.issparse())
            else:
                job.leave_out(name)
    job.follow_links()


def _bytes(name: str) -> bytes:
    """A name as it is in the archive."""
    return name.encode("utf-8", "surrogateescape")


def _unpack_one(job: Unpacking, open_packed: Callable[[Path], Any]) -> None:
    with open_packed(job.archive) as source:
        job.store(job.archive.stem.encode(), source)


def _unxz(job: Unpacking) -> None:
    """A plain .xz, or a tar that is called so (BioThings takes every .xz for a tar)."""
    with lzma.open(job.archive, "rb") as stream:
        head = stream.read(tarfile.BLOCKSIZE)
    if head[257:262] == b"ustar":
        _untar(job)
    else:
        _unpack_one(job, lzma.open)


__all__ = ["PACKED", "is_packed", "unpack", "unpack_folder"]
