"""Documents on their way out: each is checked and encoded once, and leaves in batches of about a megabyte."""

import datetime
import decimal
import enum
import reprlib
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any

import orjson

BATCH = 1_000_000
"""Bytes of documents after which a batch leaves."""
PATIENCE = 1.0
"""Seconds after which a smaller batch leaves, so that slow parsers are seen to work."""
MAX_SIZE = 16 * 2**20
"""Bytes that a document may have, as in MongoDB."""
MAX_ID = 512
"""Bytes (UTF-8) that an `_id` may have, as in Elasticsearch. BioThings stores longer ones and skips them when it indexes; here they
are skipped at once, and counted."""

MAX_DEPTH = 100
"""Objects and lists inside each other that a document may have, itself counted: its schema has two for each, and JSON encoders
allow some 250."""
TEXT = bytes(set(range(256)) - set(b"{}[]"))
"""Every byte that is no bracket."""

SHORT_ID = MAX_ID // 4
"""Characters of an `_id` that surely has no more than MAX_ID bytes."""

OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
STRICT = OPTIONS | orjson.OPT_STRICT_INTEGER
INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class DocumentRefused(Exception):
    """A document that can't be stored."""


class Outlet:
    """Turns what a parser yields into batches, and counts."""

    def __init__(self) -> None:
        self.seen = 0
        self.dropped = 0
        self.skipped = 0
        self.long_ids: list[str] = []

    def batches(self, documents: Iterable[Any], limit: int | None = None) -> Iterator[tuple[list[str], list[bytes]]]:
        """(ids, bodies) of the documents; raises DocumentRefused with the number of the one that is wrong."""
        ids: list[str] = []
        bodies: list[bytes] = []
        size, due = 0, time.monotonic() + PATIENCE
        dumps, now = orjson.dumps, time.monotonic
        for document in documents:
            self.seen += 1
            if not document:
                self.dropped += 1
                continue
            try:  # the path of nearly all documents, kept free of calls into Python: it decides how fast an upload can be
                id = document["_id"]
                body = dumps(document, default, STRICT)
                plain = type(document) is dict and type(id) is str and 0 < len(id) <= SHORT_ID and b"null" not in body
                plain = plain and (len(body) < 2 * MAX_DEPTH or body.count(b"{") + body.count(b"[") <= MAX_DEPTH)
            except (TypeError, LookupError, ValueError, AttributeError):
                plain, body = False, b""
            if not plain or len(body) > MAX_SIZE:
                id, body = self.encoded(document, body)
                if not body:
                    continue
            ids.append(id)
            bodies.append(body)
            size += len(body)
            if size > BATCH or now() > due or limit == self.seen:
                yield ids, bodies
                ids, bodies, size, due = [], [], 0, now() + PATIENCE
                if limit == self.seen:
                    return
        if ids:
            yield ids, bodies

    def encoded(self, document: Any, body: bytes) -> tuple[str, bytes]:
        """`_id` and canonical JSON of a document that needs a closer look (`body`, if it has any); no bytes if it is skipped."""
        id = document["_id"] if isinstance(document, dict) and body else None
        if isinstance(id, str) and id and len(body) > MAX_SIZE:
            raise self.too_large(document, len(body))
        if not isinstance(id, str) or not id:
            body = self.encoded_with_care(document)
            id = str(document["_id"])
        if b"null" in body and not finite(document):
            raise self.refused(document, next(problems(document, finite_only=True)))
        if not shallow(body) and (deep := next(problems(orjson.loads(body)), None)):
            raise self.refused(document, deep)
        if len(id.encode()) > MAX_ID:
            self.skip(id)
            return id, b""
        return str(id), body

    def encoded_with_care(self, document: Any) -> bytes:
        """As `encoded`, for the few that need a closer look: what is wrong is found and said."""
        if not isinstance(document, dict):
            raise self.refused(document, f"it is no dict but {type(document).__name__}")
        if "_id" not in document:
            raise self.refused(document, "it has no `_id`")
        id = document["_id"]
        if not isinstance(id, str):
            raise self.refused(document, f"its `_id` is no text but {type(id).__name__}: {reprlib.repr(id)}")
        if not id:
            raise self.refused(document, "its `_id` is empty")
        found = next(problems(document), None)
        if found:
            raise self.refused(document, found)
        try:
            body = orjson.dumps(document, default, OPTIONS)
        except (TypeError, ValueError) as error:
            raise self.refused(document, str(error)) from None
        if len(body) > MAX_SIZE:
            raise self.too_large(document, len(body))
        return body

    def too_large(self, document: Any, size: int) -> DocumentRefused:
        """The refusal of a document of so many bytes; it is not encoded a second time, for which memory might be short."""
        return self.refused(document, f"it has {size / 2**20:.1f} MiB, at most {MAX_SIZE // 2**20} are stored")

    def skip(self, id: str) -> None:
        """Count a document whose `_id` is too long."""
        self.skipped += 1
        if len(self.long_ids) < 3:
            self.long_ids.append(id[:80] + "…")

    def refused(self, document: Any, reason: str) -> DocumentRefused:
        """The refusal of the current document, with its number and a look at it."""
        id = document.get("_id") if isinstance(document, dict) else None
        named = f" (`_id` {reprlib.repr(id)})" if id is not None else ""
        return DocumentRefused(f"document {self.seen}{named}: {reason}", preview(document))


