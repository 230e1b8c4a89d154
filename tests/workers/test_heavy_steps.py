"""Inspection, build and release as jobs of a worker, their heavy steps in processes of their own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS, Job
from domain.ports.search import SearchRequest
from domain.query.parser import parse
from events.apis import CreateRelease
from events.builds import RunBuild
from events.message import Command
from events.sources import InspectSource
from leat.settings import Settings
from leat.wiring import open_hub
from tests.domain.jobs.processes import until
from tests.workers.uploads import add_source, upload
from workers.catalogue import WORKERS
from workers.worker import Worker


@asynccontextmanager
async def working(data: Path) -> AsyncIterator[Hub]:
    """An embedded hub whose workers run, with sources, a build and an API."""
    async with open_hub(Settings(data=data)) as hub:
        for name in "ab":
            await add_source(hub, name)
            await upload(hub, name, [{"_id": f"{number:03}", name: {"n": number}} for number in range(100)])
        await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("[ab]",)))
        await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
        worker = Worker(hub, (*WORKERS["upload"], *WORKERS["build"], *WORKERS["index"]))
        running = asyncio.create_task(worker.run())
        try:
            yield hub
        finally:
            worker.stop()
            await running


async def done(hub: Hub, *commands: Command) -> list[Job]:
    """The jobs of these commands, when all have ended."""
    ids = [(await ask(hub, command)).job.id for command in commands]

    async def finished() -> bool:
        return all([(await JOBS.get(hub.records, id)).value.state == "FINISHED" for id in ids])

    await until(finished, seconds=20)
    return [(await JOBS.get(hub.records, id)).value for id in ids]


async def test_from_uploads_to_a_searchable_release(tmp_path: Path) -> None:
    """Each job ends with its event, progress counts documents, and the release answers a query."""
    async with working(tmp_path) as hub:
        inspections = await done(hub, InspectSource(source="a"), InspectSource(source="b"))
        [built] = await done(hub, RunBuild(build="all"))
        [released] = await done(hub, CreateRelease(api="things"))
        assert {job.outcome for job in (*inspections, built, released)} == {"SUCCEEDED"}
        assert (built.progress.done, released.progress.done, released.progress.total) == (100, 100, 100)
        served = (await APIS.get(hub.records, "things")).value.served
        found = await hub.search.search(served, SearchRequest(query=parse("a.n:7 AND b.n:7")))
        assert [hit.id for hit in found.hits] == ["007"]


async def test_a_release_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The job says which document was refused and why, once, and its half-filled index is gone."""
    async with working(tmp_path) as hub:
        await upload(hub, "a", [{"_id": "1", "n": 1}], {"n": {"type": "integer"}})
        await upload(hub, "b", [{"_id": "bad", "n": "many"}], {"n": {"type": "integer"}})
        await done(hub, RunBuild(build="all"))
        [released] = await done(hub, CreateRelease(api="things"))
        assert (released.outcome, released.attempt) == ("FAILED", 1)
        assert released.error is not None
        assert "bad: n" in released.error.detail
        assert await hub.search.names() == []
        assert (await APIS.get(hub.records, "things")).value.served == ""
