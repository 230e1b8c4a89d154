"""JSON as BSON and back: what MongoDB doesn't take is written so that it can still be queried, and comes back to the byte."""

import json
import re
from typing import Any

import orjson

from domain.ports.documents import Document

DIGEST, BODY, LIST, INTEGER = "%digest", "%body", "%list", "%integer"
"""Keys of ours in a document; no key of the user's looks like them, since `%` is always escaped."""

_ODD = re.compile(r"^\$|[%.\0]|^$")
_ESCAPED = re.compile(r"%(25|2E|24|00)?")
_SIGNS = (b"%", b"$", b"\\", b'"":', b"[[", b",[")
_DOTTED_KEY = re.compile(rb'\.[^".]*":')
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_INTEGER = b"0" * 19
_ESCAPES = {"%": "%25", ".": "%2E", "$": "%24", "\0": "%00", "": "%"}
_UNESCAPES = {escape: character for character, escape in _ESCAPES.items()}
INT64 = range(-(2**63), 2**63)
_LOOKED_AT = (dict, list, int)


def escaped(value: Any) -> Any:
    """A JSON value that MongoDB, and every server that speaks its protocol, takes.

    In keys `%`, `.`, NUL and a leading `$` become `%25`, `%2E`, `%00` and `%24`, the empty key `%`; a list directly in a list
    becomes `{"%list": […]}`, an integer beyond 64 bits `{"%integer": "…"}`.
    """
    if isinstance(value, dict):
        return {_escape(key): escaped(below) if isinstance(below, _LOOKED_AT) else below for key, below in value.items()}
    if isinstance(value, list):
        return [_escape_in_list(below) if isinstance(below, _LOOKED_AT) else below for below in value]
    if isinstance(value, int) and value not in INT64:
        return {INTEGER: str(value)}
    return value


def unescaped(value: Any) -> Any:
    """The JSON value that was escaped."""
    if isinstance(value, dict):
        if LIST in value:
            return unescaped(value[LIST])
        if INTEGER in value:
            return int(value[INTEGER])
        return {_unescape(key): unescaped(below) if isinstance(below, dict | list) else below for key, below in value.items()}
    if isinstance(value, list):
        return [unescaped(below) if isinstance(below, dict | list) else below for below in value]
    return value


def to_bson(document: Document) -> dict[str, Any]:
    """The document as fields. An integer beyond 64 bits becomes a double there, and the exact text is kept beside it."""
    extra = {DIGEST: document.digest}
    if _LONG_INTEGER in document.body.translate(_DIGITS):
        values = json.loads(document.body, parse_int=_number)
        if orjson.dumps(values, option=orjson.OPT_SORT_KEYS) != document.body:
            extra[BODY] = document.body
    else:
        values = orjson.loads(document.body)
    if _suspect(document.body):
        values = escaped(values)
    return {**values, "_id": document.id, **extra}


def _suspect(body: bytes) -> bool:
    """Whether something in canonical JSON may have to be escaped: most documents need no second look."""
    return any(sign in body for sign in _SIGNS) or _DOTTED_KEY.search(body) is not None


def from_bson(values: dict[str, Any]) -> Document:
    """The document that these fields were made of."""
    digest, body = values.pop(DIGEST, b""), values.pop(BODY, None)
    if body is None:
        body = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        if b"%" in body:
            body = orjson.dumps(unescaped(values), option=orjson.OPT_SORT_KEYS)
    return Document(values["_id"], body, digest)


def _escape(key: str) -> str:
    return _ODD.sub(lambda match: _ESCAPES[match[0]], key) if _ODD.search(key) else key


def _escape_in_list(value: Any) -> Any:
    return {LIST: escaped(value)} if isinstance(value, list) else escaped(value)


def _unescape(key: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], key) if "%" in key else key


def _number(text: str) -> int | float:
    number = int(text)
    return number if number in INT64 else float(text)
