"""URLs as they may be shown: without what lets their reader in."""

import re
from urllib.parse import unquote_plus

_USER = re.compile(r"://(?:([^\s/?#@:\[\"]*):(?!\d+(?:[/?#\"\s]|$))(?:(?!://)[^\s\"])*|[^\s/?#\[\"]+)@")
"""A name, or a name and a password, which may hold what belongs quoted: then it is no valid URL, and is shown in an error.
It ends before the next `://`, so that the time for a text grows with its length only."""
_PARAMETER = re.compile(r"([?&;#])([^\s=&;#?]+)=([^\s&#\"<>]*)")
_SECRET = re.compile(
    r"secret|pass(?:w|phrase|code|$)|pwd|token|key(?!word)|credential|signature|(?<![a-z])(?:sig|sign|sas|code)(?![a-z])"
    r"|auth(?!or(?!i[sz]))|session|jwt|hmac",
    re.IGNORECASE,
)
"""Names of parameters that are nobody's business, such as an object store's secret_access_key or the signature of a signed URL."""


def masked(text: str) -> str:
    """The text with `***` in place of the passwords and secret parameters of all URLs in it. A user's name without a password is
    masked too: servers take keys in its place."""
    if "://" not in text:
        return text
    text = _USER.sub(lambda match: f"://{match[1]}:***@" if match[1] else "://***@", text)
    return _PARAMETER.sub(_without_value, text)


def _without_value(match: re.Match[str]) -> str:
    secret = match[3] and _SECRET.search(unquote_plus(match[2]))
    return f"{match[1]}{match[2]}=***" if secret else match[0]
