"""URLs as they are sent: byte for byte as they were written, since a signed one holds only as it is spelt."""

import re
import urllib.parse

from yarl import URL

from workers.dump.errors import DumpRefused

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SPACES = "".join(map(chr, range(0x21)))


def scheme_of(url: str) -> str:
    """`https` and the like, in small letters; empty where the URL has none."""
    return url.partition(":")[0].lower() if _SCHEME.match(url) else ""


def as_written(url: str) -> URL:
    """The URL for the client, unchanged but for what no request can hold: blanks and letters beyond ASCII are percent-encoded, a
    host's name is spelt in its ASCII form. Raises DumpRefused where it is no URL of a web server."""
    try:
        address = URL(_within_ascii(url.strip(_SPACES)), encoded=True)
        if not address.host or address.port is None:  # which is looked at only now, and fails where it can be none
            raise ValueError("it names no host")
        return address
    except ValueError as error:
        raise DumpRefused(f"{url} is no address that can be asked: {error}") from error


def _within_ascii(url: str) -> str:
    start, mark, rest = url.partition("://")
    authority, tail = _split(rest)
    user, at, host = authority.rpartition("@")
    if not host.isascii():
        host = URL(f"http://{host}").raw_authority
    return start + mark + _quote(user) + at + host + _quote(tail)


def _split(rest: str) -> tuple[str, str]:
    end = next((place for place, letter in enumerate(rest) if letter in "/?#"), len(rest))
    return rest[:end], rest[end:]


def _quote(text: str) -> str:
    """Bytes of a header that are no UTF-8 stay the bytes that they are."""
    return urllib.parse.quote(text.encode("utf-8", "surrogateescape"), safe=_PRINTABLE)


def redirected(first: str, current: str, location: str) -> str:
    """Where the answer of `current` sends us, `first` being the address that the manifest has.

    An absolute address is taken as it stands. Raises DumpRefused where it is no address of the web, and where what was asked for
    over https would come over http: there anybody on the way could put other data in its place. Browsers refuse that too.
    """
    location = location.strip(_SPACES)
    if not location:
        raise DumpRefused(f"{first} can't be fetched: {current} sends us elsewhere, and does not say where")
    try:
        target = location if _SCHEME.match(location) else urllib.parse.urljoin(current, location)
        parts, origin = urllib.parse.urlsplit(target), urllib.parse.urlsplit(current)
        same = (parts.scheme, parts.hostname, parts.port) == (origin.scheme, origin.hostname, origin.port)
    except ValueError as error:
        raise DumpRefused(f"{first} can't be fetched: it sends us to {location!r}, which is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DumpRefused(f"{first} can't be fetched: it sends us to {target}, and only http and https are followed")
    if parts.scheme == "http" and urllib.parse.urlsplit(first).scheme == "https":
        raise DumpRefused(
            f"{first} can't be fetched: it sends us to {target}, where anybody on the way could change the data; "
            "give that address as `data_url` if it is meant"
        )
    if same and "@" in origin.netloc and "@" not in parts.netloc:  # the server that the name and password are for
        user = origin.netloc.rpartition("@")[0]
        target = target.replace("://", f"://{user}@", 1)
    return target
