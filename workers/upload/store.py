"""The step that parses a dump and stores its documents, part by part, in a process of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, nullcontext
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from domain.data.manifests import Manifest, Uploader
from domain.errors import Conflict, DiskFull, JobFailed, LeatError
from domain.hub import Stores
from domain.ports.documents import Document
from domain.room import check_room
from domain.wording import counted
from events.message import Failure
from events.sources import Part
from workers.context import Level, Report
from workers.plugin.calls import Batch, Parsed, Plugin, open_plugin
from workers.upload.duplicates import ADVICE, Staging

if TYPE_CHECKING:
    from workers.upload.keylookup import Conversion

SPARE = 256 * 2**20
"""Bytes that the disk keeps free: a parser that never ends is stopped before it fills it."""
BATCH = 2000
"""Documents that are written together after they were staged."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the step is asked to do."""

    source: str
    release: str
    dump: str
    """Folder of the dump's files in Files."""
    code: str
    """Folder of the plugin's code in Files."""
    manifest: Manifest
    output: str
    """`<job>.<attempt>`; each part's collection is named with it."""
    scratch: str
    """An empty folder of this machine."""
    digests: dict[str, str] = {}
    """SHA-256 of the dump's files, by name."""
    total: int | None = None
    """Documents of the upload before."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the step did."""

    parts: dict[str, Part]
    mappings: dict[str, dict[str, Any]]
    """What mapping functions gave, by part."""
    failed: dict[str, Failure] = {}
    """Why parts are not stored."""


