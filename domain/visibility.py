"""What callers may see of what happens. This one place is asked about everything that is delivered live."""

from domain.callers import ADMINISTER, Caller
from domain.errors import NotFound
from domain.jobs.jobs import Job
from domain.jobs.overview import RunView
from domain.jobs.presence import Presence
from events.message import Event

Seen = Event | Job | RunView | Presence
"""An event of the hub; a job or a run, with what happens to it and its log; a worker."""


def may_see(caller: Caller, what: Seen) -> bool:
    """Whether the caller may see it. Answers are shared among callers whose `sharing` is equal, so look at nothing else of a
    caller."""
    return ADMINISTER in caller.scopes


def check(caller: Caller, what: Seen, kind: str, id: str) -> None:
    """Raises NotFound where the caller may not see it, in the same words as for something that is not there."""
    if not may_see(caller, what):
        raise NotFound(f"there is no {kind} {id!r}")
