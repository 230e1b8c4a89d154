"""Fetches `file:` URLs: a file, or all files of a folder, of this machine or of the plugin itself."""

import email.utils
import os
import shutil
import urllib.parse
from pathlib import Path

from events.sources import File
from workers.dump.download import Fetched
from workers.dump.errors import DumpRefused
from workers.dump.text import text_of


def path_of(url: str, plugin: Path) -> Path:
    """The path that a `file:` URL names; a relative one (`file:data/genes.tsv`) lies in the plugin's folder and
    must not leave it."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise DumpRefused(f"{url} names no file: {error}") from error
    if parts.netloc not in ("", "localhost"):
        raise DumpRefused(
            f"{url} names the machine {parts.netloc}: a file: URL has three slashes, or none for a file of the plugin"
        )
    path = Path(os.fsdecode(urllib.parse.unquote_to_bytes(parts.path)))
    if path.is_absolute():
        return path
    if ".." in path.parts:
        raise DumpRefused(f"{url} leaves the plugin's folder")
    return plugin / path


def fetch_local(url: str, path: Path, folder: Path, previous: dict[str, File], limit: int) -> list[Fetched]:
    """Copies, in `folder`, of the file at `path`, or of every file below the folder there. A file is not copied where its size and
    time are those in `previous` (by URL). Blocks: to be called in a thread. Raises DumpRefused."""
    if path.is_file():
        return [_fetch_one(url, _name_of(Path(path.name)), path, folder, previous, limit)]
    if not path.is_dir():
        raise DumpRefused(f"{url} is no file or folder of the machine that this worker runs on")
    found = sorted(Path(root, name) for root, folders, names in os.walk(path) for name in names if not name.startswith("."))
    if not found:
        raise DumpRefused(f"{url} is an empty folder")
    fetched = []
    for file in found:
        inside = file.relative_to(path)
        address = f"{url.rstrip('/')}/{urllib.parse.quote(os.fsencode(inside))}"
        fetched.append(_fetch_one(address, _name_of(inside), file, folder, previous, limit))
    return fetched


def _name_of(path: Path) -> str:
    """The name that is stored, also of a file whose name is no UTF-8."""
    return text_of(os.fsencode(path))


def _fetch_one(url: str, name: str, source: Path, folder: Path, previous: dict[str, File], limit: int) -> Fetched:
    try:
        return _copy(url, name, source, folder / name, previous, limit)
    except (FileNotFoundError, PermissionError) as error:
        raise DumpRefused(f"{url} can't be read: {error.strerror}") from error


def _copy(url: str, name: str, source: Path, target: Path, previous: dict[str, File], limit: int) -> Fetched:
    state = source.stat()
    if state.st_size > limit:
        raise DumpRefused(f"{url} is larger than the limit of {limit} bytes")
    etag = f"{state.st_mtime_ns:x}-{state.st_size:x}"
    modified = email.utils.formatdate(state.st_mtime, usegmt=True)
    old = previous.get(url)
    if old and old.etag == etag:
        return Fetched(name=name, url=url, path=None, previous=old, etag=etag, last_modified=modified)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return Fetched(name=name, url=url, path=target, etag=etag, last_modified=modified)
