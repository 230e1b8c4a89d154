"""What this process and those that it started take of their machine, as Linux tells in /proc; elsewhere its own time only."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from domain.jobs.presence import Consumption

MOST = 50
"""Children that are told: those with the most memory."""
PROC = Path("/proc")


def consumption() -> tuple[Consumption, tuple[Consumption, ...]]:
    """This process, and those that it started, directly or not, the largest first."""
    own = _read(os.getpid()) or Consumption(pid=os.getpid(), name="", memory=0, seconds=sum(os.times()[:2]))
    found = [read for pid in _below(own.pid) if (read := _read(pid))]
    return own, tuple(sorted(found, key=lambda each: -each.memory)[:MOST])


def _read(pid: int) -> Consumption | None:
    """None where it has ended, or the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        name, _, rest = (PROC / str(pid) / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
        fields = rest.split()  # from the third on, as proc(5) counts them: 14 and 15 are processor time, 24 pages in memory
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return Consumption(pid=pid, name=name, memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), seconds=seconds)
    return None


def _below(pid: int) -> Iterator[int]:
    """The processes that this one started, and theirs."""
    with suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):  # a thread that has ended
                for child in (task / "children").read_text().split():
                    yield int(child)
                    yield from _below(int(child))
