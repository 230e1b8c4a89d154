"""Inboxes: what a person was told, in the hub itself. An inbox is one record, so that what is unread is counted, never reckoned."""

import time
from collections.abc import Callable, Iterable

import msgspec

from domain.hub import Hub
from domain.notifications.notifications import Notification
from domain.nouns import Table
from domain.ports.records import Kind
from events.notifications import InboxChanged

ROWS = 200
"""Rows that an inbox keeps, the newest."""
FOLDED = 20
"""Unread rows of one kind beyond which further ones are folded into one row with a count: a storm must not push all else out."""
REMEMBERED = 50
"""Ids of notifications by which a row knows what it has counted already."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thread."""

    thread: str
    kind: str
    title: str
    text: str = ""
    link: str = ""
    at: float
    count: int = 1
    """Notifications that it stands for."""
    ids: tuple[str, ...] = ()
    """The newest of those."""
    seq: int
    """The number of its newest change: rows are ordered by it, whatever a clock says."""
    is_read: bool = False


class Inbox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's."""

    created_at: float
    seq: int = 0
    """Counts changes."""
    dropped: int = 0
    """The newest change of which a row was dropped: who saw less has missed something."""
    rows: tuple[Row, ...] = ()
    """The newest first."""

    @property
    def unread(self) -> int:
        """Rows that were not read."""
        return sum(not row.is_read for row in self.rows)


INBOXES = Table(Kind(name="inbox"), Inbox)


async def read(hub: Hub, person: str) -> Inbox:
    """A person's inbox; an empty one where nothing ever came."""
    stored = await INBOXES.find_one(hub.records, person)
    return stored.value if stored else Inbox(created_at=0.0)


async def put(hub: Hub, person: str, id: str, told: Notification) -> None:
    """Put a notification into the row of its thread, which is unread then and comes first. Again, it changes nothing."""

    def added(inbox: Inbox) -> Inbox | None:
        if any(id in row.ids for row in inbox.rows):
            return None
        alike = [row for row in inbox.rows if row.kind == told.kind and not row.is_read]
        known = next((row for row in inbox.rows if row.thread == told.thread), None)
        if known is None and len(alike) >= FOLDED:
            thread = f"many/{told.kind}"
            known = next((row for row in inbox.rows if row.thread == thread and not row.is_read), None)
        else:
            thread = told.thread
        count, ids = (known.count, known.ids) if known else (0, ())
        row = Row(
            thread=thread,
            kind=told.kind,
            title=told.title,
            text=told.text,
            link=told.link,
            at=told.at,
            count=count + 1,
            ids=(id, *ids)[:REMEMBERED],
            seq=inbox.seq + 1,
        )
        rows = (row, *(other for other in inbox.rows if other.thread != thread))
        dropped = max((each.seq for each in rows[ROWS:]), default=0)
        return msgspec.structs.replace(inbox, seq=inbox.seq + 1, rows=rows[:ROWS], dropped=max(inbox.dropped, dropped))

    await _change(hub, person, added)


async def mark_read(hub: Hub, person: str, threads: Iterable[str] | None = None) -> Inbox:
    """Mark the rows of these threads as read, or all of them; returns the inbox."""
    wanted = None if threads is None else frozenset(threads)

    def marked(inbox: Inbox) -> Inbox | None:
        if not any(not row.is_read and (wanted is None or row.thread in wanted) for row in inbox.rows):
            return None
        seq = inbox.seq + 1
        rows = tuple(
            msgspec.structs.replace(row, is_read=True, seq=seq)
            if not row.is_read and (wanted is None or row.thread in wanted)
            else row
            for row in inbox.rows
        )
        return msgspec.structs.replace(inbox, seq=seq, rows=rows)

    return await _change(hub, person, marked)


async def _change(hub: Hub, person: str, changed: Callable[[Inbox], Inbox | None]) -> Inbox:
    """Change an inbox, and tell who watches it."""
    inbox = (await INBOXES.change_or_make(hub.records, person, lambda: Inbox(created_at=time.time()), changed)).value
    await hub.announce(InboxChanged(person=person, seq=inbox.seq))
    return inbox
