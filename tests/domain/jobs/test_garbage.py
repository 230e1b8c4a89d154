"""Garbage: scratch folders, parts of outputs, and how long something lies."""

import time

import msgspec
import pytest

from domain.hub import Hub
from domain.jobs import garbage
from domain.jobs.garbage import AGE, SEEN, Seen
from domain.jobs.jobs import Job


async def collection(hub: Hub, name: str) -> None:
    """A sealed collection."""
    await hub.documents.create(name)
    await hub.documents.seal(name, {})


async def test_scratch_of_nobody_goes_and_what_is_no_attempts_stays(hub: Hub) -> None:
    """A folder that bears no attempt's name is somebody else's; a file in a folder's place keeps nothing else."""
    for name in ("gone.1", "zone.2", "foreign", "notes.txt"):
        (hub.scratch / name).mkdir(parents=True)
    (hub.scratch / "gone.3").write_text("a file")

    await garbage.collect(hub)

    assert sorted(path.name for path in hub.scratch.iterdir()) == ["foreign", "gone.3", "notes.txt"]


async def test_an_output_is_dropped_with_all_its_parts(hub: Hub) -> None:
    """But not what another attempt of the same job wrote."""
    for name in ("j.1", "j.1.part", "j.11", "j.11.part", "j.2"):
        await collection(hub, name)

    await garbage.drop_output(hub, "j.1")

    assert sorted(await hub.documents.names()) == ["j.11", "j.11.part", "j.2"]


@pytest.mark.parametrize(("seconds", "left"), [(60.0, ["gone.1"]), (-60.0, [])])
async def test_garbage_lies_for_its_hour(hub: Hub, seconds: float, left: list[str]) -> None:
    """From when it was first seen, whatever else was seen then."""
    await collection(hub, "gone.1")
    await SEEN.insert(hub.records, "seen", Seen(created_at=0.0, names={"gone.1": time.time() - AGE + seconds, "more.1": 1.0}))

    await garbage.collect(hub)

    assert await hub.documents.names() == left
    seen = await SEEN.get(hub.records, "seen")
    assert list(seen.value.names) == ["gone.1"]


@pytest.mark.parametrize(
    ("changes", "attempt", "over"),
    [
        ({"state": "RUNNING", "attempt": 2}, 2, False),
        ({"state": "RUNNING", "attempt": 2}, 1, True),
        ({"state": "QUEUED", "attempt": 2}, 2, False),
        ({"state": "FINISHED", "attempt": 2}, 2, True),
    ],
)
def test_which_attempts_can_not_write_any_more(changes: dict[str, str], attempt: int, over: bool) -> None:
    """Those of a finished job, and those that another attempt took over from."""
    job = Job(run_id="j", command={}, type="", queue="", input_hash="", created_at=0.0)

    assert garbage.ended(msgspec.structs.replace(job, **changes), attempt) is over
