"""Sending: what the record says of a command that was sent, could not be sent, or is sent on somebody's behalf."""

import time
from typing import Any

import msgspec
import pytest

from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS, Job
from domain.jobs.sending import postpone, resend
from domain.nouns import Stored
from events.bus import BusError
from events.sources import UploadSource
from tests.domain.jobs.processes import get, impatient


async def waiting(hub: Hub, **changes: Any) -> Stored[Job]:
    """An upload that nobody has sent."""
    stored = (await ask(hub, UploadSource(source="s"), delay=60.0)).job
    return await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, **changes))


async def messages(hub: Hub) -> int:
    """How many uploads wait on the bus."""
    [depth] = await hub.bus.depth(["upload"])
    return depth.ready


async def test_what_is_asked_for(hub: Hub) -> None:
    """The record says what is done, for whom, and of what it comes, and so does the command."""
    asked = await ask(
        hub,
        UploadSource(source="s"),
        id="j",
        run_id="r",
        step="upload:s",
        asked_by="me",
        cause="source/s",
        cause_id="c",
        follower="f",
    )

    job = asked.job.value
    assert asked.job.id == "j"
    assert (job.run_id, job.step, job.asked_by, job.cause, job.cause_id, job.follower) == (
        "r",
        "upload:s",
        "me",
        "source/s",
        "c",
        "f",
    )
    assert (job.type, job.queue, job.target, job.exclusive, job.written) == ("UploadSource", "upload", "source/s", True, "source/s")
    assert {name: job.command[name] for name in ("job_id", "run_id", "cause_id")} == {"job_id": "j", "run_id": "r", "cause_id": "c"}
    assert job.created_at == pytest.approx(time.time(), abs=60)


async def test_what_was_sent_is_looked_at_by_nobody(hub: Hub) -> None:
    """`sent_at` says when, and no reaper finds it among what is due."""
    id = (await ask(hub, UploadSource(source="s"))).job.id

    job = await get(hub, id)
    assert (job.due_at, await messages(hub)) == (0.0, 1)
    assert job.sent_at == pytest.approx(time.time(), abs=60)


async def test_a_job_with_a_delay_is_sent_at_its_time(hub: Hub) -> None:
    """By a reaper, and not before."""
    id = (await ask(hub, UploadSource(source="s"), delay=60.0)).job.id

    job = await get(hub, id)
    assert (job.sent_at, await messages(hub)) == (0.0, 0)
    assert job.due_at == job.not_before == pytest.approx(time.time() + 60.0, abs=30)
    await impatient(hub).send_due()
    assert await messages(hub) == 0


async def test_who_sends_for_another_marks_it_first(hub: Hub) -> None:
    """The waiter waits for nobody any more."""
    stored = await waiting(hub, waiting_for="k")

    assert await resend(hub, stored)

    job = await get(hub, stored.id)
    assert (job.waiting_for, job.due_at, await messages(hub)) == ("", 0.0, 1)
    assert job.sent_at == pytest.approx(time.time(), abs=60)


async def test_what_cannot_be_sent_for_another_is_due_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a few seconds, as if it had just been queued; the caller hears of it, since nothing else can be sent either."""
    stored = await waiting(hub)

    async def away(*_: Any) -> None:
        raise BusError("away")

    monkeypatch.setattr(hub.bus, "send", away)
    with pytest.raises(BusError):
        await resend(hub, stored)

    job = await get(hub, stored.id)
    assert job.sent_at == 0.0
    assert 0.0 < job.due_at - time.time() <= 10.0


async def test_what_is_put_off_is_looked_at_a_minute_later(hub: Hub) -> None:
    """Nothing else of it changes."""
    stored = await waiting(hub, waiting_for="k", due_at=5.0)

    await postpone(hub, stored)

    job = await get(hub, stored.id)
    assert job == msgspec.structs.replace(stored.value, due_at=job.due_at)
    assert job.due_at == pytest.approx(time.time() + 60.0, abs=30)
