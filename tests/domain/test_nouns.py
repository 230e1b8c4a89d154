"""Tables: records as structs, over a range of what they are ordered by."""

from typing import Any

import msgspec

from domain.hub import Hub
from domain.nouns import Stored, Table
from domain.ports.records import Kind


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A record with a second number to order by."""

    created_at: float
    place: str
    depth: float


READINGS = Table(Kind(name="reading", indexes=(("place",),), order=("created_at", "depth")), Reading)


def ids(found: list[Stored[Any]]) -> list[str]:
    """Their ids, in order."""
    return [stored.id for stored in found]


async def test_a_range_is_found_through_a_table(hub: Hub) -> None:
    """`find` and `every` take bounds of the order they are asked for, across pages and past what can't be read."""
    await hub.records.prepare([READINGS.kind])
    for n in range(1200):
        await READINGS.insert(hub.records, f"{n:04}", Reading(created_at=-float(n), place="sea" if n % 2 else "lake", depth=n / 2))
    await hub.records.insert(READINGS.kind, "new", {"created_at": 0.0, "place": "sea", "depth": 2.2, "form": "another"})
    await hub.records.delete(READINGS.kind, "0003")
    await hub.records.insert(READINGS.kind, "0003", {"created_at": 0.0, "place": 3, "depth": 1.5})

    assert ids(await READINGS.find(hub.records, order="depth", least=1.0, below=3.0, limit=3)) == ["0002", "0004", "new"]
    assert ids(await READINGS.find(hub.records, order="depth", below=3.0, place="lake")) == ["0000", "0002", "0004"]
    assert len(await READINGS.every(hub.records, order="depth", least=5.0)) == 1190
    assert ids(await READINGS.every(hub.records, order="created_at", least=-7.5, below=-4.0, place="sea")) == ["0007", "0005"]
