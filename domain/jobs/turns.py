"""Turns: in which order a rule admits the jobs that it holds, as a pure function of its allowance, these jobs, and its limits.

Of the keys that wait and have room, one with the fewest admitted; among these the one that was served longest ago; of its jobs the
one that was held first. So a key that waits is passed over by each other key at most once for as many as it has admitted itself.
"""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from domain.hub import Room


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """The one record of a rule: whom it admitted, and whose turn comes when. What it allows is not in it."""

    created_at: float
    admitted: dict[str, tuple[str, str]] = {}
    """Hold id → (job, key): everybody who was admitted and has not finished, and some that have."""
    turns: tuple[str, ...] = ()
    """The keys that wait or are admitted: the first was served longest ago."""


class Waiting(NamedTuple):
    """A job that is held, and due. In their natural order the one that was held first comes first."""

    since: float
    job: str
    key: str
    hold: str


def has_room(allowance: Allowance, room: Room, key: str) -> bool:
    """May one more of this key be admitted?"""
    count = sum(each == key for _, each in allowance.admitted.values())
    return len(allowance.admitted) < room.total and count < room.each


def order(allowance: Allowance, waiting: Collection[Waiting]) -> tuple[str, ...]:
    """The keys that wait or are admitted, in the order of their turns: a key that is new comes behind those that are known."""
    live = {each.key for each in waiting} | {key for _, key in allowance.admitted.values()}
    known = [key for key in allowance.turns if key in live]
    return tuple(dict.fromkeys([*known, *(each.key for each in sorted(waiting))]))


def first(allowance: Allowance, waiting: Collection[Waiting], room: Room) -> Waiting | None:
    """Whose turn it is; None where nobody may be admitted."""
    if len(allowance.admitted) >= room.total:
        return None
    counts = Counter(key for _, key in allowance.admitted.values())
    turns = {key: turn for turn, key in enumerate(order(allowance, waiting))}
    able = (each for each in waiting if counts[each.key] < room.each)
    return min(able, key=lambda each: (counts[each.key], turns[each.key], each), default=None)


def admitting(allowance: Allowance, waiting: Collection[Waiting], chosen: Waiting) -> Allowance:
    """The allowance with one of those that wait admitted, and its key behind all others."""
    others = (key for key in order(allowance, waiting) if key != chosen.key)
    admitted = {**allowance.admitted, chosen.hold: (chosen.job, chosen.key)}
    return msgspec.structs.replace(allowance, admitted=admitted, turns=(*others, chosen.key))


def without(allowance: Allowance, holds: Collection[str]) -> Allowance:
    """The allowance without these holds."""
    left = {hold: entry for hold, entry in allowance.admitted.items() if hold not in holds}
    return msgspec.structs.replace(allowance, admitted=left)
