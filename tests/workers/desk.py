"""A job's context without a queue: handlers are called over real stores, and what they say is kept for the test."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.files.folder import FolderFiles
from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from domain.catalogue import CATALOGUE
from domain.hub import Hub, Limits
from domain.jobs.jobs import Job
from domain.nouns import Stored, Table
from events.embedded import EmbeddedBus
from events.message import new_id
from leat.adapters import open_search
from workers.context import Done, JobContext, Level, N, Report


@asynccontextmanager
async def open_desk(data: Path, limits: Limits | None = None, search: str = "tantivy:") -> AsyncIterator[Hub]:
    """A hub of embedded adapters, but for the search engine where another one is named."""
    name = "desk" if search == "tantivy:" else f"test-{new_id()[:8]}"
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(SqliteRecords.open(data / "records.db"))
        await records.prepare(CATALOGUE.kinds)
        documents = await stack.enter_async_context(SqliteDocuments.open(data / "documents"))
        yield Hub(
            name=name,
            data=data,
            documents=documents,
            search=await stack.enter_async_context(open_search(search, data, name, documents)),
            files=await stack.enter_async_context(FolderFiles.open_folder(data / "files")),
            limits=limits or Limits(),
            records=records,
            bus=await stack.enter_async_context(EmbeddedBus()),
            process="desk",
            catalogue=CATALOGUE,
        )


class HandJob(JobContext):
    """One attempt of a job; `steps` are the heavy steps, run here instead of in a child process."""

    def __init__(self, hub: Hub, steps: dict[str, Callable[..., Awaitable[dict[str, Any]]]] | None = None) -> None:
        self.hub = hub
        self.id = new_id()
        self.output = f"{self.id}.1"
        self.job = Job(run_id=self.id, command={}, type="", queue="", input_hash="", created_at=time.time())
        self.scratch = hub.data / "scratch" / self.output
        self.scratch.mkdir(parents=True)
        self.steps = steps or {}
        self.lines: list[tuple[str, str]] = []
        self.pinned: list[str] = []
        self.done: list[tuple[int, int | None]] = []
        self.messages: list[str] = []

    async def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self.done.append((done, total))
        self.messages.append(message)

    async def log(self, text: str, level: Level = "info") -> None:
        self.lines.append((level, text))

    async def pin(self, *names: str) -> None:
        self.pinned += names

    async def switch(self, table: Table[N], id: str, changed: Callable[[N], N]) -> Stored[N]:
        return await table.change(self.hub.records, id, changed)

    async def outside(self, describe: Callable[[], Awaitable[dict[str, Any]]]) -> Done:
        raise AssertionError("no handler of these tests has work done elsewhere")

    async def child(self, step: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self.steps[step](self.hub, arguments, HandReport(self))


class HandReport(Report):
    """What a heavy step says becomes the job's."""

    def __init__(self, job: HandJob) -> None:
        self.job = job

    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self.job.done.append((done, total))

    def log(self, text: str, level: Level = "info") -> None:
        self.job.lines.append((level, text))
