"""Where the gateway is, and the token that it wants: flags before variables before what `leat up` left in the data folder."""

import os
import re
from argparse import Namespace
from pathlib import Path

from leat.cli.exits import Ended, Exit
from leat.data_folder import FINGERPRINT, TOKEN, URL
from leat.urls import Address, listening_at


def data_folder(flags: Namespace) -> Path:
    """The data folder that the command line means."""
    return Path(getattr(flags, "data", None) or os.environ.get("LEAT_DATA") or ".leat")


def find(flags: Namespace) -> Address:
    """The gateway's address; raises Ended where no token can be found."""
    folder = data_folder(flags)
    given = flags.url or os.environ.get("LEAT_URL", "")
    if given and not re.fullmatch(r"https?://[^/?#]+/?", given):
        raise Ended(Exit.USAGE, f"--url or LEAT_URL is such as http://127.0.0.1:8000, without a path, not {given!r}")
    token = flags.token or os.environ.get("LEAT_TOKEN") or _secret("LEAT_TOKEN_FILE") or token_of(folder)
    if not token:
        told = f"there is no token: no hub was started on {folder} (`leat up` starts one); for one elsewhere set LEAT_TOKEN"
        raise Ended(Exit.UNAUTHENTICATED, f"{told} or pass --token, or let LEAT_DATA name its folder")
    return Address(gateway_of(folder, given), token, "" if given else str(folder), fingerprint_of(folder, given), _public(given))


def token_of(folder: Path, given: str = "") -> str:
    """The token: the given one, else that of the data folder; empty where there is none."""
    return given or _read(folder / TOKEN)


def gateway_of(folder: Path, url: str = "", host: str = "", port: int | str = "") -> str:
    """The URL of the gateway: the given one, else the one that serves this data folder, else where one would listen."""
    return (url or _read(folder / URL) or listening_at(host, port)).rstrip("/")


def fingerprint_of(folder: Path, url: str = "") -> str:
    """Of the certificate that the gateway of this data folder shows; empty where it shows none, or the URL was given."""
    return "" if url else _read(folder / FINGERPRINT)


def _public(url: str = "") -> str:
    """What people are told, where the hub is this environment's own."""
    return "" if url else os.environ.get("LEAT_PUBLIC_URL", "")


def _secret(variable: str) -> str:
    path = os.environ.get(variable)
    return _read(Path(path)) if path else ""


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
