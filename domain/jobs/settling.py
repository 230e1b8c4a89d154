"""Settling: which attempts are dead, and how they are ended by an attempt of one's own."""

import logging
from collections.abc import Iterable, Sequence

from domain.errors import JobSuperseded, LeatError, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import ending
from domain.jobs.attempts import seize
from domain.jobs.jobs import JOBS, Job
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Failed
from domain.nouns import Stored

log = logging.getLogger(__name__)


class WorkerLost(LeatError):
    """The worker was lost."""

    code = "WORKER_LOST"


class Pulse:
    """Watches beats, by one's own clock and with reads that succeeded.

    An attempt is dead when its beat stood still for a lease. Each look adds at most `step` seconds to the time it has stood
    still, so that a pause of the watcher, or of the store, kills nobody.
    """

    def __init__(self, lease: float, step: float) -> None:
        self._lease = lease
        self._step = step
        self._looked = 0.0
        self._still: dict[tuple[str, int], tuple[int, float]] = {}
        """(job, attempt) → its beat, and the seconds for which it has stood still."""

    def look(self, alive: Iterable[Stored[Job]], now: float) -> list[Stored[Job]]:
        """Take note of all jobs that are RUNNING or CANCELING, read just now; returns those whose attempt is dead."""
        passed = min(now - self._looked, self._step) if self._still else 0.0
        self._looked = now
        before, self._still = self._still, {}
        dead: list[Stored[Job]] = []
        for stored in alive:
            key = (stored.id, stored.value.attempt)
            beat, still = before.get(key, (-1, 0.0))
            still = still + passed if beat == stored.value.beat else 0.0
            self._still[key] = (stored.value.beat, still)
            if still >= self._lease:
                dead.append(stored)
        return dead

    def miss(self) -> None:
        """A read failed: nothing can be said about anybody's beat."""
        self._still.clear()


async def alive(hub: Hub) -> list[Stored[Job]]:
    """Every job that somebody should be working on."""
    return await JOBS.readable(hub.records, is_alive=True)


async def settle(hub: Hub, dead: Stored[Job]) -> bool:
    """End a dead attempt by an attempt of one's own; False where it turned out not to be that any more.

    Claim it, which fences it in the record; take `writer` over, which fences it on the noun; look whether it had switched. Then:
    SUCCEEDED with what it switched to, else CANCELED, QUEUED again, or FAILED. What runs elsewhere is left alone: the job is QUEUED
    with its handle, for an owner that can look after it.
    """
    attempt = await seize(hub, dead.id, dead.value.attempt)
    if attempt is None:
        return False
    attempts, base, cap = attempt.job.retry
    lost = WorkerLost(f"the worker {dead.value.worker} was lost")
    verdict = Failed(lost, Retry(attempts=attempts, base=base, cap=cap), "lost")
    try:
        job = await ending.end(hub, attempt, verdict, f"{dead.id}.{dead.value.attempt}")
    except JobSuperseded:
        return False
    log.warning("dead attempt settled", extra={"job_id": dead.id, "attempt": dead.value.attempt, "state": job.state})
    return True


async def settle_all(hub: Hub, dead: Sequence[Stored[Job]]) -> None:
    """Settle each; one that can't be reached, or read, does not keep the others."""
    for stored in dead:
        try:
            await settle(hub, stored)
        except (Unavailable, Unreadable) as error:
            log.warning("dead attempt not settled yet", extra={"job_id": stored.id, "error": error.message})
