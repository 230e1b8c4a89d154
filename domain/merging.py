"""Merging documents of several parts that share an `_id` into one."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from domain.documents import encoded
from domain.errors import Invalid
from domain.ports import Document

_TOP_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])


def matching(patterns: Sequence[str], parts: Sequence[str]) -> list[str]:
    """The parts that are named, or matched as a whole by a regular expression, in alphabetical order.

    Raises Invalid for a pattern that can't be read or matches nothing.
    """
    found = set()
    for pattern in patterns:
        try:
            matched = {part for part in parts if part == pattern or re.fullmatch(pattern, part)}
        except re.error as error:
            raise Invalid(f"{pattern!r} is no regular expression: {error}", ("sources",)) from error
        if not matched:
            raise Invalid(f"no part of any source is named {pattern!r}, or matched by it", ("sources",))
        found |= matched
    return sorted(found)


def roots(root: Sequence[str], parts: Sequence[str]) -> list[str]:
    """The parts that define the id space, in alphabetical order: those of `root`, all but those where they are negated (`!x`), and
    all where it is empty. Raises Invalid where only some are negated, or one is not built."""
    negated = [name for name in root if name.startswith("!")]
    if negated and len(negated) < len(root):
        raise Invalid("either all root sources are negated with ! or none", ("root",))
    named = set(matching([name.removeprefix("!") for name in root], parts))
    return sorted(set(parts) - named if negated or not root else named)


def in_order(root: Sequence[str], parts: Sequence[str]) -> list[str]:
    """The order of merging, in which a later part replaces what earlier ones said: root parts, then the others, alphabetically."""
    return sorted(parts, key=lambda part: (part not in root, part))


def upsert(documents: Sequence[Document]) -> Document:
    """A later document replaces a same-named top-level key of an earlier one (BioThings' default). Values move as bytes."""
    keys: dict[str, msgspec.Raw] = {}
    for document in documents:
        keys.update(_TOP_LEVEL.decode(document.body))
    return _encoded(documents[0].id, keys)


def merged(documents: Sequence[Document], deep: Sequence[bool]) -> Document:
    """As `upsert`, but a document whose flag in `deep` is set is merged by `merge_struct`, key by key, into those before it."""
    if not any(deep):
        return upsert(documents)
    keys: dict[str, Any] = {}
    for document, structural in zip(documents, deep, strict=True):
        value = orjson.loads(document.body)
        keys = merge_struct(keys, value) if structural else keys | value
    keys["_id"] = documents[0].id
    return encoded(documents[0].id, orjson.dumps(keys, option=orjson.OPT_SORT_KEYS))


def merge_struct(one: Any, other: Any) -> Any:
    """BioThings' recursive merge (reference section 5.4), with nothing lost: objects key by key; lists joined without repeating
    an item; a single value joins a list; two different values become a list of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: merge_struct(one[key], value) if key in one else value for key, value in other.items()}
    if one == other and type(one) is type(other):
        return one
    items = list(one) if isinstance(one, list) else [one]
    for item in other if isinstance(other, list) else [other]:
        if not any(item == seen and type(item) is type(seen) for seen in items):
            items.append(item)
    return items


def _encoded(id: str, keys: dict[str, msgspec.Raw]) -> Document:
    """orjson writes it, as it writes all documents, so that equal documents have equal bytes."""
    fragments = {key: orjson.Fragment(bytes(value)) for key, value in keys.items()}
    return encoded(id, orjson.dumps(fragments, option=orjson.OPT_SORT_KEYS))
