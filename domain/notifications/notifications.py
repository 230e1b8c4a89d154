"""Notifications: what was told, and the streaks of failures that one thread tells of."""

import time

import msgspec

from domain.errors import Stale
from domain.hub import Hub
from domain.nouns import Stored, Table
from domain.ports.records import Kind
from events.notifications import Notify

LONGEST_TITLE = 200
LONGEST_TEXT = 4000


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is told. Kept as long as finished jobs."""

    kind: str
    subject: str
    thread: str
    """The id of the first notification of its thread; its own where it begins one."""
    headline: str
    """The title of that first one: messages of one thread have one subject."""
    title: str
    text: str = ""
    link: str = ""
    at: float
    created_at: float


NOTIFICATIONS = Table(Kind(name="notification"), Notification)


class Streak(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a subject fails since it last worked."""

    is_failing: bool
    thread: str
    """The notification that told that it began."""
    headline: str
    kind: str
    target: str = ""
    """What fails, as its jobs name it; empty where it is no job's."""
    failures: int = 0
    last: str = ""
    """The newest notification that counted, or ended it: a command that comes again changes nothing."""
    failed_at: float = 0.0
    """When it failed last."""
    created_at: float


STREAKS = Table(Kind(name="streak", indexes=(("is_failing",),)), Streak)


async def begin(hub: Hub, id: str, command: Notify) -> Notification | None:
    """The notification of a command, kept under `id`; None where nobody has to be told: it fails as before, or nothing had
    failed. Called again for the same command, it returns the same."""
    told = await NOTIFICATIONS.find_one(hub.records, id)
    if told is not None:
        return told.value
    title = one_line(command.title)
    thread, headline = await _thread(hub, id, command, title)
    if not thread:
        return None
    made = Notification(
        kind=command.kind,
        subject=command.subject,
        thread=thread,
        headline=headline,
        title=title,
        text=whole(command.text[:LONGEST_TEXT]),
        link=command.link,
        at=command.at,
        created_at=time.time(),
    )
    await NOTIFICATIONS.insert(hub.records, id, made)
    return made


def one_line(title: str) -> str:
    """A title as it is told: one line, not too long. A line break would begin another header of a mail."""
    line = " ".join(whole(title).split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def whole(text: str) -> str:
    """The text without halves of letters, which JSON can have and no mail."""
    return text.encode("utf-8", "replace").decode()


async def _thread(hub: Hub, id: str, command: Notify, title: str) -> tuple[str, str]:
    """(first notification, headline) of the thread that it belongs to; empty where it is not told."""
    if not command.streak:
        return id, title
    while True:
        stored = await STREAKS.find_one(hub.records, command.subject)
        before = stored.value if stored else None
        after = _failing(before, id, command, title) if command.streak == "failing" else _well(before, id)
        if before is None and after is not None:
            if await STREAKS.insert(hub.records, command.subject, after):
                return after.thread, after.headline
            continue
        if stored is None or before is None or after is None:
            return "", ""
        try:
            if after != before:
                await STREAKS.replace(hub.records, stored, after)
        except Stale:
            continue
        told = after.thread == id if after.is_failing else True
        return (after.thread, after.headline) if told else ("", "")


def _failing(streak: Streak | None, id: str, command: Notify, title: str) -> Streak:
    if streak is not None and streak.is_failing:
        if streak.last == id:
            return streak
        failed_at = max(streak.failed_at, command.at)
        return msgspec.structs.replace(streak, failures=streak.failures + 1, last=id, failed_at=failed_at)
    return Streak(
        is_failing=True,
        thread=id,
        headline=title,
        kind=command.kind,
        target=command.target,
        failures=1,
        last=id,
        failed_at=command.at,
        created_at=time.time(),
    )


def _well(streak: Streak | None, id: str) -> Streak | None:
    if streak is None or (not streak.is_failing and streak.last != id):
        return None
    return msgspec.structs.replace(streak, is_failing=False, last=id)


async def failing(hub: Hub) -> list[Stored[Streak]]:
    """What fails now."""
    return await STREAKS.readable(hub.records, is_failing=True)
