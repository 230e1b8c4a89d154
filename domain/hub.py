"""The hub: every port in one hand, the few settings that rules depend on, and what the engine is told of the nouns."""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from domain.nouns import Noun, Table
from domain.ports.documents import Documents
from domain.ports.files import Files
from domain.ports.messages import Messenger
from domain.ports.records import Kind, Records
from domain.ports.sealing import NoSeal, Seal
from domain.ports.search import Search
from events.bus import Bus, BusError
from events.message import Command, Event
from events.tracing import NoTracing, Tracing

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
    """Seconds that finished jobs are kept, with events and log: longer than any process may stand still (domain.jobs.following)."""
    log_size: int = 64 * 2**20
    """Bytes that a job's log may have: what is between its beginning and its end is dropped."""
    quiet: float = 60.0
    """Seconds that an automatic build waits for its neighbours."""
    download_size: int = 200 * 2**30
    """Bytes that one file of a dump may have, unpacked ones too."""
    download_networks: tuple[str, ...] = ("private",)
    """Networks beyond the public ones that downloads may reach; `private` stands for this machine and private networks."""
    plugin_memory: int = 4 * 2**30
    """Bytes of address space of a plugin's process."""
    plugin_timeout: float = 6 * 3600.0
    """Seconds that a plugin's process may take."""
    plugin_sandbox: str = "off"
    """Whether plugins run in a sandbox: on or off."""
    plugin_modules: str = ""
    """Folder of modules that plugins share, where their manifests name none."""
    keylookup_api: str = ""
    """URL of the BioThings API by which ids are converted, where manifests name none."""


OWN = frozenset(("lock", "version", "token", "fingerprint", "url", "pulse", "scratch", "environments")) | frozenset(
    ("records.db", "documents", "search", "files", "copies")
)
"""What lies in a data folder of a hub's own making (leat.data_folder; SQLite's files beside the records have a dash)."""


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
    tracing: Tracing = field(default_factory=NoTracing)
    address: dict[str, Any] = field(default_factory=dict)
    """Plain values with which a child process opens the same stores; secrets among them, so never logged."""

    @property
    def collections_disk(self) -> Path | str:
        """Whose disk collections are written to, for people."""
        embedded = str(self.address.get("documents", "sqlite:")).startswith("sqlite:")
        return self.data if embedded else "the server of LEAT_DOCUMENTS"

    def owns(self, path: Path) -> bool:
        """Whether a path lies among what the hub itself keeps in its data folder, its token and its records above all, whatever
        links lead there."""
        path, data = path.resolve(), self.data.resolve()
        return path.is_relative_to(data) and path != data and path.relative_to(data).parts[0].partition("-")[0] in OWN

    @property
    def scratch(self) -> Path:
        """Folder of what attempts write before it is theirs to keep, each in a folder `<job>.<attempt>` of its own."""
        return self.data / "scratch"

    @property
    def environments(self) -> Path:
        """Folder of the environments that plugins' requirements are installed into: a cache."""
        return self.data / "environments"


class Heap(Protocol):
    """Where jobs put what they make, each thing under the name of its attempt: collections, indexes, dumps."""

    async def names(self, hub: Stores) -> list[str]:
        """The names of everything that is there."""

    async def drop(self, hub: Stores, name: str) -> None:
        """Remove what bears the name; absent is fine."""


@dataclass(frozen=True, kw_only=True)
class NounRow:
    """What the engine knows of a noun that jobs make outputs for."""

    table: Table[Any]
    heaps: tuple[Heap, ...]
    """Where its outputs lie."""


@dataclass(frozen=True, kw_only=True)
class Follower:
    """What follows a committed event: asked for exactly once, whichever process dies in between (docs/model/FOLLOWERS.md)."""

    name: str
    """Part of the id of what it asks for: another meaning needs another name."""
    events: tuple[type[Event], ...]
    ask: Callable[[Any], Command | None]
    """A pure function of the event: the command that follows it, or None. It never looks whether its target is there."""

    def follows(self, event: Event) -> bool:
        """Whether it asks for anything. One that fails of the event does: that is told where the event is followed."""
        try:
            return isinstance(event, self.events) and self.ask(event) is not None
        except Exception:
            log.exception("a follower failed", extra={"follower": self.name})
            return True


