"""The real command line beside a real `leat up`, over the whole path."""

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite.records import SqliteRecords
from domain.jobs.dead_letters import DEAD_LETTERS, Letter
from leat.cli.exits import Exit
from tests.disks import leave, mounted
from tests.events.buses import remove
from tests.leat.hubs import ROOT, Line, plugin, stop
from tests.services import need


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A hub for all tests of this module that leave it as they found it, or use names of their own."""
    line = Line(tmp_path_factory.mktemp("hub"))
    with line.up():
        yield line


def test_a_hub_imports_nothing_from_where_it_was_started(tmp_path: Path) -> None:
    """Files there that are named like modules of Python, or ours, are not run by the processes that it starts."""
    line = Line(tmp_path)
    for name in ("random.py", "leat/__init__.py", "workers/__init__.py", "events/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('imported from here')\n")

    with line.up():
        line.done("source", "add", str(plugin(tmp_path)))
        told = line.run("source", "dump", "genes")

    assert told.returncode == Exit.DONE, told.stderr


def finished(line: Line, source: str, command: str) -> dict[str, Any]:
    """The newest job of a source's command."""
    jobs = line.json("jobs", "--target", f"source/{source}")
    found: dict[str, Any] = next(job for job in jobs if job["type"] == command)
    return found


def test_the_whole_path(hub: Line) -> None:
    """From a plugin's folder to an answered query, by commands alone; a second time there is nothing to do."""
    hub.done("source", "add", str(plugin(hub.folder, "genes", 5)))
    assert [source["name"] for source in hub.json("source", "list")] == ["genes"]
    assert "did you mean genes?" in hub.run("build", "add", "all", "gens", "--doc-type", "gene").stderr
    assert hub.run("build", "edit", "all", "--sources", "genes").stderr == ""
    hub.done("api", "add", "genes", "all", "--description", "genes of a test")
    assert "the API 'genes' is there already" in hub.run("api", "add", "genes", "all").stderr

    told = hub.run("run", "genes")

    assert told.returncode == Exit.DONE, told.stderr
    for step in ("dump:genes", "upload:genes", "inspect:genes", "build:all", "release:genes"):
        assert f"{step}: done" in told.stderr
    found = hub.json("api", "query", "genes", "genes.symbol:symbol3")
    assert [hit["_id"] for hit in found["hits"]] == ["gene3"]
    assert hub.json("source", "show", "genes")["count"] == 5
    assert hub.json("build", "show", "all")["outputs"][0]["count"] == 5
    assert "genes: 5" in hub.done("build", "show", "all")
    assert {"done": 5, "total": 5, "unit": "documents", "message": ""} in [job["progress"] for job in hub.json("jobs")]
    assert hub.json("release", "list", "genes")[0]["served"] is True
    [listed] = [line.split() for line in hub.done("api", "list").splitlines() if line.startswith("genes ")]
    assert listed[:5] == ["genes", "all", "yes", hub.json("release", "list", "genes")[0]["name"], "5"]
    assert "nothing new" in hub.run("run", "genes").stderr

    assert hub.json("source", "documents", "genes", "--id", "gene3", "--fields", "genes.symbol") == {
        "_id": "gene3",
        "genes": {"symbol": "symbol3"},
    }
    seen = hub.run("build", "documents", "all", "--limit", "2", "--after", "gene1", "--json")
    assert [json.loads(line)["_id"] for line in seen.stdout.splitlines()] == ["gene2", "gene3"]
    assert "there are more: --after gene3" in seen.stderr
    assert "there is no document gene9" in hub.run("source", "documents", "genes", "--id", "gene9").stderr
    assert "has made nothing of version 1" in hub.run("build", "documents", "all", "--version", "1").stderr

    [worker] = hub.json("workers")
    assert worker["memory"] > 2**20
    assert f"{worker['process']} " in hub.done("workers")

    hub.done("release", "create", "genes", "--force")
    older = hub.json("release", "list", "genes")[1]["output"]
    hub.done("release", "rollback", "genes")
    assert [release["served"] for release in hub.json("release", "list", "genes")] == [False, True]
    assert hub.json("api", "show", "genes")["served"]["output"] == older
    newest = hub.json("release", "list", "genes")[0]["output"]
    assert f"leat release rollback genes {newest}" in hub.run("release", "create", "genes").stderr

    hub.done("api", "stop", "genes")
    assert hub.json("api", "show", "genes")["running"] is False
    refused = hub.run("api", "query", "genes", "genes.symbol:(")
    assert refused.returncode == Exit.REFUSED
    assert "^" in refused.stderr
    for words in (("api", "remove", "genes"), ("build", "remove", "all"), ("source", "remove", "genes")):
        hub.done(*words)
    assert hub.json("source", "list") == []


