"""Retry: what follows a failure, as a pure function."""

import msgspec

from domain.errors import DiskFull, JobTimedOut, NotReady, Refused, Unavailable, Unreadable

OUTAGES = 10
"""Failures that end a job where each came from a server that could not be reached, from a disk that is full, or from a process that
is yet to be upgraded: minutes of that end no job."""


LOSSES = 5
"""Lost workers that end a job: machines go, but a step that took so many workers with it is likely to take the next one too."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """What happens after a failure. The n-th failure waits min(cap, base * 2 ** (n - 1)) seconds, give or take a fifth."""

    attempts: int = 3
    """Failures that end the job; 1 means that it is never tried again."""
    base: float = 2.0
    cap: float = 300.0
    never: tuple[type[Exception], ...] = ()
    """Errors that repeat themselves: the job fails at once. Outages never do, whatever class they are of."""


def wait_after(retry: Retry, failures: int, error: Exception, chance: float) -> float | None:
    """Seconds until the next attempt, or None where the job has failed.

    `failures` counts this one and those of its sort: outages, or all others. `chance` in [0, 1) spreads the wait. A refusal repeats
    itself, except NotReady; a job that took too long once is not tried again by itself.
    """
    refused = isinstance(error, Refused) and not isinstance(error, NotReady)
    repeats = refused or isinstance(error, (JobTimedOut, *retry.never))
    attempts = retry.attempts
    if is_outage(error) and attempts > 1:
        repeats, attempts = False, OUTAGES
    if repeats or failures >= attempts:
        return None
    return backoff(retry.base, retry.cap, failures, chance)


def wait_after_loss(retry: Retry, losses: int, chance: float) -> float | None:
    """Seconds until the next attempt of a job that lost so many workers, this one too, or None where it looks like poison. Workers
    are lost for reasons that are not the job's, so this spends none of its `attempts`."""
    return None if losses >= LOSSES else backoff(retry.base, retry.cap, losses, chance)


def backoff(base: float, cap: float, failures: int, chance: float) -> float:
    """Seconds to wait after so many failures, a fifth more or less by `chance` in [0, 1)."""
    return min(cap, base * 2.0 ** (failures - 1)) * (0.8 + 0.4 * chance)


def is_outage(error: Exception) -> bool:
    """Does it say nothing about the job, but that a server is away, a disk is full, or another version has to do it?"""
    return isinstance(error, (DiskFull, Unavailable, Unreadable))
