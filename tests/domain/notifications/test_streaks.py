"""Streaks: what fails is told once, and once that it works again, in one thread."""

import tempfile
from pathlib import Path
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.hub import Hub
from domain.notifications import notifications
from events.notifications import Notify
from tests.domain.jobs.processes import open_hub

State = Literal["failing", "well"]


def said(streak: State, at: float = 0.0) -> Notify:
    """What is told of one subject."""
    return Notify(kind="source.failed", subject="upload:s", title=f"it is {streak}", streak=streak, at=at)


async def test_a_streak_is_told_at_its_beginning_and_at_its_end(hub: Hub) -> None:
    """Once each, in the thread and under the headline of the first."""
    told = {}
    for id, streak in (("w0", "well"), ("f1", "failing"), ("f2", "failing"), ("w1", "well"), ("w2", "well"), ("f3", "failing")):
        told[id] = await notifications.begin(hub, id, said(streak))  # type: ignore[arg-type]

    assert [id for id, notification in told.items() if notification] == ["f1", "w1", "f3"]
    assert [told[id].thread for id in ("f1", "w1", "f3")] == ["f1", "f1", "f3"]  # type: ignore[union-attr]
    assert told["w1"].headline == "it is failing"  # type: ignore[union-attr]


async def test_a_command_that_comes_again_says_the_same(hub: Hub) -> None:
    """Also where its process died between the streak and the notification."""
    await notifications.begin(hub, "f1", said("failing"))
    await hub.records.delete(notifications.NOTIFICATIONS.kind, "f1")

    again = await notifications.begin(hub, "f1", said("failing"))
    ended = await notifications.begin(hub, "w1", said("well"))
    await hub.records.delete(notifications.NOTIFICATIONS.kind, "w1")
    ended_again = await notifications.begin(hub, "w1", said("well"))

    assert again is not None
    assert again.thread == "f1"
    assert ended is not None
    assert ended_again is not None
    assert ended_again.thread == ended.thread == "f1"
    assert (await notifications.STREAKS.get(hub.records, "upload:s")).value.failures == 1


@given(st.lists(st.tuples(st.sampled_from(["failing", "well"]), st.booleans()), max_size=25))
@settings(max_examples=25)
async def test_whatever_comes_is_told_as_it_changes(steps: list[tuple[State, bool]]) -> None:
    """The first failure after it worked, and the first success after it failed, whichever commands come twice."""
    expected, found, failing = [], [], False
    with tempfile.TemporaryDirectory() as folder:
        async with open_hub(Path(folder)) as hub:
            for number, (streak, twice) in enumerate(steps):
                if (streak == "failing") != failing:
                    expected.append(number)
                failing = streak == "failing"
                told = [await notifications.begin(hub, f"n{number}", said(streak)) for _ in range(1 + twice)]
                found += [number] * any(told)

    assert found == expected


@given(st.text())
def test_a_title_is_one_line(title: str) -> None:
    """Whatever breaks lines, and however long it is."""
    line = notifications.one_line(title)

    assert len(line.splitlines()) <= 1
    assert len(line) <= notifications.LONGEST_TITLE