def test_mapping(hub: Line) -> None:
    """A source's mapping is suggested, changed field by field, committed whole, and tried."""
    hub.done("source", "add", str(plugin(hub.folder, "mapped")))
    for words in ((), ("--suggested",), ("--statistics",), ("--warnings",)):
        early = hub.run("source", "mapping", "mapped", *words)
        assert early.returncode == Exit.REFUSED
        assert "yet" in early.stderr
    hub.done("source", "dump", "mapped")

    mapping = hub.json("source", "mapping", "mapped")
    assert mapping["mapped"]["properties"]["symbol"]
    assert json.loads(hub.done("source", "mapping", "mapped", "--suggested")) == mapping
    assert [row["_id"] for row in hub.json("source", "mapping", "mapped", "--statistics")] == ["_id", "mapped", "mapped.symbol"]

    hub.done("source", "mapping", "mapped", "--field", "mapped.symbol", "--default", "no")
    assert hub.json("source", "mapping", "mapped") != mapping
    pasted = {"mapped_2026": {"aliases": {}, "mappings": {"dynamic": "strict", "properties": mapping}}}
    hub.done("source", "mapping", "mapped", "--commit", "-", given=json.dumps(pasted))
    assert hub.json("source", "mapping", "mapped") == mapping
    other = hub.run("source", "mapping", "mapped", "--commit", "-", given='{"weight": {"type": "float"}}')
    assert (other.returncode, "no document of mapped has any of the fields that this maps (weight)" in other.stderr) == (3, True)
    fits = hub.run("source", "mapping", "mapped", "--validate")
    assert (fits.returncode, "found by what they have: 1 path" in fits.stderr) == (Exit.DONE, True), fits.stderr

    hub.done(
        "source",
        "mapping",
        "mapped",
        "--save",
        "-",
        given='{"properties": {"mapped": {"properties": {"symbol": {"type": "text"}}}}}',
    )
    assert hub.json("source", "mapping", "mapped", "--draft")["mapped"]["properties"]["symbol"] == {"type": "text"}
    assert hub.json("source", "mapping", "mapped") == mapping
    assert hub.run("source", "mapping", "mapped", "--draft", "--validate").returncode == Exit.DONE
    hub.done("source", "mapping", "mapped", "--commit-draft")
    assert hub.run("source", "mapping", "mapped", "--draft").returncode == Exit.REFUSED
    changes = hub.json("source", "history", "mapped", "--topic", "mapping")
    assert changes[0]["by"] == "administrator"
    assert hub.json("source", "history", "mapped", str(changes[1]["number"])) == {"mapping": {"mapped": mapping}}
    assert "administrator" in hub.done("source", "history", "mapped")
    hub.done("source", "restore", "mapped", str(changes[1]["number"]))
    assert hub.json("source", "mapping", "mapped") == mapping

    hub.done("source", "mapping", "mapped", "--field", "mapped.symbol", "--type", "integer")
    unfit = hub.run("source", "mapping", "mapped", "--validate")
    assert unfit.returncode == Exit.FAILED
    assert 'warning: mapped: gene0: mapped.symbol: "symbol0"' in unfit.stderr
    assert "warning: mapped: mapped.symbol: 0 of 3 documents found" in unfit.stderr
    assert unfit.stderr.endswith("validate mapped: the mapping does not fit\n")


