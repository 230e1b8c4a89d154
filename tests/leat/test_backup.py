"""A hub is copied while it runs, restored onto the same or other adapters, and goes on."""

import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.leat.hubs import Line, plugin
from tests.leat.servers import on_servers
from tests.leat.test_main_job import asked, comes_true, write


def made(line: Line, folder: Path) -> Path:
    """A hub's source, with a release of it served."""
    source = plugin(folder, "genes", rows=120)
    line.done("source", "add", str(source))
    line.done("build", "add", "all", "genes", "--doc-type", "gene")
    line.done("api", "add", "genes", "all")
    line.done("run", "genes")
    return source


def goes_on(line: Line, source: Path, rows: int, word: str = "symbol") -> None:
    """It answers as before, and the next run makes the next release."""
    assert asked(line, f"query?q=genes.symbol:{word}7")["hits"][0]["_id"] == "gene7"
    before = line.json("jobs")

    write(source, 0, rows, "sign")
    (source / "version.py").write_text(f"def get_release(self):\n    return 'r{rows}'\n")
    line.done("source", "reload", "genes")
    line.done("run", "genes", "--force")

    comes_true(lambda: asked(line, "metadata")["stats"]["total"] == rows)
    assert asked(line, "query?q=genes.symbol:sign7")["total"] == 1
    assert len(line.json("jobs")) > len(before) > 0


def test_a_restored_hub_goes_on(tmp_path: Path) -> None:
    """A running hub's backup is restored into another folder: it has the token, the jobs and their logs, the release and its index,
    and makes the next one; a rollback finds the restored one."""
    line, copy = Line(tmp_path), str(tmp_path / "copy")
    with line.up():
        source = made(line, tmp_path)
        job = line.json("jobs")[0]["id"]
        log = line.done("log", job)
        held = line.json("backup", copy)
    other = Line(tmp_path, LEAT_DATA=str(tmp_path / "other"))
    told = other.json("restore", copy)

    assert held["files"] > 0
    assert (held["collections"], held["indexes"], held["absent"]) == (3, 1, [])
    assert (told["indexes"], told["unmade"], told["absent"]) == (1, [], [])
    assert (tmp_path / "other" / "token").read_text() == (tmp_path / "data" / "token").read_text()
    with other.up():
        assert other.done("log", job) == log
        goes_on(other, source, 125)
        other.done("release", "rollback", "genes")
        comes_true(lambda: asked(other, "metadata")["stats"]["total"] == 120)


def test_versions_and_places_are_as_they_were(tmp_path: Path) -> None:
    """What was asked for by the version of a record must not be taken for something that is asked for later, and what was made
    first comes first."""
    line, copy = Line(tmp_path), str(tmp_path / "copy")
    with line.up():
        made(line, tmp_path)
    line.done("backup", copy)
    line.done("restore", copy, "--data", str(tmp_path / "other"))

    assert rows(tmp_path / "other") == rows(tmp_path / "data")
    assert max(version for _, _, version, _ in rows(tmp_path / "other")) > 1


def rows(data: Path) -> list[tuple[int, str, int, str]]:
    """The records of a folder, each with its place and version, as they were made."""
    kinds = " UNION ALL ".join(f"SELECT rowid, id, version, body FROM {kind}" for kind in ("api", "build", "job", "run"))
    with sqlite3.connect(data / "records.db") as records:
        return sorted(records.execute(kinds))


def test_a_backup_of_form_1_gets_the_order_of_its_times(tmp_path: Path) -> None:
    """It did not tell in which order records were made; what was ordered by time then is in that order, over all kinds."""
    line, copy = Line(tmp_path), tmp_path / "copy"
    with line.up():
        made(line, tmp_path)
    line.done("backup", str(copy))
    lines = [json.loads(line)[:4] for line in (copy / "records.ndjson").read_text().splitlines()]
    lines.sort(key=lambda line: hashlib.sha256(line[1].encode()).digest())
    (copy / "records.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (copy / "backup.json").write_text(json.dumps({**json.loads((copy / "backup.json").read_text()), "form": 1}))
    names = [line.partition("  ")[2] for line in (copy / "SHA256SUMS").read_text().splitlines()]
    sums = {name: hashlib.sha256((copy / name).read_bytes()).hexdigest() for name in names}
    (copy / "SHA256SUMS").write_text("".join(f"{sum}  {name}\n" for name, sum in sums.items()))

    line.done("restore", str(copy), "--data", str(tmp_path / "other"))

    times = [json.loads(body)["created_at"] for _, _, _, body in rows(tmp_path / "other")]
    assert times == sorted(times)
    assert len(times) == len(rows(tmp_path / "data"))


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Line]:
    """A place on the three servers where nothing is yet."""
    async with on_servers(tmp_path) as line:
        yield line


