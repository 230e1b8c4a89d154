"""URLs of servers, as they may be shown."""

import re
from urllib.parse import urlsplit, urlunsplit

SECRET = re.compile(r"(?i)([^&=]*(?:secret|password|token|key)[^&=]*=)[^&]*")
"""Parameters of a URL that are nobody's business, such as an object store's secret_access_key."""


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    parts = parts._replace(query=SECRET.sub(r"\1***", parts.query))
    if "@" not in parts.netloc:
        return urlunsplit(parts) if parts.query else url
    user = parts.netloc.rsplit("@", 1)[0].split(":", 1)[0]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{parts.netloc.rsplit('@', 1)[1]}"))
