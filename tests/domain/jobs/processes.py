"""Processes of a hub that tests drive step by step: each may die before or after any of its writes, and another one goes on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.files.folder import FolderFiles
from adapters.sqlite.documents import SqliteDocuments
from adapters.sqlite.records import SqliteRecords
from domain.catalogue import CATALOGUE
from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.data.manifests import Manifest, Uploader
from domain.data.sources import SOURCES, Source
from domain.hub import Hub, Limits
from domain.jobs.attempts import Attempt, claim
from domain.jobs.jobs import JOBS, Job
from domain.jobs.reaper import Intervals, Reaper
from domain.jobs.retries import Retry
from domain.nouns import Noun, Table
from domain.ports.documents import Document
from domain.ports.files import Files
from domain.ports.records import Records
from domain.ports.search import IndexSpec, Search, SearchRequest, SearchResult
from events.apis import CreateRelease, MappingValidated, ReleaseCreated, ValidateMapping
from events.builds import BuildFinished, RunBuild
from events.bus import Delivery
from events.catalogue import QUEUES
from events.embedded import EmbeddedBus
from events.message import Event
from events.sources import DumpSource, InspectSource, SourceDumped, SourceInspected, SourceUploaded, UploadSource
from workers.context import JobContext, Registration
from workers.runner import Runner

AT_ONCE = Intervals(due=0.0, beats=0.0, chains=0.0, silence=0.0, garbage=0.0, unsent=0.0, age=0.0)
BODY = Document("a", b'{"_id":"a"}', b"0123456789abcdef")


class NoIndexes:
    """A search engine whose indexes hold nothing."""

    async def names(self) -> list[str]:
        return []

    async def drop(self, name: str) -> None:
        return None

    async def publish(self, alias: str, name: str | None) -> None:
        return None

    async def describe(self, name: str) -> tuple[IndexSpec, int]:
        return IndexSpec(mapping={}, collection=""), 0

    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        return SearchResult(total=0)


class Died(BaseException):
    """The process was killed."""


class Mortal:
    """Records of a process that dies before or after its n-th write: nothing it does afterwards reaches them."""

    def __init__(self, records: Records, writes: int = 10**9, *, before: bool = True) -> None:
        self.records = records
        self.left = writes
        self.before = before
        self.dead = False
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)
        writes = name in ("insert", "replace", "delete")

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            if not writes:
                self.check()
                return await method(kind, *args, **kwargs)
            return await self.write(f"{name} {kind.name}", lambda: method(kind, *args, **kwargs))

        return call

    def check(self) -> None:
        """Raises Died where it is dead."""
        if self.dead:
            raise Died

    async def write(self, what: str, write: Callable[[], Awaitable[Any]]) -> Any:
        """Do what others see, or die before or after it."""
        self.check()
        self.left -= 1
        self.dead = self.left < 0
        if self.dead and self.before:
            raise Died
        result = await write()
        self.written.append(what)
        self.check()
        return result


@asynccontextmanager
async def open_hub(data: Path, limits: Limits | None = None) -> AsyncIterator[Hub]:
    """A hub of embedded adapters."""
    async with SqliteRecords.open(data / "records.db") as records:
        await records.prepare(CATALOGUE.kinds)
        async with hub_over(records, data, limits) as hub:
            yield hub


@asynccontextmanager
async def hub_over(records: Records, data: Path, limits: Limits | None = None) -> AsyncIterator[Hub]:
    """A hub over these records, embedded otherwise."""
    async with (
        SqliteDocuments.open(data / "documents") as documents,
        FolderFiles.open_folder(data / "files") as files,
        EmbeddedBus() as bus,
    ):
        yield Hub(
            name="test",
            data=data,
            documents=documents,
            search=cast(Search, NoIndexes()),
            files=cast(Files, files),
            limits=limits or Limits(quiet=0.0),
            records=records,
            bus=bus,
            process="first",
            catalogue=replace(CATALOGUE, followers=()),  # the engine by itself
        )


def other(hub: Hub, process: str = "second", **changes: Any) -> Hub:
    """The same hub as another process has it."""
    return replace(hub, process=process, **changes)


async def write_output(context: JobContext, table: Table[Any], id: str, event: Event) -> Event:
    """What every handler here does: seal a collection, and switch to it."""
    await context.hub.documents.create(context.output)
    await context.hub.documents.write(context.output, [BODY])
    await context.hub.documents.seal(context.output, {})
    await context.switch(table, id, lambda noun: noun.with_output(event, 3))
    return event


async def dump(command: DumpSource, context: JobContext) -> Event:
    event = SourceDumped(source=command.source, release="1", output=context.output)
    return await write_output(context, SOURCES, command.source, event)


async def upload(command: UploadSource, context: JobContext) -> Event:
    event = SourceUploaded(source=command.source, release="1", output=context.output, dump="", code="")
    return await write_output(context, SOURCES, command.source, event)


async def inspect(command: InspectSource, context: JobContext) -> Event:
    return await write_output(
        context, SOURCES, command.source, SourceInspected(source=command.source, output=context.output, upload="")
    )


async def build(command: RunBuild, context: JobContext) -> Event:
    event = BuildFinished(build=command.build, output=context.output, version="1", configuration=1)
    return await write_output(context, BUILDS, command.build, event)


async def release(command: CreateRelease, context: JobContext) -> Event:
    event = ReleaseCreated(api=command.api, output=context.output, build="", version="1", count=1)
    return await write_output(context, APIS, command.api, event)


async def validate(command: ValidateMapping, context: JobContext) -> Event:
    return MappingValidated(source=command.source, documents=0)


HANDLERS: dict[Any, Any] = {
    DumpSource: dump,
    UploadSource: upload,
    InspectSource: inspect,
    RunBuild: build,
    CreateRelease: release,
    ValidateMapping: validate,
}


def registrations(retry: Retry | None = None, **handlers: Any) -> tuple[Registration, ...]:
    """Every command with its handler here, or with the one given under the command's name."""
    chosen = {command: handlers.get(command.__name__, handler) for command, handler in HANDLERS.items()}
    return tuple(
        Registration(command=command, handler=handler, retry=retry or Retry(base=0.0)) for command, handler in chosen.items()
    )


