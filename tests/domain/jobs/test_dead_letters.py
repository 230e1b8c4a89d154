"""Dead letters: each is in the records before the bus forgets it."""

from dataclasses import replace

import pytest

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import dead_letters
from domain.ports.records import Kind
from tests.domain.conftest import hub, memory
from tests.events.buses import Bench, Inbox, polled
from tests.events.conftest import bench

__all__ = ["bench", "hub", "memory"]

BODIES = (b"one", b"two", b"three", b"\xff\xfe")


@pytest.mark.parametrize("before", [True, False])
async def test_a_store_that_fails_in_between_loses_nothing(
    hub: Hub, bench: Bench, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """Whether the record was written or not when the store failed: each letter is kept at last, and once."""
    insert, failing = hub.records.insert, {2, 3, 5}
    there = replace(hub, bus=bench.bus)
    tried = 0

    async def unreliable(kind: Kind, id: str, body: dict[str, object]) -> bool:
        nonlocal tried
        tried += 1
        if tried not in failing:
            return await insert(kind, id, body)
        if not before:
            await insert(kind, id, body)
        raise Unavailable("the store is away")

    async def drained() -> int:
        try:
            await dead_letters.drain(there)
        except Unavailable:
            return 0
        return len(await dead_letters.page(there))

    monkeypatch.setattr(hub.records, "insert", unreliable)
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 10)
    for body in BODIES:
        await bench.put("dump", body)

    await polled(drained, lambda count: count >= len(BODIES))
    await dead_letters.drain(there)

    kept = [letter.value.body for letter in await dead_letters.page(there)]
    assert sorted(kept) == sorted(body.decode(errors="replace") for body in BODIES)
