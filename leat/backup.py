"""`leat backup`: a copy of the whole hub in a folder, made through the ports, so that it can be restored onto other adapters.

It is a process of its own, with nothing else on its event loop: so it reads and writes files there.
"""

import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from domain.catalogue import CATALOGUE
from domain.errors import NotFound, NotReady
from domain.hub import Stores
from domain.masking import masked
from domain.nouns import owner
from domain.ports.records import Kind, Record
from events.apis import ReleaseCreated
from leat import data_folder
from leat.adapters import open_records, open_stores, opened
from leat.settings import Settings
from leat.wiring import HUB, stores_address

CONTENTS, RECORDS, TOKEN, SUMS = "backup.json", "records.ndjson", "token", "SHA256SUMS"
"""What lies where in a backup. The sums, as `sha256sum -c` reads them, come last: without them it is no whole backup."""
FORM = 2
"""The version of a backup's form. Form 1 did not tell in which order the records were inserted."""
KINDS = (HUB, *CATALOGUE.kinds)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A stored file, a collection or an index, and where its copy lies."""

    name: str
    copy: str = ""
    count: int = 0
    """Documents of a collection."""
    meta: dict[str, Any] = {}
    """What a collection was sealed with, or what an index is made of."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    form: int = FORM
    leat: str
    hub: str
    """The hub's name and id."""
    made_at: float
    """Unix time in seconds, when the records were read."""
    files: list[Item]
    collections: list[Item]
    indexes: list[Item]
    """Only what they are made of: they are made again from their collections."""
    absent: list[str]
    """Outputs that the records name and that were not there."""


class Backup:
    """A backup that is being made in an empty folder."""

    def __init__(self, folder: Path, stores: Stores) -> None:
        self._folder = folder
        self._stores = stores
        self._sums: dict[str, str] = {}
        self._files: dict[str, Item] = {}
        self._collections: dict[str, Item] = {}
        self._indexes: dict[str, Item] = {}

    async def add_records(self, found: AsyncIterator[tuple[Kind, Record]]) -> tuple[set[str], set[str]]:
        """Copy the records as they come, in place of those that were copied before; returns what has to be there for the outputs
        that nouns list, and which of it are releases."""
        tables = {row.table.kind.name: row.table for row in CATALOGUE.nouns.values()}
        outputs, releases = set[str](), set[str]()

        async def lines() -> AsyncIterator[bytes]:
            async for kind, record in found:
                if kind.name in tables:
                    for event in tables[kind.name].decode(record).value.outputs:
                        outputs.update(event.needed())
                        releases.update([event.output] if isinstance(event, ReleaseCreated) else [])
                yield msgspec.json.encode([kind.name, *record]) + b"\n"

        await self._write(RECORDS, lines())
        return outputs, releases

    async def add_files(self) -> None:
        """Copy the stored files that are not copied yet. One that goes meanwhile was garbage, or a log whose time had come."""
        for found in await self._stores.files.find():
            if found.path not in self._files:
                copy = f"files/{len(self._files):06}"
                try:
                    await self._write(copy, self._stores.files.open(found.path))
                except NotFound:
                    (self._folder / copy).unlink(missing_ok=True)
                    continue
                self._files[found.path] = Item(name=found.path, copy=copy)

    async def add_collections(self, wanted: Iterable[str]) -> None:
        """Copy collections, each document's body on a line; those that are not sealed are passed over."""
        for name in wanted:
            if name not in self._collections:
                copy = f"documents/{len(self._collections):06}.ndjson"
                try:
                    sealed = await self._stores.documents.describe(name)
                    await self._write(copy, self._bodies(name))
                except NotReady:
                    (self._folder / copy).unlink(missing_ok=True)
                    continue
                self._collections[name] = Item(name=name, copy=copy, count=sealed.count, meta=sealed.meta)

    async def _bodies(self, name: str) -> AsyncIterator[bytes]:
        async for batch in self._stores.documents.scan(name):
            yield b"".join(document.body + b"\n" for document in batch)

    async def add_indexes(self, wanted: Iterable[str]) -> None:
        """Note what indexes are made of."""
        for name in wanted:
            if name not in self._indexes:
                try:
                    spec, _ = await self._stores.search.describe(name)
                except NotReady:
                    continue
                self._indexes[name] = Item(name=name, meta=msgspec.to_builtins(spec))

    def absent(self, outputs: set[str]) -> list[str]:
        """Those of the outputs of which nothing was copied."""
        folders = {path.split("/")[1] for path in self._files if path.startswith("dumps/")}
        return sorted(outputs - {_output(name) for name in (*self._collections, *self._indexes, *folders)})

    async def finish(self, token: bytes, contents: Contents) -> Contents:
        """Write the rest, the sums last; returns what is there."""
        if token:
            await self._write(TOKEN, _once(token))
        filled = msgspec.structs.replace(
            contents,
            files=list(self._files.values()),
            collections=list(self._collections.values()),
            indexes=list(self._indexes.values()),
        )
        await self._write(CONTENTS, _once(msgspec.json.encode(filled)))
        await self._write(SUMS, _once("".join(f"{sum}  {name}\n" for name, sum in self._sums.items()).encode()))
        return filled

    async def _write(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        path, digest = self._folder / name, hashlib.sha256()
        path.parent.mkdir(exist_ok=True)
        with _opened(path) as file:
            async for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self._sums[name] = digest.hexdigest()


async def back_up(settings: Settings, folder: Path) -> Contents:
    """Copy the hub of these settings into an empty folder, while it runs or not. Raises FolderRefused or Unavailable.

    The records are read first, as they were at one moment; what they name is never changed, and lies for an hour after nobody names
    it any more. Where the copy takes longer, what went meanwhile was replaced, and the records are read anew.
    """
    if settings.records.startswith("sqlite:") and not (settings.data / data_folder.RECORDS).exists():
        raise data_folder.FolderRefused(f"there is no hub to copy in LEAT_DATA={settings.data}")
    async with AsyncExitStack() as stack:
        records = await opened(stack, "records", settings.records, open_records(settings.records, settings.data, settings.name))
        await records.prepare(KINDS)
        identity = await records.get(HUB, "hub")
        if identity is None:
            raise data_folder.FolderRefused(f"there is no hub to copy in LEAT_RECORDS={masked(settings.records)}")
        data_folder.make_empty(folder)
        hub = f"{settings.name}-{identity.body['id']}"
        stores = await stack.enter_async_context(open_stores(stores_address(settings, hub)))
        backup = Backup(folder, stores)
        before: list[str] | None = None
        while True:
            made_at = time.time()
            outputs, releases = await backup.add_records(records.snapshot(KINDS))
            await backup.add_collections(sorted(name for name in await stores.documents.names() if _output(name) in outputs))
            await backup.add_indexes(sorted(releases))
            await backup.add_files()
            absent = backup.absent(outputs)
            if not absent or absent == before:  # what lacks twice was not there to begin with
                break
            before = absent
        token = settings.data / data_folder.TOKEN
        contents = Contents(leat=version("leat"), hub=hub, made_at=made_at, files=[], collections=[], indexes=[], absent=absent)
        return await backup.finish(token.read_bytes() if token.exists() else b"", contents)


def _output(name: str) -> str:
    job, attempt = owner(name)
    return f"{job}.{attempt}"


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
