"""Long lists, logs that are followed, and what is cancelled or removed by its name, beside a real hub."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from leat.cli.exits import Exit
from tests.leat.hubs import Line, plugin


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A hub for the tests of this module, which use names of their own."""
    line = Line(
        tmp_path_factory.mktemp("lists"), LEAT_QUIET="0", LEAT_PLUGIN_SANDBOX="off"
    )  # a plugin here waits for a file outside
    with line.up("--concurrency", "2"):
        yield line


def until(holds: Callable[[], Any]) -> Any:
    """What it says, as soon as that is something."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := holds():
            return found
    raise TimeoutError


def cursor(told: str) -> str:
    """What the end of a list says that the next part is behind."""
    assert "there are more: --after " in told, told
    return told.split("--after ")[1].split(",")[0]


def test_lists_go_on_where_they_ended(hub: Line) -> None:
    """Jobs and runs page by page are all of them, once each; the last page names no next one."""
    hub.done("source", "add", str(plugin(hub.folder, "paged")))
    for _ in range(3):
        hub.done("source", "dump", "paged", "--force")
    for command, name in (("jobs", "jobId"), ("runs", "runId")):
        whole = [row[name] for row in hub.json(command, "--limit", "1000")]
        pages: list[str] = []
        after: list[str] = []
        while True:
            page = hub.run(command, "--limit", "2", "--json", *after)
            pages += [row[name] for row in json.loads(page.stdout)]
            assert page.stderr == hub.run(command, "--limit", "2", *after).stderr  # scripts and people are told the same
            if not page.stderr:
                break
            after = ["--after", cursor(page.stderr)]

        assert len(pages) > 2
        assert pages == whole


def test_runs_are_found_by_state_and_schedule(hub: Line) -> None:
    """A run that failed is listed with the step that did; a schedule's own runs alone; what is unknown is refused."""
    hub.done("source", "add", str(plugin(hub.folder, "torn", body="    raise LookupError('torn in two')")))
    assert hub.run("source", "dump", "torn").returncode == Exit.FAILED
    hub.done("schedule", "add", "rare", "0 0 1 1 *", "--source", "torn")

    [failed] = [run for run in hub.json("runs", "--state", "FAILED") if run["title"] == "dump torn"]

    assert "upload:torn" in next(line for line in hub.done("runs", "--state", "FAILED").splitlines() if failed["runId"] in line)
    assert all(run["state"] == "SUCCEEDED" for run in hub.json("runs", "--state", "succeeded"))
    assert hub.json("runs", "--schedule", "rare") == []
    assert hub.run("runs", "--schedule", "rarer").returncode == Exit.REFUSED


def test_jobs_say_what_they_did(hub: Line) -> None:
    """The progress of a finished job is what it made, as whoever followed it was told."""
    hub.done("source", "add", str(plugin(hub.folder, "seven", rows=7)))
    hub.done("source", "dump", "seven")

    assert "'seven' is no source/NAME, build/NAME or api/NAME" in hub.run("jobs", "--target", "seven").stderr
    told = {line.split()[1]: line for line in hub.done("jobs", "--target", "source:seven").splitlines()}

    assert "1 file, release 1" in told["dump:seven"]
    assert "7 documents, release 1" in told["upload:seven"]


def newest(line: Line, source: str, command: str) -> Any:
    """The newest job of a source's command; None where there is none."""
    return next((job for job in line.json("jobs", "--target", f"source/{source}") if job["type"] == command), None)


def test_a_log_is_followed_to_its_end(hub: Line) -> None:
    """What a running job says comes as it says it, each line once; the end is the job's, its error and its exit code too."""
    gate = hub.folder / "gate"
    wait = f"    import pathlib, time\n    print('before')\n    while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)\n"
    hub.done("source", "add", str(plugin(hub.folder, "slow", body=f"{wait}    print('behind')\n    raise KeyError('shut')")))
    hub.done("source", "dump", "slow", "--detach")
    job = until(lambda: newest(hub, "slow", "UploadSource"))["jobId"]
    following = hub.start("log", job, "--follow")
    assert following.stdout is not None
    said: list[str] = []
    while not said or not said[-1].endswith("before\n"):
        said.append(following.stdout.readline())
        assert said[-1], following.wait()
    gate.touch()
    rest, told = following.communicate(timeout=60)

    assert following.returncode == Exit.FAILED
    assert ("".join(said) + rest).count("before\n") == 1
    assert rest.count("info     behind\n") == 1
    assert rest.endswith("KeyError: 'shut'\n")
    assert told.endswith("upload:slow: failed\n")
    lines = [json.loads(text) for text in hub.run("log", job, "--follow", "--json").stdout.splitlines()]
    assert lines == hub.json("log", job)


