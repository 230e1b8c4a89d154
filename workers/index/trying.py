"""What documents have at each path, and what is found of it in an index of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from domain.hub import Hub
from domain.ports.documents import Document
from domain.ports.search import SearchRequest
from domain.query.mappings import DEEPEST, KEPT, Properties, flatten
from domain.query.tree import Exists
from events.apis import Tried

MOST = 2000
"""Paths that are told: the result is kept in the job's record."""


def count_paths(documents: Iterable[Document]) -> Counter[str]:
    """By path: the documents that have a value there. Null and empty lists are none."""
    counts: Counter[str] = Counter()
    for document in documents:
        found: set[str] = set()
        _collect(orjson.loads(document.body), "", 0, found)
        counts.update(found)
    counts.pop("_id", None)
    return counts


def _collect(value: Any, path: str, depth: int, found: set[str]) -> None:
    if isinstance(value, dict) and depth <= DEEPEST:
        for key, member in value.items():
            _collect(member, f"{path}.{key}" if path else key, depth + 1, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, path, depth, found)
    elif value is not None:
        found.add(path)


async def compare(hub: Hub, index: str, part: str, properties: Properties, had: Mapping[str, int]) -> list[Tried]:
    """What the index finds of every path that the documents have, or the mapping."""
    fields = {field.path: field for field in flatten(properties)}
    kept = tuple(f"{path}." for path, field in fields.items() if field.type == KEPT)
    copied = {path for field in fields.values() for path in field.copied_to}
    tried = []
    for path in sorted(had.keys() | fields.keys() - copied):
        if path.startswith(kept) or f"{path}." in kept:
            continue
        found, type = 0, fields[path].type if path in fields else ""
        if type:
            found = (await hub.search.search(index, SearchRequest(query=Exists(path=path), limit=0))).total
        tried.append(Tried(part=part, path=path, documents=had.get(path, 0), found=found, type=type))
    return tried


def most_lost_first(tried: Iterable[Tried]) -> tuple[Tried, ...]:
    """Those that are told, in their order."""
    return tuple(sorted(tried, key=lambda each: (each.found - each.documents, each.part, each.path))[:MOST])
