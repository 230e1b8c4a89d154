"""The file name that a server gives in `Content-Disposition`, read as browsers read it."""

import re
import urllib.parse
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from workers.dump.text import text_of

_FIELD = re.compile(
    r"""
    (?:^|;)\s*
    (?: (?P<name>[^\s;="]+) \s*=\s* (?: "(?P<quoted>(?:[^"\\]|\\.)*)(?:"|\Z|\\\Z) [^;]* | (?P<plain>[^;]*) ) | [^;"]* )
    """,
    re.VERBOSE | re.DOTALL,
)
"""A field, and the semicolon before it; the disposition's type is one without a name. An open quote reaches to the end."""


def disposed_name(value: str) -> str:
    """The file name in a `Content-Disposition` (RFC 6266); empty where there is none.

    `filename*` goes before `filename`, a name without quotes reaches to the next semicolon, blanks and all, and bytes beyond ASCII
    are UTF-8 or else Latin-1.
    """
    fields: dict[str, str] = {}
    for match in _FIELD.finditer(text_of(value.encode("utf-8", "surrogateescape"))):
        if match["name"]:
            quoted, plain = match["quoted"], match["plain"]
            text = plain.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            fields.setdefault(match["name"].lower(), text)
    return _extended(fields.get("filename*", "")) or _continued(fields) or _encoded_words(fields.get("filename", ""))


def _extended(value: str) -> str:
    """RFC 8187: charset'language'percent-encoded; empty where it is not that, so that the plain name is taken."""
    charset, mark, rest = value.partition("'")
    _, other, text = rest.partition("'")
    if not (mark and other):
        return ""
    try:
        return urllib.parse.unquote_to_bytes(text).decode(charset)
    except (LookupError, ValueError):  # no such charset, or no text of it
        return ""


def _continued(fields: Mapping[str, str]) -> str:
    """RFC 2231: a name in pieces, `filename*0`, `filename*1`, as some servers still send long ones."""
    pieces: list[str] = []
    while (piece := fields.get(f"filename*{len(pieces)}")) is not None:
        pieces.append(piece)
    return "".join(pieces)


def _encoded_words(value: str) -> str:
    """RFC 2047: words such as `=?UTF-8?B?…?=`, which servers take over from mail, and browsers understand."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, HeaderParseError):  # no such charset, or no text of it
        return value
