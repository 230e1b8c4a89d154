"""`leat restore`: a hub made again of a backup, on whichever adapters the settings name, where no hub is yet.

It is a process of its own, with nothing else on its event loop: so it reads and writes files there.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import orjson

from domain.canonical import encoded
from domain.errors import Invalid, LeatError
from domain.hub import Stores
from domain.ports.documents import BATCH_BYTES, Document
from domain.ports.records import Records
from domain.ports.search import IndexSpec
from leat import data_folder
from leat.adapters import open_records, open_stores, opened
from leat.backup import CONTENTS, FORM, KINDS, RECORDS, SUMS, TOKEN, Contents, Item
from leat.settings import Settings
from leat.wiring import HUB, stores_address

BATCH = 5000
"""Documents that are written at once, or BATCH_BYTES of them."""


class BackupDamaged(LeatError):
    """A backup is not what was written: something lacks, or has changed."""

    code = "BACKUP_DAMAGED"


async def restore(settings: Settings, folder: Path) -> tuple[Contents, list[str]]:
    """Make the hub of a backup again, and return what it holds with the releases whose collection is not there, which therefore
    could not be indexed. Everything is checked before anything is written.

    Raises BackupDamaged, FolderRefused where a hub, or anything else, lies where this one would, Invalid where the settings don't
    fit it, and Unavailable.
    """
    contents = check(folder)
    name, _, id = contents.hub.rpartition("-")
    if settings.name != name or settings.id not in ("", id):
        raise Invalid(f"the backup is of the hub {contents.hub}: set LEAT_NAME={name}, and LEAT_ID={id} or none")
    data_folder.make_empty(settings.data)
    async with AsyncExitStack() as stack:
        stack.enter_context(data_folder.held(settings.data))
        records = await opened(stack, "records", settings.records, open_records(settings.records, settings.data, settings.name))
        await records.prepare(KINDS)
        stores = await stack.enter_async_context(open_stores(stores_address(settings, contents.hub)))
        await _refuse_where_something_lies(records, stores)
        for file in contents.files:
            await stores.files.put(file.name, _chunks(folder / file.copy))
        for collection in contents.collections:
            await _fill(stores, folder, collection)
        there = {collection.name for collection in contents.collections}
        unmade = [index.name for index in contents.indexes if not await _index(stores, index, there)]
        await _write_records(records, folder / RECORDS, _places(folder / RECORDS) if contents.form < 2 else {})
        if (folder / TOKEN).exists():
            data_folder.keep_token(settings.data, (folder / TOKEN).read_bytes())
    return contents, unmade


def check(folder: Path) -> Contents:
    """What a backup holds, after every byte of it was read. Raises BackupDamaged naming the file that lacks, was added or
    changed."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except OSError as error:
        raise BackupDamaged(f"{folder} is no whole backup: {SUMS}: {error.strerror}") from error
    sums = {name: sum for sum, _, name in (line.partition("  ") for line in lines)}
    lies = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {SUMS}
    for name in sorted(lies ^ {*sums, CONTENTS, RECORDS} or {CONTENTS, RECORDS} - sums.keys()):
        raise BackupDamaged(f"{folder}: {name} {'is not part of the backup' if name in lies else 'is not there'}")
    for name, sum in sums.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sum:
                raise BackupDamaged(f"{folder}: {name} has changed since the backup was made; take another backup")
    contents = msgspec.json.decode((folder / CONTENTS).read_bytes(), type=Contents)
    if contents.form > FORM:
        raise BackupDamaged(f"{folder} was written by Leat {contents.leat} (form {contents.form}; this one reads {FORM}): upgrade")
    return contents


async def _refuse_where_something_lies(records: Records, stores: Stores) -> None:
    async for kind, record in records.snapshot(KINDS):
        raise data_folder.FolderRefused(f"there is a hub already: the records hold {kind.name} {record.id!r}; name others")
    places = {
        "documents": await stores.documents.names(),
        "search": await stores.search.names(),
        "files": await stores.files.folders(),
    }
    for port, names in places.items():
        if names:
            told = f"LEAT_{port.upper()} holds something of {stores.name} already, such as {names[0]}"
            raise data_folder.FolderRefused(told)


async def _fill(stores: Stores, folder: Path, collection: Item) -> None:
    await stores.documents.create(collection.name)
    for batch in _batches(folder / collection.copy):
        await stores.documents.write(collection.name, batch)
    sealed = await stores.documents.seal(collection.name, collection.meta)
    if sealed.count != collection.count:
        raise BackupDamaged(f"collection {collection.name} had {collection.count:,} documents, and has {sealed.count:,} now")


def _batches(path: Path) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    with path.open("rb") as lines:
        for line in lines:
            body = line.removesuffix(b"\n")
            batch.append(encoded(orjson.loads(body)["_id"], body))
            size += len(body)
            if len(batch) == BATCH or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


async def _index(stores: Stores, index: Item, there: set[str]) -> bool:
    """Make an index again of its collection; False where that is not there."""
    spec = msgspec.convert(index.meta, IndexSpec)
    if spec.collection not in there:
        return False
    await stores.search.create(index.name, spec)
    async for batch in stores.documents.scan(spec.collection, batch=BATCH):
        await stores.search.bulk(index.name, batch)
    await stores.search.seal(index.name)
    return True


async def _write_records(records: Records, path: Path, places: dict[tuple[str, str], int]) -> None:
    """Records come last, and of these the hub's own: only then is there a hub. They get the places that they had, or these."""
    kinds = {kind.name: kind for kind in KINDS}
    own = []
    with path.open("rb") as lines:
        for line in lines:
            name, id, version, body, *place = orjson.loads(line)
            sequence = place[0] if place else places[name, id]
            if name == HUB.name:
                own.append((id, body, version, sequence))
            else:
                await records.insert(kinds[name], id, body, version, sequence)
    for id, body, version, sequence in own:
        await records.insert(HUB, id, body, version, sequence)


def _places(path: Path) -> dict[tuple[str, str], int]:
    """Places by the time of each record, for a backup that tells none."""
    with path.open("rb") as lines:
        told = [(body.get("created_at", 0.0), id, name) for name, id, _, body, *_ in map(orjson.loads, lines)]
    return {(name, id): place for place, (_, id, name) in enumerate(sorted(told), 1)}


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            yield chunk