def test_what_a_job_said(hub: Line) -> None:
    """`leat log` shows what a plugin printed, with the job's own lines, all, the last, or some; what is no job is refused, a run
    with its jobs' command."""
    hub.done("source", "add", str(plugin(hub.folder, "chatty", body="    print('hello', 'world')")))
    hub.done("source", "dump", "chatty")
    job = finished(hub, "chatty", "UploadSource")["jobId"]

    assert "info     hello world" in hub.done("log", job)
    assert [line["text"] for line in hub.json("log", job)].count("hello world") == 1
    assert [line["text"] for line in hub.json("log", job, "--search", "HELLO")] == ["hello world"]
    assert hub.json("log", job, "--tail", "1") == hub.json("log", job)[-1:]
    assert len(hub.json("log", job, "--attempt", "1")) == len(hub.json("log", job))
    assert hub.json("log", job, "--attempt", "2") == []
    assert "there is no attempt 7: the job has had 1 attempt\n" in hub.run("log", job, "--attempt", "7").stderr
    assert hub.run("log", job, "--search", "0.1-Ä").stderr == "no line holds '0.1-Ä'\n"
    assert hub.run("log", job).stderr == ""
    assert hub.run("log", job, "--tail", "1", "--search", "x").returncode == Exit.USAGE

    run = finished(hub, "chatty", "UploadSource")["runId"]
    for id, why in ((run, f"'{run}' is a run: `leat jobs --run {run}` lists its jobs"), ("nobody", "there is no job 'nobody'")):
        refused = hub.run("log", id)
        assert refused.returncode == Exit.REFUSED
        assert why in refused.stderr


def test_what_inspections_find_is_told(hub: Line) -> None:
    """A command that inspects ends with its warnings and what is not mapped; `source show` says what is mapped, and where from."""
    home = plugin(hub.folder, "grown")
    manifest = json.loads((home / "manifest.json").read_text())
    (home / "manifest.json").write_text(json.dumps(manifest | {"dumper": {**manifest["dumper"], "schedule": "0 3 * * *"}}))
    hub.done("source", "add", str(home))
    hub.done("source", "dump", "grown")
    grown = (
        (home / "parser.py")
        .read_text()
        .replace("{'symbol': symbol}", "{'symbol': symbol, 'Größe': 1, **dict.fromkeys('ABCDEF', 1)}")
    )
    (home / "parser.py").write_text(grown)
    hub.done("source", "mapping", "grown", "--field", "grown.symbol", "--default", "yes")
    hub.done("source", "reload", "grown")

    told = hub.run("source", "upload", "grown")

    assert told.returncode == Exit.DONE
    assert (
        "warning: grown: the name has upper-case letters (W002): grown.A, grown.B, grown.C, grown.D, grown.E and 2 more"
        in told.stderr
    )
    assert "all of them: leat source mapping grown --warnings" in told.stderr
    assert "grown: 7 paths not mapped, so no query finds: grown.A, " in told.stderr
    assert "upload:grown: done: 3 documents, release 1.2\n" in told.stderr
    assert len(hub.json("source", "mapping", "grown", "--warnings")) == 7
    hub.done("source", "mapping", "grown", "--field", "grown.A", "--type", "long")
    shown = hub.done("source", "show", "grown")
    assert "0 3 * * * UTC (next at " in shown
    assert "file:data/rows.tsv" in shown
    [row] = [line.split() for line in shown.splitlines() if "parser:load_data" in line]
    assert row == ["grown", "parser:load_data", "3", "0", "2", "6", "7", "person"]
    assert "grown  grown.B, grown.C" in shown

    unseen = hub.run("source", "mapping", "grown", "--field", "grown.Ä-0.1", "--type", "long")
    seen = hub.run("source", "mapping", "grown", "--field", "grown.B", "--type", "long")
    assert "warning: no document of grown that was inspected has grown.Ä-0.1" in unseen.stderr
    assert (unseen.returncode, seen.stderr) == (Exit.DONE, "")

    told = hub.done("source", "mapping", "grown", "--automatic")
    assert "grown is mapped by its inspections again" in told
    part = hub.json("source", "show", "grown")["parts"][0]
    assert (part["mappedBy"], part["unmapped"]) == ("INSPECTION", [])


