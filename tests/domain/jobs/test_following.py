"""Following: what follows a committed event is asked for exactly once, whoever dies in between (docs/model/FOLLOWERS.md)."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domain.data import apis, builds, removals, sources
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES, Source
from domain.errors import Stale
from domain.hub import Follower, Hub, Room, Rule
from domain.ids import derived_id
from domain.jobs import control, edits, following, presence, reaper, retention
from domain.jobs.asking import ask
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS, Job
from domain.jobs.presence import Presence
from domain.jobs.retries import Retry
from domain.nouns import Stored
from events.apis import ValidateMapping
from events.builds import BuildAdded, BuildEdited, BuildRemoved
from events.jobs import JobFinished
from events.message import Command
from events.sources import SourceEdited, UploadSource
from tests.domain.jobs.processes import Died, Mortal, add_build, go_on, impatient, other, registrations, work_off

KNOWN = registrations()


def validate_edited(event: SourceEdited) -> Command:
    """Every edit of a source has its mapping tried."""
    return ValidateMapping(source=event.source)


def validate_after_failure(event: JobFinished) -> Command | None:
    """So has every failure of an upload."""
    return ValidateMapping(source="s") if event.command == "UploadSource" and event.outcome == "FAILED" else None


def validate_build(event: BuildAdded | BuildEdited | BuildRemoved) -> Command:
    """And whatever happens to a build."""
    return ValidateMapping(source=type(event).__name__)


FOLLOWERS = (
    Follower(name="edited", events=(SourceEdited,), ask=validate_edited),
    Follower(name="failed", events=(JobFinished,), ask=validate_after_failure),
    Follower(name="build", events=(BuildAdded, BuildEdited, BuildRemoved), ask=validate_build),
)


@pytest.fixture
def hub(hub: Hub) -> Hub:
    """A hub with followers."""
    return following_by(hub, *FOLLOWERS)


def following_by(hub: Hub, *followers: Follower) -> Hub:
    """The same hub with these followers alone."""
    return replace(hub, catalogue=replace(hub.catalogue, followers=followers))


async def followed(hub: Hub) -> list[Job]:
    """The jobs that followers asked for."""
    return [stored.value for stored in await JOBS.every(hub.records) if stored.value.follower]


async def source(hub: Hub) -> Stored[Source]:
    """The source `s`, with its list of events."""
    return await SOURCES.get(hub.records, "s")


async def test_what_follows_an_edit_is_a_run_of_its_own(hub: Hub) -> None:
    """It names its cause, and the event leaves the list."""
    stored = await sources.edit(hub, "s", disabled=True)

    [job] = await followed(hub)
    assert (job.command["type"], job.follower, job.cause) == ("ValidateMapping", "edited", "source/s")
    assert job.step == ""
    assert (stored.value.untold, stored.value.is_untold) == ((), False)


@pytest.mark.parametrize("before", [True, False])
async def test_an_editor_that_dies_at_any_write_leaves_it_to_a_reaper(hub: Hub, *, before: bool) -> None:
    """As often as the edit was committed, its event is followed: once or not at all."""
    for writes in range(8):
        known = len(await followed(hub))
        mortal = Mortal(hub.records, writes, before=before)
        with suppress(Died):
            await sources.edit(replace(hub, records=mortal), "s", disabled=bool(writes % 2))  # type: ignore[arg-type]
        committed = "replace source" in mortal.written
        await go_on(hub, KNOWN)
        assert len(await followed(hub)) == known + committed
        assert not (await source(hub)).value.is_untold
        if not mortal.dead:
            return
    pytest.fail("never came to its end")


async def test_two_that_follow_the_same_event_make_one_job(hub: Hub) -> None:
    """Whoever comes later finds what is there."""
    silent = following_by(hub)
    silent.bus.shared = True  # type: ignore[misc]
    await presence.save(other(hub, "newer"), seen("newer", hub))
    stored = await sources.edit(silent, "s", disabled=True)
    assert stored.value.is_untold

    await asyncio.gather(*(following.follow(other(hub, f"p{n}"), SOURCES, stored) for n in range(3)))

    assert len(await followed(hub)) == 1


def seen(process: str, hub: Hub) -> Presence:
    """What a process of this version announces."""
    follows = presence.followers_here(hub)
    return Presence(host=process, pid=1, queues={}, follows=follows, seen_at=time.time(), created_at=time.time())


async def test_each_failure_of_a_job_is_told_for_itself(hub: Hub) -> None:
    """After retryJob a second one is another event."""

    async def fail(*_: Any) -> Any:
        raise ValueError("again")

    failing = registrations(Retry(attempts=1), UploadSource=fail)
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, failing)
    await control.retry(hub, id)
    await work_off(hub, failing)

    assert len([job for job in await followed(hub) if job.follower == "failed"]) == 2


async def test_a_job_that_is_opened_again_keeps_what_was_not_followed(hub: Hub) -> None:
    """Its worker died right after it had failed."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(
        following_by(hub, Follower(name="x", events=(JobFinished,), ask=lambda _: None)), registrations(Retry(attempts=1))
    )
    stored = await JOBS.get(hub.records, id)
    event = {**stored.value.events[-1], "outcome": "FAILED"}
    lost = msgspec.structs.replace(stored.value, outcome="FAILED", untold=(event,), is_untold=True)
    await JOBS.replace(hub.records, stored, lost)

    await control.retry(hub, id)
    await go_on(hub, KNOWN)

    assert [job.follower for job in await followed(hub)] == ["failed"]


