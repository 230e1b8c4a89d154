"""The noun's `writer`, and writes of it that come late or are cancelled."""

import asyncio
import gc
from typing import Any

import msgspec
import pytest

from domain.data.sources import SOURCES, Source
from domain.errors import Stale, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import writers
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Waiting
from events.bus import BusError
from events.sources import UploadSource
from tests.domain.jobs.processes import add_source, get, impatient
from tests.domain.jobs.ruled import halting


def moved(source: Source) -> Source:
    """A change that can be seen."""
    return msgspec.structs.replace(source, folder="moved")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_write_that_arrives_after_the_close_is_refused(hub: Hub, attempt: int) -> None:
    """The owner's own close, or that of who ended its attempt, changes the record: a switch on its way finds it so."""
    await writers.take(hub, "source/s", "j", 1)
    stored = await SOURCES.get(hub.records, "s")

    assert await writers.close(hub, "source/s", "j", attempt) is None

    with pytest.raises(Stale):
        await SOURCES.replace(hub.records, stored, moved(stored.value))


@pytest.mark.parametrize("holder", ["", "k.1", "j.3"])
async def test_a_close_leaves_the_writer_of_others(hub: Hub, holder: str) -> None:
    """Nobody's, another job's, and a later attempt's: the record stays as it is."""
    before = await SOURCES.get(hub.records, "s")
    before = await SOURCES.replace(hub.records, before, before.value.with_writer(holder))

    assert await writers.close(hub, "source/s", "j", 2) is None

    assert await SOURCES.get(hub.records, "s") == before


async def test_who_cancels_a_switch_hears_of_it_after_the_write(hub: Hub) -> None:
    """The write comes to its end, once, and only then the caller is cancelled."""
    await writers.take(hub, "source/s", "j", 1)
    before = await SOURCES.get(hub.records, "s")
    slow, halted = halting(hub, "replace source")
    switching = asyncio.create_task(writers.switch(slow, SOURCES, "s", "j.1", moved))
    await halted.reached.wait()
    switching.cancel()
    await asyncio.sleep(0)
    assert not switching.done()

    halted.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await switching

    after = await SOURCES.get(hub.records, "s")
    assert (after.value.folder, after.version) == ("moved", before.version + 1)


async def test_a_cancelled_switch_whose_write_fails_is_cancelled(hub: Hub) -> None:
    """It is not tried again, and its failure is looked at."""
    forgotten: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: forgotten.append(context))
    await writers.take(hub, "source/s", "j", 1)
    slow, halted = halting(hub, "replace source")
    switching = asyncio.create_task(writers.switch(slow, SOURCES, "s", "j.1", moved))
    await halted.reached.wait()
    await writers.close(hub, "source/s", "j", 2)
    switching.cancel()
    await asyncio.sleep(0)

    halted.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await switching

    del switching
    gc.collect()
    assert forgotten == []
    assert (await SOURCES.get(hub.records, "s")).value.folder == ""


@pytest.mark.parametrize("holder", ["", "k.1", "j.3"])
async def test_only_the_attempt_and_earlier_ones_of_its_job_are_freed(hub: Hub, holder: str) -> None:
    """What is free, another job's, or a later attempt's stays as it is."""
    before = await SOURCES.get(hub.records, "s")
    before = await SOURCES.replace(hub.records, before, before.value.with_writer(holder))

    await writers.free(hub, "source/s", "j.2")

    assert await SOURCES.get(hub.records, "s") == before


async def test_a_noun_that_is_gone_is_free(hub: Hub) -> None:
    """Nothing is to be freed of it, nor fenced, and who waits for it is sent, to find that out."""
    id = (await ask(hub, UploadSource(source="gone"))).job.id
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await attempt.finish(Waiting("another"))

    assert await writers.close(hub, "source/gone", "j", 1) is None
    await writers.free(hub, "source/gone", "j.1")
    await writers.wake(hub, "source/gone")

    assert (await get(hub, id)).sent_at > 0


async def test_who_is_woken_waits_for_this_noun_and_is_the_oldest(hub: Hub) -> None:
    """Neither a job of another noun, nor one that waits for nothing, nor one that came later; nobody while the noun is taken."""
    await add_source(hub, "t")
    ids = [(await ask(hub, UploadSource(source=name))).job.id for name in "tsss"]
    for id in (ids[0], *ids[2:]):
        attempt = await claim(hub, id, "first", Retry())
        assert attempt
        await attempt.finish(Waiting("another"))
    sent = (await get(hub, ids[1])).sent_at

    await writers.take(hub, "source/s", "another", 1)
    await writers.wake(hub, "source/s")
    assert [(await get(hub, id)).sent_at for id in ids] == [0.0, sent, 0.0, 0.0]
    await writers.free(hub, "source/s", "another.1")
    await writers.wake(hub, "source/s")

    assert [(await get(hub, id)).sent_at > 0 for id in ids] == [False, True, True, False]
    assert (await get(hub, ids[1])).sent_at == sent


@pytest.mark.parametrize("error", [Unavailable("away"), BusError("away")])
async def test_a_waiter_that_cannot_be_woken_is_left_to_a_reaper(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Who ended the job before goes on."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await attempt.finish(Waiting("another"))

    async def away(*_: Any) -> Any:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(writers, "resend", away)
        await writers.wake(hub, "source/s")
    assert (await get(hub, id)).sent_at == 0
    await impatient(hub).send_due()

    assert (await get(hub, id)).sent_at > 0


async def test_who_waits_is_found_behind_many_that_have_finished(hub: Hub) -> None:
    """However many jobs the noun has had."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await attempt.finish(Waiting("another"))
    finished = msgspec.structs.replace(attempt.job, state="FINISHED", waiting_for="", created_at=0.0)
    for number in range(writers.WAITERS):
        await JOBS.insert(hub.records, f"old {number}", finished)

    await writers.wake(hub, "source/s")

    assert (await get(hub, id)).sent_at > 0


@pytest.mark.parametrize("target", ["letter/x", ""])
async def test_a_noun_of_another_version_is_left_to_that(hub: Hub, target: str) -> None:
    """What this version does not know it can't write."""
    with pytest.raises(Unreadable, match="another version"):
        await writers.take(hub, target, "j", 1)
    with pytest.raises(Unreadable, match="another version"):
        await writers.is_free(hub, target)
