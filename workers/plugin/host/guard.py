"""Stands above the plugin's process: when it ends, or whoever listens is gone, nothing that it started stays behind."""

import ctypes
import os
import select
import signal
import sys
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""From <sys/prctl.h>: processes whose parents have ended become this process's children, whatever session they are in."""
LIFELINE = 0
MOST = 2**16
"""Descriptors that a process has at most, here."""


def guard() -> None:
    """Fork. The child returns and becomes the plugin. The parent waits until that ends or nobody holds the other end of stdin any
    more, ends all processes below it, and then itself as the plugin ended. It never reads stdin, which is the child's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking)
    plugin = os.fork()
    if plugin:
        _let_go(woken, waking)
        _end_as(_end_all(plugin, _wait(plugin, woken)))
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.close(woken)
    os.close(waking)


def _let_go(*kept: int) -> None:
    """Close everything but stdin and these descriptors, so that pipes which the plugin writes to are seen to end with it."""
    start = LIFELINE + 1
    for descriptor in sorted(kept):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, MOST)


def _wait(plugin: int, woken: int) -> int | None:
    """The status that the plugin ended with; None where it goes on and the lifeline was let go."""
    events = select.poll()
    events.register(LIFELINE, 0)  # that it was closed is always told
    events.register(woken, select.POLLIN)
    while LIFELINE not in (found := dict(events.poll())):
        if woken in found:
            os.read(woken, 4096)
            while (ended := _reaped(os.WNOHANG)) and ended[0]:
                if ended[0] == plugin:
                    return ended[1]
    return None


def _reaped(options: int = 0) -> tuple[int, int] | None:
    """Process and status of a child that ended, process 0 where none did; None where there is no child."""
    try:
        return os.waitpid(-1, options)
    except ChildProcessError:
        return None


def _end_all(plugin: int, status: int | None) -> int | None:
    """Kill children until there are none: the children of those that are killed become ours. Returns how the plugin ended."""
    while (children := _children()) is not None:
        for child in children:
            os.kill(child, signal.SIGKILL)  # it is there, if only as a zombie, until it is reaped below
        ended = _reaped()
        if ended is None:
            return status
        if ended[0] == plugin:
            status = ended[1]
    if status is None:  # where the system does not tell our children, the group goes, and we with it
        os.killpg(0, signal.SIGKILL)
    return status


def _children() -> list[int] | None:
    try:
        return [int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except FileNotFoundError:
        return None


def _end_as(status: int | None) -> None:
    """End by the same exit code or signal."""
    code = os.waitstatus_to_exitcode(status or 0)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(max(code, 0))
