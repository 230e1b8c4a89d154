"""Opening a file as text or bytes, packed or not, and saying where in it something can't be read."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO

from .refusal import FileRefused

BLOCK = 256 * 1024
"""Bytes that are read at a time."""
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks, the longer before those that they begin with, and the encodings that read them."""


class _Damaged(Exception):
    """A NUL byte, where text has none; `args` has its offset."""


@contextmanager
def opened_text(path: str, name: str, encoding: str) -> Iterator[IO[str]]:
    """The file as text with its line ends as they are; a byte order mark is no part of it. Raises FileRefused naming `name`, line
    and column where its bytes are not of the encoding, or are NUL."""
    wide = _checked_mark(path, name, encoding)
    told = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        with opened(path, name) as raw:
            buffered = raw if wide else io.BufferedReader(_Checked(raw), BLOCK)
            with io.TextIOWrapper(buffered, told, newline="") as text:
                yield text
    except _Damaged as error:
        line, column = _place(path, name, told, error.args[0])
        raise FileRefused(
            f"{name}, line {line}, column {column}: a NUL byte; either the file is damaged, or its encoding is another one "
            "(`encoding: utf-16`?)"
        ) from None
    except UnicodeError as error:
        raise _undecodable(path, name, told, error) from None


@contextmanager
def opened(path: str, name: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where they are gzip's, whatever it is called. Raises FileRefused where those are damaged."""
    with open(path, "rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        try:
            yield gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[misc]  # a binary file to read from
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            if not packed:
                raise
            raise FileRefused(
                f"{name}: its gzip data end early or are damaged ({error}); dump the source again with --force"
            ) from None


class _Checked(io.RawIOBase):
    """Bytes on their way to be decoded: text has no NUL, and a table with some would be read as if they were letters."""

    def __init__(self, raw: IO[bytes]) -> None:
        self.raw = raw
        self.offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed wants any buffer
        block = self.raw.read(len(buffer))
        if b"\0" in block:
            raise _Damaged(self.offset + block.index(b"\0"))
        buffer[: len(block)] = block
        self.offset += len(block)
        return len(block)


def _checked_mark(path: str, name: str, encoding: str) -> bool:
    """Whether the encoding's letters have several bytes each, NUL among them. Raises FileRefused where the file's byte order mark
    is another encoding's."""
    with opened(path, name) as raw:
        head = raw.read(4)
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    known = next((encoding for mark, encoding in MARKS.items() if head.startswith(mark)), "")
    if known and not codecs.lookup(encoding).name.startswith(known):
        raise FileRefused(f"{name} begins with the byte order mark of {known}, and is read as {encoding}: add `encoding: {known}`")
    return wide


def _undecodable(path: str, name: str, encoding: str, error: UnicodeError) -> FileRefused:
    """Where the file's first byte is that the encoding does not know: the error itself counts from the last block."""
    if not isinstance(error, UnicodeDecodeError):
        return FileRefused(f"{name}: {error}: say `encoding: {encoding}-le`, or `{encoding}-be`")
    decoder = codecs.getincrementaldecoder(encoding)()
    line, column = 1, 1
    with opened(path, name) as raw:
        for block in chain(raw, [b""]):
            known = True
            try:
                text = decoder.decode(block, not block)
            except UnicodeDecodeError as found:
                known, error, text = False, found, found.object[: found.start].decode(encoding, "ignore")
            line += text.count("\n")
            column = len(text) - text.rfind("\n") if "\n" in text else column + len(text)
            if not known:
                break
    byte = error.object[error.start]
    advice = "say which encoding it has (`encoding: latin-1`?)" if encoding.startswith("utf-8") else "is that the file's encoding?"
    return FileRefused(f"{name}, line {line}, column {column}: byte 0x{byte:02x} is no {encoding.removesuffix('-sig')}; {advice}")


def _place(path: str, name: str, encoding: str, offset: int) -> tuple[int, int]:
    """Line and column of a byte."""
    left = offset
    with opened(path, name) as raw:
        for number, line in enumerate(raw, 1):
            if left < len(line):
                return number, len(line[:left].decode(encoding, "replace")) + 1
            left -= len(line)
    return 0, 0
