"""Telling people something on purpose, by whoever may."""

import time

from domain.errors import Conflict, Invalid
from domain.hub import Hub
from domain.jobs import asking, runs
from domain.jobs.asking import Asked
from domain.jobs.runs import Started
from domain.notifications.channels import CHANNELS
from domain.notifications.notifications import LONGEST_TEXT, NOTIFICATIONS, Notification, one_line
from events.message import new_id
from events.notifications import Notify, SendNotification


async def notify(
    hub: Hub, title: str, text: str, link: str, channels: tuple[str, ...], *, asked_by: str, key: str | None = None
) -> Started:
    """Tell something by these channels, or by all that tell notices. Raises Invalid, NotFound or Conflict."""
    if not title.strip():
        raise Invalid("title says nothing", ("title",))
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"text has at most {LONGEST_TEXT} characters; this one has {len(text)}", ("text",))
    if "://" in link or link.startswith("/"):
        raise Invalid("link is below the gateway's address, such as api/genes/metadata", ("link",))
    for name in channels:
        await CHANNELS.get(hub.records, name)
    command = Notify(kind="notice", subject="notice", title=one_line(title), text=text, link=link, to=channels)
    return await runs.start_command(hub, "notifyPeople", command, asked_by=asked_by, key=key)


async def test(hub: Hub, name: str, *, asked_by: str) -> Asked:
    """Send a notice by a channel at once. Raises NotFound, and Conflict where it sends nothing now."""
    channel = (await CHANNELS.get(hub.records, name)).value
    if channel.paused or channel.bounced:
        raise Conflict(f"the channel {name!r} is paused" if channel.paused else f"{channel.bounced}; edit the channel to try again")
    id, now = new_id(), time.time()
    told = Notification(
        kind="notice",
        subject=f"test:{name}",
        thread=id,
        headline=f"test of the channel {name}",
        title=f"test of the channel {name}",
        text=f"{hub.name} can send by this channel.",
        at=now,
        created_at=now,
    )
    await NOTIFICATIONS.insert(hub.records, id, told)
    return await asking.ask(hub, SendNotification(channel=name, notification=id), asked_by=asked_by)
