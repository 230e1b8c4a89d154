"""File names and release names, made fit for paths and for command lines, wherever they come from."""

import re
import urllib.parse

from workers.dump.disposition import disposed_name
from workers.dump.errors import DumpRefused
from workers.dump.text import text_of

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Unicode's control characters too: terminals obey some of them, and logs break lines at others."""
_SHELL = re.compile(r"""[!"#$&'()*;<>?\[\\\]^`{|}]|\A[-~]|\A\s|\s\Z""")
"""What a shell obeys, and what programs take for an option or a home folder where a name begins with it: plugins put names into
command lines. Blanks within a name stay: they are common, and part a name at worst."""
_LENGTH = 200
"""Bytes of a name; file systems take 255."""


def safe_name(name: str) -> str:
    """The last component of `name`, without control characters and leading dots, and with `_` for what shells obey; empty where
    nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    return without_shell(_fit(_CONTROL.sub("", last).strip().lstrip(".")))


def name_of(url: str, disposition: str = "") -> str:
    """The file name of a download: of `Content-Disposition` where the server sends one, else the last part of the URL's path."""
    if name := safe_name(disposed_name(disposition)):
        return name
    path = urllib.parse.unquote_to_bytes(urllib.parse.urlsplit(url).path)
    return safe_name(text_of(path)) or "download"


def safe_release(release: str) -> str:
    """The release as one path component: slashes, control characters and what shells obey become `_`, everything else stays. Raises
    DumpRefused where it has no letter or digit."""
    name = without_shell(_fit(_CONTROL.sub("_", re.sub(r"[/\\]", "_", release.strip())).lstrip(".")))
    if not any(map(str.isalnum, name)):
        raise DumpRefused(f"{release!r} is no name for a release: letters or digits are needed")
    return name


def safe_path(path: str) -> str:
    """A path below a folder, each of its parts with `_` for what shells obey."""
    return "/".join(map(without_shell, path.split("/")))


def without_shell(name: str) -> str:
    """The name with `_` for each character that a shell obeys."""
    return _SHELL.sub("_", _CONTROL.sub("_", name))


def _fit(name: str) -> str:
    return name.encode()[:_LENGTH].decode(errors="ignore").strip()
