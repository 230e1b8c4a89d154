"""Scaling: how many worker processes there are, and what becomes of each."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.hub import Hub
from leat import scaling
from leat.cli.exits import Exit
from leat.scaling import Demand, Pool, Scale
from tests.domain.conftest import hub, memory
from tests.leat.hubs import Line, plugin, stop
from tests.leat.servers import on_rabbitmq

__all__ = ["hub", "memory"]

MEMBER = (sys.executable, "-c", "import sys; sys.stdin.read()")
"""A process that ends with its standard input, as our workers do."""
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(0, 0)], 1),
        ([(0, 1)], 1),
        ([(0, 3)], 2),
        ([(0, 100)], 4),
        ([(0, 0), (1, 8)], 4),
        ([(0, 8), (1, 0)], 4),
        ([(0, 8), (9, 0), (10, 0)], 4),
        ([(0, 8), (1, 0), (10.1, 0)], 1),
        ([(0, 8), (1, 4), (10.1, 0)], 2),
        ([(0, 8), (5, 0), (9, 5), (15, 0)], 3),
    ],
)
def test_what_the_backlog_wants(seen: list[tuple[float, int]], expected: int) -> None:
    """Two jobs a process, between one and four processes: more at once, fewer when less was wanted for the whole cool-down."""
    demand = Demand(Scale(minimum=1, maximum=4, concurrency=2, cool_down=10.0))

    for now, work in seen:
        demand.see(work, now)

    assert demand.processes == expected


def test_no_process_where_none_is_needed() -> None:
    """The minimum may be zero."""
    demand, processes = Demand(Scale(minimum=0, maximum=4, concurrency=1, cool_down=0.0)), []

    for now, work in enumerate((0, 1, 0)):
        demand.see(work, now)
        processes.append(demand.processes)

    assert processes == [0, 1, 0]


async def until(true: Callable[[], bool]) -> None:
    """Look until it is true: what is looked at is another process."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether there is such a process, other than a dead one that nobody has looked at."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may end between opening and reading
        return False


async def test_a_pool_grows_and_shrinks() -> None:
    """It starts what is missing and stops only what is idle; all of it ends with the pool."""
    pool = Pool(MEMBER, grace=5.0)
    await pool.keep(3, (), 0.0)
    first = sorted(pool.pids)
    assert len(first) == 3

    await pool.keep(1, (), 1.0)
    assert sorted(pool.pids) == first
    await pool.keep(1, first[1:2], 1.0)
    await until(lambda: not lives(first[1]))
    await pool.keep(1, (), 2.0)
    assert sorted(pool.pids) == [first[0], first[2]]

    await pool.close()
    assert not any(lives(pid) for pid in first)


async def test_who_dies_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """At once the first time, later each time after."""
    pool, now, pauses = Pool(MEMBER, grace=5.0), 0.0, []
    await pool.keep(1, (), now)
    for death in range(1, 5):
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while len(caplog.records) < death:  # the event loop has to hear of it
                await asyncio.sleep(0.01)
                await pool.keep(1, (), now)
        died = now
        while not pool.pids:
            now += 0.5
            await pool.keep(1, (), now)
        pauses.append(now - died)
    await pool.close()

    assert pauses == [0.0, 1.0, 2.0, 5.0]
    assert {record.message for record in caplog.records} == {"worker process died; another takes its place"}
    assert [record.__dict__["wait"] for record in caplog.records] == pauses


