"""What only an object store has: copies on this machine, which come and go."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from adapters.files.lending import KEPT, Copies
from adapters.files.s3 import S3Files
from domain.errors import Unavailable
from domain.ports.files import Files


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    """An empty folder of copies."""
    return Copies(tmp_path / "copies")


class Fetch:
    """A fetch that counts how often it was needed."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.times = 0

    async def __call__(self, path: Path) -> None:
        """Write the copy."""
        self.times += 1
        await asyncio.to_thread(path.write_bytes, self.content)


def age(folder: Path) -> None:
    """Make every lock two days old."""
    for lock in folder.glob("*.lock"):
        os.utime(lock, (time.time() - 2 * KEPT, time.time() - 2 * KEPT))


async def test_a_content_is_fetched_once(copies: Copies) -> None:
    """Who borrows the same content later gets the same copy; another content is another copy."""
    fetch = Fetch(b"one")
    for _ in range(3):
        async with copies.lend("file.tsv", "content 1", fetch) as path:
            assert path.read_bytes() == b"one"
    async with copies.lend("file.tsv", "content 2", Fetch(b"two")) as path:
        assert path.read_bytes() == b"two"
    assert fetch.times == 1


async def test_what_is_lent_is_never_swept(copies: Copies, tmp_path: Path) -> None:
    """A copy outlives its day while somebody has it, and goes when nobody does."""
    fetch = Fetch(b"one")
    async with copies.lend("a", "1", fetch) as path:
        age(tmp_path / "copies")
        async with copies.lend("b", "2", Fetch(b"two")):
            assert path.read_bytes() == b"one"
    age(tmp_path / "copies")
    async with copies.lend("b", "3", Fetch(b"two")):
        assert not path.exists()
    assert len(list((tmp_path / "copies").iterdir())) == 2
    async with copies.lend("a", "1", fetch) as path:
        assert path.read_bytes() == b"one"
    assert fetch.times == 2


async def test_a_fetch_that_fails_leaves_nothing(copies: Copies, tmp_path: Path) -> None:
    """After a failed fetch there is no copy, and the next one tries again."""

    async def fail(path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"half")
        raise Unavailable

    with pytest.raises(Unavailable):
        async with copies.lend("a", "1", fail):
            pass
    async with copies.lend("a", "1", Fetch(b"whole")) as path:
        assert path.read_bytes() == b"whole"
    assert len(list((tmp_path / "copies").iterdir())) == 2


async def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Connecting says so where nothing answers."""
    url = "s3://bucket?endpoint=http://127.0.0.1:9&region=us-east-1&access_key_id=k&secret_access_key=s"
    with pytest.raises(Unavailable):
        async with S3Files.connect(url, "hub", tmp_path):
            pass


async def test_hubs_share_a_bucket_without_meeting(s3: str, tmp_path: Path) -> None:
    """What one hub stores another one does not see."""
    (tmp_path / "source").write_bytes(b"x")
    async with S3Files.connect(s3, "hub-1", tmp_path) as one, S3Files.connect(s3, "hub-2", tmp_path) as two:
        await one.put("a/b", tmp_path / "source")
        assert await two.find() == []
        assert [stored.path for stored in await one.find()] == ["a/b"]


async def test_a_large_file_goes_in_parts(s3: str, tmp_path: Path) -> None:
    """A file of many megabytes is uploaded in parts, and lent whole."""
    content = os.urandom(2**20) * 20
    (tmp_path / "source").write_bytes(content)
    async with S3Files.connect(s3, "large", tmp_path / "cache") as opened:
        files: Files = opened
        await files.put("large", tmp_path / "source")
        async with files.local("large") as path:
            assert path.read_bytes() == content
