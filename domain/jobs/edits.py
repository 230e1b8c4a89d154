"""Edits: what people change is committed together with the event that says so, and what follows is asked for afterwards."""

import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from domain.errors import Conflict, Stale
from domain.hub import Hub
from domain.jobs import following
from domain.nouns import Entity, Stored, Table
from events.message import Event

T = TypeVar("T", bound=Entity)


async def add(hub: Hub, table: Table[T], id: str, value: T, event: Event, *, by: str = "") -> Stored[T]:
    """Make it, with its event; where it is known `by` whom, its history says so. Raises Conflict where there is one of that name
    already."""
    new = _committed(hub, value.remembering(None, by) if by else value, event)
    stored = await table.insert(hub.records, id, new)
    while stored is None:
        there = await table.find_even_removed(hub.records, id)
        if there is not None and not there.value.deleted_at:
            raise Conflict(f"the {table.word} {id!r} is there already", ("name",))
        stored = await _revive(hub, table, id, there, new)
    return await _tell(hub, table, stored, event)


async def change(hub: Hub, table: Table[T], id: str, changed: Callable[[T], T | None], event: Event, *, by: str = "") -> Stored[T]:
    """Read, change, and commit with the event; again where somebody else changed the record in between. `changed` may raise, or
    return None to leave the record as it is. What is remembered of the change says `by` whom."""
    while True:
        stored = await _with_room(hub, table, id)
        value = changed(stored.value)
        if value is None:
            return stored
        try:
            stored = await table.replace(hub.records, stored, _committed(hub, value.remembering(stored.value, by), event))
        except Stale:
            continue
        return await _tell(hub, table, stored, event)


async def remove(hub: Hub, table: Table[T], id: str, event: Event, refuse: Callable[[T], None] = lambda _: None) -> None:
    """Remove it, unless `refuse` raises when it looks at the record as it is. The record stays for a while, where nobody sees
    it."""

    def removed(value: T) -> T:
        refuse(value)
        return msgspec.structs.replace(value, deleted_at=time.time())

    await change(hub, table, id, removed, event)


async def forget(hub: Hub, table: Table[T], before: float, limit: int) -> None:
    """Drop the records of what was removed before that moment and whose events were followed."""
    for stored in await table.find(hub.records, order="deleted_at", least=1.0, below=before, removed=True, limit=limit):
        if not stored.value.is_untold:
            try:
                await hub.records.delete(table.kind, stored.id, stored.version)
            except Stale:
                continue  # it was made anew just now


async def _revive(hub: Hub, table: Table[T], id: str, removed: Stored[T] | None, new: T) -> Stored[T] | None:
    """Make it anew over what is left of a removed one, whose events are still to be followed; None where somebody else was
    first."""
    if removed is None:
        return await table.insert(hub.records, id, new)
    untold = (*removed.value.untold, *new.untold)
    try:
        return await table.replace(hub.records, removed, msgspec.structs.replace(new, untold=untold, is_untold=bool(untold)))
    except Stale:
        return None


async def _with_room(hub: Hub, table: Table[T], id: str) -> Stored[T]:
    """The record. Where its list of events is full, whoever finds it so follows it first (`help`)."""
    stored = await table.get(hub.records, id)
    if len(stored.value.untold) >= following.FULL:
        await following.follow(hub, table, stored)
        return await table.get(hub.records, id)
    return stored


def _committed(hub: Hub, value: T, event: Event) -> T:
    if not hub.may_be_followed(event):
        return value
    return msgspec.structs.replace(value, untold=(*value.untold, msgspec.to_builtins(event)), is_untold=True)


async def _tell(hub: Hub, table: Table[T], stored: Stored[T], event: Event) -> Stored[T]:
    await hub.announce(event)
    return await following.follow(hub, table, stored)