async def test_who_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the grace time and a little more are over."""
    monkeypatch.setattr(scaling, "PATIENCE", 0.1)
    pool = Pool(STUBBORN, grace=0.0)
    await pool.keep(1, (), 0.0)
    pids = pool.pids

    await pool.close()

    assert not any(lives(pid) for pid in pids)


async def test_scaling_goes_on_where_it_fails(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that can't be started, or a bug, ends neither the scaler nor the processes that there are."""
    start, failed, ended = asyncio.create_subprocess_exec, asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(scaling, "TICK", 0.01)

    async def fail_once(*words: Any, **settings: Any) -> asyncio.subprocess.Process:
        if not failed.is_set():
            failed.set()
            raise BlockingIOError("Resource temporarily unavailable")
        process = await start(*words, **settings)
        started.append(process.pid)
        return process

    started: list[int] = []
    monkeypatch.setattr(asyncio, "create_subprocess_exec", fail_once)
    scale = Scale(minimum=2, maximum=2, concurrency=1, cool_down=0.0)
    scaler = asyncio.create_task(scaling.scale_workers(hub, ("upload",), scale, MEMBER, ended))
    await until(lambda: len(started) == 2)
    assert all(lives(pid) for pid in started)

    ended.set()
    await scaler

    assert failed.is_set()
    assert not any(lives(pid) for pid in started)


