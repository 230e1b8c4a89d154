"""Takes off the packings that a server put around a file on the way (`Content-Encoding`)."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from domain.room import is_full
from workers.dump.errors import DumpRefused

_CHUNK = 2**18
_GZIP = ("gzip", "x-gzip")
_UNDONE = (*_GZIP, "deflate")
_FOREIGN = ("br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip")
"""Packings that are none of those asked for, and that can't be taken off here."""
_NONE = ("identity", "none", "aws-chunked")
"""Not packed: the last is what some object stores keep of how a file was sent to them."""
GZIP_ENDINGS = (".gz", ".tgz", ".bgz", ".bgzf", ".gzip")
MAGIC = b"\x1f\x8b"


def unknown(codings: Sequence[str]) -> tuple[str, ...]:
    """What is listed as a packing and is none. Such a file is taken as it came, as browsers do."""
    return tuple(coding for coding in codings if coding not in (*_UNDONE, *_FOREIGN, *_NONE))


def take_off(packed: Path, codings: Sequence[str], name: str, limit: int) -> Path:
    """The file without `codings`, the last of them taken off first; `packed` itself where there is nothing to do.

    A .gz is often said to be packed where only its own packing is meant: then it stays as it is. Blocks. Raises DumpRefused.
    """
    for number, coding in enumerate(reversed(codings)):
        if coding in _FOREIGN:
            raise DumpRefused(f"{name} comes in an encoding that was not asked for: {coding}")
        if coding not in _UNDONE or not packed.stat().st_size:
            continue
        if coding in _GZIP and name.lower().endswith(GZIP_ENDINGS) and not _is_twice_packed(packed):
            continue
        path = packed.with_name(f"{packed.name}-{number}")
        try:
            _write(_gunzip(packed) if coding in _GZIP else _inflate(packed), path, limit)
        except (EOFError, OSError, zlib.error) as error:
            if is_full(error):
                raise
            raise DumpRefused(f"the server says that it packed {name}, but it can't be unpacked: {error}") from error
        packed.unlink()
        packed = path
    return packed


def _is_twice_packed(path: Path) -> bool:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(2) == MAGIC
    except (EOFError, OSError, zlib.error):
        return False


def _gunzip(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def _inflate(path: Path) -> Iterator[bytes]:
    """`deflate` is zlib's form, though some servers send the bare one."""
    with path.open("rb") as source:
        head = source.read(2)
        source.seek(0)
        has_header = len(head) == 2 and head[0] & 15 == 8 and int.from_bytes(head, "big") % 31 == 0
        yield from _inflated(source, zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS))


def _inflated(source: IO[bytes], inflater: "zlib._Decompress") -> Iterator[bytes]:
    while not inflater.eof:
        data = inflater.unconsumed_tail or source.read(_CHUNK)
        if not data:
            raise EOFError("it ends too early")
        if chunk := inflater.decompress(data, _CHUNK):
            yield chunk


def _write(chunks: Iterator[bytes], path: Path, limit: int) -> None:
    with path.open("wb") as target:
        for chunk in chunks:
            target.write(chunk)
            if target.tell() > limit:
                raise DumpRefused(f"the file is larger than the limit of {limit} bytes")


__all__ = ["GZIP_ENDINGS", "MAGIC", "take_off", "unknown"]