def test_a_failed_job(hub: Line) -> None:
    """A job that fails ends its command with 1 and the plugin's own traceback; what follows is not begun; retry tries it again."""
    home = plugin(hub.folder, "broken", body="    raise ValueError('no such column')")
    hub.done("source", "add", str(home))

    told = hub.run("source", "dump", "broken")

    assert told.returncode == Exit.FAILED
    assert "no such column" in told.stderr
    assert "parser.py" in told.stderr
    assert "inspect:broken: " not in told.stderr
    failed = finished(hub, "broken", "UploadSource")
    assert failed["outcome"] == "FAILED"
    for words in ((), ("--tail", "1"), ("--attempt", str(failed["attempt"]))):
        said = hub.done("log", failed["jobId"], *words)
        assert said.endswith("ValueError: no such column\n")
        assert said.count("Traceback") == 1
    assert "Traceback" not in hub.done("log", failed["jobId"], "--search", "no such thing")
    assert isinstance(hub.json("log", failed["jobId"]), list)
    (home / "parser.py").write_text((home / "parser.py").read_text().replace("raise ValueError('no such column')", "pass"))
    assert "changed since it was read: `leat source reload broken`" in hub.run("source", "show", "broken").stderr
    hub.done("source", "reload", "broken")
    assert "changed since" not in hub.run("source", "show", "broken").stderr
    assert "succeeded" in hub.run("retry", failed["jobId"]).stderr


def test_refusals(hub: Line) -> None:
    """What the hub refuses ends with 3 and its reason; a wrong token with 5."""
    missing = hub.run("source", "dump", "nothing")
    assert missing.returncode == Exit.REFUSED
    assert "nothing" in missing.stderr
    assert hub.run("source", "add", str(hub.folder)).returncode == Exit.REFUSED
    wrong = plugin(hub.folder, "wrong") / "manifest.json"
    wrong.write_text(json.dumps({"dumper": {"data_url": "s3://bucket/a"}}))
    assert hub.run("source", "add", "wrong").stderr.count("data_url") == 1
    wrong.write_text(json.dumps({"dumper": {"data_url": "file:data", "dissabled": True}}))
    assert "did you mean `disabled`?" in hub.run("source", "add", "wrong").stderr
    hub.done("source", "remove", "wrong")
    assert hub.run("watch", "nothing").returncode == Exit.REFUSED
    assert hub.run("source", "list", "--token", "wrong").returncode == Exit.UNAUTHENTICATED


def test_following_as_json(hub: Line) -> None:
    """With --json a command that follows prints a batch a line, each event once, ending with the finished run."""
    hub.done("source", "add", str(plugin(hub.folder, "followed")))

    batches = [json.loads(text) for text in hub.done("source", "dump", "followed", "--json").splitlines()]

    events = [(event["jobId"], event["event"]["seq"]) for batch in batches for event in batch["events"]]
    assert len(events) == len(set(events))
    assert batches[-1]["run"]["state"] == "SUCCEEDED"
    again = [json.loads(text) for text in hub.done("watch", batches[-1]["run"]["runId"], "--json").splitlines()]
    assert sorted((event["jobId"], event["event"]["seq"]) for batch in again for event in batch["events"]) == sorted(events)