def test_each_attempt_says_why_it_failed(hub: Line) -> None:
    """A job that was tried again has the errors of the attempts before among its lines, and the last one's at the end."""
    home = plugin(hub.folder, "twice", body="    raise IndexError('first')")
    hub.done("source", "add", str(home))
    hub.run("source", "dump", "twice")
    (home / "parser.py").write_text((home / "parser.py").read_text().replace("first", "second"))
    hub.done("source", "reload", "twice")
    job = newest(hub, "twice", "UploadSource")
    before = job["attempt"]
    hub.run("retry", job["jobId"])

    told = hub.done("log", job["jobId"])

    assert f"attempt {before} failed: " in told
    assert told.index("IndexError: first") < told.rindex("IndexError: second")
    assert told.endswith("IndexError: second\n")
    assert "first" in hub.done("log", job["jobId"], "--attempt", str(before))


def test_what_works_on_a_noun_is_cancelled(hub: Line) -> None:
    """By kind and name, with either sign between; nothing of it goes on, and other nouns' jobs do. What is unknown is refused."""
    for name in ("calm", "endless"):
        hub.done("source", "add", str(plugin(hub.folder, name, body="    import time; time.sleep(600)")))
        hub.done("source", "dump", name, "--detach")
    for name in ("calm", "endless"):
        until(lambda name=name: (newest(hub, name, "UploadSource") or {}).get("state") == "RUNNING")

    told = hub.done("cancel", "source:endless")

    assert "upload:endless: cancelling" in told
    assert hub.run("watch", newest(hub, "endless", "UploadSource")["runId"]).returncode == Exit.FAILED
    assert newest(hub, "calm", "UploadSource")["state"] == "RUNNING"
    assert "upload:calm" in hub.done("cancel", "source/calm")
    assert hub.run("watch", newest(hub, "calm", "UploadSource")["runId"]).returncode == Exit.FAILED
    assert hub.done("cancel", "source/calm") == "nothing works on source/calm, or waits to\n"
    for unknown in ("source:nobody", "build/nobody", "api:nobody"):
        assert hub.run("cancel", unknown).returncode == Exit.REFUSED


def test_a_dry_run_removes_nothing(hub: Line) -> None:
    """It says what would go, and refuses what would be refused."""
    hub.done("source", "add", str(plugin(hub.folder, "dry")))
    hub.done("source", "dump", "dry")
    hub.done("build", "add", "dried", "dry", "--automatic", "no")
    hub.done("api", "add", "dried", "dried", "--automatic", "no")
    hub.done("run", "dried")
    hub.done("schedule", "add", "weekly", "0 0 * * 0", "--api", "dried")

    for noun, why in (("source", "the build 'dried' merges dry"), ("build", "the API 'dried' serves it")):
        refused = hub.run(noun, "remove", "dried" if noun == "build" else "dry", "--dry-run")
        assert (refused.returncode, why in refused.stderr) == (Exit.REFUSED, True)
    assert hub.done("api", "remove", "dried", "--dry-run") == "would remove dried with 1 release, the schedule weekly\n"
    assert hub.done("schedule", "remove", "weekly", "--dry-run") == "would remove weekly\n"
    assert hub.json("api", "show", "dried")["releases"] != []

    assert hub.json("api", "remove", "dried")["removed"] == ["1 release", "the schedule weekly"]
    assert hub.run("schedule", "remove", "weekly", "--dry-run").returncode == Exit.REFUSED
    assert hub.done("build", "remove", "dried") == "removed dried with 1 built collection\n"
    assert "1 dump" in hub.done("source", "remove", "dry", "--dry-run")


def test_hits_as_rows(hub: Line) -> None:
    """`api query --fields --format`: documents alone, with the fields that are asked for, on standard output."""
    hub.done("source", "add", str(plugin(hub.folder, "rows", rows=2)))
    hub.done("build", "add", "rows", "rows", "--automatic", "no")
    hub.done("api", "add", "rows", "rows", "--automatic", "no")
    hub.done("run", "rows")

    table = hub.done("api", "query", "rows", "--fields", "rows.symbol", "--format", "csv", "--sort=-rows.symbol")
    lines = hub.done("api", "query", "rows", "--fields=-rows", "--format", "ndjson", "--facet", "rows.symbol", "--sort", "_id")

    assert table == "_id,rows.symbol\ngene1,symbol1\ngene0,symbol0\n"
    assert [json.loads(line) for line in lines.splitlines()] == [{"_id": f"gene{number}", "_score": None} for number in range(2)]


def test_wrong_flags_show_the_usage_of_their_command(hub: Line) -> None:
    """Flags that do not go together, unknown ones, wherever they stand: that command's usage, and what was probably meant."""
    for words, why in (
        (("jobs", "--run", "x", "--outcome", "FAILED"), "jobs are found by"),
        (("jobs", "--dead", "--queue", "dump"), "--dead goes with"),
        (("-q", "jobs"), "unrecognized arguments: -q"),
        (("jobs", "--sate", "QUEUED"), "did you mean --state?"),
        (("jobs", "--limit", "0"), "no number from 1 on"),
    ):
        wrong = hub.run(*words)
        assert wrong.returncode == Exit.USAGE
        assert wrong.stderr.startswith("usage: leat jobs ")
        assert why in wrong.stderr
