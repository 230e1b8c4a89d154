"""The gateway in the same run as strawberry's own view: a small query over HTTP, and one job's events to many watchers."""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from strawberry.aiohttp.views import GraphQLView

from domain.callers import ADMINISTRATOR
from domain.hub import Hub
from domain.jobs import asking, attempts
from domain.jobs.retries import Retry
from events.jobs import JobProgressed
from events.sources import InspectSource
from gateway.app import make_app
from gateway.authentication import Authentication
from gateway.context import Context
from gateway.endpoint.limits import OperationLimits
from gateway.live.stream import Watching
from gateway.schema import build_schema
from leat.settings import load
from leat.wiring import open_hub

TOKEN = "bench"
KNOWN = Authentication({TOKEN: ADMINISTRATOR})
SMALL = "query ($id: ID!) { job(id: $id) { jobId state progress { done } } }"
WATCH = "subscription ($id: ID!) { jobEvents(jobId: $id) { cursor progress { done } events { seq } } }"


class Plain(GraphQLView[Context, None]):
    """Strawberry's view as it comes, over our schema."""

    hub: Hub

    async def get_context(self, request: web.Request, response: Any) -> Context:
        return Context(hub=self.hub, watching=Watching(self.hub.bus), caller=ADMINISTRATOR)


@contextlib.asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """The address of an application on a free port."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
    await runner.cleanup()


async def ask(session: aiohttp.ClientSession, url: str, job: str, number: int) -> list[float]:
    """Seconds of each of `number` small queries, one after another."""
    spent = []
    body = {"query": SMALL, "variables": {"id": job}}
    for _ in range(number):
        begun = time.perf_counter()
        async with session.post(url, json=body) as response:
            answer = await response.json()
        spent.append(time.perf_counter() - begun)
        assert answer["data"]["job"]["jobId"] == job
    return spent


async def small_queries(hub: Hub, job: str, number: int) -> None:
    """The same query over both views."""
    plain = web.Application()
    view = Plain(build_schema())
    view.hub = hub
    plain.router.add_route("*", "/graphql", view.__call__)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        for name, app in (("strawberry", plain), ("leat", make_app(hub, KNOWN, limits=OperationLimits(cost=10**9)))):
            async with served(app) as url:
                await ask(session, url, job, 20)
                spent = sorted(await ask(session, url, job, number))
                p99 = spent[int(len(spent) * 0.99)]
                print(f"{name:10}  small query  {1 / statistics.mean(spent):7.0f}/s  p99 {p99 * 1000:.1f} ms")


class Seen:
    """When batches came, whoever got them."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self._expected = 0
        self._enough = asyncio.Event()

    def add(self) -> None:
        """One more, just now."""
        self.at.append(time.perf_counter())
        if len(self.at) == self._expected:
            self._enough.set()

    async def next(self, count: int) -> list[float]:
        """When each of the next `count` came."""
        self._expected = len(self.at) + count
        self._enough.clear()
        await self._enough.wait()
        return self.at[-count:]


async def watch(session: aiohttp.ClientSession, url: str, job: str, seen: Seen, ready: asyncio.Semaphore) -> None:
    """Follow the job until it is cancelled; note when each batch came."""
    async with session.ws_connect(url, protocols=("graphql-transport-ws",)) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"token": TOKEN}})
        await socket.receive()
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": WATCH, "variables": {"id": job}}})
        await socket.receive()
        ready.release()
        async for _ in socket:
            seen.add()


async def fan_out(hub: Hub, job: str, watchers: int, events: int) -> None:
    """One event at a time to all watchers: how long until the last one has it."""
    async with (
        served(make_app(hub, KNOWN, limits=OperationLimits(cost=10**9))) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        seen = Seen()
        ready = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(watch(session, url, job, seen, ready)) for _ in range(watchers)]
        for _ in range(watchers):
            await ready.acquire()
        spent: list[float] = []
        cpu = time.process_time()
        for number in range(1, events + 1):
            coming = asyncio.create_task(seen.next(watchers))
            await asyncio.sleep(0.1)  # a tick behind the last one
            said = time.perf_counter()
            await hub.announce(JobProgressed(job_id=job, attempt=1, done=number))
            spent += [at - said for at in await coming]
        each = (time.process_time() - cpu) / (watchers * events)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        spent.sort()
        middle, late = spent[len(spent) // 2], spent[int(len(spent) * 0.99)]
        print(f"leat        {watchers} watchers of one event  p50 {middle * 1000:.0f} ms  p99 {late * 1000:.0f} ms", end="  ")
        print(f"{each * 1e6:.0f} us of processor for each delivery, its client in the same process")


async def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with open_hub(load(data=Path(folder))) as hub:
            asked = await asking.ask(hub, InspectSource(source="genes"))
            await attempts.claim(hub, asked.job.id, "bench", Retry())
            await small_queries(hub, asked.job.id, arguments.queries)
            await fan_out(hub, asked.job.id, arguments.watchers, arguments.events)


if __name__ == "__main__":
    asyncio.run(main())
