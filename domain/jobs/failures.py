"""What a job's record, and with it everybody who sees the job, is told of an error.

A server's address and the words of its driver are for who runs the hub: they are in the log of the process, not in records.
"""

import sys
import traceback
from collections.abc import Iterator

from domain.errors import LeatError, Unavailable
from domain.jobs.jobs import JobError
from domain.masking import masked, without_servers
from events.bus import BusError

OURS = frozenset(("events", "domain", "adapters", "workers", "gateway", "leat"))
INSTALLED = ("/site-packages/", "/dist-packages/")
"""Folders of what others wrote: drivers among them."""
NETWORK = frozenset(("asyncio", "socket", "ssl", "http", "urllib"))
LONGEST = 8000
"""Characters of a traceback that are kept, the last ones."""


def error_of(error: Exception) -> JobError:
    """What the record keeps of an error: a LeatError's own words; anything else with its traceback, unless a driver or the network
    may have written of it."""
    if isinstance(error, LeatError):
        return JobError(code=error.code, message=error.message, detail=getattr(error, "detail", ""))
    if isinstance(error, BusError):
        return JobError(code=Unavailable.code, message="the bus does not answer")
    if any(map(_may_name_servers, _chain(error))):
        return JobError(code="INTERNAL", message="an internal error; its cause is in the log of the process that met it")
    detail = masked("".join(traceback.format_exception(error)))
    return JobError(code="INTERNAL", message=masked(f"{type(error).__name__}: {error}"), detail=detail[-LONGEST:])


def shown(error: JobError) -> JobError:
    """What clients are shown of what a record keeps: versions before this one kept what drivers said."""
    if error.code not in (Unavailable.code, "INTERNAL"):
        return error  # a plugin may use a database of its own
    detail = without_servers(error.detail)
    return JobError(code=error.code, message=without_servers(error.message), detail=detail if detail == error.detail else "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that a traceback shows before it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _may_name_servers(error: BaseException) -> bool:
    frames = [
        (str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    package = type(error).__module__.partition(".")[0]
    frames.append((package, getattr(sys.modules.get(package), "__file__", None) or ""))
    if isinstance(error, OSError) and error.filename is None:
        return error.errno is not None or any(name.partition(".")[0] in NETWORK for name, _ in frames)
    return any(name.partition(".")[0] not in OURS and any(folder in file for folder in INSTALLED) for name, file in frames)
