"""Channels: where notifications go. One belongs to the hub, such as a team's Slack, or to a person."""

import time
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from domain.errors import Invalid, NotReady
from domain.hub import Hub
from domain.jobs import edits
from domain.names import check_name
from domain.notifications.addresses import check_address
from domain.notifications.kinds import DEFAULTS, check_kinds
from domain.nouns import ENTITY_INDEXES, REMOVED_RANGE, Entity, Stored, Table
from domain.ports.records import Kind
from events.notifications import ChannelAdded, ChannelEdited, ChannelRemoved

Medium = Literal["EMAIL", "SLACK", "WEBHOOK"]
MEDIA: tuple[Medium, ...] = get_args(Medium)
WINDOWS: dict[str, float] = {"EMAIL": 10.0, "SLACK": 10.0, "WEBHOOK": 0.0}
"""Seconds for which a channel collects what it then sends as one message, unless it says otherwise: programs get each by itself."""
HOW = {"EMAIL": "set LEAT_MAIL to a server such as smtp://host:587"}
LONGEST_WINDOW = 7 * 86400.0


class Channel(Entity, frozen=True, kw_only=True):
    """One way to reach somebody."""

    medium: Medium
    address: str
    """An e-mail address, or the channel or person that a Slack bot writes to; of a web hook's URL the server."""
    sealed: str = ""
    """Where it leads, with its secret, sealed (`reach`); empty where neither is a secret."""
    has_secret: bool = False
    """Whether there is a bot's token, or something that a web hook's messages are signed with."""
    owner: str = ""
    """The person whose it is; empty for the hub's own."""
    kinds: tuple[str, ...] | None = None
    """What it tells; None: what is told by default."""
    window: float
    """Seconds for which it collects what it then sends as one message; 0: each by itself, at once."""
    paused: bool = False
    bounced: str = ""
    """Why the receiver refused it for good, as it was told; it sends nothing until it is edited. Empty where it did not."""
    failure: str = ""
    """Why the last message could not be sent; empty where it was."""
    failing_since: float = 0.0

    def tells(self, kind: str) -> bool:
        """Whether it tells this kind now."""
        return not (self.paused or self.bounced) and kind in (DEFAULTS if self.kinds is None else self.kinds)


CHANNELS = Table(Kind(name="channel", indexes=(("owner",), *ENTITY_INDEXES), ranges=REMOVED_RANGE), Channel)


class Reach(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a channel needs to send: a web hook's URL is as secret as a password."""

    address: str
    secret: str = ""


def reach(hub: Hub, channel: Channel) -> Reach:
    """Where a channel leads. Raises SealBroken."""
    if not channel.sealed:
        return Reach(channel.address)
    return msgspec.json.decode(hub.seal.open(channel.sealed), type=Reach)


def check(hub: Hub, channel: Channel, there: Reach) -> Channel:
    """The channel that leads there, if it can be; raises Invalid naming the field, or NotReady where the hub can't use it."""
    if channel.medium not in hub.media:
        raise NotReady(f"this hub sends nothing by {channel.medium}: {HOW.get(channel.medium, 'nothing is set for it')}")
    if not 0 <= channel.window <= LONGEST_WINDOW:
        raise Invalid("window is a number of seconds, from 0 to a week", ("window",))
    kinds = None if channel.kinds is None else check_kinds(channel.kinds)
    address = check_address(channel.medium, there.address, bool(there.secret))
    is_secret = there.secret or address.startswith("http")
    sealed = hub.seal.seal(msgspec.json.encode(Reach(address, there.secret)).decode()) if is_secret else ""
    return msgspec.structs.replace(channel, address=_shown(address), sealed=sealed, has_secret=bool(there.secret), kinds=kinds)


def _shown(address: str) -> str:
    """What people see of an address: of a URL the server."""
    if not address.startswith("http"):
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"


async def add(hub: Hub, name: str, medium: str, address: str, *, secret: str = "", **values: Any) -> Stored[Channel]:
    """Make a channel. Raises Invalid, NotReady or Conflict."""
    check_name(name)
    if medium not in MEDIA:
        raise Invalid(f"{medium!r} is no medium; there are {', '.join(MEDIA)}", ("medium",))
    values.setdefault("window", WINDOWS[medium])
    channel = Channel(created_at=time.time(), medium=medium, address="", **values)
    channel = check(hub, channel, Reach(address, secret))
    return await edits.add(hub, CHANNELS, name, channel, ChannelAdded(channel=name))


async def edit(hub: Hub, name: str, **values: Any) -> Stored[Channel]:
    """Change a channel, its address and secret too; one whose messages came back is tried again. Raises NotFound, Invalid or
    NotReady."""
    there = {field: values.pop(field) for field in ("address", "secret") if field in values}

    def edited(channel: Channel) -> Channel:
        new = msgspec.structs.replace(channel, **values, bounced="", failure="", failing_since=0.0)
        return check(hub, new, msgspec.structs.replace(reach(hub, channel), **there))

    return await edits.change(hub, CHANNELS, name, edited, ChannelEdited(channel=name))


async def remove(hub: Hub, name: str) -> None:
    """Remove a channel; what waits for it is not sent."""
    await edits.remove(hub, CHANNELS, name, ChannelRemoved(channel=name))


async def unsubscribe(hub: Hub, name: str) -> None:
    """Pause a channel: whoever gets its messages wants no more. Raises NotFound."""
    await edits.change(hub, CHANNELS, name, _paused, ChannelEdited(channel=name))


def _paused(channel: Channel) -> Channel | None:
    return None if channel.paused else msgspec.structs.replace(channel, paused=True)


async def bounce(hub: Hub, address: str, reason: str) -> list[str]:
    """Take note that an e-mail address refuses messages for good: its channels send no more until they are edited. Returns their
    names."""
    hit = [
        stored.id
        for stored in await CHANNELS.readable(hub.records)
        if stored.value.medium == "EMAIL" and stored.value.address.lower() == address.lower() and not stored.value.bounced
    ]
    for name in hit:
        await _note(hub, name, bounced=reason or "its messages came back")
    return hit


async def note(hub: Hub, stored: Stored[Channel], failure: str) -> bool:
    """Take note of why a message could not be sent, or, where `failure` is empty, that one was. Returns whether that is new."""
    if bool(stored.value.failure) == bool(failure):
        return False
    await _note(hub, stored.id, failure=failure, failing_since=time.time() if failure else 0.0)
    return True


async def _note(hub: Hub, name: str, **values: Any) -> None:
    await edits.change(hub, CHANNELS, name, lambda channel: msgspec.structs.replace(channel, **values), ChannelEdited(channel=name))
