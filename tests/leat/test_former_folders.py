"""Data folders of former versions of Leat: each is kept here as it was left behind, and opens."""

import contextlib
import json
import shutil
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leat.hubs import Line

FOLDERS = Path(__file__).parent.parent / "data_folders"
"""Each with three sources, one of which was being uploaded when its hub was killed, and one whose upload had failed; a build, an
API with a release, a schedule. `leave.py` there makes the next one."""


@pytest.fixture(params=["form-1", "8541ab0"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    """A hub of today on the folder that a former one left when it was killed: the first of form 1, others named by their commit."""
    data = tmp_path / "data"
    with tarfile.open(FOLDERS / f"{request.param}.tar.gz") as archive:
        archive.extractall(data, filter="data")
    line = Line(tmp_path)
    with line.up():
        yield line


def answered(line: Line, path: str) -> Any:
    """What the published API of the folder answers."""
    url = (Path(line.environment["LEAT_DATA"]) / "url").read_text().strip()
    with contextlib.closing(urllib.request.urlopen(f"{url}/api/flock/{path}", timeout=10)) as response:
        return json.load(response)


def test_what_a_former_version_served_is_served(line: Line) -> None:
    """The release that it made answers queries, with the documents that it stored."""
    found = answered(line, "query?q=name:kea")
    version = (Path(line.environment["LEAT_DATA"]) / "version").read_text()

    assert [(hit["_id"], hit["wingspan"]) for hit in found["hits"]] == [("b3", 96.53)]
    assert version == "2\n"


def test_what_a_former_version_left_unfinished_goes_on(line: Line) -> None:
    """The upload that was running when the hub was killed is done, and so is what hangs on it in its run; nothing else waits."""
    steps = dict.fromkeys(("dump:slow", "upload:slow", "inspect:slow"), "SUCCEEDED")
    deadline = time.monotonic() + 30
    while (found := outcomes(line)) != steps:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)

    assert line.json("jobs", "--state", "RUNNING") == []


def outcomes(line: Line) -> dict[str, str | None]:
    """Of the steps of the run that was under way."""
    jobs = line.json("jobs", "--target", "source/slow")
    return {job["step"]: job["outcome"] for job in jobs if job["jobId"] != job["runId"]}


def test_what_a_former_version_knew_can_be_edited_and_run(line: Line) -> None:
    """Its pipeline is run again with another document type, its failed job is tried again, its schedule is edited and removed. Its
    plugin's folder is gone, so the source gets another one, with the code and the file that it kept."""
    files, plugin = Path(line.environment["LEAT_DATA"]) / "files", line.folder / "birds"
    shutil.copytree(next(files.glob("plugins/*/birds")), plugin)
    shutil.copy(next(files.glob("dumps/*/birds/*/birds.tsv")), plugin)
    manifest = json.loads((plugin / "manifest.json").read_text())
    (plugin / "manifest.json").write_text(json.dumps({**manifest, "dumper": {"data_url": "file:birds.tsv"}}))
    line.done("source", "edit", "birds", "--folder", str(plugin))
    line.done("source", "reload", "birds")
    line.done("build", "edit", "all", "--doc-type", "bird")
    [failed] = [job for job in line.json("jobs") if job["step"] == "upload:broken"]
    line.done("run", "flock")
    line.done("schedule", "pause", "nightly")
    line.done("schedule", "remove", "nightly")

    assert line.run("retry", failed["jobId"]).returncode == 1
    assert line.json("schedule", "list") == []


def test_what_a_former_version_mapped_has_a_history_from_now_on(line: Line) -> None:
    """The mapping that it left is the first change, by nobody knows whom, and is gone back to."""
    left = line.json("source", "mapping", "birds")
    line.done("source", "mapping", "birds", "--field", "seen", "--type", "keyword")

    changes = line.json("source", "history", "birds", "--topic", "mapping")
    line.done("source", "restore", "birds", "1")

    assert [(change["number"], change["by"]) for change in changes] == [(2, "administrator"), (1, "")]
    assert changes[1]["values"] == {"mapping": {"birds": left}}
    assert line.json("source", "mapping", "birds") == left
