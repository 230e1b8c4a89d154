"""File descriptors: as many as this process may have, and how many of them connections may take."""

import math
import resource


def raise_limit() -> float:
    """Raise the soft limit to the hard one; returns it, infinite where there is none."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return math.inf if hard == resource.RLIM_INFINITY else hard


def for_connections(wanted: int) -> int:
    """How many connections there may be: half of the descriptors at most, since the hub's own work needs some too."""
    return int(min(wanted, raise_limit() // 2))
