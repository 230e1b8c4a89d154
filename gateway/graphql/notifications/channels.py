"""Channels: where notifications go."""

from enum import Enum
from typing import Annotated, Any, Self

import strawberry
from strawberry import UNSET, enum_value, field

from domain.notifications import channels
from domain.notifications.channels import CHANNELS, MEDIA
from domain.notifications.channels import Channel as ChannelRecord
from domain.notifications.kinds import DEFAULTS, KINDS
from domain.nouns import Stored
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.inputs import In, given
from gateway.graphql.nodes import After, Connection, First, Name, Node, connection, global_id, page_size, position
from gateway.scalars import DateTime, time

MEDIUM = {
    "EMAIL": "An e-mail address.",
    "SLACK": "Slack: a web hook, or a bot's channel or person.",
    "WEBHOOK": "A URL that gets JSON, signed as Standard Webhooks.",
}
ADDRESS = "An e-mail address; a web hook's URL; for a Slack bot a channel such as #data, or the id of a channel or person."
SECRET = "A Slack bot's token, or what a web hook's messages are signed with (whsec_…). It is kept sealed, and never shown."
CHOSEN = "The kinds that it tells; null: what is told by default."
WINDOW = "Seconds for which it collects what it then sends as one message; 0: each by itself, at once."
PAUSED = "Whether it sends nothing."

Medium: Any = strawberry.enum(
    Enum("ChannelMedium", {name: enum_value(name, description=MEDIUM[name]) for name in MEDIA}),  # type: ignore[call-overload]
    description="What a channel is.",
)


@strawberry.type(description="A kind of notification, as people choose it.")
class NotificationKind:
    """domain.notifications.kinds.KindOfNotification."""

    name: str = field(description="Its name, such as source.failed.")
    title: str = field(description="What it is called.")
    description: str = field(description="When it is told.")
    by_default: bool = field(description="Whether channels tell it that chose no kinds.")


@strawberry.type(description="A way to reach somebody.")
class Channel(Node):
    """domain.notifications.channels.Channel."""

    name: str = field(description="Its name.")
    medium: Medium = field(description="What it is.")
    address: str = field(description="Where it leads; of a web hook's URL only the server, since the rest is a secret.")
    has_secret: bool = field(description="Whether it has a secret.")
    kinds: list[str] = field(description="The kinds that it tells.")
    chosen: bool = field(description="Whether these were chosen; else they are what is told by default.")
    window: float = field(description=WINDOW)
    paused: bool = field(description=PAUSED)
    bounced: str = field(description="Why the receiver refused it for good; it sends nothing until it is edited. Empty otherwise.")
    failure: str = field(description="Why the last message could not be sent; empty where it was.")
    failing_since: DateTime | None = field(description="Since when that is so.")
    created_at: DateTime = field(description="When it was added.")

    @strawberry.field(description="The folder that its mails are put into, since no mail server is set; null where they are sent.")
    def outbox(self, info: Info) -> str | None:
        """Of the embedded hub."""
        folder = info.context.hub.outbox
        return str(folder) if folder and self.medium.value == "EMAIL" else None

    @classmethod
    def of(cls, stored: Stored[ChannelRecord]) -> Self:
        """The record as clients see it."""
        channel = stored.value
        return cls(
            id=global_id("Channel", stored.id),
            name=stored.id,
            medium=Medium[channel.medium],
            address=channel.address,
            has_secret=channel.has_secret,
            kinds=list(DEFAULTS if channel.kinds is None else channel.kinds),
            chosen=channel.kinds is not None,
            window=channel.window,
            paused=channel.paused,
            bounced=channel.bounced,
            failure=channel.failure,
            failing_since=time(channel.failing_since),
            created_at=DateTime(channel.created_at),
        )


async def find_channel(info: Info, name: str) -> Channel | None:
    """The channel of that name."""
    stored = await CHANNELS.find_one(info.context.hub.records, name)
    return Channel.of(stored) if stored else None


