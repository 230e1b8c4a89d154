"""Every error that Leat raises on purpose.

    LeatError
    ├── Refused                the request can't be done as asked; the client is told and can act (a `UserError` in GraphQL)
    │   ├── NotFound           nothing of that name
    │   ├── Conflict           it exists already, is in use, or was asked for with another input
    │   ├── Invalid            a value is wrong; `path` names it
    │   │   └── QueryInvalid   a search query is wrong; `position` points into it
    │   └── NotReady           something it needs is not there yet
    ├── Stale                  a record changed between reading and writing it; read again
    ├── JobSuperseded          another attempt took the job over; who hears it touches nothing more
    ├── JobFailed              a job's own failure, with what the user needs to mend it
    │   ├── JobTimedOut        it took longer than it may
    │   └── DiskFull           a disk has too little room; trying again later may help
    ├── Unavailable            a server behind a port does not answer; trying again later may help
    └── Unreadable             a newer version of Leat wrote the record; a process of that version can read it

The docstring is the default message. Passwords and secret parameters of URLs are masked in every message.
"""

from collections.abc import Sequence

from domain.masking import masked


class LeatError(Exception):
    """Something went wrong in Leat."""

    code = "ERROR"

    def __init__(self, message: str = "") -> None:
        self.message = masked(message) or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class Refused(LeatError):
    """The request can't be done as asked."""

    code = "REFUSED"

    def __init__(self, message: str = "", path: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.path = tuple(path)
        """The input field that it is about, from the outside in."""


class NotFound(Refused):
    """There is nothing of that name."""

    code = "NOT_FOUND"


class Conflict(Refused):
    """It exists already, is in use, or was asked for with another input."""

    code = "CONFLICT"


class Invalid(Refused):
    """A value is wrong."""

    code = "INVALID"


class QueryInvalid(Invalid):
    """The query can't be understood, or asks for what this engine does not do."""

    code = "QUERY_INVALID"

    def __init__(self, message: str, position: int = 0, path: Sequence[str] = ("query",)) -> None:
        super().__init__(message, path)
        self.position = position
        """Index of the character in the query that it is about."""


class NotReady(Refused):
    """Something that it needs is not there yet."""

    code = "NOT_READY"


class Stale(LeatError):
    """The record changed between reading and writing it."""

    code = "STALE"


class JobSuperseded(LeatError):
    """Another attempt took the job over."""

    code = "SUPERSEDED"


class JobFailed(LeatError):
    """The job failed."""

    code = "JOB_FAILED"

    def __init__(self, message: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.detail = masked(detail)
        """A traceback of the plugin, a document's position: shown below the message."""
        self.code = code or type(self).code


class JobTimedOut(JobFailed):
    """The job took longer than it may."""

    code = "JOB_TIMED_OUT"


class DiskFull(JobFailed):
    """A disk has too little room."""

    code = "DISK_FULL"


class Unavailable(LeatError):
    """A server that Leat needs does not answer."""

    code = "UNAVAILABLE"

    def __init__(self, message: str = "", cause: str = "") -> None:
        super().__init__(message)
        self.cause = masked(cause)
        """What the server or its driver says, which may name addresses: `str` has it, for the logs of who runs the hub. Clients and
        records are told `message` alone."""
        if cause:
            self.args = (f"{self.message}: {self.cause}",)


class Unreadable(LeatError):
    """A record is of a form that this version of Leat does not know: a newer one wrote it."""

    code = "UNREADABLE"
