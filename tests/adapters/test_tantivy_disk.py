"""tantivy on a disk that is full, and under indexes that are dropped."""

import os
import shutil
from pathlib import Path
from typing import cast

import orjson
import pytest
import tantivy

from adapters.tantivy import index as tantivy_index
from adapters.tantivy.search import TantivySearch
from domain.errors import DiskFull, NotReady
from domain.ports.documents import Document, Documents
from domain.ports.search import IndexSpec
from tests.disks import leave, mounted

SPEC = IndexSpec(mapping={"x": {"type": "keyword"}}, collection="c", meta={})


async def write(search: TantivySearch) -> None:
    """An index of more than the disk may hold."""
    await search.create("job.1", SPEC)
    for batch in range(30):
        ids = [f"{batch:03}{number:05}" for number in range(1000)]
        bodies = [orjson.dumps({"_id": id, "x": os.urandom(20).hex()}) for id in ids]
        await search.bulk("job.1", [Document(id, body, b"") for id, body in zip(ids, bodies, strict=True)])
    await search.seal("job.1")


async def test_a_full_disk_is_an_outage(tmp_path: Path) -> None:
    """What does not fit, at whichever step, is said to be a full disk, so that it is waited for; dropping it makes room."""
    with mounted(tmp_path / "disk", 300_000) as disk:
        search = TantivySearch(disk / "search", cast(Documents, None))
        with pytest.raises(DiskFull, match="is full"):
            await write(search)
        await search.drop("job.1")
        leave(disk, 4096)
        with pytest.raises(DiskFull, match="No space left"):
            await write(search)
        await search.drop("job.1")
        leave(disk, 2**30)
        await write(search)
        assert (await search.describe("job.1"))[1] == 30_000


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_index_that_is_dropped_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """It is not there, whichever of its files another process had not removed yet."""
    search, other = [TantivySearch(tmp_path, cast(Documents, None)) for _ in range(2)]
    await search.create("job.1", SPEC)
    await search.seal("job.1")
    open_index = tantivy_index.open_index

    def opened(path: str) -> tantivy.Index:
        if when == "before":
            shutil.rmtree(path)
        index = open_index(path)
        shutil.rmtree(path)
        return index

    monkeypatch.setattr(tantivy_index, "open_index", opened)

    with pytest.raises(NotReady, match=r"there is no index job\.1"):
        await other.describe("job.1")


async def test_an_index_is_dropped_while_somebody_still_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that comes into its folder while that is emptied keeps nothing of it."""
    search = TantivySearch(tmp_path, cast(Documents, None))
    await search.create("job.1", SPEC)
    await search.seal("job.1")
    remove, late = os.rmdir, [".tantivy-meta.lock", ".tantivy-writer.lock"]

    def filled(path: str, **kwargs: int | None) -> None:
        if late:
            (tmp_path / "job.1" / late.pop()).touch()
        remove(path, **kwargs)

    monkeypatch.setattr(os, "rmdir", filled)
    await search.drop("job.1")

    assert not (tmp_path / "job.1").exists()
    assert late == []
