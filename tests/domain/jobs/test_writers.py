"""The noun's `writer`, and writes of it that come late or are cancelled."""

import asyncio
import gc
from typing import Any

import msgspec
import pytest

from domain.data.sources import SOURCES, Source
from domain.errors import Stale
from domain.hub import Hub
from domain.jobs import writers
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
