"""Search: full-text indexes that are filled once, sealed, and asked."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.ports.documents import Document
from domain.query.tree import Query


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an index is made of."""

    mapping: dict[str, Any]
    """Elasticsearch `properties`, as `domain.query.mappings` checks them."""
    collection: str
    """The sealed collection that its documents come from; an engine that keeps no source reads bodies there."""
    meta: dict[str, Any] = {}
    """Metadata of the build, kept with the index (`_meta`)."""
    shards: int = 1
    replicas: int = 0


class Sort(msgspec.Struct, frozen=True, kw_only=True):
    """One sort key. Several values of a document count as their minimum ascending and their maximum descending; a document
    without a value comes last."""

    path: str
    """A mapped keyword, number, date or boolean path, `_id` or `_score`."""
    descending: bool = False


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A search over one index."""

    query: Query
    filters: tuple[Query, ...] = ()
    """Must match too, without a share in the score or in highlighting."""
    post_filter: Query | None = None
    """Narrows hits and total, but not the facets."""
    sort: tuple[Sort, ...] = ()
    """Empty: by score, and documents of equal score in an order of the engine's that does not change. Else `_id` is the last
    key."""
    offset: int = 0
    limit: int = 10
    facets: tuple[str, ...] = ()
    facet_size: int = 10
    bodies: bool = True
    scores: bool = False
    """Of a scan: whether hits have their scores, which takes longer."""


class Hit(NamedTuple):
    """One document found."""

    id: str
    score: float | None
    """None under `sort`, and of a scan that does not ask for it."""
    body: bytes
    """JSON as stored; empty where not wanted."""


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent terms of a path."""

    terms: tuple[tuple[Any, int], ...]
    """(term, documents), most frequent first, then by term."""
    other: int
    """Documents' terms that are not shown."""
    missing: int
    """Documents found that have no value."""


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    total: int
    hits: tuple[Hit, ...] = ()
    max_score: float | None = None
    facets: dict[str, Facet] = {}
    warnings: tuple[str, ...] = ()
    """Such as `cgi.gen is not mapped: it matches nothing`."""


class IndexWriter(ABC):
    """How indexes are filled, named, and go."""

    @abstractmethod
    async def create(self, name: str, spec: IndexSpec) -> None:
        """Make an empty index, dropping what an earlier attempt left under that name. Raises Invalid naming the path that the
        engine's mapping refuses."""

    @abstractmethod
    async def bulk(self, name: str, documents: Sequence[Document]) -> None:
        """Add a batch. Documents come in the order of `_id` (by UTF-8 bytes), within a batch and from one batch to the next, each
        of them once; raises Conflict otherwise, and JobFailed with ids and reasons where documents are refused. Whoever created an
        index fills and seals it."""

    @abstractmethod
    async def seal(self, name: str) -> int:
        """Make everything durable and searchable, with serving settings; returns the count."""

    @abstractmethod
    async def publish(self, alias: str, name: str | None) -> None:
        """Let `alias` name this index, and no other, for clients of the engine itself; None takes it away. Does nothing where the
        engine has no clients of its own."""

    @abstractmethod
    async def names(self) -> list[str]:
        """Names of all indexes of this hub."""

    async def room(self) -> int | None:
        """Bytes that can still be written; None where the engine does not tell, or writes into the data folder."""
        return None

    @abstractmethod
    async def drop(self, name: str) -> None:
        """Remove it; absent is fine. A search that is under way there still answers, or raises NotReady."""


class IndexReader(ABC):
    """How sealed indexes are asked."""

    @abstractmethod
    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        """Find. Raises NotReady if the index is absent, QueryInvalid if the query can't be answered."""

    @abstractmethod
    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The bodies of those ids that exist."""

    @abstractmethod
    def scan(self, name: str, request: SearchRequest, after: str = "") -> AsyncIterator[list[Hit]]:
        """Every hit behind the id `after`, ordered by `_id`, in batches. Sort, offset, limit and facets are not looked at."""

    @abstractmethod
    async def describe(self, name: str) -> tuple[IndexSpec, int]:
        """What the index was made of, and its live count. Raises NotReady if it is absent."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class Search(IndexWriter, IndexReader):
    """Full-text search over indexes that are filled once, sealed, searched and dropped.

    Both engines give the same set of ids for the grammar of `domain.query`; a query that the engine can't answer exactly raises
    QueryInvalid with the position, never a wrong answer. Names are `<job>.<attempt>`.
    """
