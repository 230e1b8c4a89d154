"""Dead attempts, and who ends them: what a second ender does, and what the last owner's registration said."""

import asyncio

import pytest

from domain.errors import Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import settling, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from domain.jobs.settling import settle, settle_all
from domain.nouns import Stored
from events.sources import UploadSource
from tests.domain.jobs.processes import get, other, writer
from tests.domain.jobs.ruled import halting


async def begun(hub: Hub, retry: Retry | None = None) -> Attempt:
    """An upload that is the writer of its source."""
    attempt = await claim(hub, (await ask(hub, UploadSource(source="s"))).job.id, "lost", retry or Retry())
    assert attempt
    await writers.take(hub, "source/s", attempt.id, 1)
    return attempt


async def test_who_is_called_dead_while_it_ends_a_dead_attempt_touches_nothing_more(hub: Hub) -> None:
    """The second ender ends it; the first one finds that out, and leaves the writer and the output to whoever has them now."""
    attempt = await begun(hub)
    slow, halted = halting(hub, "replace source")
    first = asyncio.create_task(settle(slow, attempt.stored))
    await halted.reached.wait()

    assert await settle(other(hub, "third"), await JOBS.get(hub.records, attempt.id))
    after = await JOBS.get(hub.records, attempt.id)
    await writers.take(hub, "source/s", "another", 1)
    halted.go_on.set()

    assert await first is False
    assert await JOBS.get(hub.records, attempt.id) == after
    assert await writer(hub) == "another.1"


@pytest.mark.parametrize(("base", "cap", "least", "most"), [(50.0, 300.0, 40.0, 60.0), (50.0, 10.0, 8.0, 12.0)])
async def test_a_lost_attempt_waits_as_its_registration_says(hub: Hub, base: float, cap: float, least: float, most: float) -> None:
    """Whoever settles it may not have that registration: the record has it."""
    attempt = await begun(hub, Retry(attempts=2, base=base, cap=cap))

    await settle(other(hub), attempt.stored)

    job = await get(hub, attempt.id)
    assert least - 1.0 <= job.not_before - job.events[-1]["at"] <= most + 1.0
    assert job.events[-1]["reason"] == "lost"
    assert "lost was lost" in job.events[-1]["error"]


@pytest.mark.parametrize("error", [Unavailable("away"), Unreadable("newer")])
async def test_one_that_cannot_be_settled_keeps_no_other(hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Whatever is the matter with it, the next one is settled."""
    attempts = [await begun(hub) for _ in range(2)]
    settling_it = settle

    async def settle_some(hub: Hub, dead: Stored[object]) -> bool:
        if dead.id == attempts[0].id:
            raise error
        return await settling_it(hub, dead)  # type: ignore[arg-type]

    monkeypatch.setattr(settling, "settle", settle_some)
    await settle_all(hub, [attempt.stored for attempt in attempts])

    assert [(await get(hub, attempt.id)).state for attempt in attempts] == ["RUNNING", "QUEUED"]
