"""What a reaper, and a hub that is alone, do once at their start."""

import asyncio

from domain.data.apis import APIS
from domain.hub import Hub
from domain.jobs import reaper, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.reaper import Intervals, Reaper
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Waiting
from events.sources import UploadSource
from tests.domain.jobs.processes import add_api, get, until, writer

SELDOM = Intervals(due=3600.0, beats=3600.0, chains=3600.0, silence=3600.0, garbage=3600.0, idle=3600.0)


async def test_a_reaper_looks_at_everything_at_its_start(hub: Hub) -> None:
    """Whatever the process before it left is found at once, not after one look-up of each pass in turn."""
    await add_api(hub)
    await writers.take(hub, "api/a", "gone", 1)
    reaping = asyncio.create_task(Reaper(hub, SELDOM).run())

    async def freed() -> bool:
        return not (await APIS.get(hub.records, "a")).value.writer

    await until(freed)
    reaping.cancel()
    await asyncio.gather(reaping, return_exceptions=True)


async def test_a_hub_that_is_alone_frees_nouns_and_wakes_who_waits(hub: Hub) -> None:
    """Whose job ended right before its process did."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, hub.process, Retry())
    assert attempt
    await attempt.finish(Waiting("gone"))
    await writers.take(hub, "source/s", "gone", 1)

    await reaper.void_leases(hub)

    assert await writer(hub) == ""
    assert (await get(hub, id)).sent_at > 0
