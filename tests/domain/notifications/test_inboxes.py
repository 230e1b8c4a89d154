"""Inboxes: a row a thread, what is unread is counted, and a storm becomes one row."""

from domain.hub import Hub
from domain.notifications import inboxes
from domain.notifications.inboxes import FOLDED, ROWS
from domain.notifications.notifications import Notification


def told(thread: str, title: str = "t", kind: str = "source.failed") -> Notification:
    """A notification of that thread."""
    return Notification(kind=kind, subject="s", thread=thread, headline=title, title=title, at=1.5, created_at=1.5)


async def test_a_thread_is_one_row(hub: Hub) -> None:
    """The newest of it is shown, and it is unread again."""
    await inboxes.put(hub, "ann", "a1", told("a1", "upload failed"))
    await inboxes.put(hub, "ann", "b1", told("b1", "release held", "release.held"))
    await inboxes.mark_read(hub, "ann")
    await inboxes.put(hub, "ann", "a2", told("a1", "upload works again"))

    inbox = await inboxes.read(hub, "ann")

    assert [(row.title, row.count, row.is_read) for row in inbox.rows] == [
        ("upload works again", 2, False),
        ("release held", 1, True),
    ]
    assert inbox.unread == 1


async def test_what_comes_twice_is_there_once(hub: Hub) -> None:
    """A job that is done again puts nothing in again, nor makes what was read unread."""
    await inboxes.put(hub, "ann", "a1", told("a1"))
    await inboxes.mark_read(hub, "ann", ["a1"])

    await inboxes.put(hub, "ann", "a1", told("a1"))

    inbox = await inboxes.read(hub, "ann")
    assert (len(inbox.rows), inbox.unread) == (1, 0)


async def test_a_storm_is_one_row(hub: Hub) -> None:
    """With a count; what else was told stays in sight."""
    await inboxes.put(hub, "ann", "held", told("held", "release held", "release.held"))
    for number in range(FOLDED + 1000):
        await inboxes.put(hub, "ann", f"n{number}", told(f"n{number}", f"upload of s{number} failed"))

    inbox = await inboxes.read(hub, "ann")

    assert len(inbox.rows) == FOLDED + 2
    assert (inbox.rows[0].title, inbox.rows[0].count) == (f"upload of s{FOLDED + 999} failed", 1000)
    assert "release held" in [row.title for row in inbox.rows]


async def test_an_inbox_has_an_end(hub: Hub) -> None:
    """The oldest rows go, and it is known that some did."""
    for number in range(ROWS + 3):
        await inboxes.put(hub, "ann", f"n{number}", told(f"n{number}", kind=f"k{number}"))

    inbox = await inboxes.read(hub, "ann")

    assert len(inbox.rows) == ROWS
    assert inbox.dropped == 3
    assert (await inboxes.read(hub, "bob")).rows == ()
