"""File names and release names that come from servers, made fit for paths."""

import re
import urllib.parse
from email.message import EmailMessage

from workers.dump.errors import DumpRefused

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LENGTH = 200
"""Characters of a name; file systems take 255 bytes."""


def safe_name(name: str) -> str:
    """The last component of `name`, without control characters and leading dots; empty where nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    return _CONTROL.sub("", last).strip().lstrip(".")[:_LENGTH]


def name_of(url: str, disposition: str = "") -> str:
    """The file name of a download: of Content-Disposition where the server sends one, else the last part of the URL's path."""
    if disposition:
        header = EmailMessage()
        header["Content-Disposition"] = _CONTROL.sub("", disposition)
        if name := safe_name(header.get_filename() or ""):
            return name
    return safe_name(urllib.parse.unquote(urllib.parse.urlsplit(url).path)) or "download"


def safe_release(release: str) -> str:
    """The release as one path component: anything but letters, digits and `._+-` becomes `_`. Raises DumpRefused where none
    is left."""
    name = re.sub(r"[^\w.+-]", "_", release.strip(), flags=re.ASCII).lstrip(".")[:100]
    if not name.strip("_"):
        raise DumpRefused(f"{release!r} is no name for a release: letters or digits are needed")
    return name
