"""What works again is found, whatever else was done in the meantime."""

import msgspec
import pytest

from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS, finished
from domain.notifications import notifications
from domain.notifications.chores import NEWEST, tell_recoveries
from events.builds import RunBuild
from events.message import Command
from events.notifications import Notify
from events.sources import InspectSource, UploadSource


async def end(hub: Hub, command: Command, outcome: str = "SUCCEEDED", at: float = 2e9, step: str = "") -> str:
    """A job that ended so, at that time; returns its id."""
    asked = (await ask(hub, command, step=step, delay=3600.0)).job
    done = finished(asked.id, asked.value, outcome)  # type: ignore[arg-type]
    await JOBS.replace(hub.records, asked, msgspec.structs.replace(done, finished_at=at))
    return asked.id


async def told(hub: Hub) -> list[Notify]:
    """What is to be told."""
    found = await JOBS.find(hub.records, state="QUEUED")
    return [msgspec.convert(job.value.command, Notify) for job in found if job.value.type == "Notify"]


@pytest.fixture(autouse=True)
async def failed(hub: Hub) -> None:
    """The upload of `s` has failed."""
    said = Notify(kind="source.failed", subject="upload:s", title="f", streak="failing", target="source/s", at=1e9)
    await notifications.begin(hub, "f1", said)


@pytest.mark.parametrize("step", ["", "upload:s"], ids=["by itself", "of a run"])
async def test_a_success_ends_the_streak(hub: Hub, step: str) -> None:
    """Told once, also where many other jobs went well since, and every process looks."""
    await end(hub, UploadSource(source="s"), step=step)
    for number in range(NEWEST + 5):
        await end(hub, RunBuild(build=f"b{number}"))

    for _ in range(2):
        await tell_recoveries(hub)

    assert [(each.subject, each.streak) for each in await told(hub)] == [("upload:s", "well")]


@pytest.mark.parametrize(
    ("command", "outcome", "at"),
    [
        (UploadSource(source="s"), "FAILED", 2e9),
        (UploadSource(source="s"), "CANCELED", 2e9),
        (UploadSource(source="s"), "SUCCEEDED", 1e9 - 0.5),
        (InspectSource(source="s"), "SUCCEEDED", 2e9),
        (UploadSource(source="t"), "SUCCEEDED", 2e9),
    ],
)
async def test_nothing_else_ends_it(hub: Hub, command: Command, outcome: str, at: float) -> None:
    """Neither another failure, nor what went well before, nor another step, nor another source."""
    await end(hub, command, outcome, at)

    await tell_recoveries(hub)

    assert await told(hub) == []
