"""What every adapter of Files promises."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.files.folder import FolderFiles
from domain.errors import Conflict, Invalid, NotFound
from domain.ports.files import Files
from tests.adapters.places import Place, open_files
from tests.adapters.processes import process


async def put(files: Files, folder: Path, path: str, content: bytes) -> None:
    """Put a new file with this content."""
    source = folder / "source"
    await asyncio.to_thread(source.write_bytes, content)
    await files.put(path, source)


async def read(files: Files, path: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes of a stored file."""
    return b"".join([chunk async for chunk in files.open(path, start, end)])


async def test_a_file_comes_back_as_it_went_in(files: Files, tmp_path: Path) -> None:
    """A file of several chunks is read whole, and is told with its size and the time."""
    path = "dumps/job.1/clinvar/Thu, 07 '26' #?*~{}[]|^`<>:/a b+ü%25.tsv.gz"
    content = bytes(range(256)) * 20_000
    before = time.time()
    await put(files, tmp_path, path, content)
    assert await read(files, path) == content
    [stored] = await files.find()
    assert (stored.path, stored.size) == (path, len(content))
    assert before - 60 < stored.modified < time.time() + 60


async def test_put_replaces(files: Files, tmp_path: Path) -> None:
    """What was stored under the path is replaced; an empty file is one."""
    await put(files, tmp_path, "a/b", b"first")
    await put(files, tmp_path, "a/b", b"second")
    assert await read(files, "a/b") == b"second"
    await put(files, tmp_path, "a/b", b"")
    assert await read(files, "a/b") == b""


