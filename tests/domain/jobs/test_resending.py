"""Resending: what must have been lost is sent again, as often as it is lost, and nothing else is."""

from typing import Any

import msgspec
import pytest

from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS
from domain.jobs.resending import OVERTAKEN, RECENT, QuietQueues
from events.catalogue import QUEUES
from events.sources import DumpSource, UploadSource

OLD, LATE = 1000.0, 1000.0 + OVERTAKEN


async def lose(hub: Hub) -> None:
    """The queues lose what waits."""

    async def drop(delivery: Any) -> None:
        await delivery.ack()

    for consumer in [await hub.bus.consume(queue, drop, 100) for queue in QUEUES]:
        await consumer.cancel()


async def ready(hub: Hub) -> int:
    """How many uploads wait on the bus."""
    [depth] = await hub.bus.depth(["upload"])
    return depth.ready


async def sent(hub: Hub, command: Any, **changes: Any) -> str:
    """A job whose command was sent, with these changes of its record."""
    stored = await JOBS.get(hub.records, (await ask(hub, command)).job.id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, **changes))
    return stored.id


async def test_what_is_lost_again_is_sent_again(hub: Hub) -> None:
    """Each time the queue has to be seen empty twice, some time apart, after it was sent."""
    await sent(hub, UploadSource(source="s"))
    queues = QuietQueues(15.0)
    found = []
    for now in (100.0, 115.0, 120.0, 130.0, 135.0, 145.0):
        await lose(hub)
        await queues.send_again(hub, now)
        found.append(await ready(hub))

    assert found == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("state", ["RUNNING", "FINISHED"])
@pytest.mark.parametrize(
    ("command", "sent_at", "again"),
    [(UploadSource(source="s"), LATE + 1, 2), (UploadSource(source="s"), LATE, 1), (DumpSource(source="s"), LATE + 1, 1)],
)
async def test_who_overtakes_was_sent_a_minute_later_to_the_same_queue(
    hub: Hub, state: str, command: Any, sent_at: float, again: int
) -> None:
    """And was claimed, whatever became of it since."""
    await sent(hub, UploadSource(source="s"), sent_at=OLD)
    await sent(hub, command, state=state, sent_at=sent_at)
    await lose(hub)
    waits = await sent(hub, UploadSource(source="s"))

    await QuietQueues(15.0).send_again(hub, 100.0)

    assert await ready(hub) == again
    assert (await JOBS.get(hub.records, waits)).value.sent_at > LATE


async def test_who_overtook_is_looked_for_among_the_newest(hub: Hub) -> None:
    """However many have finished before."""
    await sent(hub, UploadSource(source="s"), sent_at=OLD)
    for _ in range(RECENT):
        await sent(hub, UploadSource(source="s"), state="FINISHED", sent_at=OLD)
    await sent(hub, UploadSource(source="s"), state="FINISHED", sent_at=LATE + 1)
    await lose(hub)
    await sent(hub, UploadSource(source="s"))

    await QuietQueues(15.0).send_again(hub, 100.0)

    assert await ready(hub) == 2
