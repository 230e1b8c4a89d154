"""Outputs and the writer of a noun, and who sees what was removed."""

import msgspec
import pytest

from domain.data.builds import BUILDS, Build
from domain.errors import Conflict, NotFound
from domain.hub import Hub
from domain.nouns import Stored, owner, refuse_while_written
from events.builds import BuildFinished
from events.sources import SourceInspected, SourceUploaded

BUILD = Build(created_at=0.0, sources=())


def finished(number: int) -> BuildFinished:
    """An output of one type."""
    return BuildFinished(build="b", output=f"j.{number}", version="1", configuration=1)


def inspected(number: int) -> SourceInspected:
    """An output of another type."""
    return SourceInspected(source="s", output=f"k.{number}", upload="")


def test_the_newest_outputs_of_each_type_are_kept() -> None:
    """The newest first; those of other types stay, whatever their number."""
    noun = BUILD
    for number in range(4):
        noun = noun.with_output(inspected(number), 9)
    for number in range(5):
        noun = noun.with_output(finished(number), 3)

    assert [event.output for event in noun.outputs] == ["j.4", "j.3", "j.2", "k.3", "k.2", "k.1", "k.0"]
    assert noun.newest(BuildFinished) is noun.outputs[0]
    assert noun.newest(SourceInspected) is noun.outputs[3]
    assert noun.newest(SourceUploaded) is None


def test_one_output_at_least_is_kept() -> None:
    """The one that was just made."""
    noun = BUILD.with_output(finished(1), 1).with_output(finished(2), 1)

    assert [event.output for event in noun.outputs] == ["j.2"]


def test_a_writer_is_found_by_a_look_up() -> None:
    """`is_written` says whether there is one."""
    written = BUILD.with_writer("j.1")

    assert (written.writer, written.is_written) == ("j.1", True)
    assert written.with_writer("") == BUILD
    refuse_while_written(BUILD)
    with pytest.raises(Conflict, match="the job j works on it"):
        refuse_while_written(written)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("j.1", ("j", 1)), ("j.12.part", ("j", 12)), ("j.1.a.b", ("j", 1)), ("j", ("", 0)), ("j.x", ("", 0)), ("", ("", 0))],
)
def test_the_owner_of_a_name(name: str, expected: tuple[str, int]) -> None:
    """The job and its attempt; nobody where it is named otherwise."""
    assert owner(name) == expected


async def test_nobody_sees_what_was_removed(hub: Hub) -> None:
    """But for who looks for it by name."""
    await BUILDS.insert(hub.records, "there", BUILD)
    await BUILDS.insert(hub.records, "removed", msgspec.structs.replace(BUILD, deleted_at=1.0))

    assert await BUILDS.find_one(hub.records, "removed") is None
    with pytest.raises(NotFound, match="there is no build 'removed'"):
        await BUILDS.get(hub.records, "removed")
    for found in (await BUILDS.every(hub.records), await BUILDS.readable(hub.records), await BUILDS.find(hub.records)):
        assert [stored.id for stored in found] == ["there"]
    assert [stored.id for stored in await BUILDS.find(hub.records, removed=True)] == ["there", "removed"]
    assert await BUILDS.find_even_removed(hub.records, "removed")


async def test_a_change_that_changes_nothing_writes_nothing(hub: Hub) -> None:
    """The record keeps its version; another change is returned as it was written."""
    await BUILDS.insert(hub.records, "b", BUILD)

    assert await BUILDS.change(hub.records, "b", lambda _: None) == Stored("b", 1, BUILD)
    written = await BUILDS.change(hub.records, "b", lambda build: build.with_writer("j.1"))

    assert written == await BUILDS.get(hub.records, "b") == Stored("b", 2, BUILD.with_writer("j.1"))
