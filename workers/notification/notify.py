"""The handler of Notify: keeps what is told, puts it into inboxes, and hands it to the channels."""

from domain.callers import ADMINISTRATOR
from domain.errors import NotFound
from domain.hub import Hub
from domain.ids import derived_id
from domain.jobs import asking
from domain.notifications import inboxes, lanes, notifications
from domain.notifications.channels import CHANNELS, Channel
from domain.nouns import Stored
from events.notifications import Notified, Notify, SendNotification
from workers.context import JobContext


async def notify(command: Notify, job: JobContext) -> Notified:
    """Each channel gets it once, however often this is done."""
    hub, id = job.hub, command.job_id
    told = await notifications.begin(hub, id, command)
    if told is None:
        await job.log("nobody has to be told: it fails as before, or nothing had failed")
        return Notified(notification="", kind=command.kind, title=command.title)
    if not command.to:
        await inboxes.put(hub, ADMINISTRATOR.actor, id, told)
    chosen = await _chosen(hub, command)
    for channel in chosen:
        await _hand_over(hub, channel, id)
    return Notified(notification=id, kind=told.kind, title=told.title, channels=tuple(channel.id for channel in chosen))


async def _chosen(hub: Hub, command: Notify) -> list[Stored[Channel]]:
    """The channels that were named, else those that tell this kind; never the one whose own failure it tells."""
    if command.to:
        named = [await CHANNELS.find_one(hub.records, name) for name in command.to]
        if missing := [name for name, stored in zip(command.to, named, strict=True) if stored is None]:
            raise NotFound(f"there is no channel {missing[0]!r}")
        return [stored for stored in named if stored]
    every = await CHANNELS.readable(hub.records)
    return [each for each in every if each.value.tells(command.kind) and command.subject != f"channel:{each.id}"]


async def _hand_over(hub: Hub, channel: Stored[Channel], id: str) -> None:
    if channel.value.window:
        await lanes.put(hub, channel, id)
        return
    command = SendNotification(channel=channel.id, notification=id)
    await asking.ask(hub, command, id=derived_id("send", channel.id, id), asked_by="notifications", cause_id=id)