async def test_a_removal_is_followed_and_what_is_made_anew_goes_on_counting(hub: Hub) -> None:
    """A stale compare-and-set of the first life never hits the second one."""
    await add_build(hub, "b")
    first = await BUILDS.get(hub.records, "b")
    await removals.remove_build(hub, "b")
    assert await BUILDS.find_one(hub.records, "b") is None
    assert await BUILDS.every(hub.records) == []

    again = await builds.add(hub, "b", sources=("s",))

    assert [job.command["source"] for job in await followed(hub)] == ["BuildRemoved", "BuildAdded"]
    assert again.version > first.version
    with pytest.raises(Stale):
        await BUILDS.replace(hub.records, first, first.value)


async def test_the_record_of_a_removed_one_goes_when_it_is_followed_and_old(hub: Hub) -> None:
    """Not before somebody followed its removal."""
    silent = following_by(hub)
    silent.bus.shared = True  # type: ignore[misc]
    await presence.save(other(hub, "newer"), seen("newer", hub))
    await add_build(hub, "b")
    await removals.remove_build(silent, "b")
    await edits.forget(hub, BUILDS, time.time() + 1, 10)
    removed = await BUILDS.find_even_removed(hub.records, "b")
    assert removed

    await following.follow(hub, BUILDS, removed)
    await edits.forget(hub, BUILDS, time.time() - 100, 10)
    assert await BUILDS.find_even_removed(hub.records, "b")
    await edits.forget(hub, BUILDS, time.time() + 1, 10)

    assert await BUILDS.find_even_removed(hub.records, "b") is None


async def test_who_finds_the_list_full_follows_it_before_it_edits(hub: Hub) -> None:
    """The list never grows beyond its bound."""
    stored = await source(hub)
    waiting = tuple(msgspec.to_builtins(SourceEdited(source="s")) for _ in range(following.FULL))
    await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=waiting, is_untold=True))

    await sources.edit(hub, "s", disabled=True)

    assert len(await followed(hub)) == following.FULL + 1
    assert not (await source(hub)).value.is_untold


async def test_an_event_that_another_version_alone_can_follow_is_left_to_it(hub: Hub) -> None:
    """It stays in the list, and the reaper does not look at it again and again."""
    older = following_by(hub, FOLLOWERS[1])
    older.bus.shared = True  # type: ignore[misc]
    await presence.save(other(hub, "newer"), seen("newer", hub))

    stored = await sources.edit(older, "s", disabled=True)
    await impatient(older).look_at_everything()
    assert [plain["type"] for plain in stored.value.untold] == ["SourceEdited"]
    assert await followed(hub) == []
    await impatient(hub).look_at_everything()

    assert [job.follower for job in await followed(hub)] == ["edited"]


async def test_beside_other_processes_every_event_is_listed(hub: Hub) -> None:
    """Whether or not who commits it knows a follower of it; alone it saves the write."""
    silent = following_by(hub)
    alone = await sources.edit(silent, "s", disabled=True)
    silent.bus.shared = True  # type: ignore[misc]
    await presence.save(other(hub, "newer"), seen("newer", hub))

    beside = await sources.edit(silent, "s", disabled=False)

    assert [len(each.value.untold) for each in (alone, beside)] == [0, 1]


async def test_a_follower_that_fails_leaves_a_letter_and_the_others_go_on(hub: Hub) -> None:
    """Nobody's edit is refused for it."""

    def broken(_: SourceEdited) -> Command:
        raise KeyError("a mistake")

    mixed = following_by(hub, Follower(name="broken", events=(SourceEdited,), ask=broken), *FOLLOWERS)
    stored = await sources.edit(mixed, "s", disabled=True)

    [letter] = await DEAD_LETTERS.every(hub.records)
    assert letter.value.queue == "follower broken"
    assert "KeyError" in letter.value.reason
    assert len(await followed(hub)) == 1
    assert not stored.value.is_untold


async def test_what_another_version_asked_for_in_other_words_was_asked_for(hub: Hub) -> None:
    """No Conflict keeps the event in its list."""
    stored = await source(hub)
    plain = msgspec.to_builtins(SourceEdited(source="s"))
    stored = await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=(plain,), is_untold=True))
    await ask(hub, UploadSource(source="s"), id=derived_id("follow", plain["id"], "edited"))

    stored = await following.follow(hub, SOURCES, stored)

    assert not stored.value.is_untold


