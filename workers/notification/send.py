"""The handlers that send: one notification at once, or all that wait for a channel as one message."""

from collections.abc import Sequence

from domain.errors import LeatError, NotReady
from domain.hub import Hub
from domain.ids import derived_id
from domain.jobs import asking
from domain.notifications import channels, lanes
from domain.notifications.channels import CHANNELS, Channel
from domain.notifications.notifications import NOTIFICATIONS, Notification
from domain.nouns import Stored
from domain.ports.messages import Message, Sent, Undeliverable
from events.notifications import NotificationSent, Notify, SendDigest, SendNotification
from workers.context import JobContext
from workers.notification.rendering import rendered


async def send_notification(command: SendNotification, job: JobContext) -> NotificationSent:
    """One, by a channel that does not collect."""
    channel = await CHANNELS.find_one(job.hub.records, command.channel)
    told = await NOTIFICATIONS.find_one(job.hub.records, command.notification)
    if channel is None or told is None or _is_off(channel.value):
        return NotificationSent(channel=command.channel, message="", notifications=0)
    message = rendered(job.hub, channel.id, [told], 1)
    lane = await lanes.LANES.find_one(job.hub.records, channel.id)
    sent = await _send(job, channel, message, lane.value.posted.get(message.thread, "") if lane else "")
    if sent.posted:
        await lanes.remember(job.hub, channel.id, {message.thread: sent.posted})
    return NotificationSent(channel=channel.id, message=message.id, unconfirmed=sent.unconfirmed)


async def send_digest(command: SendDigest, job: JobContext) -> NotificationSent:
    """All that waits, as one message; a single one as itself, in its thread."""
    channel = await CHANNELS.find_one(job.hub.records, command.channel)
    batch = await lanes.take(job.hub, command.channel, command.round)
    nothing = NotificationSent(channel=command.channel, message="", notifications=0)
    if batch is None or channel is None:
        await lanes.go_on(job.hub, command.channel)
        return nothing
    told = await _kept(job.hub, batch.notifications)
    if not told or _is_off(channel.value):
        await lanes.sent(job.hub, channel, batch, {})
        return nothing
    message = rendered(job.hub, channel.id, told, batch.count, f"{command.job_id}")
    lane = (await lanes.LANES.get(job.hub.records, channel.id)).value
    try:
        sent = await _send(job, channel, message, lane.posted.get(message.thread, ""))
    except Undeliverable:
        await lanes.sent(job.hub, channel, batch, {})
        raise
    await lanes.sent(job.hub, channel, batch, {message.thread: sent.posted} if sent.posted else {})
    return NotificationSent(channel=channel.id, message=message.id, notifications=batch.count, unconfirmed=sent.unconfirmed)


def _is_off(channel: Channel) -> bool:
    return channel.paused or bool(channel.bounced)


async def _kept(hub: Hub, ids: Sequence[str]) -> list[Stored[Notification]]:
    found = [await NOTIFICATIONS.find_one(hub.records, id) for id in ids]
    return [stored for stored in found if stored]


async def _send(job: JobContext, channel: Stored[Channel], message: Message, posted: str) -> Sent:
    """Send it, and take note of whether that could be done."""
    hub = job.hub
    messenger = hub.messengers.get(channel.value.medium)
    if messenger is None:
        raise NotReady(f"this process sends nothing by {channel.value.medium}")
    try:
        there = channels.reach(hub, channel.value)
        sent = await messenger.send(there.address, there.secret, message, posted)
    except Undeliverable as error:
        if channel.value.medium == "EMAIL":
            await channels.bounce(hub, channel.value.address, error.message)
        await channels.note(hub, channel, error.message)
        raise
    except LeatError as error:
        await channels.note(hub, channel, error.message)
        raise
    if sent.unconfirmed:
        await job.log("the server took all of it and never said so: it is not sent again", "warning")
    if await channels.note(hub, channel, ""):
        await _tell_well(hub, channel.id, job.job.run_id)
    return sent


async def _tell_well(hub: Hub, channel: str, cause: str) -> None:
    """Where it was told that the channel fails, tell that it does not any more."""
    well = Notify(kind="channel.failing", subject=f"channel:{channel}", title=f"channel {channel} works again", streak="well")
    await asking.ask(hub, well, id=derived_id("channel well", channel, cause), asked_by="notifications")
