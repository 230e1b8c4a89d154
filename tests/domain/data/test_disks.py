"""A disk that is full, or nearly, is seen by what it says and by a small write."""

import errno
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy.search import TantivySearch
from domain.data.builds import BUILDS, Build
from domain.data.disks import LEAST, Disks
from domain.errors import DiskFull, Unavailable
from domain.ports.documents import Document, Documents
from domain.ports.search import IndexSpec, Search
from domain.room import Disk, is_full, look_at
from events.builds import BuildFinished
from tests.adapters.places import document
from tests.disks import leave, mounted
from tests.domain.jobs.processes import open_hub


def test_a_small_write_tells(tmp_path: Path) -> None:
    """With room nothing is said; with less than is needed the sizes are; where nothing can be written, why; and no file is left."""
    with mounted(tmp_path / "disk", 8 * 2**20) as disk:
        (disk / "kept").write_bytes(b"kept")
        roomy, short = look_at(disk, 2**20), look_at(disk, 2**30)
        leave(disk, 0)
        full = look_at(disk, 2**20)
        assert [path.name for path in disk.iterdir()] == ["kept"]

    assert (roomy.reason, roomy.failure) == ("", "")
    assert short.reason == "nearly full: 8.0 MiB are free, 1,024.0 MiB may be needed"
    assert full.reason == "can't be written (No space left on device): 0 bytes are free"
    assert look_at(tmp_path / "gone", 1).reason.startswith("can't be written (No such file")


class Away:
    """A store on a server that does not answer, or tells what it has."""

    def __init__(self, free: int | None) -> None:
        self.free = free

    async def room(self) -> int:
        if self.free is None:
            raise Unavailable("away")
        return self.free


async def test_what_is_needed_is_twice_the_largest(tmp_path: Path) -> None:
    """Of what each source and build made last; servers that tell are told of, and one that is away hides no folder."""
    async with open_hub(tmp_path) as hub:
        await hub.documents.create("j.1")
        big = "x" * 2**20
        await hub.documents.write("j.1", [document(str(number).zfill(3), text=big) for number in range(40)])
        size = (await hub.documents.seal("j.1", {})).size
        before = await Disks(hub, hub.records).look()
        built = BuildFinished(build="b", output="j.1", version="1", configuration=1, count=40)
        await BUILDS.insert(hub.records, "b", Build(created_at=1.0, sources=("s",), outputs=(built,)))
        after = await Disks(hub, hub.records).look()
        far = replace(hub, search=cast(Search, Away(1)), address={"search": "http://x:9200", "files": f"file://{tmp_path}"})
        told = await Disks(far, hub.records).look()
        gone = await Disks(replace(far, search=cast(Search, Away(None))), hub.records).look()

    assert (before["data"].needed, after["data"].needed) == (LEAST, 2 * size)
    assert told["search"] == Disk(1, 2 * size)
    assert (set(told), set(gone), set(after)) == ({"data", "files", "search"}, {"data", "files"}, {"data"})


async def test_engines_tell_a_full_disk(tmp_path: Path) -> None:
    """Neither SQLite's word nor tantivy's is the system's, and both are waited for."""
    with mounted(tmp_path / "disk", 2**28) as disk:
        async with SqliteDocuments.open(disk / "documents") as documents, TantivySearch.open(disk / "search", documents) as search:
            rows = [document(str(number).zfill(6), text=f"{number} " * 300) for number in range(2000)]
            await fill(documents, "whole", rows)
            await search.create("index.1", IndexSpec(mapping={"text": {"type": "text"}}, collection="whole"))
            leave(disk, 2**16)

            with pytest.raises(DiskFull):
                await fill(documents, "part", rows * 5)
            with pytest.raises(DiskFull, match=f"the disk of {disk}/search is full"):
                await index(search, rows)


async def index(search: Search, rows: list[Document]) -> None:
    """What remains to be done for an index that was created."""
    await search.bulk("index.1", rows)
    await search.seal("index.1")


async def fill(documents: Documents, name: str, rows: list[Document]) -> None:
    """A sealed collection."""
    await documents.create(name)
    await documents.write(name, rows)
    await documents.seal(name, {})


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (ValueError("An IO error occurred: 'No space left on device (os error 28)'"), True),
        (ValueError(f"quota (os error {errno.EDQUOT})"), True),
        (ValueError("os error 28 is what it says"), False),
        (ValueError("not found (os error 2)"), False),
        (sqlite3.OperationalError("no such table"), False),
    ],
)
def test_what_is_no_full_disk(error: Exception, full: bool) -> None:
    """Other mistakes are not taken for one."""
    assert is_full(error) is full
