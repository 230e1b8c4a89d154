"""Lanes: what waits for a channel that collects, and what it is sending as one message. A storm becomes one message with a count.

A round is: collect, send, collect the next one. Whatever is asked twice changes nothing, and what is being sent stays as it is,
under one id, until it was sent.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from domain.errors import Stale
from domain.hub import Hub
from domain.ids import derived_id
from domain.jobs import asking
from domain.jobs.jobs import JOBS
from domain.notifications.channels import Channel
from domain.nouns import Stored, Table
from domain.ports.records import Kind
from events.notifications import SendDigest

LISTED = 100
"""Notifications that a digest knows one by one; of more it knows the number."""
REMEMBERED = 200
"""Threads of which a lane remembers what was posted."""
SLOWEST = 3600.0
"""Seconds that a channel collects at most while a storm goes on: each message of it waits twice as long as the one before."""


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sent as one message."""

    round: int
    notifications: tuple[str, ...]
    count: int


class Lane(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What waits for one channel."""

    created_at: float
    round: int = 1
    """The one that is being collected."""
    waiting: tuple[str, ...] = ()
    """The first LISTED notifications."""
    count: int = 0
    """All of them."""
    sending: Batch | None = None
    is_sending: bool = False
    """Whether there is such a batch, for the look-up of what nobody sends any more."""
    pace: float = 0.0
    """Seconds that are collected now; 0.0: as the channel says."""
    sent_at: float = 0.0
    posted: dict[str, str] = {}
    """By thread: how the receiver knows what was posted of it. The newest last."""


LANES = Table(Kind(name="lane", indexes=(("is_sending",),)), Lane)


async def put(hub: Hub, channel: Stored[Channel], notification: str) -> None:
    """Let it wait for the channel's next message, and have that sent when it is time."""

    def added(lane: Lane) -> Lane | None:
        if notification in lane.waiting or (lane.sending and notification in lane.sending.notifications):
            return None
        pace = lane.pace if time.time() - lane.sent_at < 2 * lane.pace else 0.0
        return msgspec.structs.replace(
            lane, waiting=(*lane.waiting, notification)[:LISTED], count=lane.count + 1, pace=pace or channel.value.window
        )

    await change(hub, channel.id, added)
    await go_on(hub, channel.id)


async def ask(hub: Hub, channel: str, lane: Lane) -> None:
    """Have the round that is being collected sent when it is time: one job, however often this is asked."""
    command, id = SendDigest(channel=channel, round=lane.round), _job(channel, lane, lane.round)
    await asking.ask(hub, command, id=id, asked_by="notifications", delay=lane.pace)


def _job(channel: str, lane: Lane, round: int) -> str:
    return derived_id("digest", channel, repr(lane.created_at), str(round))


async def take(hub: Hub, channel: str, round: int) -> Batch | None:
    """What is sent in this round, from now on unchanged; None where nothing is, or it was sent already."""

    def taken(lane: Lane) -> Lane | None:
        if lane.round != round or not lane.waiting or lane.sending:
            return None
        batch = Batch(round=round, notifications=lane.waiting, count=lane.count)
        return msgspec.structs.replace(lane, sending=batch, is_sending=True, waiting=(), count=0, round=round + 1)

    sending = (await change(hub, channel, taken)).value.sending
    return sending if sending and sending.round == round else None


async def sent(hub: Hub, channel: Stored[Channel], batch: Batch, posted: dict[str, str]) -> None:
    """It was sent, or never can be: collect on. The next message waits longer where this one told of a storm."""

    def cleared(lane: Lane) -> Lane | None:
        if lane.sending is None or lane.sending.round != batch.round:
            return None
        storm = batch.count > 1
        pace = min(SLOWEST, max(lane.pace, channel.value.window) * 2) if storm else 0.0
        return msgspec.structs.replace(
            lane, sending=None, is_sending=False, sent_at=time.time(), pace=pace, posted=_newest(lane, posted)
        )

    await change(hub, channel.id, cleared)
    await go_on(hub, channel.id)


async def remember(hub: Hub, channel: str, posted: dict[str, str]) -> None:
    """Keep how the receiver knows what was posted of threads."""
    await change(hub, channel, lambda lane: msgspec.structs.replace(lane, posted=_newest(lane, posted)))


def _newest(lane: Lane, posted: dict[str, str]) -> dict[str, str]:
    known = {thread: there for thread, there in lane.posted.items() if thread not in posted} | posted
    return dict([*known.items()][-REMEMBERED:])


async def go_on(hub: Hub, channel: str) -> None:
    """Have what waits sent, where nobody sends anything now: a process may have died before it asked for that."""
    stored = await LANES.find_one(hub.records, channel)
    if stored and stored.value.waiting and not stored.value.sending:
        await ask(hub, channel, stored.value)


async def let_go(hub: Hub) -> None:
    """Let channels collect on whose message can't be sent: the job that was to send it has ended without that."""
    for stored in await LANES.readable(hub.records, is_sending=True):
        round = stored.value.sending.round if stored.value.sending else 0
        job = await JOBS.find_one(hub.records, _job(stored.id, stored.value, round))
        if job is None or job.value.state == "FINISHED":
            with suppress(Stale):  # it was looked at by another process
                freed = msgspec.structs.replace(stored.value, sending=None, is_sending=False)
                await LANES.replace(hub.records, stored, freed)
                await go_on(hub, stored.id)


async def change(hub: Hub, channel: str, changed: Callable[[Lane], Lane | None]) -> Stored[Lane]:
    """Change the lane of a channel, made where there is none."""
    return await LANES.change_or_make(hub.records, channel, lambda: Lane(created_at=time.time()), changed)
