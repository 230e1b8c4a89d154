"""Documents: bulk JSON by `_id`, in collections that are written once."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec


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


class CollectionWriter(ABC):
    """How collections are filled, and go."""

    @abstractmethod
    async def create(self, name: str) -> None:
        """Make an empty collection; what an earlier attempt left under that name is dropped."""

    @abstractmethod
    async def write(self, name: str, documents: Sequence[Document]) -> None:
        """Add a batch. A repeated `_id` raises Conflict naming it, here or in `seal`."""

    @abstractmethod
    async def seal(self, name: str, meta: Mapping[str, Any]) -> Sealed:
        """Make it readable and durable (synced), with its count and `meta`. From then on it never changes."""

    async def room(self) -> int | None:
        """Bytes that can still be written; None where the server does not tell."""
        return None

    @abstractmethod
    async def drop(self, name: str) -> None:
        """Remove it; absent is fine. Someone who reads it at that moment may get NotReady."""


class CollectionReader(ABC):
    """How sealed collections are read."""

    @abstractmethod
    async def describe(self, name: str) -> Sealed:
        """What a sealed collection holds."""

    @abstractmethod
    def scan(
        self, name: str, *, after: str = "", until: str = "", bodies: bool = True, batch: int = 1000
    ) -> AsyncIterator[list[Document]]:
        """All documents ordered by `_id` (by UTF-8 bytes): those with `after` < _id, and with _id <= `until` where that is given.
        They come in batches of up to `batch` documents and about BATCH_BYTES; bodies are empty where they are not wanted. A whole
        scan that ends on another count than was sealed raises NotReady."""

    @abstractmethod
    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        """The bodies of those ids that exist. For a few ids it is fast enough to be called in the event loop."""

    @abstractmethod
    async def names(self) -> list[str]:
        """Names of all collections of this hub, unsealed ones too."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class Documents(CollectionWriter, CollectionReader):
    """Bulk JSON documents by `_id`, in collections that are written once by one writer, sealed, and never renamed.

    Names are `<job>.<attempt>` or `<job>.<attempt>.<part>`. Opening a collection that is absent or not sealed raises NotReady.
    """
