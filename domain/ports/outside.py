"""Outside: what runs elsewhere for a job, under a name: a batch job, a container."""

from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple


class Seen(NamedTuple):
    """What was found under a name."""

    state: Literal["absent", "runs", "done", "failed", "stopped"]
    """`runs` also where it waits for its turn; `done` where it ended well."""
    message: str = ""
    """Why it failed, in a sentence that people are shown."""
    detail: str = ""
    """More of it, such as the last lines that it printed."""


class Outside(ABC):
    """Starts, finds and stops work elsewhere. docs/model/OUTSIDE.md has the rules in backticks, and what breaks without each.

    A name is `<job>.<attempt>`, letters, digits, hyphens and one dot, and names one work for ever: none is used for another one.
    Each verb may be called again, by several processes at the same time, and by one that does not know that its job has gone on
    without it; whatever such callers do, at most one work ever runs under a name. Each verb raises Unavailable where the outside
    can't be reached, and is then called again after a pause. Whoever calls may be cancelled or killed at any point, with the
    request under way: it may arrive later.

    Where names are unique outside (containers, a Kubernetes Job), creating under the name is the lock: bar a name by creating
    something under it that never starts. Where they are not (Slurm), the work itself takes its name: its first act is an atomic
    mkdir in a folder that all machines share, and where that is there already it exits.
    """

    @abstractmethod
    async def start(self, name: str, work: dict[str, Any]) -> None:
        """Start the work, unless there is something under the name already: running, ended or barred (`restart`). May return before
        it runs.

        `work` is what the job's handler described, as plain values, the same at each call. Raises a LeatError that names what is
        wrong with it where it can't be started: the job fails.
        """

    @abstractmethod
    async def look(self, name: str) -> Seen:
        """What is there under the name: `absent` where nothing was started, or is still on its way. What has ended is found for as
        long as its job has not finished, and that may take days (`remains`)."""

    @abstractmethod
    async def stop(self, name: str) -> None:
        """Return when nothing runs under the name and nothing can be started under it any more (`bar`), for longer than any request
        may be under way: a day (`patience`). Also where nothing ever was there, and where it had ended; what ended well stays so.
        What the work has written is left where it is: the job drops it."""