def preview(document: Any) -> str:
    """What a document looks like, in a few hundred characters."""
    short = reprlib.Repr()
    short.maxdict = short.maxlist = short.maxtuple = 6
    short.maxlevel = 3
    short.maxstring = short.maxother = 60
    return short.repr(document)[:1000]


def default(value: Any) -> Any:
    """JSON for what orjson doesn't know: sets become sorted lists, decimals numbers, other collections lists, dates ISO text."""
    if isinstance(value, Set):
        return ordered(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes are no JSON; decode them")
    if hasattr(value, "__fspath__"):
        return str(value)
    if isinstance(value, Collection):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def ordered(values: Set[Any]) -> list[Any]:
    """The members of a set, sorted, so that equal documents have equal bytes."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def finite(value: Any) -> bool:
    """Whether all numbers in it are finite: orjson writes the others as null without a word."""
    kind = type(value)
    if kind is dict:
        return all(map(finite, value.values()))
    if kind is list:
        return all(map(finite, value))
    if kind is str or kind is int or value is None:
        return True
    return next(problems(value, finite_only=True), None) is None


def shallow(body: bytes) -> bool:
    """Whether a document surely is nested no deeper than MAX_DEPTH; brackets in its texts may leave that open."""
    left = body.translate(None, TEXT)
    for _ in range(MAX_DEPTH // 2):  # each time one level goes, or two
        if not left:
            return True
        left = left.replace(b"{}", b"").replace(b"[]", b"")
    return not left


def problems(value: Any, path: str = "", depth: int = 1, finite_only: bool = False) -> Iterator[str]:
    """What keeps a value from being stored, with the path to it."""
    if depth > MAX_DEPTH and isinstance(value, Mapping | list | tuple | Set):
        yield f"it is nested deeper than {MAX_DEPTH} levels, or holds itself, at {path[:80]}{'…' * (len(path) > 80)}"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) and not finite_only:
                yield f"a key {'in ' + path if path else 'of it'} is no text but {type(key).__name__}: {reprlib.repr(key)}"
            yield from problems(inner, f"{path}.{key}" if path else str(key), depth + 1, finite_only)
    elif isinstance(value, list | tuple | Set):
        for number, inner in enumerate(value):
            yield from problems(inner, f"{path}[{number}]", depth + 1, finite_only)
    elif _no_number(value):
        yield f"{path} is {value}: JSON has no such number"
    elif not finite_only and not isinstance(value, float):
        yield from _wrong_scalar(value, path)


def _no_number(value: Any) -> bool:
    if isinstance(value, float):
        return value != value or value in (float("inf"), float("-inf"))
    if isinstance(value, decimal.Decimal):
        return not value.is_finite()
    return hasattr(value, "dtype") and getattr(value, "ndim", 0) == 0 and bool(value != value)


def _wrong_scalar(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, bool | None | uuid.UUID | enum.Enum):
        return
    if isinstance(value, int):
        if not INT_MIN <= value <= INT_MAX:
            yield f"{path} is {reprlib.repr(value)}: integers have 64 bits at most"
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            yield f"{path} is no valid text: {error.reason} at character {error.start}"
    else:
        try:
            default(value)
        except TypeError as error:
            if not isinstance(value, datetime.date | datetime.time) and not hasattr(value, "__dataclass_fields__"):
                yield f"{path}: {error}"