async def stream(*chunks: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    """The chunks, and an error behind them where one is given."""
    for chunk in chunks:
        yield chunk
    if then:
        raise then


async def test_bytes_and_streams_are_put(files: Files) -> None:
    """What needs no local file is stored without one, however it is cut."""
    await files.put("a/bytes", b"content")
    await files.put("a/stream", stream(b"con", b"", b"tent" * 10**6))
    await files.put("a/empty", stream())
    assert await read(files, "a/bytes") == b"content"
    assert await read(files, "a/stream") == b"con" + b"tent" * 10**6
    assert [(stored.path, stored.size) for stored in await files.find()] == [
        ("a/bytes", 7),
        ("a/empty", 0),
        ("a/stream", 4_000_003),
    ]


@pytest.mark.parametrize("error", [ValueError("broken"), ConnectionResetError("gone"), Invalid("too large")])
async def test_of_a_stream_that_raises_nothing_is_stored(files: Files, error: Exception) -> None:
    """What it raised is raised, and what was there stays."""
    await files.put("a/there", b"old")
    for path in ("a/there", "a/new"):
        with pytest.raises(type(error), match=str(error)):
            await files.put(path, stream(b"new" * 10**6, then=error))
    assert await read(files, "a/there") == b"old"
    assert [stored.path for stored in await files.find()] == ["a/there"]


async def test_a_file_grows(files: Files) -> None:
    """Bytes whose beginning is there already are whole afterwards, whether it is still there or was deleted."""
    await files.put("a/b", b"one ")
    await files.put("a/b", b"one two ", stored=4)
    await files.put("a/b", b"one two ", stored=8)
    assert await read(files, "a/b") == b"one two "
    await files.delete("a/b")
    await files.put("a/b", b"one two three", stored=8)
    assert await read(files, "a/b") == b"one two three"


async def test_what_is_there_is_not_created(files: Files, files_place: Place) -> None:
    """Of many that create a file, through two openers, one wins; its bytes stay until the file is deleted, or put anew."""
    async with open_files(files_place) as other:
        won = await asyncio.gather(*((files, other)[n % 2].create("a/b", str(n).encode()) for n in range(12)))
        assert won.count(True) == 1
        assert await read(other, "a/b") == str(won.index(True)).encode()
    assert [stored.path for stored in await files.find()] == ["a/b"]
    await files.put("a/b", b"put")
    assert not await files.create("a/b", b"created")
    assert await read(files, "a/b") == b"put"
    await files.delete("a/b")
    assert await files.create("a/b", b"created")
    assert await read(files, "a/b") == b"created"


async def test_a_reader_sees_one_moment(files: Files) -> None:
    """Whoever reads a file that is put anew meanwhile gets it as it was, or as it is."""

    async def put_often() -> None:
        for number in range(40):
            await files.put("a", bytes([number]) * 300_000)

    await files.put("a", b"\xff" * 300_000)
    putting = asyncio.create_task(put_often())
    while not putting.done():
        assert len(set(await read(files, "a"))) == 1
    await putting


async def test_parts_of_a_file(files: Files, tmp_path: Path) -> None:
    """Ranges are half open, and cut at the file's end."""
    await put(files, tmp_path, "a", bytes(range(100)))
    for start, end in ((0, 10), (10, 20), (90, 200), (50, None), (0, 0), (20, 20), (20, 10), (99, 100), (100, None), (200, 300)):
        assert await read(files, "a", start, end) == bytes(range(100))[start:end], (start, end)


@pytest.mark.parametrize("path", ["nothing", "a", "a/file/below"])
async def test_what_is_absent_is_not_found(files: Files, tmp_path: Path, path: str) -> None:
    """An absent file, a folder, or something below a file can't be opened."""
    await put(files, tmp_path, "a/file", b"x")
    with pytest.raises(NotFound):
        await read(files, path)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/.", "a\0b"])
async def test_paths_stay_inside(files: Files, tmp_path: Path, path: str) -> None:
    """A path that could lead elsewhere is refused by everything that takes one."""
    with pytest.raises(Invalid):
        await put(files, tmp_path, path, b"x")
    with pytest.raises(Invalid):
        await files.create(path, b"x")
    with pytest.raises(Invalid):
        await read(files, path)
    with pytest.raises(Invalid):
        await files.delete(path)
    with pytest.raises(Invalid):
        async with files.local(path):
            pass


async def test_find_lists_what_is_below(files: Files, tmp_path: Path) -> None:
    """Everything at or below a prefix is listed in order of path; prefixes end at a slash."""
    for path in ("a/b/2", "a/b/1", "a/b/10", "a/c", "ab", "a-b/x"):
        await put(files, tmp_path, path, path.encode())
    assert [stored.path for stored in await files.find()] == ["a-b/x", "a/b/1", "a/b/10", "a/b/2", "a/c", "ab"]
    assert [stored.path for stored in await files.find("a")] == ["a/b/1", "a/b/10", "a/b/2", "a/c"]
    assert [stored.path for stored in await files.find("a/b/1")] == ["a/b/1"]
    assert await files.find("nothing") == []
    assert await files.folders() == ["a", "a-b", "ab"]
    assert await files.folders("a") == ["b", "c"]
    assert await files.folders("a/c") == []
    assert await files.folders("nothing") == []


async def test_a_file_is_lent(files: Files, tmp_path: Path) -> None:
    """A real path of that name is lent for a file."""
    await put(files, tmp_path, "dumps/a/file.tsv", b"content")
    async with files.local("dumps/a/file.tsv") as path:
        assert path.name == "file.tsv"
        assert path.read_bytes() == b"content"
    with pytest.raises(NotFound):
        async with files.local("dumps/a/other.tsv"):
            pass


async def test_a_folder_is_lent(files: Files, tmp_path: Path) -> None:
    """A real folder with everything below it, and nothing else, is lent, as often and to as many as ask."""
    contents = {"file.tsv": b"1", "deep/er/file.tsv": b"2"}
    for name, content in contents.items():
        await put(files, tmp_path, f"dumps/a/{name}", content)
    await put(files, tmp_path, "dumps/ab/file.tsv", b"3")

    async def look() -> None:
        async with files.local("dumps/a") as path:
            found = {below.relative_to(path).as_posix(): below.read_bytes() for below in path.rglob("*") if below.is_file()}
            assert path.name == "a"
            assert found == contents

    await asyncio.gather(*(look() for _ in range(5)))
    await look()
    with pytest.raises(NotFound):
        async with files.local("dumps/b"):
            pass


async def test_what_is_lent_is_the_newest(files: Files, tmp_path: Path) -> None:
    """After a file is replaced or deleted, the next who asks gets what is stored now."""
    await put(files, tmp_path, "plugin/code.py", b"one")
    await put(files, tmp_path, "plugin/old.py", b"old")
    async with files.local("plugin") as path:
        assert (path / "code.py").read_bytes() == b"one"
    await put(files, tmp_path, "plugin/code.py", b"two")
    await files.delete("plugin/old.py")
    async with files.local("plugin") as path:
        assert sorted(below.name for below in path.iterdir()) == ["code.py"]
        assert (path / "code.py").read_bytes() == b"two"


async def test_delete_takes_a_file_or_all_below(files: Files, tmp_path: Path) -> None:
    """Deleting leaves neighbours alone, and no empty folder behind; what is absent is fine."""
    for path in ("a/b/1", "a/b/2", "a/c/1", "ab/1"):
        await put(files, tmp_path, path, b"x")
    await files.delete("a/b")
    await files.delete("a/nothing")
    await files.delete("a/c/1/below")
    assert [stored.path for stored in await files.find()] == ["a/c/1", "ab/1"]
    await files.delete("a/c/1")
    assert await files.folders() == ["ab"]
    await put(files, tmp_path, "a", b"now a file")
    assert await read(files, "a") == b"now a file"


async def test_puts_and_deletes_at_the_same_time(files: Files, tmp_path: Path) -> None:
    """Files put into a folder that others are emptying are all there."""

    async def one(worker: int) -> None:
        for n in range(10):
            source = tmp_path / f"source{worker}"
            await asyncio.to_thread(source.write_bytes, b"x")
            await files.put(f"deep/shared/{worker}", source)
            assert await read(files, f"deep/shared/{worker}") == b"x"
            if n < 9:
                await files.delete(f"deep/shared/{worker}")

    await asyncio.gather(*(one(worker) for worker in range(6)))
    assert await files.folders("deep/shared") == [str(worker) for worker in range(6)]


async def test_another_process_sees_what_was_put(files: Files, files_place: Place, tmp_path: Path) -> None:
    """What one opener stored another one reads at once."""
    async with open_files(files_place) as other:
        await put(other, tmp_path, "a", b"x")
        assert await read(files, "a") == b"x"


async def test_a_kill_while_putting_leaves_a_whole_file(files_place: Place, tmp_path: Path) -> None:
    """After kill -9 the file is one of those that were put, whole, and nothing else is listed."""
    async with process("put_for_ever", files_place, tmp_path) as running:
        assert running.stdout
        for _ in range(4):
            assert await running.stdout.readline()
        running.kill()
    async with open_files(files_place) as files:
        [stored] = await files.find()
        content = await read(files, stored.path)
        assert stored.path == "a/file"
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


async def test_ping(files: Files) -> None:
    """What is open answers."""
    await files.ping()


async def test_nothing_is_created_over_a_folder_or_below_a_file(tmp_path: Path) -> None:
    """A folder can have no such two; an object store can."""
    async with FolderFiles.open_folder(tmp_path / "files") as files:
        assert await files.create("a/b", b"x")
        for path in ("a", "a/b/c"):
            with pytest.raises(Conflict):
                await files.create(path, b"x")


async def test_a_link_is_stored_as_the_file_it_leads_to(tmp_path: Path) -> None:
    """A source that is a symbolic link is copied, so that nothing in the folder leads out of it."""
    (tmp_path / "real").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    async with FolderFiles.open_folder(tmp_path / "files") as files:
        await files.put("a", tmp_path / "link")
        async with files.local("a") as path:
            assert not path.is_symlink()
            assert path.read_bytes() == b"content"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder of another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


async def test_a_source_on_another_file_system_is_copied(tmp_path: Path, elsewhere: Path) -> None:
    """Where a rename can't do it the content is copied."""
    async with FolderFiles.open_folder(tmp_path / "files") as files:
        await put(files, elsewhere, "a", b"content")
        assert await read(files, "a") == b"content"
