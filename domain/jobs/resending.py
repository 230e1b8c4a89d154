"""Resending: which commands must have been lost on their way, so that they are sent again."""

import logging
from collections.abc import Mapping

from domain.hub import Hub
from domain.jobs.jobs import JOBS, Job
from domain.jobs.sending import resend
from domain.nouns import Stored
from events.bus import Depth
from events.catalogue import QUEUES

log = logging.getLogger(__name__)

OVERTAKEN = 60.0
"""Seconds later than a job that was sent, and claimed, proves that the job's own message is lost: queues keep their order."""
RECENT = 20
"""Finished jobs of a queue that are looked at for one that overtook."""
SMALL = 500


class QuietQueues:
    """Watches queues: what was sent before its queue was seen empty twice, some time apart, is in nobody's hands."""

    def __init__(self, apart: float) -> None:
        self._apart = apart
        self._empty: dict[str, tuple[float, frozenset[tuple[str, float]]]] = {}
        """Queue → when it was first seen empty, by the caller's clock, and the (job, sent_at) that were out by then."""

    async def send_again(self, hub: Hub, now: float) -> None:
        """Look at every queue, and send again what is lost. Raises Unavailable or BusError."""
        out = await _out(hub)  # before the depths: what is sent later was not there when a queue was seen empty
        for depth in await hub.bus.depth(QUEUES):
            for stored in self._silent(depth, out[depth.queue], now) or await _overtaken(hub, depth.queue, out[depth.queue]):
                log.warning("command sent again", extra={"job_id": stored.id, "queue": depth.queue})
                await resend(hub, stored)

    def _silent(self, depth: Depth, sent: list[Stored[Job]], now: float) -> list[Stored[Job]]:
        if depth.ready or not sent:
            self._empty.pop(depth.queue, None)
            return []
        out = frozenset((job.id, job.value.sent_at) for job in sent)
        since, before = self._empty.setdefault(depth.queue, (now, out))
        if now - since < self._apart:
            return []
        self._empty[depth.queue] = (now, out)
        return [job for job in sent if (job.id, job.value.sent_at) in before]


async def _out(hub: Hub) -> Mapping[str, list[Stored[Job]]]:
    """By queue, the jobs that were sent and not claimed, those that were sent first. Each queue is asked for its own, so that one
    which nobody takes from hides none of the others."""
    if not await JOBS.find(hub.records, state="QUEUED", limit=1):  # as in a hub that is idle, which saves it the other look-ups
        return {queue: [] for queue in QUEUES}
    return {
        queue: await JOBS.find(hub.records, queue=queue, state="QUEUED", order="sent_at", least=1.0, limit=SMALL)
        for queue in QUEUES
    }


async def _overtaken(hub: Hub, queue: str, sent: list[Stored[Job]]) -> list[Stored[Job]]:
    if not sent:
        return []
    running = await JOBS.find(hub.records, queue=queue, state="RUNNING", descending=True, limit=SMALL)
    ended = await JOBS.find(hub.records, queue=queue, state="FINISHED", descending=True, limit=RECENT)
    newest = max((job.value.sent_at for job in (*running, *ended)), default=0.0)
    return [job for job in sent if job.value.sent_at + OVERTAKEN < newest]