async def perform(hub: Hub, id: str, known: tuple[Registration, ...]) -> Attempt | None:
    """Claim the job as a worker of this process would, and run it to its end."""
    stored = await JOBS.get(hub.records, id)
    registration = next(each for each in known if each.command.__name__ == stored.value.type)
    attempt = await claim(hub, id, hub.process, registration.retry)
    if attempt:
        runner = Runner(hub)
        await runner.run(runner.prepare(attempt), registration)
    return attempt


async def work_off(hub: Hub, known: tuple[Registration, ...]) -> None:
    """Do every command that waits on the bus, and what that leads to. Raises Died where the process does."""
    busy: deque[str] = deque()
    dead: list[Died] = []

    async def handle(delivery: Delivery) -> None:
        busy.append(delivery.command.job_id)
        try:
            await perform(hub, delivery.command.job_id, known)
            await delivery.ack()
        except Died as death:
            dead.append(death)
        finally:
            busy.popleft()

    consumers = [await hub.bus.consume(queue, handle, 1) for queue in QUEUES]
    idle = 0
    while idle < 3 and not dead:  # a delivery may be on its way to a handler that has not started
        waiting = busy or any(depth.ready for depth in await hub.bus.depth(QUEUES))
        idle = 0 if waiting else idle + 1
        await asyncio.sleep(0.0005)
    for consumer in consumers:
        await consumer.cancel()
    if dead:
        raise dead[0]


def impatient(hub: Hub) -> Reaper:
    """A reaper that takes every attempt for dead, and every wait for over."""
    return Reaper(other(hub, limits=replace(hub.limits, lease=0.0)), AT_ONCE)


async def go_on(hub: Hub, known: tuple[Registration, ...]) -> None:
    """What processes that live do until nothing is left to do."""
    for _ in range(20):
        reaper = impatient(hub)
        await reaper.settle_dead()
        await reaper.send_due()
        await reaper.look_at_everything()
        await reaper.send_again()
        await work_off(hub, known)
        if await is_quiet(hub):
            await reaper.clean()
            return
    pytest.fail(f"never quiet: {[(job.value.type, job.value.state) for job in await JOBS.every(hub.records)]}")


async def nouns(hub: Hub) -> list[Noun]:
    """Every source, build and API."""
    return [stored.value for table in (SOURCES, BUILDS, APIS) for stored in await table.every(hub.records)]


async def is_quiet(hub: Hub) -> bool:
    """Every job finished and chained, no noun being written."""
    jobs = [stored.value for stored in await JOBS.every(hub.records)]
    return all(job.state == "FINISHED" and not job.is_untold for job in jobs) and not any(noun.writer for noun in await nouns(hub))


async def add_source(hub: Hub, name: str = "s", **values: Any) -> None:
    """A source with one part of its own name."""
    manifest = Manifest(name=name, uploaders=(Uploader(name=name, parser="p:p"),))
    await SOURCES.insert(hub.records, name, Source(created_at=0.0, folder="", code="", manifest=manifest, **values))


async def add_build(hub: Hub, name: str = "b", sources: tuple[str, ...] = ("s",), **values: Any) -> None:
    """A build of these parts."""
    await BUILDS.insert(hub.records, name, Build(created_at=0.0, sources=sources, **values))


async def add_api(hub: Hub, name: str = "a", build: str = "b", **values: Any) -> None:
    """An API of a build."""
    await APIS.insert(hub.records, name, Api(created_at=0.0, build=build, **values))


async def get(hub: Hub, id: str) -> Job:
    """The job's record."""
    return (await JOBS.get(hub.records, id)).value


async def writer(hub: Hub, name: str = "s") -> str:
    """Who writes the source."""
    return (await SOURCES.get(hub.records, name)).value.writer


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Look until it is true."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 -- what is looked at is in the records or in another process
            await asyncio.sleep(0.005)
