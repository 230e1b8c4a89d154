"""Makes this process one that only root can look into: it holds settings with passwords, and plugins run as the same user."""

import ctypes
import sys

PR_SET_DUMPABLE = 4
"""From <sys/prctl.h>: at 0, only root reads the memory and the environment of this process, attaches to it, or gets its core."""


def make_unreadable() -> None:
    """On Linux; elsewhere nothing is done. A program that this process starts begins open again."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
