"""Concealment: what lets somebody in can't be read from a hub's process by other processes of the same user, plugins above all.

Linux shows the environment and the command line with which a process began in /proc, to everybody of the same user. Python's own
`os.environ` is a copy: to remove a variable there leaves the first one where it was.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from domain.masking import masked
from leat.settings import SCHEMES, Settings
from leat.unreadable import make_unreadable

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN", "AWS_SSE_CUSTOMER_KEY_BASE64")
"""Variables of an object store that are secret; the others stay in the environment, where its client reads them."""
STAT = slice(45, 49)
"""Where /proc/self/stat tells, behind the name: start and end of the arguments, then of the environment (proc(5): 48 to 51)."""


def conceal(settings: Settings) -> Settings:
    """Make this process one that others of its user can't look into, and take settings and keys out of its environment, so that
    what it starts does not inherit them. Returns the settings, with the keys of an object store in its URL.

    Elsewhere than on Linux only the environment is cleaned.
    """
    found = settings.model_copy(update={"files": _with_keys(settings.files)})
    for name in _variables():
        os.environ.pop(name, None)
    if sys.platform == "linux":
        secrets = [value.get_secret_value() for value in (settings.token, settings.secret, settings.mail)]
        _blank([*secrets, *(url for port in SCHEMES if masked(url := getattr(settings, port)) != url)])
        make_unreadable()
    return found


def _with_keys(url: str) -> str:
    """The URL of an object store, which takes as a parameter whatever may be a variable."""
    if urlsplit(url).scheme != "s3":
        return url
    keys = {name.lower(): value for name in KEYS if (value := os.environ.get(name)) and name.lower() not in url.lower()}
    return url + ("&" if "?" in url else "?") + urlencode(keys) if keys else url


def _variables() -> Iterable[str]:
    names = {f"LEAT_{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")}
    return [name for name in os.environ if name.upper() in names or name in KEYS]


def _blank(secrets: Iterable[str]) -> None:
    """Overwrite the environment that this process began with, and these words among its arguments."""
    for name, value in [*os.environ.items()]:
        os.environ[name] = value  # the C library keeps this one elsewhere, for whoever reads it there
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[STAT]
    arguments, arguments_end, environment, environment_end = map(int, fields)
    ctypes.memset(environment, 0, environment_end - environment)
    given = ctypes.string_at(arguments, arguments_end - arguments)
    for secret in filter(None, secrets):
        given = given.replace(secret.encode(), b"*" * len(secret.encode()))
    ctypes.memmove(arguments, given, len(given))
