"""Is a fetched file what its name says? An error page is not data, and a .gz has to be one."""

from pathlib import Path

from workers.dump.errors import DumpRefused

_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".gz": (b"\x1f\x8b",),
    ".tgz": (b"\x1f\x8b",),
    ".zip": (b"PK\x03\x04", b"PK\x05\x06"),
    ".bz2": (b"BZh",),
    ".tbz2": (b"BZh",),
    ".xz": (b"\xfd7zXZ\x00",),
    ".txz": (b"\xfd7zXZ\x00",),
}
_HTML_NAMES = (".html", ".htm", ".xhtml", ".shtml", ".php", ".asp", ".aspx", ".jsp")
_HTML = (b"<!doctype html", b"<html")


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
