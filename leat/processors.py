"""How many jobs a process does at a time where nobody says."""

import os


def half_the_processors() -> int:
    """Half of the processors that this process may use, at least one: the rest is for the gateway, stores and plugins."""
    may_use = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, may_use // 2)
