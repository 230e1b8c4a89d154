"""The front door, as a client sees it that outlasts restarts: asks again, and watches on where it was."""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp

from leat.cli import client
from leat.cli.exits import Ended, Exit
from leat.cli.live import FOLLOW, RUN
from tests.faults.stack import PATIENCE, Stack, until

JOBS = """query Jobs($after: String) { jobs(first: 100, after: $after) {
  nodes { jobId type step state outcome attempt worker lastSeq error { code message } } pageInfo { hasNextPage endCursor } } }"""
NOUNS = """{ sources { nodes { name writer } } builds { nodes { name writer } } apis { nodes { name writer } }
  queues { name depth } }"""


class Front:
    """A client of one hub's gateway."""

    def __init__(self, stack: Stack, gateway: client.Gateway) -> None:
        self.stack = stack
        self.gateway = gateway

    async def patiently(self, ask: Callable[[], Any]) -> Any:
        """Ask until somebody answers."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await ask()
                except Ended as ended:
                    if ended.exit != Exit.UNREACHABLE:
                        raise
                await asyncio.sleep(0.05)

    async def execute(self, document: str, **variables: Any) -> dict[str, Any]:
        """The data of a query."""
        found: dict[str, Any] = await self.patiently(lambda: self.gateway.execute(document, variables))
        return found

    async def mutate(self, name: str, selection: str, /, **values: Any) -> dict[str, Any]:
        """What a mutation's success carries; asked again with the same key, it is done once."""
        done: dict[str, Any] = await self.patiently(lambda: self.gateway.mutate(name, selection, **values))
        return done

    async def start(self, mutation: str, /, **values: Any) -> str:
        """Start something; returns the run's UUID."""
        key = str(uuid.uuid4())
        done = await self.mutate(mutation, "job { runId }", idempotencyKey=key, **values)
        return str(done["job"]["runId"])

    async def run(self, id: str) -> dict[str, Any]:
        """The run as it stands."""
        found: dict[str, Any] = (await self.execute(RUN, id=id))["run"]
        return found

    async def jobs(self) -> list[dict[str, Any]]:
        """Every job of the hub."""
        found: list[dict[str, Any]] = await self.patiently(lambda: self.gateway.every(JOBS, "jobs"))
        return found

    async def nouns(self) -> dict[str, Any]:
        """Sources, builds and APIs, and the queues."""
        return await self.execute(NOUNS)

    async def served(self, api: str) -> list[dict[str, Any]]:
        """Every document that the API answers with, by `_id`, over its public address."""
        address = f"{self.stack.address.url}/api/{api}/query"
        hits: list[dict[str, Any]] = []
        asked = {"fetch_all": "1"}
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(address, params=asked) as answer:
                    assert answer.status == 200, await answer.text()
                    page = await answer.json()
                if "hits" not in page:  # behind the last one
                    return [{key: value for key, value in hit.items() if key != "_score"} for hit in hits]
                hits += page["hits"]
                asked = {"scroll_id": page["_scroll_id"]}


@contextlib.asynccontextmanager
async def opened(stack: Stack) -> AsyncIterator[Front]:
    """A client of the stack's gateway."""
    async with client.connected(stack.address) as gateway:
        yield Front(stack, gateway)


class Watcher:
    """Watches one run over WebSocket from its beginning, through every restart, and keeps what it was told."""

    def __init__(self, front: Front, run: str, cursor: str | None = None) -> None:
        self.front = front
        self.run = run
        self.cursor = cursor
        self.seen: list[tuple[str, int]] = []
        """(job, seq), as they came."""
        self.happened: list[tuple[str, str]] = []
        """(step, event), such as ("upload:genes", "JobStarted")."""
        self.gaps = 0
        self.ended = asyncio.Event()
        self._told = asyncio.Condition()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            try:
                async for batch in self.front.gateway.subscribe(FOLLOW, "runEvents", {"id": self.run, "after": self.cursor}):
                    self.cursor = batch["cursor"]
                    await self._note(batch)
            except Ended as ended:
                if ended.exit != Exit.UNREACHABLE:
                    raise
                await asyncio.sleep(0.05)
                continue
            if (await self.front.run(self.run))["state"] != "RUNNING":
                self.ended.set()
                async with self._told:
                    self._told.notify_all()
                return

    async def _note(self, batch: dict[str, Any]) -> None:
        self.gaps += batch["gap"]
        for told in batch["events"]:
            self.seen.append((told["jobId"], told["event"]["seq"]))
            self.happened.append((told["step"], told["event"]["__typename"]))
        async with self._told:
            self._told.notify_all()

    async def until(self, step: str, event: str) -> bool:
        """Wait until this was told; False where the run ended without it."""
        async with asyncio.timeout(PATIENCE), self._told:
            await self._told.wait_for(lambda: (step, event) in self.happened or self.ended.is_set() or self._task.done())
        return (step, event) in self.happened

    async def end(self) -> dict[str, Any]:
        """Wait for the run's end; returns the run."""
        async with asyncio.timeout(PATIENCE):
            await self._task
        return await self.front.run(self.run)

    async def stop(self) -> None:
        """Watch no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@contextlib.asynccontextmanager
async def watching(front: Front, run: str, cursor: str | None = None) -> AsyncIterator[Watcher]:
    """A watcher of the run, from its beginning or behind a cursor."""
    watcher = Watcher(front, run, cursor)
    try:
        yield watcher
    finally:
        await watcher.stop()


@contextlib.contextmanager
def patient_client() -> Iterator[None]:
    """The client of the command line gives a lost hub up after some seconds; here it outlasts restarts."""
    kept, client.PAUSES = client.PAUSES, tuple(itertools.repeat(0.05, 10_000))  # type: ignore[assignment]
    try:
        yield
    finally:
        client.PAUSES = kept


async def quiet(front: Front) -> None:
    """Wait until every job is over, no noun is being written, and no command waits."""

    async def over() -> bool:
        nouns = await front.nouns()
        written = [noun["name"] for kind in ("sources", "builds", "apis") for noun in nouns[kind]["nodes"] if noun["writer"]]
        waiting = [queue["name"] for queue in nouns["queues"] if queue["depth"]]
        return not written and not waiting and all(job["state"] == "FINISHED" for job in await front.jobs())

    await until(over, "quiet")
