"""Rules of docs/model/FOLLOWERS.md in the situation in which the absence of each would break something; the others are in
test_following.py."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain.data.sources import SOURCES, Source
from domain.errors import Unavailable, Unreadable
from domain.hub import Follower, Hub
from domain.jobs import asking, edits, following
from domain.jobs.jobs import JOBS
from domain.nouns import Stored
from events.apis import ValidateMapping
from events.bus import BusError
from events.message import Command
from events.sources import SourceAdded, SourceEdited
from tests.domain.jobs.processes import impatient
from tests.domain.jobs.ruled import halting


def following_by(hub: Hub, ask: Callable[[Any], Command | None]) -> Hub:
    """The hub with one follower of edits."""
    follower = Follower(name="edited", events=(SourceEdited, SourceAdded), ask=ask)
    return replace(hub, catalogue=replace(hub.catalogue, followers=(follower,)))


def validate(event: SourceEdited) -> Command:
    """What follows an edit."""
    return ValidateMapping(source=event.source)


def edited(name: str = "s") -> dict[str, Any]:
    """An edit, as it is listed."""
    plain: dict[str, Any] = msgspec.to_builtins(SourceEdited(source=name))
    return plain


async def listing(hub: Hub, *events: dict[str, Any]) -> Stored[Source]:
    """The source, with these events behind those of its list."""
    stored = await SOURCES.get(hub.records, "s")
    untold = (*stored.value.untold, *events)
    return await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=untold, is_untold=True))


async def followed(hub: Hub) -> list[str]:
    """The events that were followed."""
    return [stored.value.cause_id for stored in await JOBS.every(hub.records) if stored.value.follower]


async def test_head_the_oldest_is_asked_for_first(hub: Hub) -> None:
    """All of the list is followed, in its order."""
    asked: list[str] = []

    def validate_and_note(event: SourceEdited) -> Command:
        asked.append(event.id)
        return validate(event)

    events = [edited() for _ in range(3)]
    stored = await following.follow(following_by(hub, validate_and_note), SOURCES, await listing(hub, *events))

    assert asked == [event["id"] for event in events]
    assert (stored.value.untold, stored.value.is_untold) == ((), False)


async def test_cas_what_was_committed_meanwhile_stays(hub: Hub) -> None:
    """Only what was followed is taken out, of the list as it is then."""
    hub = following_by(hub, validate)
    first, second = edited(), edited()
    slow, halted = halting(hub, "replace source")
    task = asyncio.create_task(following.follow(slow, SOURCES, await listing(hub, first)))
    await halted.reached.wait()
    await listing(hub, second)
    halted.go_on.set()

    stored = await task

    assert stored == await SOURCES.get(hub.records, "s")
    assert (stored.value.untold, stored.value.is_untold) == ((second,), True)
    assert await followed(hub) == [first["id"]]
    await impatient(hub).look_at_everything()
    assert sorted(await followed(hub)) == sorted([first["id"], second["id"]])


async def test_cas_what_somebody_else_took_out_is_not_written_back(hub: Hub) -> None:
    """Two follow the same list: who comes later leaves the record as it is."""
    hub = following_by(hub, validate)
    slow, halted = halting(hub, "replace source")
    stored = await listing(hub, edited())
    task = asyncio.create_task(following.follow(slow, SOURCES, stored))
    await halted.reached.wait()
    first = await following.follow(hub, SOURCES, stored)
    halted.go_on.set()

    assert await task == first == await SOURCES.get(hub.records, "s")


async def test_what_is_gone_has_nothing_left_to_follow(hub: Hub) -> None:
    """The record was forgotten while it was followed."""
    hub = following_by(hub, validate)
    slow, halted = halting(hub, "replace source")
    task = asyncio.create_task(following.follow(slow, SOURCES, await listing(hub, edited())))
    await halted.reached.wait()
    await hub.records.delete(SOURCES.kind, "s")
    halted.go_on.set()

    assert not (await task).value.is_untold
    assert await SOURCES.find_even_removed(hub.records, "s") is None


async def test_patience_who_sat_on_it_for_long_reads_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The noun was forgotten and made anew meanwhile, and its version is the same by chance: the new life is left alone."""
    hub = following_by(hub, validate)
    stored = await listing(hub, edited())
    made_anew = msgspec.structs.replace(stored.value, folder="new", untold=(), is_untold=False)
    asking_for_it = asking.ask

    async def sleep(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(asking, "ask", asking_for_it)
        await hub.records.delete(SOURCES.kind, "s")
        again = await SOURCES.insert(hub.records, "s", made_anew)
        while again and again.version < stored.version:
            again = await SOURCES.replace(hub.records, again, made_anew)
        return await asking_for_it(*args, **kwargs)

    monkeypatch.setattr(asking, "ask", sleep)
    monkeypatch.setattr(following, "STALL", 0.0)
    await following.follow(hub, SOURCES, stored)

    assert (await SOURCES.get(hub.records, "s")).value.folder == "new"


@pytest.mark.parametrize("error", [Unavailable("away"), Unreadable("newer"), BusError("away")])
async def test_what_cannot_be_followed_now_is_left_to_a_reaper(hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The edit has happened, and is answered so."""
    hub = following_by(hub, validate)

    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(asking, "ask", fail)
        stored = await edits.change(hub, SOURCES, "s", lambda source: source, SourceEdited(source="s"))
    assert stored.value.is_untold
    await impatient(hub).look_at_everything()

    assert await followed(hub) == [stored.value.untold[0]["id"]]


async def test_a_follower_may_find_that_nothing_follows(hub: Hub) -> None:
    """Then the event is taken out, and no job is made."""
    stored = await following.follow(following_by(hub, lambda _: None), SOURCES, await listing(hub, edited()))

    assert (stored.value.is_untold, await followed(hub)) == (False, [])


async def test_revive_takes_the_list_over(hub: Hub) -> None:
    """What a removed noun still has to tell is told after it was made anew, before what that tells itself."""
    asked: list[str] = []

    def validate_and_note(event: SourceEdited) -> Command:
        asked.append(type(event).__name__)
        return validate(event)

    stored = await listing(hub, edited())
    stored = await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, deleted_at=1.0))
    new = msgspec.structs.replace(stored.value, deleted_at=0.0, untold=(), is_untold=False)

    await edits.add(following_by(hub, validate_and_note), SOURCES, "s", new, SourceAdded(source="s"))

    assert asked[-2:] == ["SourceEdited", "SourceAdded"]  # before them, whether anything follows what is added
    assert not (await SOURCES.get(hub.records, "s")).value.is_untold
