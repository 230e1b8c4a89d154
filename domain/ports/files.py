"""Files by path: dumps, plugin code, logs, and what people upload."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple


class StoredFile(NamedTuple):
    """A stored file."""

    path: str
    size: int
    modified: float
    """Unix time in seconds."""


class Files(ABC):
    """Files by path (`/`-separated, relative, no `..`): dumps, plugin code, experiment files."""

    @abstractmethod
    async def put(self, path: str, source: Path | bytes | AsyncIterator[bytes], *, stored: int = 0) -> None:
        """Store a local file, bytes or a stream under `path`, replacing what was there, whole or not at all, durable once the call
        returns. A local file may be gone afterwards; of a stream that raises nothing is stored, and what it raised is raised.

        Of bytes, the first `stored` may be what is there: then the rest may be added in place, and readers may see a part of it.
        """

    @abstractmethod
    async def create(self, path: str, content: bytes) -> bool:
        """Store the bytes as `put` does where nothing is stored under `path`; False, and nothing changed, where something is. Of
        several at a time exactly one wins."""

    @abstractmethod
    def open(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes [start, end) of the file as it was at one moment, in chunks. Raises NotFound."""

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
