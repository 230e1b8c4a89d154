"""Notifications: what people are told, by which channel, and what became of it."""

from typing import ClassVar, Literal

from events.message import Command, Event

Streak = Literal["", "failing", "well"]
"""Whether something began to fail, or works again; empty for what is told each time."""


class Notify(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Tell whoever wants to know: work out by which channels, and hand it to them."""

    queue: ClassVar[str] = "notification"
    verb: ClassVar[str] = "notify"
    kind: str
    """One of domain.notifications.kinds."""
    subject: str
    """What it is about, such as `upload:clinvar`: what is told about one subject while it fails is one thread."""
    title: str
    text: str = ""
    link: str = ""
    """Below the gateway's address, without a slash in front; empty where there is nothing to look at."""
    streak: Streak = ""
    target: str = ""
    """What the job worked on that failed, such as `source/clinvar`: a job on it may show that it works again."""
    to: tuple[str, ...] = ()
    """Channels by name; empty: all whose owners want this kind."""


class SendNotification(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Send one notification by one channel."""

    queue: ClassVar[str] = "notification"
    noun: ClassVar[str] = "channel"
    verb: ClassVar[str] = "send"
    channel: str
    notification: str


class SendDigest(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Send, as one message, all that waits for a channel."""

    queue: ClassVar[str] = "notification"
    noun: ClassVar[str] = "channel"
    verb: ClassVar[str] = "digest"
    channel: str
    round: int
    """Counts the digests of the channel."""


class Notified(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """It was handed to its channels."""

    notification: str
    """Its id; empty where nobody had to be told: it fails as before, or nothing had failed."""
    kind: str
    title: str
    channels: tuple[str, ...] = ()


class NotificationSent(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A message left by a channel."""

    channel: str
    message: str
    """The id that the receiver knows it by; empty where nothing was left to send."""
    notifications: int = 1
    """How many it tells of."""
    unconfirmed: bool = False
    """True where the server had taken all of it and never said so: it is not sent twice."""


class InboxChanged(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Something came into an inbox, or was read."""

    person: str
    seq: int


class ChannelAdded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A channel was made."""

    channel: str


class ChannelEdited(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A channel was edited, or what was sent by it came back."""

    channel: str


class ChannelRemoved(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A channel was removed."""

    channel: str
