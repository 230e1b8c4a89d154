"""The history of records: what is remembered of a change, how much of it, and the way back."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.nouns import CHANGES, LARGEST_HISTORY, Entity


class Poem(Entity, frozen=True, kw_only=True):
    """Something whose changes are remembered by one line."""

    HISTORY: ClassVar[Mapping[str, tuple[str, ...]]] = {"words": ("title", "lines"), "mood": ("mood",)}

    title: str = ""
    lines: tuple[str, ...] = ()
    mood: str = ""
    read: int = 0
    """Not remembered."""
    edited_at: float = 0.0


def edited(poem: Poem, by: str = "ada", **values: Any) -> Poem:
    """The poem after an edit."""
    return msgspec.structs.replace(poem, **values).remembering(poem, by)


def test_a_change_says_who_and_when_and_what_was_before() -> None:
    """The first change of a record from before histories remembers what it was, made at its last edit by nobody knows whom."""
    old = Poem(created_at=5.0, title="Odd", edited_at=7.0)

    new = edited(old, title="Even")

    assert [(change.number, change.topic, change.by, change.values["title"]) for change in new.history] == [
        (2, "words", "ada", "Even"),
        (1, "words", "", "Odd"),
    ]
    assert new.history[1].at == 7.0 < new.history[0].at


def test_what_is_not_remembered_makes_no_change() -> None:
    """Neither fields outside of HISTORY nor an edit to the same values."""
    poem = Poem(created_at=1.0, title="x")

    assert edited(poem, read=4).history == edited(poem, title="x").history == ()


def test_a_change_that_an_older_process_made_is_remembered_with_the_next() -> None:
    """What was written without history in between is in it, by nobody knows whom."""
    poem = edited(Poem(created_at=1.0), title="first")
    meanwhile = msgspec.structs.replace(poem, title="by an older process")

    last = edited(meanwhile, by="bea", title="third")

    assert [(change.by, change.values["title"]) for change in last.history[:3]] == [
        ("bea", "third"),
        ("", "by an older process"),
        ("ada", "first"),
    ]


def test_what_was_read_again_is_the_same() -> None:
    """A record that was stored and read has made no change in between, tuples or not."""
    poem = edited(Poem(created_at=1.0), lines=("a", "b"))
    read = msgspec.json.decode(msgspec.json.encode(poem), type=Poem)

    again = edited(read, lines=("c",))

    assert [change.by for change in again.history] == ["ada", "ada", ""]


@given(st.lists(st.tuples(st.sampled_from(["title", "mood"]), st.text(max_size=5)), max_size=60))
def test_every_remembered_change_can_be_gone_back_to(steps: list[tuple[str, str]]) -> None:
    """The fields of its topic are as they were then, and the others as they are."""
    poem, states = Poem(created_at=1.0), {}
    for name, value in steps:
        poem = edited(poem, **{name: value})
        states |= {poem.history[0].number: poem} if poem.history else {}

    for change in poem.history:
        back = poem.as_of(change)
        if change.number in states and change.by:
            then = states[change.number]
            assert all(getattr(back, name) == getattr(then, name) for name in Poem.HISTORY[change.topic])
        assert all(getattr(back, name) == getattr(poem, name) for name in ("title", "mood") if name not in change.values)


def test_a_history_has_a_length_and_a_size() -> None:
    """The newest changes of each topic are kept; long ones fewer, the newest in any case."""
    poem = edited(Poem(created_at=1.0), mood="glad")
    for number in range(3 * CHANGES):
        poem = edited(poem, title=str(number))
    long = poem
    for letter in "abcde":
        long = edited(long, lines=(letter * (LARGEST_HISTORY // 3),))
    huge = edited(poem, lines=("x" * 2 * LARGEST_HISTORY,))

    assert [change.topic for change in poem.history].count("words") == CHANGES
    assert [change.by for change in poem.history if change.topic == "mood"] == ["ada", ""]
    assert [change.values["lines"][0][0] for change in long.history] == ["e", "d"]
    assert [change.values["lines"][0][0] for change in huge.history] == ["x"]


def test_a_change_that_is_not_remembered_is_refused() -> None:
    """The error names those that are."""
    poem = edited(Poem(created_at=1.0), title="x")

    with pytest.raises(Invalid, match="there is no change 9 in its history; there are 2, 1"):
        poem.change(9)
