"""The ports: what the domain needs of stores, engines and disks, as obligations that an adapter can be written from."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from domain.query import Query


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of record, and what may be asked of it."""

    name: str
    """Lower-case singular, such as `job`."""
    indexes: tuple[tuple[str, ...], ...] = ()
    """Combinations of top-level fields that `find` and `count` may compare for equality."""
    order: tuple[str, ...] = ("created_at",)
    """Top-level number fields that `find` may order by."""

    def check(self, equals: Mapping[str, Any], order: str) -> None:
        """For adapters: raise ValueError where `find` is asked for what is not declared, and would have to read every record."""
        if equals and set(equals) not in [set(index) for index in self.indexes]:
            raise ValueError(f"{self.name} records have no index on {', '.join(sorted(equals))}")
        if order not in self.order:
            raise ValueError(f"{self.name} records have no order by {order}")


class Record(NamedTuple):
    """A record as it was read."""

    id: str
    version: int
    """1 when inserted, one more with each replace."""
    body: dict[str, Any]
    """Plain JSON values: str, int (64 bits), float, bool, None, list, dict with string keys (any characters). Without `id`."""


class Records(ABC):
    """The truth about sources, builds, APIs, jobs, runs: small JSON records with optimistic versions.

    Every write is durable (survives a power cut) once the call returns, and seen by every later read of any process.
    Driver errors become Unavailable.
    """

    @abstractmethod
    async def prepare(self, kinds: Iterable[Kind]) -> None:
        """Make tables and indexes for these kinds where they are missing; called once at start, by several processes at a time."""

    @abstractmethod
    async def get(self, kind: Kind, id: str) -> Record | None:
        """The record, or None."""

    @abstractmethod
    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any]) -> bool:
        """Insert with version 1; False, and nothing changed, where the id exists."""

    @abstractmethod
    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        """Replace the body if the record still has `version`; returns the new version, raises Stale otherwise (absent included)."""

    @abstractmethod
    async def delete(self, kind: Kind, id: str, version: int | None = None) -> bool:
        """Remove it, whatever its version where None is given; False if it was absent; raises Stale if it has another version."""

    @abstractmethod
    async def find(
        self,
        kind: Kind,
        equals: Mapping[str, Any] | None = None,
        *,
        order: str = "created_at",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Record]:
        """Up to `limit` records whose fields equal these, ordered by `order` then id (both descending if asked), behind `after` =
        (value of `order`, id). `equals` is one of the kind's declared indexes, or empty."""

    @abstractmethod
    async def count(self, kind: Kind, equals: Mapping[str, Any] | None = None) -> int:
        """How many records `find` would give without a limit."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class Document(NamedTuple):
    """A JSON document on its way."""

    id: str
    body: bytes
    """UTF-8 JSON object with sorted keys (orjson OPT_SORT_KEYS), `_id` among them."""
    digest: bytes
    """sha256 of `body`, cut to 16 bytes; equal for equal documents. Empty where a scan was asked to leave it out."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a sealed collection."""

    name: str
    count: int
    size: int
    """Bytes on disk, roughly."""
    meta: dict[str, Any]
    """What its writer sealed with it."""


BATCH_BYTES = 4 * 2**20
"""Bytes of bodies with which a batch of documents ends, however few they are, so that memory stays bounded."""


class Documents(ABC):
    """Bulk JSON documents by `_id`, in collections that are written once by one writer, sealed, and never renamed.

    Names are `<job>.<attempt>` or `<job>.<attempt>.<part>`. Opening a collection that is absent or not sealed raises NotReady.
    """

    @abstractmethod
    async def create(self, name: str) -> None:
        """Make an empty collection; what an earlier attempt left under that name is dropped."""

    @abstractmethod
    async def write(self, name: str, documents: Sequence[Document]) -> None:
        """Add a batch. A repeated `_id` raises Conflict naming it, here or in `seal`."""

    @abstractmethod
    async def seal(self, name: str, meta: Mapping[str, Any]) -> Sealed:
        """Make it readable and durable (synced), for ever unchanged, with its count and `meta`."""

    @abstractmethod
    async def describe(self, name: str) -> Sealed:
        """What a sealed collection holds."""

    @abstractmethod
    def scan(
        self, name: str, *, after: str = "", until: str = "", bodies: bool = True, batch: int = 1000
    ) -> AsyncIterator[list[Document]]:
        """All documents ordered by `_id` (by UTF-8 bytes), `after` < _id, and _id <= `until` where that is given, in batches
        of up to `batch` documents and about BATCH_BYTES; bodies empty where not wanted. A whole scan that ends on another count
        than was sealed raises NotReady."""

    @abstractmethod
    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The bodies of those ids that exist. For a few ids it is fast enough to be called in the event loop."""

    async def room(self) -> int | None:
        """Bytes that can still be written; None where the server does not tell."""
        return None

    @abstractmethod
    async def names(self) -> list[str]:
        """Names of all collections of this hub, unsealed ones too."""

    @abstractmethod
    async def drop(self, name: str) -> None:
        """Remove it; absent is fine. Who reads it at that moment may get NotReady."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an index is made of."""

    mapping: dict[str, Any]
    """Elasticsearch `properties`, as `domain.mappings` checks them."""
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
    """Narrows hits and total, not the facets."""
    sort: tuple[Sort, ...] = ()
    """Empty: by score, ties in an order of the engine's that does not change. Else `_id` is the last key."""
    offset: int = 0
    limit: int = 10
    facets: tuple[str, ...] = ()
    facet_size: int = 10
    bodies: bool = True