@dataclass(frozen=True, kw_only=True)
class Chore:
    """What the reaper of every process does for a noun, beside its own passes; harmless when many do it at the same time."""

    name: str
    seconds: float
    """Between two times that it is done."""
    idle: float = 0.0
    """The same while nothing goes on in the hub; 0.0: no other."""
    begin: Callable[[], Callable[["Hub"], Awaitable[None]]]
    """Returns what is done each time, so that it may remember something in between."""


class Room(NamedTuple):
    """How many jobs a rule allows at once just now. What it allowed already goes on where it allows fewer."""

    why: str
    """Why the others are held, in words, such as `at most 2 at once for each person`."""
    each: float = math.inf
    """For each key; infinite where as many as wish."""
    total: float = math.inf
    """For all keys together."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What holds jobs of some commands back, and admits them in turn, key by key (docs/model/HOLDS.md)."""

    name: str
    """Part of the records: another meaning needs another name."""
    commands: tuple[type[Command], ...]
    key: Callable[[Any, str], str]
    """A pure function of the command and of who asked for it: whose turn the job waits for, such as a person."""
    room: Callable[["Hub"], Awaitable[Room]]
    """What it allows now. It may read; jobs that it has held wait for it each time that one ends."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What the engine is told of the nouns: it works by these tables, and imports none of them."""

    kinds: tuple[Kind, ...] = ()
    """Every kind of record."""
    nouns: Mapping[str, NounRow] = field(default_factory=dict)
    """Nouns that jobs make outputs for, by the word before the slash in a job's target."""
    entities: tuple[Table[Any], ...] = ()
    """Everything whose edits commit events, nouns included."""
    followers: Sequence[Follower] = ()
    chores: Sequence[Chore] = ()
    rules: Sequence[Rule] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where two rules have one name, or speak of one command."""
        names = [rule.name for rule in self.rules] + [name for rule in self.rules for name in _names(rule)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rules must differ in their names, and in the commands of which they speak: {', '.join(twice)}")

    @cached_property
    def ruling(self) -> Mapping[str, Rule]:
        """The rule that speaks of a command, by the command's name."""
        return {name: rule for rule in self.rules for name in _names(rule)}

    @cached_property
    def followed(self) -> frozenset[str]:
        """The types of events that have a follower."""
        return frozenset(event.__name__ for follower in self.followers for event in follower.events)

    @cached_property
    def heaps(self) -> tuple[Heap, ...]:
        """Every place where outputs lie, once."""
        return tuple(dict.fromkeys(heap for row in self.nouns.values() for heap in row.heaps))


def _names(rule: Rule) -> list[str]:
    return [command.__name__ for command in rule.commands]


@dataclass(frozen=True, kw_only=True)
class Hub(Stores):
    """All that a handler or a resolver needs; opened by `leat.wiring.open_hub`."""

    records: Records
    bus: Bus
    process: str
    """Identity of this process among those of the hub, for logs and `workers`."""
    catalogue: Catalogue
    public_url: str = ""
    """The gateway's address as people are told it, without a slash at the end; empty where nobody knows it."""
    secret: str = field(default="", repr=False)
    """What links are signed with; empty where this process has none."""
    seal: Seal = field(default_factory=NoSeal)
    media: frozenset[str] = frozenset()
    """The media by which the hub can send (domain.notifications.channels)."""
    messengers: Mapping[str, Messenger] = field(default_factory=dict)
    """By medium, in processes that send; each is made when it is first asked for."""
    outbox: Path | None = None
    """Folder that mails are put into where no mail server is set."""
    templates: Path | None = None
    """Folder of templates that go before ours."""

    def may_be_followed(self, event: Event) -> bool:
        """Whether anything could follow this event. Beside other processes that is always so, since one of a newer version may
        know a follower that this one does not (`always` in docs/model/FOLLOWERS.md)."""
        return self.bus.shared or any(follower.follows(event) for follower in self.catalogue.followers)

    async def announce(self, event: Event) -> None:
        """Tell watchers of a change that is already in the records: a hint, so a bus that can't be reached is logged only."""
        if trace := self.tracing.carried():
            event = msgspec.structs.replace(event, trace=trace)
        try:
            await self.bus.emit(event)
        except BusError as error:
            log.warning("event not published", extra={"type": type(event).__name__, "error": str(error)})


__all__ = ["Catalogue", "Chore", "Follower", "Heap", "Hub", "Limits", "Noun", "NounRow", "Room", "Rule", "Stores"]