class Beside(NamedTuple):
    """A gateway without workers and a worker of dumps, that other workers stand beside."""

    line: Line
    gateway: subprocess.Popen[str]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """They use RabbitMQ, and one data folder. What lies where they are started is imported by none of them."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "random.py").write_text("raise SystemExit('imported from here')\n")
    with asyncio.Runner() as runner, ExitStack() as stack:
        place = on_rabbitmq(folder, LEAT_LEASE="3", LEAT_PLUGIN_SANDBOX="off")  # its plugins wait for files outside
        line = runner.run(place.__aenter__())
        stack.callback(lambda: runner.run(place.__aexit__(None, None, None)))
        gateway = stack.enter_context(line.up("--no-workers"))
        stack.enter_context(line.up("dump", command="work"))
        yield Beside(line, gateway)


def gated(folder: Path, name: str, gate: Path) -> Path:
    """A plugin whose parser waits until the gate is open."""
    body = f"    import time\n    while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    return plugin(folder, name, body=body)


def dump(line: Line, *names: str) -> list[str]:
    """Ask for dumps, and what follows; the runs."""
    return [line.json("source", "dump", name, "--detach")["runId"] for name in names]


def ask(line: Line, query: str) -> Any:
    """The data of a query over HTTP, as any client would get it."""
    import urllib.request  # noqa: PLC0415  only here

    data = Path(line.environment["LEAT_DATA"])
    request = urllib.request.Request(
        (data / "url").read_text().strip() + "/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {(data / 'token').read_text().strip()}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def seen(line: Line, query: str, true: Callable[[Any], bool]) -> Any:
    """The first answer that is so."""
    deadline = time.monotonic() + 30
    while not true(found := ask(line, query)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


WORKERS = "{ workers { pid running queues { name } } }"
QUEUE = "{ queues { name depth oldest consumers rate } }"


def uploaders(found: Any) -> list[int]:
    """The processes that take uploads."""
    return [each["pid"] for each in found["workers"] if {"name": "upload"} in each["queues"]]


def test_processes_follow_the_backlog(beside: Beside, tmp_path: Path) -> None:
    """`leat work upload --max 3` beside a gateway without workers: as many processes as uploads wait, one in place of one that is
    killed, fewer when all is done, none once the scaler is killed; and nothing is lost."""
    line, gate = beside.line, tmp_path / "gate"
    scaled = ("upload", "--max", "3", "--concurrency", "1", "--cool-down", "1")
    names = [f"source{number}" for number in range(4)]
    with line.up(*scaled, command="work") as scaler:
        assert len(uploaders(seen(line, WORKERS, lambda found: len(uploaders(found)) == 1))) == 1
        for name in names:
            line.done("source", "add", str(gated(tmp_path, name, gate)))
        runs = dump(line, *names)

        found = seen(line, WORKERS, lambda found: len([each for each in found["workers"] if each["running"]]) == 3)
        seen(line, QUEUE, lambda found: [each["depth"] for each in found["queues"] if each["name"] == "upload"] == [1])
        killed = uploaders(found)[0]
        os.kill(killed, signal.SIGKILL)
        seen(line, WORKERS, lambda found: len(uploaders(found)) == 3 and killed not in uploaders(found))

        gate.touch()
        assert {line.run("watch", run).returncode for run in runs} == {Exit.DONE}
        left = uploaders(seen(line, WORKERS, lambda found: len(uploaders(found)) == 1))
        scaler.kill()
        seen(line, WORKERS, lambda found: not uploaders(found))
        seen(line, WORKERS, lambda _: not any(lives(pid) for pid in left))


def test_a_scaler_that_is_stopped_stops_its_processes(beside: Beside, tmp_path: Path) -> None:
    """SIGTERM reaches every process; what one was doing is put back, and done by the next."""
    line, gate = beside.line, tmp_path / "gate"
    scaled = ("upload", "--max", "2", "--concurrency", "1")
    with line.up(*scaled, command="work") as scaler:
        line.done("source", "add", str(gated(tmp_path, "stopped", gate)))
        (run,) = dump(line, "stopped")
        found = seen(line, WORKERS, is_uploading)
        assert stop(scaler) == Exit.DONE
        assert not any(lives(pid) for pid in uploaders(found))
    assert ask(line, "{ jobs(filter: {state: QUEUED}) { nodes { type failures } } }")["jobs"]["nodes"] == [
        {"type": "UploadSource", "failures": 0}
    ]
    gate.touch()
    with line.up("upload", command="work"):
        assert line.run("watch", run).returncode == Exit.DONE


def is_uploading(found: Any) -> bool:
    """Whether a process that takes uploads does a job."""
    return any(each["running"] and each["pid"] in uploaders(found) for each in found["workers"])


def test_never_two_uploads_of_a_source(beside: Beside, tmp_path: Path) -> None:
    """Two processes with two slots each, and four uploads of one source: one at a time, every one of them done."""
    line, busy = beside.line, tmp_path / "busy"
    body = (
        f"    import time\n    os.close(os.open({str(busy)!r}, os.O_CREAT | os.O_EXCL))\n"
        f"    time.sleep(0.1)\n    os.unlink({str(busy)!r})"
    )
    line.done("source", "add", str(plugin(tmp_path, "one", body=body)))
    with line.up("upload", command="work"), line.up("upload", command="work"):
        assert line.run("source", "dump", "one").returncode == Exit.DONE
        runs = [line.json("source", "upload", "one", "--force", "--detach")["runId"] for _ in range(3)]
        assert {line.run("watch", run).returncode for run in runs} == {Exit.DONE}

    uploads = [job for job in line.json("jobs", "--target", "source/one", "--limit", "100") if job["type"] == "UploadSource"]
    assert len(uploads) == 4
    assert len({job["worker"] for job in uploads}) > 1
    assert {(job["outcome"], job["failures"]) for job in uploads} == {("SUCCEEDED", 0)}


def test_what_does_not_go_together(beside: Beside, tmp_path: Path) -> None:
    """A gateway without workers needs a bus; the minimum is not above the maximum."""
    alone = Line(tmp_path).run("up", "--no-workers")
    wrong = beside.line.run("work", "upload", "--min", "3", "--max", "2")

    assert (alone.returncode, wrong.returncode) == (Exit.USAGE, Exit.USAGE)
    assert "LEAT_BUS=amqp://" in alone.stderr
    assert "--min" in wrong.stderr


def test_health_of_a_container(beside: Beside, tmp_path: Path) -> None:
    """`leat check --quiet` says by its exit code alone whether a gateway or a worker lives in this data folder."""
    line, gateway = beside
    worker = Line(tmp_path, **{**line.environment, "LEAT_DATA": str(tmp_path / "worker")})
    assert worker.run("check", "--quiet").returncode == Exit.FAILED
    with worker.up("dump", command="work"):
        for each in (line, worker):
            found = each.apart("check", "--quiet")
            assert (found.returncode, found.stdout, found.stderr) == (Exit.DONE, "", "")
    os.utime(tmp_path / "worker" / "pulse", (0, 0))
    assert worker.run("check", "--quiet").returncode == Exit.FAILED
    gateway.send_signal(signal.SIGSTOP)
    assert line.run("check", "--quiet").returncode == Exit.FAILED
    gateway.send_signal(signal.SIGCONT)
