"""What a plugin is lent: it may do with it what it likes, and nothing of that reaches what is stored."""

import hashlib
import os
from pathlib import Path

import pytest

from domain.errors import JobFailed
from tests.disks import mounted
from tests.workers.parsing import parse, write
from workers.plugin.workspace import prepare

SPOILER = """
import os

def load_data(folder):
    with open(os.path.join(folder, "data.tsv"), "a") as file:
        file.write("3\\tthree\\n")
    with open(os.path.join(folder, "below", "more.tsv"), "r+") as file:
        file.truncate(1)
    os.truncate(os.path.join(folder, "empty.tsv"), 0)
    os.chmod(os.path.join(folder, "locked.tsv"), 0o600)
    with open(os.path.join(folder, "locked.tsv"), "w") as file:
        file.write("unlocked")
    for path in (__file__, os.path.join(os.path.dirname(__file__), "manifest.json")):
        with open(os.path.realpath(path), "a") as file:
            file.write("# changed")
    os.remove(os.path.realpath(os.path.join(folder, "gone.tsv")))
    with open(os.path.join(folder, "data.tsv")) as file:
        yield {"_id": "1", "lines": len(file.readlines())}
"""


def contents(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Each file's bytes, mode and time."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in paths}


async def test_a_plugin_spoils_only_its_copies(tmp_path: Path) -> None:
    """However it writes to its files and to its code, by links too, the originals stay as they are; its copies are its own."""
    names = ("data.tsv", "below/more.tsv", "empty.tsv", "locked.tsv", "gone.tsv")
    write(tmp_path / "data", dict.fromkeys(names, "1\tone\n2\ttwo\n"))
    write(tmp_path / "demo", {"parser.py": SPOILER, "manifest.json": "{}"})
    before = contents(tmp_path / "data")

    tried = await parse(tmp_path, SPOILER, dict.fromkeys(names, "1\tone\n2\ttwo\n"))

    assert tried.documents == [{"_id": "1", "lines": 3}]
    assert {path: content[:2] for path, content in contents(tmp_path / "data").items()} == {
        path: content[:2] for path, content in before.items()
    }
    assert not any((tmp_path / "demo" / name).read_text().endswith("# changed") for name in ("parser.py", "manifest.json"))


async def test_copies_are_like_their_originals(tmp_path: Path) -> None:
    """Bytes and times are the same, what lies behind a link is copied, and what is no file is left out."""
    data = write(tmp_path / "data", {"a.tsv": "one", "below/b.tsv": "two"})
    os.utime(data / "a.tsv", (1e9, 1e9))
    (data / "link.tsv").symlink_to(data / "a.tsv")
    (data / "nowhere.tsv").symlink_to(tmp_path / "absent")
    os.mkfifo(data / "pipe")
    code = write(tmp_path / "code", {"parser.py": "pass"})

    workspace = await prepare(tmp_path / "home", "demo", code, "r1", data)

    found = {path.relative_to(workspace.data).as_posix(): path for path in workspace.data.rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in found.items()} == {"a.tsv": "one", "below/b.tsv": "two", "link.tsv": "one"}
    assert not any(path.is_symlink() for path in found.values())
    assert found["a.tsv"].stat().st_mtime == 1e9
    assert found["a.tsv"].stat().st_nlink == 1


@pytest.mark.parametrize("change", ["longer", "same length", "gone"])
async def test_what_is_not_what_was_dumped_is_not_lent(tmp_path: Path, change: str) -> None:
    """A file that changed since it was stored, or is not there, is named, with what to do."""
    data = write(tmp_path / "data", {"a.tsv": "one", "b.tsv": "two"})
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in (("a.tsv", b"one"), ("b.tsv", b"two"))}
    code = write(tmp_path / "code", {"parser.py": "pass"})
    await prepare(tmp_path / "first", "demo", code, "r1", data, digests)
    if change == "gone":
        (data / "b.tsv").unlink()
    else:
        (data / "b.tsv").write_text("two more" if change == "longer" else "six")

    with pytest.raises(JobFailed, match=r"b\.tsv is not what was dumped .*--force") as caught:
        await prepare(tmp_path / "second", "demo", code, "r1", data, digests)

    assert caught.value.code == "DUMP_CHANGED"


async def test_a_disk_without_room_for_copies(tmp_path: Path) -> None:
    """What is needed and what is free is said, before the disk is full."""
    data = write(tmp_path / "data", {"a.tsv": "x" * 10_000})
    code = write(tmp_path / "code", {"parser.py": "pass"})
    with (
        mounted(tmp_path / "disk", 2**20) as disk,
        pytest.raises(JobFailed, match=r"MiB are needed for a copy of a\.tsv") as caught,
    ):
        await prepare(disk / "home", "demo", code, "r1", data)

    assert caught.value.code == "DISK_FULL"