def test_a_client_of_ones_own(hub: Line, tmp_path: Path) -> None:
    """The program of docs/live.md follows a run to its end, and is told where its token is wrong."""
    [program] = re.findall(r"^`follow.py`\n\n```python\n(.*?)^```$", (ROOT / "docs" / "live.md").read_text(), re.M | re.S)
    hub.done("source", "add", str(plugin(hub.folder, "alone")))
    run = hub.json("source", "dump", "alone", "--detach")["runId"]
    data = hub.folder / "data"
    url = f"ws{(data / 'url').read_text().strip().removeprefix('http')}/graphql"

    def follow(token: str) -> subprocess.CompletedProcess[str]:
        environment = {**hub.environment, "LEAT_URL": url, "LEAT_TOKEN": token}
        words = (sys.executable, "-c", program, run)
        return subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    told, refused = follow((data / "token").read_text().strip()), follow("wrong")

    lines = told.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("dump:alone JobQueued", "dump alone SUCCEEDED"), told
    assert "inspect:alone JobFinished" in lines
    assert (refused.returncode, refused.stderr) == (1, "the token is missing or wrong\n")


def test_dead_letters(hub: Line) -> None:
    """What nobody could do is listed with its reason, on a line for people, and goes with no filter of jobs."""

    async def drop_one() -> None:
        async with SqliteRecords.open(hub.folder / "data" / "records.db") as records:
            letter = Letter(queue="upload", body="\x1b[2Jno\njson " + "x" * 200, reason="malformed", created_at=1.0)
            await DEAD_LETTERS.insert(records, "dead", letter)

    assert hub.done("jobs", "--dead") == "none\n"
    asyncio.run(drop_one())

    [letter] = hub.json("jobs", "--dead")
    assert (letter["queue"], letter["reason"], letter["body"][-3:]) == ("upload", "malformed", "xxx")
    title, line = hub.done("jobs", "--dead").splitlines()
    assert title.split() == ["CREATED", "AT", "QUEUE", "REASON", "BODY"]
    assert "malformed   [2Jno json xxx" in line
    assert line.endswith("x…")
    assert hub.run("jobs", "--dead", "--state", "QUEUED").returncode == Exit.USAGE


def test_letting_go_and_cancelling(hub: Line) -> None:
    """Ctrl-C lets go with 130 while the job goes on; `leat cancel` ends it, with everything that would have followed."""
    hub.done("source", "add", str(plugin(hub.folder, "endless", body="    import time; time.sleep(600)")))
    following = hub.start("source", "dump", "endless")
    assert following.stderr is not None
    while "upload:endless: running" not in (text := following.stderr.readline()):
        assert text, following.wait()

    following.send_signal(signal.SIGINT)

    _, told = following.communicate(timeout=20)
    assert following.returncode == Exit.DETACHED
    job = finished(hub, "endless", "UploadSource")
    assert job["state"] == "RUNNING"
    assert f"leat watch {job['runId']}" in told
    hub.done("cancel", job["runId"])
    for id in (job["runId"], job["jobId"], job["id"]):
        assert hub.run("watch", id).returncode == Exit.FAILED
    assert finished(hub, "endless", "UploadSource")["outcome"] == "CANCELED"


def test_watching_everything(hub: Line) -> None:
    """What is followed without a name is said first, and how to let go."""
    watching = hub.start("watch")
    assert watching.stderr is not None

    first = watching.stderr.readline()
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)

    assert "everything" in first
    assert "Ctrl-C" in first
    assert watching.returncode == Exit.DETACHED


def test_the_same_key_does_it_once(hub: Line) -> None:
    """Asking twice with one key makes one job."""
    hub.done("source", "add", str(plugin(hub.folder, "keyed")))

    first = hub.json("source", "dump", "keyed", "--detach", "--key", "k")
    second = hub.json("source", "dump", "keyed", "--detach", "--key", "k")

    assert (first["jobId"], first["replayed"]) == (second["jobId"], False)
    assert second["replayed"] is True


def test_check_asks_every_part(hub: Line) -> None:
    """`leat check` prints a line for each part, and all of them answer; the last says how plugins run."""
    told = hub.json("check")

    assert "sandbox" in told.pop("plugins")
    assert told == dict.fromkeys(("gateway", "bus", "records", "documents", "search", "files", "disk of LEAT_DATA"), "OK")