@strawberry.type
class ChannelQuery:
    """Reading channels."""

    @strawberry.field(description="Every kind of notification there is.")
    def notification_kinds(self) -> list[NotificationKind]:
        """The catalogue."""
        return [
            NotificationKind(name=name, title=kind.title, description=kind.description, by_default=kind.by_default)
            for name, kind in KINDS.items()
        ]

    @strawberry.field(description="The hub's channels, oldest first.")
    async def channels(self, info: Info, first: First = 20, after: After = None) -> Connection[Channel]:
        """A page."""
        found = await CHANNELS.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Channel.of)

    @strawberry.field(description="One channel; null where there is none.")
    async def channel(self, info: Info, name: Name) -> Channel | None:
        """By its name."""
        return await find_channel(info, name)


@strawberry.input(description="A channel.")
class AddChannelInput:
    """Input of addChannel."""

    name: str = field(description="Its name.")
    medium: Medium = field(description="What it is.")
    address: str = field(description=ADDRESS)
    secret: str | None = field(default=UNSET, description=SECRET)
    kinds: list[str] | None = field(default=UNSET, description=CHOSEN)
    window: float | None = field(default=UNSET, description=f"{WINDOW} Left out: 10 for mail and Slack, 0 for web hooks.")
    paused: bool | None = field(default=UNSET, description=PAUSED)


@strawberry.type(description="The channel was added.")
class AddChannelSuccess:
    """Success of addChannel."""

    channel: Channel = field(description="The channel.")


AddChannelPayload = Annotated[
    AddChannelSuccess | Refusal, strawberry.union("AddChannelPayload", description="What addChannel answers.")
]


@strawberry.input(description="What changes of a channel; what is left out stays.")
class EditChannelInput:
    """Input of editChannel."""

    name: str = field(description="The channel.")
    address: str | None = field(default=UNSET, description=ADDRESS)
    secret: str | None = field(default=UNSET, description=SECRET)
    kinds: list[str] | None = field(default=UNSET, description=CHOSEN)
    window: float | None = field(default=UNSET, description=WINDOW)
    paused: bool | None = field(default=UNSET, description=PAUSED)


@strawberry.type(description="The channel was edited; one whose messages came back is tried again.")
class EditChannelSuccess:
    """Success of editChannel."""

    channel: Channel = field(description="The channel.")


EditChannelPayload = Annotated[
    EditChannelSuccess | Refusal, strawberry.union("EditChannelPayload", description="What editChannel answers.")
]


@strawberry.input(description="Which channel to remove.")
class RemoveChannelInput:
    """Input of removeChannel."""

    name: str = field(description="The channel.")


@strawberry.type(description="The channel was removed; what waited for it is not sent.")
class RemoveChannelSuccess:
    """Success of removeChannel."""

    name: str = field(description="The name that is free now.")


RemoveChannelPayload = Annotated[
    RemoveChannelSuccess | Refusal, strawberry.union("RemoveChannelPayload", description="What removeChannel answers.")
]


@strawberry.type
class ChannelMutation:
    """Changing channels."""

    @strawberry.mutation(description="Let notifications go by a channel.")
    async def add_channel(self, info: Info, input: In[AddChannelInput]) -> AddChannelPayload:
        """Checked by the domain."""
        values: dict[str, Any] = given(input) | {"medium": input.medium.value}
        return AddChannelSuccess(channel=Channel.of(await channels.add(info.context.hub, input.name, **values)))

    @strawberry.mutation(description="Change a channel.")
    async def edit_channel(self, info: Info, input: In[EditChannelInput]) -> EditChannelPayload:
        """A null for `kinds` goes back to what is told by default."""
        values: dict[str, Any] = given(input) | ({"kinds": None} if input.kinds is None else {})
        return EditChannelSuccess(channel=Channel.of(await channels.edit(info.context.hub, input.name, **values)))

    @strawberry.mutation(description="Remove a channel.")
    async def remove_channel(self, info: Info, input: In[RemoveChannelInput]) -> RemoveChannelPayload:
        """What waited for it is not sent."""
        await channels.remove(info.context.hub, input.name)
        return RemoveChannelSuccess(name=input.name)
