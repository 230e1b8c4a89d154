"""What every Outside has to do, as the engine relies on it: one work under a name, found when it has ended, barred when stopped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.ports.outside import Outside
from tests.domain.jobs.elsewhere import LocalProcesses
from tests.domain.jobs.processes import until

NAME = "job.1"


class Place:
    """An Outside, and what its work leaves to be seen."""

    def __init__(self, outside: Outside, folder: Path) -> None:
        self.outside = outside
        self.journal = folder / "journal"
        self.gate = folder / "gate"

    def work(self, code: int = 0) -> dict[str, Any]:
        """Writes its name, waits for the gate, and ends with this code."""
        waiting = f"while [ ! -e {self.gate} ] && [ -e {self.journal} ]; do sleep 0.02; done"
        return {"script": f'echo "$0" >>{self.journal}; {waiting}; echo why; exit {code}'}

    def begun(self) -> list[str]:
        """The names under which work has begun, as often as it has."""
        return self.journal.read_text().split() if self.journal.exists() else []

    async def has_begun(self) -> None:
        """Wait until some work has."""

        async def begun() -> bool:
            return bool(self.begun())

        await until(begun)

    async def becomes(self, state: str, name: str = NAME) -> None:
        """Wait until it is seen so."""

        async def seen() -> bool:
            return (await self.outside.look(name)).state == state

        await until(seen)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Each implementation; whatever runs in the end is stopped."""
    outside = LocalProcesses(tmp_path / "outside")
    place = Place(outside, tmp_path)
    yield place
    for name in ("job.1", "job.2"):
        await outside.stop(name)


async def test_work_is_seen_from_its_start_to_its_end(place: Place) -> None:
    """Absent, runs, done."""
    assert (await place.outside.look(NAME)).state == "absent"

    await place.outside.start(NAME, place.work())

    await place.becomes("runs")
    place.gate.touch()
    await place.becomes("done")


async def test_work_that_fails_says_why(place: Place) -> None:
    """A sentence, and what it printed."""
    place.gate.touch()

    await place.outside.start(NAME, place.work(code=3))

    await place.becomes("failed")
    seen = await place.outside.look(NAME)
    assert "3" in seen.message
    assert "why" in seen.detail


@pytest.mark.parametrize("state", ["runs", "done", "failed", "stopped"])
async def test_what_is_there_is_not_started_again(place: Place, state: str) -> None:
    """`restart`: running, ended or stopped, it is adopted as it is."""
    if state in ("done", "failed"):
        place.gate.touch()
    await place.outside.start(NAME, place.work(code=int(state == "failed")))
    await place.has_begun()
    await place.becomes("runs" if state == "stopped" else state)
    if state == "stopped":
        await place.outside.stop(NAME)

    await place.outside.start(NAME, place.work())
    await place.outside.start("job.2", place.work())  # a later one: the other has had its time

    await place.becomes("done" if place.gate.exists() else "runs", "job.2")
    assert (await place.outside.look(NAME)).state == state
    assert place.begun().count(NAME) == 1


async def test_many_starts_at_once_start_one(place: Place) -> None:
    """Of several processes that start the same at the same time, one wins, and the others adopt."""
    place.gate.touch()

    await asyncio.gather(*(place.outside.start(NAME, place.work()) for _ in range(8)))

    await place.becomes("done")
    await place.outside.start("job.2", place.work())
    await place.becomes("done", "job.2")
    assert place.begun().count(NAME) == 1


async def test_what_is_stopped_runs_no_more(place: Place) -> None:
    """Stop returns when nothing runs, and may be repeated."""
    await place.outside.start(NAME, place.work())
    await place.becomes("runs")

    await place.outside.stop(NAME)
    place.gate.touch()
    await place.outside.stop(NAME)

    assert (await place.outside.look(NAME)).state == "stopped"


async def test_a_name_where_nothing_was_is_barred(place: Place) -> None:
    """`bar`: a start that arrives behind the stop starts nothing."""
    await place.outside.stop(NAME)

    await place.outside.start(NAME, place.work())
    await place.outside.start("job.2", place.work())

    place.gate.touch()
    await place.becomes("done", "job.2")
    assert (await place.outside.look(NAME)).state == "stopped"
    assert place.begun() == ["job.2"]


async def test_a_stop_among_starts_leaves_nothing_running(place: Place) -> None:
    """Whichever of them comes first: behind the stop nothing runs, for ever."""
    starts = [place.outside.start(NAME, place.work()) for _ in range(4)]

    await asyncio.gather(*starts[:2], place.outside.stop(NAME), *starts[2:])

    assert (await place.outside.look(NAME)).state == "stopped"


async def test_what_ended_well_stays_so(place: Place) -> None:
    """A stop that comes too late takes nothing away."""
    place.gate.touch()
    await place.outside.start(NAME, place.work())
    await place.becomes("done")

    await place.outside.stop(NAME)

    assert (await place.outside.look(NAME)).state == "done"
