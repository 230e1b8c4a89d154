"""Is a fetched file what its name says? An error page is not data, and a .gz has to be one."""

import gzip
import zlib
from pathlib import Path

from workers.dump.encoding import MAGIC
from workers.dump.errors import DumpRefused

_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".gz": (MAGIC,),
    ".tgz": (MAGIC,),
    ".bgz": (MAGIC,),
    ".zip": (b"PK\x03\x04", b"PK\x05\x06"),
    ".bz2": (b"BZh",),
    ".tbz2": (b"BZh",),
    ".xz": (b"\xfd7zXZ\x00",),
    ".txz": (b"\xfd7zXZ\x00",),
}
_HTML_NAMES = (".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp")
_HTML = (b"<!doctype html", b"<html")
_GZIP_INSIDE = (".bam", ".bcf", ".csi", ".tbi", ".rds", ".rda", ".rdata", ".svgz", ".mgz")
"""Formats that are packed by gzip themselves: programs that read them want them so."""


def _is_html(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while text.startswith(b"<!--") and b"-->" in text:
        text = text.split(b"-->", 1)[1].lstrip()
    if text.startswith(b"<?xml") and b"?>" in text:
        text = text.split(b"?>", 1)[1].lstrip()
    return text.startswith(_HTML)


def check_content(path: Path, name: str) -> None:
    """Raises DumpRefused where the content of `path` can't be what `name` promises."""
    with path.open("rb") as file:
        head = file.read(4096)
    suffix = Path(name).suffix.lower()
    if suffix not in _HTML_NAMES and _is_html(head):
        shown = " ".join(head.decode("utf-8", "replace").split())[:200]
        raise DumpRefused(f"{name} is an HTML page, not data", detail=f"It begins: {shown}")
    magic = _MAGIC.get(suffix)
    if magic and not head.startswith(magic):
        raise DumpRefused(f"{name} is no {suffix} file: it begins with {head[:8]!r}")


def name_as_packed(path: Path, name: str) -> str:
    """The name of `path` with the ending that says how it is packed, where its bytes are gzip's and `name` does not tell."""
    with path.open("rb") as file:
        is_packed = file.read(2) == MAGIC
    if not is_packed or name.lower().endswith((*_MAGIC, ".bgzf", ".gzip", *_GZIP_INSIDE)):
        return name
    return f"{name}{_ending(path, name)}"


def _ending(path: Path, name: str) -> str:
    try:
        with gzip.open(path, "rb") as file:
            head = file.read(512)
    except (EOFError, OSError, zlib.error):  # it is broken, which unpacking will tell
        return ".gz"
    return ".tar.gz" if head[257:262] == b"ustar" and not name.lower().endswith(".tar") else ".gz"
