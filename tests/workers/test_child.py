"""Child processes: what a heavy step says, returns, raises and leaves behind."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import leat.loop
from domain.errors import Invalid, JobFailed, Unavailable
from tests.domain.jobs.processes import until
from workers.child import ChildDied, Spawn, run_child
from workers.context import Level, Report

PROGRAM = """
import asyncio, os, subprocess, sys, time
from domain.errors import Invalid, JobFailed, Unavailable
from workers.child import serve

class Busy(Unavailable):
    pass

async def steps(step, address, arguments, report):
    match step:
        case "echo":
            print("to stderr")
            for n in range(1000):
                report.progress(n + 1, 1000, "documents")
            report.log("hello", "warning")
            return {"address": address, **arguments, "nice": os.nice(0)}
        case "fail":
            raise JobFailed("bad line", "line 3", "PARSER")
        case "refuse":
            raise Invalid("no")
        case "busy":
            raise Busy("later")
        case "bug":
            raise KeyError("x")
        case "exit":
            sys.exit(3)
        case "kill":
            os.kill(os.getpid(), 9)
        case "endless line":
            report.log("x" * 10_000_000)
            time.sleep(600)
        case "no line":
            os.write(report._descriptor, b"no json\\n")
            time.sleep(600)
        case "no answer":
            os.write(report._descriptor, b"{}\\n")
            time.sleep(600)
        case "torn line":
            os.write(report._descriptor, b'{"result": ')
            os._exit(4)
        case "mute":
            os.closerange(3, 256)
            time.sleep(600)
        case "stray":
            subprocess.Popen(["sleep", "15"], start_new_session=True)
            os._exit(5)
        case "linger":
            grandchild = subprocess.Popen(["sleep", "600"])
            report.log(f"{os.getpid()} {grandchild.pid}")
            time.sleep(600)

serve(steps)
"""


class Heard(Report):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.lines: list[tuple[str, str]] = []
        self.said = asyncio.Event()

    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self.done.append(done)

    def log(self, text: str, level: Level = "info") -> None:
        self.lines.append((level, text))
        self.said.set()


@pytest.fixture
def spawn() -> Spawn:
    """The program above."""
    root = Path(__file__).resolve().parents[2]
    return Spawn(command=(sys.executable, "-c", PROGRAM), environment={**os.environ, "PYTHONPATH": str(root)})


async def run(spawn: Spawn, step: str, heard: Heard | None = None, **arguments: Any) -> dict[str, Any]:
    """Run a step."""
    return await run_child(spawn, step, {"records": "here"}, arguments, heard or Heard())


async def test_a_step_returns_what_it_made(spawn: Spawn) -> None:
    """Arguments and the hub's address go in, the result, progress and log come out; prints are not in the way; it is nice."""
    heard = Heard()
    result = await run(spawn, "echo", heard, a=1)
    assert result["a"] == 1
    assert result["address"] == {"records": "here"}
    assert result["nice"] >= 10
    assert heard.lines == [("warning", "hello")]
    assert heard.done[-1] == 1000
    assert len(heard.done) < 100


async def test_a_refusal_or_failure_is_raised_as_it_was(spawn: Spawn) -> None:
    """A LeatError crosses with its type, words, code and detail; an adapter's own as the domain's that it is."""
    with pytest.raises(JobFailed, match="bad line") as failed:
        await run(spawn, "fail")
    assert (failed.value.detail, failed.value.code) == ("line 3", "PARSER")
    with pytest.raises(Invalid, match="no"):
        await run(spawn, "refuse")
    with pytest.raises(Unavailable, match="later"):
        await run(spawn, "busy")


@pytest.mark.parametrize(("step", "why"), [("bug", "KeyError: 'x'"), ("exit", "exit code 3"), ("kill", "signal SIGKILL")])
async def test_a_child_that_dies_says_how(spawn: Spawn, step: str, why: str) -> None:
    """An unexpected exception, an exit and a kill are told apart, with what was written last."""
    with pytest.raises(ChildDied) as died:
        await run(spawn, step)
    assert why in died.value.message
    if step == "bug":
        assert "Traceback" in died.value.detail


@pytest.mark.parametrize("loop", [asyncio.run, leat.loop.run])
def test_a_child_that_died_before_it_was_spoken_to(loop: Any, spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It died like any other, on either event loop."""
    start = asyncio.create_subprocess_exec

    async def killed(*words: Any, **settings: Any) -> asyncio.subprocess.Process:
        child = await start(*words, **settings)
        child.kill()
        await child.wait()
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", killed)
    with pytest.raises(ChildDied, match="SIGKILL"):
        loop(run(spawn, "echo"))


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("endless line", "the process of endless line wrote a line of more than 100000 bytes"),
        ("no line", "the process of no line wrote what is no answer"),
        ("no answer", "the process of no answer wrote what is no answer"),
        ("torn line", "the process of torn line ended without an answer .exit code 4"),
        ("mute", "the process of mute closed its output without an answer, and went on"),
        ("stray", "the process of stray ended without an answer .exit code 5"),
    ],
)
@pytest.mark.parametrize("loop", [asyncio.run, leat.loop.run])
def test_a_child_that_can_not_be_understood_is_ended(
    loop: Any, spawn: Spawn, monkeypatch: pytest.MonkeyPatch, step: str, why: str
) -> None:
    """Soon, though it goes on, or waits for ever for its line to be read; and the error says what was wrong with it."""
    monkeypatch.setattr("workers.child.LINE", 100_000)

    async def soon() -> None:
        async with asyncio.timeout(10):
            await run(spawn, step)

    with pytest.raises(ChildDied, match=why):
        loop(soon())


async def test_a_program_that_is_missing_is_no_answer() -> None:
    """What can't be started raises as the system says."""
    with pytest.raises(FileNotFoundError):
        await run(Spawn(command=("/nowhere/python",)), "echo")


def alive(pid: int) -> bool:
    """Is there such a process, other than a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until_gone(pids: list[int], seconds: float) -> None:
    """Wait until none of them is left."""

    async def gone() -> bool:
        return not any(alive(pid) for pid in pids)

    await until(gone, seconds)


async def test_cancelling_ends_the_whole_group(spawn: Spawn) -> None:
    """Within a second nothing of the child is left, nor of what it started."""
    heard = Heard()
    running = asyncio.create_task(run(spawn, "linger", heard))
    await heard.said.wait()
    pids = [int(pid) for pid in heard.lines[0][1].split()]
    assert all(alive(pid) for pid in pids)
    running.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await running
        await until_gone(pids, 1)


async def test_a_child_ends_with_its_worker(spawn: Spawn) -> None:
    """When stdin closes because the worker was killed, the child ends, and what it started."""
    child = await asyncio.create_subprocess_exec(
        *spawn.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=spawn.environment,
        start_new_session=True,
    )
    assert child.stdin
    assert child.stdout
    child.stdin.write(b'{"step": "linger", "address": {}, "arguments": {}}\n')
    line = await child.stdout.readline()
    pids = [int(pid) for pid in line.split(b'"')[5].split()]
    child.stdin.close()
    await child.wait()
    await until_gone(pids, 2)
