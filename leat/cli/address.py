"""Where the gateway is, and the token that it wants: flags before variables before what `leat up` left in the data folder."""

import os
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

from leat.cli.exits import Ended, Exit

DEFAULT = "http://127.0.0.1:8000"
URL_FILE = "url"
"""In the data folder while a gateway serves it."""
TOKEN_FILE = "token"
"""In the data folder, mode 600."""


class Address(NamedTuple):
    """How to reach a gateway."""

    url: str
    """Without a slash at the end."""
    token: str


def data_folder(flags: Namespace) -> Path:
    """The data folder that the command line means."""
    return Path(getattr(flags, "data", None) or os.environ.get("LEAT_DATA") or ".leat")


def find(flags: Namespace) -> Address:
    """The gateway's address; raises Ended where no token can be found."""
    folder = data_folder(flags)
    url = gateway_of(folder, flags.url or os.environ.get("LEAT_URL", ""))
    token = flags.token or os.environ.get("LEAT_TOKEN") or _secret("LEAT_TOKEN_FILE") or _read(folder / TOKEN_FILE)
    if not token:
        told = f"there is no token: set LEAT_TOKEN or pass --token, or let LEAT_DATA name the hub's folder (not {folder})"
        raise Ended(Exit.UNAUTHENTICATED, told)
    return Address(url, token)


def gateway_of(folder: Path, url: str = "") -> str:
    """The URL of the gateway: the given one, else the one that serves this data folder, else where one listens by default."""
    return (url or _read(folder / URL_FILE) or DEFAULT).rstrip("/")


def _secret(variable: str) -> str:
    path = os.environ.get(variable)
    return _read(Path(path)) if path else ""


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