def test_from_one_machine_to_servers_and_back(servers: Line, tmp_path: Path) -> None:
    """A backup is of no adapter: an embedded hub becomes one on MongoDB and Elasticsearch, and that an embedded one again."""
    identity = {name: servers.environment[name] for name in ("LEAT_NAME", "LEAT_ID")}
    first = Line(tmp_path, **identity, LEAT_DATA=str(tmp_path / "first"))
    with first.up():
        source = made(first, tmp_path)
        first.done("backup", str(tmp_path / "one"))
    servers.done("restore", str(tmp_path / "one"))
    with servers.up():
        goes_on(servers, source, 121)
        servers.done("backup", str(tmp_path / "two"))
    last = Line(tmp_path, **identity, LEAT_DATA=str(tmp_path / "last"))
    last.done("restore", str(tmp_path / "two"))
    with last.up():
        goes_on(last, source, 122, "sign")
    refused = servers.run("restore", str(tmp_path / "two"), "--data", str(tmp_path / "new"))

    assert (refused.returncode, "there is a hub already" in refused.stderr) == (3, True), refused.stderr


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "records.ndjson": lambda copy: flip(copy / "records.ndjson"),
    "documents/000000.ndjson": lambda copy: flip(copy / "documents/000000.ndjson"),
    "backup.json": lambda copy: flip(copy / "backup.json"),
    "files/000000": lambda copy: (copy / "files/000000").unlink(),
    "SHA256SUMS": lambda copy: (copy / "SHA256SUMS").unlink(),
    "files/more": lambda copy: (copy / "files/more").write_text("more"),
}


def test_a_damaged_backup_is_refused_by_name(tmp_path: Path) -> None:
    """What has changed, lacks or was added is named, and nothing is written."""
    line, copy = Line(tmp_path), tmp_path / "copy"
    with line.up():
        made(line, tmp_path)
    line.done("backup", str(copy))
    for name, damage in DAMAGES.items():
        damaged = tmp_path / f"damaged{secrets.token_hex(4)}"
        shutil.copytree(copy, damaged)
        damage(damaged)

        refused = line.run("restore", str(damaged), "--data", str(tmp_path / "other"))

        assert (refused.returncode, name in refused.stderr) == (3, True), (name, refused.stderr)
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, command: str) -> None:
    """Nothing is ever written over, whichever way the copy goes."""
    line, copy, taken = Line(tmp_path), tmp_path / "copy", tmp_path / "taken"
    with line.up():
        pass
    line.done("backup", str(copy))
    taken.mkdir()
    (taken / "thesis.txt").write_text("mine")

    words = ("backup", str(taken)) if command == "backup" else ("restore", str(copy), "--data", str(taken))
    refused = line.run(*words)

    assert (refused.returncode, "thesis.txt" in refused.stderr) == (3, True), refused.stderr
    assert [path.name for path in taken.iterdir()] == ["thesis.txt"]


def test_there_is_nothing_to_copy(tmp_path: Path) -> None:
    """A folder without a hub is no hub, and does not become one."""
    refused = Line(tmp_path).run("backup", str(tmp_path / "copy"))

    assert (refused.returncode, "there is no hub" in refused.stderr) == (3, True)
    assert not (tmp_path / "data" / "records.db").exists()


def test_a_release_whose_documents_are_gone_is_said(tmp_path: Path) -> None:
    """What could not be copied is named at the backup, and what it leaves undone at the restore."""
    line, copy = Line(tmp_path), tmp_path / "copy"
    with line.up():
        made(line, tmp_path)
        built = line.json("build", "show", "all")["outputs"][0]["output"]
    for file in (tmp_path / "data" / "documents").glob(f"{built}*"):
        file.unlink()

    told = json.loads(line.done("backup", str(copy), "--json"))
    unmade = line.json("restore", str(copy), "--data", str(tmp_path / "other"))["unmade"]

    assert told["absent"] == [built]
    assert len(unmade) == 1
