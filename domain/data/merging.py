"""Merging documents of several parts that share an `_id` into one."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from domain.canonical import encoded
from domain.ports.documents import Document

_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])


def in_order(root: Collection[str], parts: Iterable[str]) -> list[str]:
    """The order of merging, in which a later part replaces what earlier ones said: root parts, then the others, alphabetically."""
    return sorted(parts, key=lambda part: (part not in root, part))


def upsert(documents: Sequence[Document]) -> Document:
    """A later document replaces a same-named top-level key of an earlier one (BioThings' default). Values move as bytes."""
    keys: dict[str, msgspec.Raw] = {}
    for document in documents:
        keys |= _TOP_LEVEL.decode(document.body)
    pieces: list[bytes | msgspec.Raw] = []
    for key in sorted(keys):
        pieces += (_label(key), keys[key])
    return encoded(documents[0].id, b"{%b}" % b"".join(pieces)[1:])


@lru_cache(10_000)
def _label(key: str) -> bytes:
    """The key as orjson writes it, so that equal documents have equal bytes, behind a comma."""
    return b",%b:" % orjson.dumps(key)


def merged(documents: Sequence[Document], deep: Sequence[bool]) -> Document:
    """As `upsert`, but a document whose flag in `deep` is set is merged by `merge_struct`, key by key, into those before it."""
    if not any(deep):
        return upsert(documents)
    keys: dict[str, Any] = {}
    for document, structural in zip(documents, deep, strict=True):
        value = orjson.loads(document.body)
        keys = merge_struct(keys, value) if structural else keys | value
    return encoded(documents[0].id, orjson.dumps(keys, option=orjson.OPT_SORT_KEYS))


def merge_struct(one: Any, other: Any) -> Any:
    """BioThings' recursive merge, with nothing lost: objects key by key; lists joined without repeating an item; a single value
    joins a list; two different values become a list of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: merge_struct(one[key], value) if key in one else value for key, value in other.items()}
    if _written(one) == _written(other):
        return one
    items = list(one) if isinstance(one, list) else [one]
    seen = set(map(_written, items))
    for item in other if isinstance(other, list) else [other]:
        if (written := _written(item)) not in seen:
            seen.add(written)
            items.append(item)
    return items


def _written(value: Any) -> bytes:
    """The value as bytes, in which `1`, `1.0` and `true` differ at every depth; for Python they are equal."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
