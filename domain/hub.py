"""The hub: every port in one hand, and the few settings that rules depend on."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domain.ports.documents import Documents
from domain.ports.files import Files
from domain.ports.records import Records
from domain.ports.search import Search
from events.bus import Bus, BusError
from events.message import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What rules count with; every field is a setting."""

    lease: float = 15.0
    """Seconds after which an attempt whose beat stood still is called dead (LEAT_LEASE)."""
    grace: float = 30.0
    """Seconds that running jobs get at SIGTERM (LEAT_GRACE)."""
    keep_dumps: int = 3
    keep_collections: int = 3
    keep_indexes: int = 2
    keep_jobs: float = 30 * 86400.0
    """Seconds that finished jobs are kept, with events and log."""
    log_size: int = 64 * 2**20
    """Bytes that a job's log may have: what is between its beginning and its end is dropped."""
    quiet: float = 60.0
    """Seconds that an automatic build waits for its neighbours."""
    download_size: int = 200 * 2**30
    """Bytes that one file of a dump may have, unpacked ones too."""
    plugin_memory: int = 4 * 2**30
    """Bytes of address space of a plugin's process."""
    plugin_timeout: float = 6 * 3600.0
    """Seconds that a plugin's process may take."""


@dataclass(frozen=True, kw_only=True)
class Stores:
    """What heavy steps in child processes work with: bulk data, no job state."""

    name: str
    """The hub's name and id, such as `leat-3f9a`."""
    data: Path
    """Folder of this machine for scratch, caches and what embedded adapters keep."""
    documents: Documents
    search: Search
    files: Files
    limits: Limits = field(default_factory=Limits)
    address: dict[str, Any] = field(default_factory=dict)
    """Plain values with which a child process opens the same stores; secrets among them, so never logged."""


@dataclass(frozen=True, kw_only=True)
class Hub(Stores):
    """All that a handler or a resolver needs; opened by `leat.wiring.open_hub`."""

    records: Records
    bus: Bus
    process: str
    """Identity of this process among those of the hub, for logs and `workers`."""

    async def announce(self, event: Event) -> None:
        """Tell watchers of a change that is already in the records: a hint, so a bus that can't be reached is logged only."""
        try:
            await self.bus.emit(event)
        except BusError as error:
            log.warning("event not published", extra={"type": type(event).__name__, "error": str(error)})