async def store(stores: Stores, arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Parse and store every part; nothing is current yet. A part that fails is left out. Raises JobFailed, with the plugin's
    traceback or the wrong document, where all of them do."""
    task = msgspec.convert(arguments, Task)
    done = 0
    parts: dict[str, Part] = {}
    mappings: dict[str, dict[str, Any]] = {}
    failed: dict[str, JobFailed] = {}
    async with _opened(stores, task, report) as plugin:
        for uploader in task.manifest.uploaders:
            filling = _Filling(stores, task, plugin, uploader, report, done)
            try:
                mapping = await plugin.mapping(uploader)
                parts[uploader.name] = await filling.fill()
            except DiskFull:
                raise  # the others would fill it too
            except JobFailed as error:
                failed[uploader.name] = error
                await stores.documents.drop(filling.collection)
                continue
            finally:
                done = filling.done
            if mapping:
                mappings[uploader.name] = mapping
    if failed and not parts:
        raise next(iter(failed.values()))
    why = {name: Failure(code=error.code, message=error.message, detail=error.detail) for name, error in failed.items()}
    found: dict[str, Any] = msgspec.to_builtins(Stored(parts=parts, mappings=mappings, failed=why))
    return found


@asynccontextmanager
async def _opened(stores: Stores, task: Task, report: Report) -> AsyncIterator[Plugin]:
    async def log(text: str, level: str) -> None:
        report.log(text, msgspec.convert(level, Level))

    async with AsyncExitStack() as stack:
        code = await stack.enter_async_context(stores.files.local(task.code))
        data = await stack.enter_async_context(stores.files.local(task.dump))
        yield await open_plugin(
            task.manifest,
            name=task.source,
            code=code,
            data=data,
            release=task.release,
            digests=task.digests,
            home=Path(task.scratch) / "plugin",
            environments=stores.environments,
            limits=stores.limits,
            log=log,
        )


class _Filling:
    """One collection being filled by one uploader."""

    def __init__(self, stores: Stores, task: Task, plugin: Plugin, uploader: Uploader, report: Report, done: int) -> None:
        self.stores = stores
        self.task = task
        self.plugin = plugin
        self.uploader = uploader
        self.report = report
        self.done = done
        self.count = 0
        self.skipped = 0
        self.collection = f"{task.output}.{uploader.name}"
        self.staging: Staging | None = None
        self.conversion: Conversion | None = None

    async def fill(self) -> Part:
        """Parse, settle duplicates, seal."""
        await self.stores.documents.create(self.collection)
        try:
            async with self._converting() as self.conversion:
                await (self._parse() if self.uploader.on_duplicates == "error" else self._stage())
            self._note_conversion()
            if not self.count:
                found_none = " whose ids `keylookup` finds" if self.conversion and self.conversion.missed else ""
                raise JobFailed(f"{self.uploader.parser} gave no documents{found_none}", code="NO_DOCUMENTS")
            task = self.task
            meta = {"source": task.source, "part": self.uploader.name, "release": task.release, "src_meta": task.manifest.metadata}
            sealed = await self.stores.documents.seal(self.collection, meta)
        except Conflict as error:
            raise JobFailed(f"part {self.uploader.name}: {error.message}", ADVICE, "DUPLICATE_ID") from error
        duplicates = self.staging.duplicates if self.staging else 0
        return Part(collection=self.collection, count=sealed.count, duplicates=duplicates, skipped=self.skipped)

    def _converting(self) -> "AbstractAsyncContextManager[Conversion | None]":
        """What asks an API is imported where a part wants it: the start of a child counts."""
        if self.uploader.keylookup is None:
            return nullcontext()
        opened: AbstractAsyncContextManager[Conversion | None] = import_module("workers.upload.keylookup").converting(
            self.uploader.keylookup, self.stores.limits
        )
        return opened

    async def _stage(self) -> None:
        path = Path(self.task.scratch) / f"{self.uploader.name}.sqlite"
        self.staging = Staging(path, self.uploader.on_duplicates)
        try:
            await self._parse()
            staged, self.count = self.count, 0
            async for documents in self.staging.settled(BATCH):
                await self.stores.documents.write(self.collection, documents)
                self.count += len(documents)
                self.report.progress(self.done, self.task.total, "documents", f"{self.count} of {staged} merged")
        finally:
            await self.staging.close()
            path.unlink()

    async def _parse(self) -> None:
        """Take what the parser gives, from as many parallel jobs as the machine has cores."""
        jobs = await self.plugin.jobs(self.uploader)
        slots = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(number: int, job: str) -> None:
            async with slots:
                await self._parse_job(number, job)

        try:
            async with asyncio.TaskGroup() as group:
                for number, job in enumerate(jobs):
                    group.create_task(one(number, job))
        except* LeatError as errors:
            raise _first(errors) from None

    async def _parse_job(self, number: int, job: str) -> None:
        async with aclosing(self.plugin.parse(self.uploader, job)) as stream:
            async for found in stream:
                if isinstance(found, Batch):
                    await self._take(number, found)
                else:
                    self._note(found)

    async def _take(self, number: int, batch: Batch) -> None:
        if self.conversion:
            batch = await self.conversion.converted(batch)
        if self.staging:
            await self.staging.add(number, batch.ids, batch.bodies)
        else:
            digests = [sha256(body).digest()[:16] for body in batch.bodies]  # domain.canonical.encoded, without a call for each
            documents = list(map(Document, batch.ids, batch.bodies, digests))
            await self.stores.documents.write(self.collection, documents)
        self.count += len(batch.ids)
        self.done += len(batch.ids)
        self.report.progress(self.done, self.task.total, "documents", self.uploader.name)
        check_room(self.stores.data, SPARE, "the rest of the upload")

    def _note(self, parsed: Parsed) -> None:
        if parsed.skipped:
            self.skipped += parsed.skipped
            examples = ", ".join(parsed.long_ids)
            self.report.log(
                f"{counted(parsed.skipped, 'documents')} skipped: an `_id` has at most 512 bytes ({examples})", "warning"
            )
        if parsed.dropped:
            self.report.log(f"{counted(parsed.dropped, 'empty documents')} dropped")

    def _note_conversion(self) -> None:
        if self.conversion and (missed := self.conversion.missed):
            became = "are left out" if self.conversion.wanted.skip_on_failure else "keep their `_id`"
            examples = ", ".join(self.conversion.examples)
            found = counted(self.conversion.found, "documents")
            self.report.log(f"keylookup: {found} found; {missed} not found, which {became} ({examples})", "warning")


def _first(errors: BaseExceptionGroup[LeatError]) -> LeatError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, LeatError)
    return error
