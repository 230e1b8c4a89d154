"""What servers write into headers: read as strictly as exact data need it, and otherwise as kindly as browsers do."""

import email.utils
import re
import time
from typing import NamedTuple

_RANGE = re.compile(r"\s*bytes\s*[ =:]\s*(\d{1,18})\s*-\s*(\d{1,18})\s*/\s*(\d{1,18}|\*)\s*", re.ASCII | re.IGNORECASE)
_PATIENCE = 60.0
"""Seconds that a server may ask us to wait."""


class Span(NamedTuple):
    """The part of a file that an answer carries."""

    start: int
    stop: int
    """The first byte that is not carried any more."""
    total: int | None
    """Bytes of the whole file; None where the server does not say."""


def span_of(value: str) -> Span | None:
    """What `Content-Range` says; None where it says nothing that can be true."""
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    start, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if last < start or (total is not None and last >= total):
        return None
    return Span(start, last + 1, total)


def moment_of(value: str) -> float | None:
    """The date of a header, in seconds since 1970; None where it is none."""
    try:
        fields = email.utils.parsedate_tz(value)
        return float(email.utils.mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError, IndexError, TypeError):  # what the parser raises on some texts that are no dates
        return None


def wait_of(value: str) -> float:
    """Seconds that `Retry-After` asks for, one minute at most."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _PATIENCE)
    moment = moment_of(text)
    return 0.0 if moment is None else min(max(moment - time.time(), 0.0), _PATIENCE)


def codings_of(value: str) -> tuple[str, ...]:
    """The packings that `Content-Encoding` lists, in the order in which they were applied."""
    return tuple(filter(None, (coding.partition(";")[0].strip().lower() for coding in value.split(","))))


def validator_of(value: str) -> str:
    """An ETag or Last-Modified as it can be stored and sent back; empty where it holds bytes that are no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return ""
    return value if value.isprintable() else ""


def same_validator(first: str, second: str) -> bool:
    """Do two ETags name one version? A weak one equals a strong one of the same text."""
    return first.removeprefix("W/") == second.removeprefix("W/")
