"""What a handler gets beside its command, and how a worker registers it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from domain.errors import JobSuperseded
from domain.hub import Hub
from domain.jobs.jobs import Job
from domain.jobs.retries import Retry
from domain.nouns import Noun, Stored, Table
from domain.ports.outside import Outside
from events.message import Command, Event

N = TypeVar("N", bound=Noun)
Level = Literal["debug", "info", "warning", "error"]


class Done(NamedTuple):
    """Work that was done elsewhere, and ended well."""

    name: str
    """`<job>.<attempt>`, of this attempt or of an earlier one: the name of what it wrote."""
    work: dict[str, Any]
    """What it was asked to do."""


class Elsewhere(Protocol):
    """What an attempt has running elsewhere, as its job sees it."""

    waits: bool
    """Whether the handler waits for it now."""

    async def do(self, describe: Callable[[], Awaitable[dict[str, Any]]]) -> Done:
        """As JobContext.outside."""

    def check_ended(self) -> None:
        """Raises JobFailed where something may run elsewhere that the handler did not wait for."""


class JobContext(ABC):
    """The job as its handler sees it: handlers never touch job state themselves.

    A cancelled job's handler gets asyncio.CancelledError at its next await; it lets it pass. `scratch` and child processes are
    cleaned up by the runner.
    """

    hub: Hub
    job: Job
    """The record as it was claimed."""
    output: str
    """`<job>.<attempt>`: the name of whatever this attempt writes."""
    scratch: Path
    """An empty folder of this machine, removed afterwards."""

    @abstractmethod
    async def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        """Say how far the job is. Cheap to call often: it is saved with the beat and published at most five times a second."""

    @abstractmethod
    async def log(self, text: str, level: Level = "info") -> None:
        """Add one line to the job's log; stored in batches."""

    @abstractmethod
    async def pin(self, *names: str) -> None:
        """Keep these collections or dumps from garbage collection while the job lives. Read the noun again, then open."""

    @abstractmethod
    async def switch(self, table: Table[N], id: str, changed: Callable[[N], N]) -> Stored[N]:
        """The point of no return: compare-and-set on the noun while its `writer` is this attempt, retried over unrelated edits.
        `changed` adds the new output with Noun.with_output. Raises JobSuperseded where another attempt took over."""

    @abstractmethod
    async def child(self, step: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run a heavy step (`workers.steps` lists them) in a process of its own, at lower priority, and return what it returns. Its
        progress and log lines become the job's; its LeatError is raised here; it ends when the job ends or is cancelled."""

    @abstractmethod
    async def outside(self, describe: Callable[[], Awaitable[dict[str, Any]]]) -> Done:
        """Have work done elsewhere, by the registration's Outside; returns when it has ended well. Takes no slot of the worker.

        `describe` says what is to be done, as small plain values without secrets: they go into the record, and from there to
        `Outside.start`. It pins what the work reads. It is called only where nothing runs yet: where an earlier attempt came so
        far, what that one described goes on, and `Done.work` tells it. So this comes before anything by which the handler may
        end, and before the switch; there is one such work for a job. Called again, it returns the same.

        Under `Done.name` only the work writes; what the handler makes of it has the name `output`. Raises JobFailed where it
        failed, JobTimedOut where it took longer than the registration's timeout. If the handler fails, here or later, the work is
        given up and stopped, and its output dropped; a server that is away gives nothing up. If the worker is stopped or lost,
        the next attempt comes here again and goes on with what runs.
        """


class Report(ABC):
    """How a heavy step in a child process speaks to its job; never blocks for long."""

    @abstractmethod
    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        """As JobContext.progress."""

    @abstractmethod
    def log(self, text: str, level: Level = "info") -> None:
        """As JobContext.log."""


__all__ = ["Done", "Handler", "JobContext", "JobSuperseded", "Level", "Registration", "Report", "Retry"]

Handler = Callable[[Any, JobContext], Awaitable[Event]]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One command that a worker takes."""

    command: type[Command]
    handler: Handler
    retry: Retry = Retry()
    timeout: float = 24 * 3600.0
    """Seconds that one attempt may take before it ends TIMED_OUT; and as many for what it has running elsewhere, whichever attempts
    look after that."""
    outside: Callable[[Any, Hub], Outside] | None = None
    """(command, hub) → where its handler has work done (`JobContext.outside`). The runner makes it before it calls the handler, and
    without calling it: what an earlier attempt left has to be stopped whatever the handler would do. It is made of the command,
    which never changes, so that every attempt finds what the first one started."""