def test_the_token_is_its_owners(hub: Line) -> None:
    """The token's file can be read by nobody else."""
    assert stat.S_IMODE((hub.folder / "data" / "token").stat().st_mode) == 0o600


def test_a_second_hub_is_refused(hub: Line, tmp_path: Path) -> None:
    """A second `leat up` on the same folder is refused, naming the process; so is one on a port that is taken."""
    same = hub.apart("up", "--port", "0")
    assert same.returncode == Exit.REFUSED
    assert f"process {(hub.folder / 'data' / 'lock').read_text().strip()}" in same.stderr

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = Line(tmp_path).apart("up", "--port", str(taken.getsockname()[1]))

    assert other.returncode == Exit.REFUSED
    assert f"process {os.getpid()}" in other.stderr


def test_stopping_leaves_nothing(tmp_path: Path) -> None:
    """A hub that is asked to stop ends with 0, its folder says no more where it was, and the next one knows what it knew. The
    token is printed where it is made, and then only to terminals."""
    line = Line(tmp_path)
    with line.up() as process:
        assert process.stdout is not None
        token = (tmp_path / "data" / "token").read_text()
        assert process.stdout.readline() == f"token {token}"
        line.done("source", "add", str(plugin(tmp_path)))
        assert (tmp_path / "data" / "url").exists()
        assert stop(process) == 0
    assert not (tmp_path / "data" / "url").exists()
    assert line.run("check", "--quiet").returncode == Exit.FAILED

    with line.up() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"token in {tmp_path / 'data' / 'token'}\n"
        assert [source["name"] for source in line.json("source", "list")] == ["genes"]


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Line]:
    """The command line of a hub over RabbitMQ, whose queues are deleted afterwards."""
    url, id = need("rabbitmq"), secrets.token_hex(4)
    yield Line(tmp_path, LEAT_BUS=url, LEAT_NAME="test", LEAT_ID=id)
    await remove(url, f"test-{id}")


def test_workers_of_their_own(shared: Line, tmp_path: Path) -> None:
    """`leat work upload` beside `leat up` takes from the same queue, over RabbitMQ."""
    line = shared
    with line.up(), line.up("upload", "--concurrency", "4", command="work"):
        for number in range(6):
            line.done("source", "add", str(plugin(tmp_path, f"source{number}")))
        runs = [line.json("source", "dump", f"source{number}", "--detach")["runId"] for number in range(6)]
        assert {line.run("watch", run).returncode for run in runs} == {Exit.DONE}

        workers = {job["worker"] for job in line.json("jobs", "--limit", "100") if job["type"] in ("UploadSource", "InspectSource")}
        assert len(workers) == 2


def test_a_queue_that_no_worker_takes_from(shared: Line, tmp_path: Path) -> None:
    """Whoever follows a job that waits there is told, once; beside such a worker nobody is."""
    with shared.up("--no-workers"):
        shared.done("source", "add", str(plugin(tmp_path)))
        following = shared.start("source", "dump", "genes")
        assert following.stderr is not None
        while "no worker takes from the queue dump: `leat work dump` starts one" not in (text := following.stderr.readline()):
            assert text, following.wait()
        following.send_signal(signal.SIGINT)
        _, told = following.communicate(timeout=20)
    with shared.up():
        done = shared.run("source", "dump", "genes", "--force")

    assert "no worker takes" not in told
    assert (done.returncode, "no worker takes" in done.stderr) == (Exit.DONE, False)


def test_check_names_a_disk_that_is_full(tmp_path: Path) -> None:
    """`leat check` has a line for the data folder's disk, and fails where nothing can be written."""
    with mounted(tmp_path / "disk", 2**28) as disk:
        line = Line(tmp_path, LEAT_DATA=str(disk / "data"))
        with line.up():
            well = line.run("check")
            leave(disk, 0)
            full = line.run("check")
            leave(disk, 2**26)

    assert (well.returncode, "disk of LEAT_DATA" in well.stdout) == (0, True), well.stdout
    assert (full.returncode, "can't be written (No space left on device)" in full.stdout) == (1, True), full.stdout
