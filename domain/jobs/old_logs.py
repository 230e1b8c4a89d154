"""Logs as they were kept before they were files: batches of lines in records. Nothing writes them any more.

To be removed with the first release that comes more than LEAT_KEEP_JOBS (30 days) after the one in which logs became files: by
then retention has dropped the last of them.
"""

import msgspec

from domain.hub import Hub
from domain.jobs.lines import Line, Segment
from domain.nouns import Table
from domain.ports.records import Kind


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive lines of one attempt."""

    job: str
    attempt: int
    position: float
    """Of its last line."""
    lines: tuple[Line, ...]


LOGS = Table(Kind(name="log", indexes=(("job",),), order=("position",)), Batch)


async def segments(hub: Hub, job_id: str) -> list[Segment]:
    """What a job said then, ordered; 10,000 lines of an attempt at most."""
    found = await LOGS.every(hub.records, order="position", job=job_id)
    batches = [stored.value for stored in found]
    return [Segment(batch.attempt, batch.lines[0].number, lines=batch.lines) for batch in batches]


async def drop(hub: Hub, job_id: str) -> None:
    """Remove a job's batches."""
    for batch in await LOGS.every(hub.records, order="position", job=job_id):
        await hub.records.delete(LOGS.kind, batch.id)
