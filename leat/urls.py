"""URLs: of servers, as they may be shown, and the gateway's own."""

import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

SECRET = re.compile(r"(?i)([^&=]*(?:secret|password|token|key)[^&=]*=)[^&]*")
"""Parameters of a URL that are nobody's business, such as an object store's secret_access_key."""


class Address(NamedTuple):
    """How to reach a gateway."""

    url: str
    """Without a slash at the end."""
    token: str
    folder: str = ""
    """The data folder where that was looked for; empty where the URL was given."""


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    parts = parts._replace(query=SECRET.sub(r"\1***", parts.query))
    if "@" not in parts.netloc:
        return urlunsplit(parts) if parts.query else url
    user = parts.netloc.rsplit("@", 1)[0].split(":", 1)[0]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{parts.netloc.rsplit('@', 1)[1]}"))


def listening_at(host: str = "", port: int | str = "") -> str:
    """Where `leat up` listens with these settings; unset: those of the environment."""
    host = host or os.environ.get("LEAT_HOST") or "127.0.0.1"
    port = port or os.environ.get("LEAT_PORT") or "8000"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"