class Hit(NamedTuple):
    """One document found."""

    id: str
    score: float | None
    """None under `sort`."""
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


class Search(ABC):
    """Full-text search over indexes that are filled once, sealed, searched and dropped.

    Both engines give the same set of ids for the grammar of `domain.query`; a query that the engine can't answer exactly raises
    QueryInvalid with the position, never a wrong answer. Names are `<job>.<attempt>`.
    """

    @abstractmethod
    async def create(self, name: str, spec: IndexSpec) -> None:
        """Make an empty index, dropping what an earlier attempt left under that name. Raises Invalid naming the path that the
        engine's mapping refuses."""

    @abstractmethod
    async def bulk(self, name: str, documents: Sequence[Document]) -> None:
        """Add a batch, in the order of `_id` (by UTF-8 bytes) within it and behind the batches before, each document once; raises
        Conflict otherwise, and JobFailed with ids and reasons where documents are refused. Who created an index fills and seals
        it."""

    @abstractmethod
    async def seal(self, name: str) -> int:
        """Make everything durable and searchable, with serving settings; returns the count."""

    @abstractmethod
    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        """Find. Raises NotReady if the index is absent, QueryInvalid if the query can't be answered."""

    @abstractmethod
    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The bodies of those ids that exist."""

    @abstractmethod
    def scan(self, name: str, request: SearchRequest, after: str = "") -> AsyncIterator[list[Hit]]:
        """Every hit, ordered by `_id` (sort, offset, limit and facets are not looked at), behind the id `after`, in batches."""

    @abstractmethod
    async def describe(self, name: str) -> tuple[IndexSpec, int]:
        """What the index was made of, and its live count. Raises NotReady if it is absent."""

    @abstractmethod
    async def publish(self, alias: str, name: str | None) -> None:
        """Let `alias` name this index, and no other, for clients of the engine itself; None takes it away. Does nothing where the
        engine has no clients of its own."""

    @abstractmethod
    async def names(self) -> list[str]:
        """Names of all indexes of this hub."""

    @abstractmethod
    async def drop(self, name: str) -> None:
        """Remove it; absent is fine. A search under way there still answers, or raises NotReady."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class StoredFile(NamedTuple):
    """A stored file."""

    path: str
    size: int
    modified: float
    """Unix time in seconds."""


class Files(ABC):
    """Files by path (`/`-separated, relative, no `..`): dumps, plugin code, experiment files."""

    @abstractmethod
    async def put(self, path: str, source: Path) -> None:
        """Store the local file under `path`, replacing what was there, whole or not at all; `source` may be gone afterwards."""

    @abstractmethod
    def open(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes [start, end) of the file, in chunks. Raises NotFound."""

    @abstractmethod
    def local(self, prefix: str) -> AbstractAsyncContextManager[Path]:
        """Lend a real path, to be read only, of the file or of the folder of files below `prefix`; its last component is the
        prefix's. Raises NotFound."""

    @abstractmethod
    async def find(self, prefix: str = "") -> list[StoredFile]:
        """Every file at or below `prefix`, ordered by path."""

    @abstractmethod
    async def folders(self, prefix: str = "") -> list[str]:
        """The names of what lies directly below `prefix`."""

    @abstractmethod
    async def delete(self, prefix: str) -> None:
        """Remove the file, or every file below; absent is fine."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""