async def test_a_job_is_kept_while_the_event_that_it_follows_may_be_followed_again(hub: Hub) -> None:
    """The process that asked for it died before it took the event out, and the hub lay off for months."""
    await sources.edit(hub, "s", disabled=True)
    await work_off(hub, KNOWN)
    [stored] = [stored for stored in await JOBS.every(hub.records) if stored.value.follower]
    old = msgspec.structs.replace(stored.value, created_at=1.0, finished_at=1.0)
    await JOBS.replace(hub.records, stored, old)
    cause = await source(hub)
    event = {**msgspec.to_builtins(SourceEdited(source="s")), "id": old.cause_id}
    cause = await SOURCES.replace(hub.records, cause, msgspec.structs.replace(cause.value, untold=(event,), is_untold=True))

    assert await retention.forget(hub, 10) == 0
    await following.follow(hub, SOURCES, cause)
    assert await retention.forget(hub, 10) == 1


async def test_a_job_that_was_not_followed_is_kept(hub: Hub) -> None:
    """However old it is."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, KNOWN)
    stored = await JOBS.get(hub.records, id)
    old = msgspec.structs.replace(stored.value, created_at=1.0, finished_at=1.0, untold=stored.value.events[-1:], is_untold=True)
    await JOBS.replace(hub.records, stored, old)

    assert await retention.forget(hub, 10) == 0


async def test_fields_of_a_newer_version_are_written_back(hub: Hub) -> None:
    """An edit by this version keeps what it does not understand."""
    record = await hub.records.get(SOURCES.kind, "s")
    assert record
    await hub.records.replace(SOURCES.kind, "s", {**record.body, "colour": {"of": ["another", 0.1]}}, record.version)

    await sources.edit(hub, "s", disabled=True)
    await sources.edit(hub, "s", disabled=False)

    written = await hub.records.get(SOURCES.kind, "s")
    assert written
    assert written.body["colour"] == {"of": ["another", 0.1]}


async def test_an_edit_that_changes_nothing_commits_no_event(hub: Hub) -> None:
    """A switch to what is served already."""
    await add_build(hub, "b")
    await apis.add(hub, "a", "b")
    stored = await apis.APIS.get(hub.records, "a")

    same = await edits.change(hub, apis.APIS, "a", lambda _: None, SourceEdited(source="s"))

    assert same.version == stored.version


async def test_what_is_made_anew_over_a_removal_that_nobody_followed_yet_is_found_by_a_reaper(hub: Hub) -> None:
    """Also where nothing follows its own making: the list that it took over is still to be followed."""
    hub = following_by(hub, Follower(name="build", events=(BuildRemoved,), ask=validate_build))
    await add_build(hub, "b")
    mortal = Mortal(hub.records, 1)
    with suppress(Died):
        await removals.remove_build(replace(hub, records=mortal), "b")  # type: ignore[arg-type]

    await builds.add(hub, "b", sources=("s",))
    await go_on(hub, KNOWN)

    assert [job.command["source"] for job in await followed(hub)] == ["BuildRemoved"]


async def test_what_only_another_version_can_follow_hides_nothing_behind_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records wait for that, a reaper looks on behind them."""
    monkeypatch.setattr(reaper, "SMALL", 3)
    newer = following_by(hub, Follower(name="made", events=(BuildAdded,), ask=validate_build))
    older = following_by(hub, Follower(name="edited", events=(BuildEdited,), ask=validate_build))
    older.bus.shared = True  # type: ignore[misc]
    await presence.save(other(hub, "newer"), seen("newer", newer))
    for n in range(6):
        await builds.add(older, f"b{n}", sources=("s",))
    mortal = Mortal(hub.records, 1)
    with suppress(Died):
        await builds.edit(replace(older, records=mortal), "b5", doc_type="gene")  # type: ignore[arg-type]
    watcher = impatient(older)

    await watcher.look_at_everything()
    await watcher.look_at_everything()

    assert [job.command["source"] for job in await followed(hub)] == ["BuildEdited"]


async def test_a_rule_that_fails_for_a_followed_command_leaves_a_letter_too(hub: Hub) -> None:
    """The edit has happened, and its caller hears of no error."""

    def broken(*_: Any) -> str:
        raise KeyError("a mistake")

    async def room(_: Hub) -> Room:
        return Room("", 1, 1)

    rule = Rule(name="broken", commands=(ValidateMapping,), key=broken, room=room)
    ruled = replace(hub, catalogue=replace(hub.catalogue, rules=(rule,)))

    stored = await sources.edit(ruled, "s", disabled=True)

    assert not stored.value.is_untold
    assert ["a mistake" in letter.value.reason for letter in await DEAD_LETTERS.every(hub.records)] == [True]
