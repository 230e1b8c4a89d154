"""The inbox: what the caller was told, in the hub itself, live and resumable."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, NamedTuple, Self

import strawberry
from strawberry import UNSET, argument, field

from domain.callers import Caller
from domain.errors import NotFound
from domain.hub import Hub
from domain.notifications import inboxes
from domain.notifications.inboxes import Inbox as InboxRecord
from domain.notifications.inboxes import Row
from events.message import Event
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.inputs import In
from gateway.graphql.jobs.events import Cursor
from gateway.graphql.nodes import First, decode, encode, page_size
from gateway.live.stream import Reader, Shareable, Span
from gateway.scalars import DateTime


@strawberry.type(description="What was told of one thing: a thread.")
class InboxRow:
    """domain.notifications.inboxes.Row."""

    thread: str = field(description="What tells it from other rows; for markRead.")
    kind: str = field(description="The kind of notification.")
    title: str = field(description="The newest, in a line.")
    text: str = field(description="The newest, in more words.")
    link: str = field(description="Where there is more, below the gateway's address; empty where there is not.")
    at: DateTime = field(description="When that happened.")
    count: int = field(description="How many notifications it stands for.")
    read: bool = field(description="Whether it was read.")

    @classmethod
    def of(cls, row: Row) -> Self:
        """As clients see it."""
        return cls(
            thread=row.thread,
            kind=row.kind,
            title=row.title,
            text=row.text,
            link=row.link,
            at=DateTime(row.at),
            count=row.count,
            read=row.is_read,
        )


@strawberry.type(description="The caller's inbox.")
class Inbox:
    """domain.notifications.inboxes.Inbox."""

    unread: int = field(description="Rows that were not read.")
    total: int = field(description="Rows that are kept, 200 at most.")
    rows: list[InboxRow] = field(description="The newest first.")

    @classmethod
    def of(cls, inbox: InboxRecord, first: int = 100, unread: bool = False) -> Self:
        """Its newest rows."""
        rows = [row for row in inbox.rows if not (unread and row.is_read)]
        return cls(unread=inbox.unread, total=len(inbox.rows), rows=[InboxRow.of(row) for row in rows[:first]])


class InboxCursor(NamedTuple):
    """How far an inbox was seen."""

    seq: int = 0

    @classmethod
    def of(cls, text: str | None) -> "InboxCursor | None":
        """What a client sent; None where it is no cursor of an inbox."""
        number = "0" if text is None else decode(text) or ""
        return cls(int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None


@strawberry.type(description="What changed in the inbox since the last batch.")
class InboxBatch(Shareable):
    """One answer of the subscription `inbox`."""

    span: strawberry.Private[Span]
    person: strawberry.Private[str]
    unread: int = field(description="Rows that are not read now.")
    rows: list[InboxRow] = field(description="Those that came or changed, the newest first.")
    cursor: str = field(description="Opaque: `after` of whoever comes back.")
    gap: bool = field(description="True where `after` was no cursor of this inbox, or rows are no longer kept: all follow again.")

    def check(self, caller: Caller) -> None:
        """Raises NotFound where it is somebody else's."""
        if caller.actor != self.person:
            raise NotFound("there is no such inbox")


class InboxReader(Reader[InboxBatch]):
    """Reads one person's inbox."""

    def __init__(self, hub: Hub, person: str) -> None:
        self._hub, self._person = hub, person

    def heed(self, event: Event) -> None:
        """Events say nothing that the record does not."""

    async def read(self, after: InboxCursor | None, upto: Any | None) -> InboxBatch:
        """Rows that changed behind a cursor."""
        inbox = await inboxes.read(self._hub, self._person)
        gap = after is None or after.seq > inbox.seq or 0 < after.seq < inbox.dropped
        start = InboxCursor() if after is None or gap else after
        end = InboxCursor(inbox.seq if upto is None else max(start.seq, min(upto.seq, inbox.seq)))
        rows = [InboxRow.of(row) for row in inbox.rows if start.seq < row.seq <= end.seq]
        return InboxBatch(
            span=Span(before=start, after=end, empty=end == start),
            person=self._person,
            unread=inbox.unread,
            rows=rows,
            cursor=encode(str(end.seq)),
            gap=gap,
        )


@strawberry.type
class InboxQuery:
    """Reading the inbox."""

    @strawberry.field(description="What the caller was told.")
    async def inbox(
        self,
        info: Info,
        first: First = 20,
        unread: Annotated[bool, argument(description="Only what was not read.")] = False,
    ) -> Inbox:
        """The newest rows."""
        found = await inboxes.read(info.context.hub, info.context.caller.actor)
        return Inbox.of(found, page_size(first), unread)


@strawberry.input(description="Which rows were read.")
class MarkReadInput:
    """Input of markRead."""

    threads: list[str] | None = field(default=UNSET, description="Their threads; all rows where it is left out.")


@strawberry.type(description="They are read.")
class MarkReadSuccess:
    """Success of markRead."""

    inbox: Inbox = field(description="The inbox as it is now.")


MarkReadPayload = Annotated[MarkReadSuccess | Refusal, strawberry.union("MarkReadPayload", description="What markRead answers.")]


@strawberry.type
class InboxMutation:
    """Reading on."""

    @strawberry.mutation(description="Mark rows of the caller's inbox as read.")
    async def mark_read(self, info: Info, input: In[MarkReadInput]) -> MarkReadPayload:
        """Rows that are gone are passed over."""
        threads = None if input.threads is UNSET else input.threads
        return MarkReadSuccess(inbox=Inbox.of(await inboxes.mark_read(info.context.hub, info.context.caller.actor, threads)))


@strawberry.type
class InboxSubscription:
    """Watching the inbox."""

    @strawberry.subscription(description="What comes into the caller's inbox: first what is there, then live; ends never.")
    def inbox(self, info: Info, after: Cursor = None) -> AsyncGenerator[InboxBatch, None]:
        """Resumes behind the cursor, on whichever gateway."""
        hub, person = info.context.hub, info.context.caller.actor
        return info.context.watching.follow(
            "inbox", person, lambda: InboxReader(hub, person), InboxCursor.of(after), info.context.caller
        )
