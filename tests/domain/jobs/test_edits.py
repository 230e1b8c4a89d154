"""Edits: what is made, changed and removed, and what nobody may do."""

import time
from typing import Any, cast

import msgspec
import pytest

from domain.data.builds import BUILDS, Build
from domain.errors import Conflict, NotFound
from domain.hub import Hub
from domain.jobs import edits, writers
from domain.nouns import refuse_while_written
from domain.ports.records import Records
from events.builds import BuildAdded, BuildEdited, BuildRemoved
from tests.domain.jobs.processes import Mortal, add_build, other

BUILD = Build(created_at=0.0, sources=("s",))
ADDED, EDITED, REMOVED = BuildAdded(build="b"), BuildEdited(build="b"), BuildRemoved(build="b")


async def test_what_is_there_is_not_made_anew(hub: Hub) -> None:
    """Conflict names it, and it stays as it is."""
    before = await edits.add(hub, BUILDS, "b", BUILD, ADDED)

    with pytest.raises(Conflict, match="build 'b'"):
        await edits.add(hub, BUILDS, "b", msgspec.structs.replace(BUILD, sources=("t",)), ADDED)

    assert await BUILDS.get(hub.records, "b") == before


async def test_what_was_forgotten_just_then_is_made(hub: Hub) -> None:
    """Its record was there at the first look, and gone at the second."""
    await add_build(hub)
    there = hub.records.get

    async def forget(kind: Any, id: str) -> Any:
        await hub.records.delete(kind, id)
        return await there(kind, id)

    forgetting = Mortal(hub.records)
    forgetting.get = forget  # type: ignore[attr-defined]
    stored = await edits.add(other(hub, records=cast(Records, forgetting)), BUILDS, "b", BUILD, ADDED)

    assert stored == await BUILDS.get(hub.records, "b")
    assert stored.version == 1


async def test_what_is_made_over_something_removed_counts_on(hub: Hub) -> None:
    """It is as new otherwise: nothing of its old life is left but the version."""
    await edits.add(hub, BUILDS, "b", msgspec.structs.replace(BUILD, outputs=()), ADDED)
    await edits.remove(hub, BUILDS, "b", REMOVED)
    removed = await BUILDS.find_even_removed(hub.records, "b")
    assert removed
    assert removed.value.deleted_at == pytest.approx(time.time(), abs=60)
    with pytest.raises(NotFound):
        await BUILDS.get(hub.records, "b")

    stored = await edits.add(hub, BUILDS, "b", BUILD, ADDED)

    assert (stored.value, stored.version) == (BUILD, removed.version + 1)
    assert stored == await BUILDS.get(hub.records, "b")


async def test_what_a_job_works_on_is_not_removed(hub: Hub) -> None:
    """The refusal looks at the record as it is, and changes nothing."""
    await add_build(hub)
    await writers.take(hub, "build/b", "j", 1)
    before = await BUILDS.get(hub.records, "b")

    with pytest.raises(Conflict, match="job j works on it"):
        await edits.remove(hub, BUILDS, "b", REMOVED, refuse_while_written)

    assert await BUILDS.get(hub.records, "b") == before


async def test_each_change_is_announced_and_no_other(hub: Hub) -> None:
    """Watchers hear of what was made, changed and removed; not of an edit that changes nothing."""
    async with hub.bus.watch() as events:
        await edits.add(hub, BUILDS, "b", BUILD, ADDED)
        await edits.change(hub, BUILDS, "b", lambda _: None, EDITED)
        await edits.change(hub, BUILDS, "b", lambda build: msgspec.structs.replace(build, sources=("t",)), EDITED)
        await edits.remove(hub, BUILDS, "b", REMOVED)
        heard = [await anext(events) for _ in range(3)]

    assert heard == [ADDED, EDITED, REMOVED]


async def test_only_what_is_old_and_removed_is_forgotten(hub: Hub) -> None:
    """What is there stays, and so does what was removed a moment ago, and what still has something to tell."""
    for name in ("there", "fresh", "telling", "old"):
        await add_build(hub, name)
    for name, changes in {"fresh": {}, "telling": {"is_untold": True}, "old": {}}.items():
        stored = await BUILDS.get(hub.records, name)
        removed = msgspec.structs.replace(stored.value, deleted_at=time.time() if name == "fresh" else 5.0, **changes)
        await BUILDS.replace(hub.records, stored, removed)

    await edits.forget(hub, BUILDS, time.time() - 60.0, 10)

    assert sorted(each.id for each in await BUILDS.find(hub.records, removed=True)) == ["fresh", "telling", "there"]
