"""Following: what follows a committed event is asked for exactly once, whichever process dies in between.

Committed events stay in their record, in the list `untold`, until what follows them was asked for. It is asked for under an id that
is derived from the event's own, so that asking twice makes one job. docs/model/FOLLOWERS.md has the rules, and what breaks without
each; the names in backticks below are the names of these rules.
"""

import logging
import time
from typing import Any, NamedTuple, TypeVar

import msgspec

from domain.errors import Conflict, LeatError, Stale, Unavailable, Unreadable
from domain.hub import Follower, Hub
from domain.ids import derived_id
from domain.jobs import asking, dead_letters, presence, runs
from domain.jobs.failures import error_of
from domain.jobs.jobs import JOBS
from domain.nouns import Stored, Table
from events.bus import BusError
from events.catalogue import event_from

log = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

FULL = 16
"""Events of one record that wait to be followed before nobody adds more to them (`bound`)."""
STALL = 600.0
"""Seconds of this process's clock after which a record that was read is read again (`patience`): only what is older than that, a
job or what is left of something removed, may be forgotten."""


class _Followed(NamedTuple):
    stored: Stored[Any]
    ids: frozenset[str]
    """Events that may be taken out."""


async def follow(hub: Hub, table: Table[T], stored: Stored[T]) -> Stored[T]:
    """Ask for what follows the record's events, then take them out; returns the record as it is then.

    What can't be reached or read is left to a reaper, since the change that committed the events has happened. So is what only
    another version of Leat can follow.
    """
    try:
        while stored.value.is_untold:  # type: ignore[attr-defined]  # jobs and entities have it
            began = time.monotonic()
            ids = await _ask_all(hub, table, stored)
            if time.monotonic() - began < STALL:
                return await _take_out(hub, table, stored, ids)
            stored = await _again(hub, table, stored)
    except (Unavailable, Unreadable, BusError) as error:
        log.warning("what follows is left to a reaper", extra={table.kind.name: stored.id, "error": str(error)})
    return stored


async def _ask_all(hub: Hub, table: Table[Any], stored: Stored[Any]) -> frozenset[str]:
    """Ask for what follows every event, the oldest first (`head`). Returns the events that may be taken out then."""
    for plain in stored.value.untold:
        for follower in hub.catalogue.followers:
            if plain["type"] in _names(follower):
                await _ask(hub, follower, f"{table.kind.name}/{stored.id}", plain)
    if table is JOBS:
        await runs.ask_next(hub, stored)
    unknown = await presence.unknown_followers(hub)
    return frozenset(plain["id"] for plain in stored.value.untold if plain["type"] not in unknown)


async def _ask(hub: Hub, follower: Follower, cause: str, plain: dict[str, Any]) -> None:
    id = derived_id("follow", plain["id"], follower.name)
    try:
        command = follower.ask(event_from(plain))
        if command is not None:
            who = f"follower {follower.name}"
            await asking.ask(hub, command, id=id, asked_by=who, cause=cause, cause_id=plain["id"], follower=follower.name)
    except Conflict:  # another version of Leat worded it otherwise: it was asked for (`there`)
        log.info("what follows was asked for in other words", extra={"job_id": id, "follower": follower.name})
    except (LeatError, BusError):
        raise
    except Exception as error:  # a mistake in a follower, or a rule, must not stop the other ones, nor the edits of the record
        log.exception("a follower failed", extra={"follower": follower.name, "cause": cause})
        body = msgspec.json.encode(plain).decode()
        await dead_letters.keep(hub, id, f"follower {follower.name}", body, error_of(error).message)


async def _take_out(hub: Hub, table: Table[Any], stored: Stored[Any], ids: frozenset[str]) -> Stored[Any]:
    """Take these events out of the list as it is now (`cas`)."""
    while stored.value.is_untold:
        left = tuple(plain for plain in stored.value.untold if plain["id"] not in ids)
        if len(left) == len(stored.value.untold):
            return stored
        value = msgspec.structs.replace(stored.value, untold=left, is_untold=bool(left))
        try:
            return await table.replace(hub.records, stored, value)
        except Stale:
            stored = await _again(hub, table, stored)
    return stored


async def _again(hub: Hub, table: Table[Any], stored: Stored[Any]) -> Stored[Any]:
    """The record as it is now, removed or not. Where it is gone, nothing is left to follow."""
    there = await table.find_even_removed(hub.records, stored.id)
    return there or stored._replace(value=msgspec.structs.replace(stored.value, untold=(), is_untold=False))


def _names(follower: Follower) -> frozenset[str]:
    return frozenset(event.__name__ for event in follower.events)
