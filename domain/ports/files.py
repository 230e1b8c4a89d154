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
