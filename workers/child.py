"""Child processes for heavy steps, both ends: `run_child` in the worker, `serve` in `python -m leat.child`.

The protocol is lines of JSON. The worker writes one line to the child's stdin and leaves it open; the child answers on its
stdout, whose lines are each an object with one key:

    stdin    {"step": "...", "address": {...}, "arguments": {...}}          address: Hub.address, to open the same stores with
    stdout   {"progress": {"done": 10, "total": 20, "unit": "files", "message": ""}}
             {"log": {"text": "...", "level": "info"}}
             {"result": {...}}                                              the last line, or
             {"error": {"type": "JobFailed", "code": "...", "message": "...", "detail": "..."}}

What the step prints goes to stderr instead, which the worker passes on and keeps the end of, for the error of a child that died.
The child leads a process group of its own at lower priority. When its stdin closes, because the worker cancels or died, it ends
with its whole group.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from domain import errors
from domain.errors import JobFailed, LeatError, Unavailable
from domain.masking import masked
from domain.room import as_disk_full
from workers.context import Level, Report

NICE = 10
"""Added to the child's niceness, so that the process that serves stays quick."""
LINE = 64 * 2**20
"""Bytes that one line may have."""
PATIENCE = 0.5
"""Seconds that a child group gets to end by itself before it is killed."""
KILLED = 10.0
"""Seconds that a killed child gets to be gone, and our pipes to be released."""
KEPT = 8_000
"""Bytes of a child's stderr, the last ones, that are kept for the error."""
REPORTS = 0.1
"""Seconds between two progress lines of a child."""
FLAT = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""glibc's own default. Unless it is given, it rises up to 32 MiB as large blocks are freed, and what was freed is kept: indexing 2
million documents in segments of 64 MB then took 187 MB instead of 137 (`bench.memory`). Other C libraries know no such variable."""


class ChildDied(LeatError):
    """A heavy step's process ended without an answer."""

    code = "CHILD_DIED"

    def __init__(self, message: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.detail = masked(detail)
        """The end of what it wrote to stderr."""


class Spawn(msgspec.Struct, frozen=True, kw_only=True):
    """How child processes are started."""

    command: tuple[str, ...] = (sys.executable, "-P", "-m", "leat.child")
    """-P: Python would import from the folder that the hub was started in first, whatever `random.py` lies there."""
    environment: dict[str, str] | None = None
    """None: this process's own, which holds no settings: those come with the address."""


async def run_child(
    spawn: Spawn, step: str, address: Mapping[str, Any], arguments: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """Run a step in a child process and return its result; its progress and log go to `report`.

    Raises what the step raised where that is a LeatError, and ChildDied, with the traceback, for anything else that ended it. When
    this is cancelled, it ends the child's whole group within a second.
    """
    child = await asyncio.create_subprocess_exec(
        *spawn.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**FLAT, **(os.environ if spawn.environment is None else spawn.environment)},
        start_new_session=True,
        limit=LINE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    kept = bytearray()
    errors_kept = asyncio.ensure_future(_pass_on(child.stderr, kept))
    request = {"step": step, "address": address, "arguments": arguments}
    try:
        answer, wrong = await _converse(child.stdin, child.stdout, request, report)
        if answer is None:
            await _wait(child, errors_kept)
            said = kept.decode(errors="replace")
            last = said.strip().rpartition("\n")[2]
            raise ChildDied(f"the process of {step} {wrong or _how(child.returncode)}: {last}", said)
    finally:
        await _end(child)
        errors_kept.cancel()
    if "error" in answer:
        raise error_from(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


async def _converse(
    stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, request: dict[str, Any], report: Report
) -> tuple[dict[str, Any] | None, str]:
    """The child's last line, or None where there is none, and then what was wrong with the line that was read instead."""
    if stdin.is_closing():  # it ended before it was spoken to; uvloop refuses the write as a bug of ours
        return None, ""
    try:
        stdin.write(msgspec.json.encode(request) + b"\n")
        await stdin.drain()
        while (line := await stdout.readline()).endswith(b"\n"):
            message: dict[str, Any] = msgspec.json.decode(line)
            match message:
                case {"progress": progress}:
                    report.progress(**progress)
                case {"log": said}:
                    report.log(**said)
                case {"result": _} | {"error": _}:
                    return message, ""
                case _:
                    return None, "wrote what is no answer"
    except msgspec.DecodeError:
        return None, "wrote what is no answer"
    except ValueError:  # asyncio's word for it
        return None, f"wrote a line of more than {LINE} bytes"
    except ConnectionError:
        pass
    return None, ""  # it died while it was spoken to, or in the middle of a line


async def _pass_on(stderr: asyncio.StreamReader, kept: bytearray) -> None:
    while chunk := await stderr.read(4096):
        kept += chunk
        del kept[:-KEPT]
        sys.stderr.write(masked(chunk.decode(errors="replace")))


async def _end(child: asyncio.subprocess.Process) -> None:
    """End the child's group: first by closing its stdin, then by force. What the leader started may outlive it, so its group is
    killed in any case. Nothing is waited for long: a process that has left the group may hold our pipes."""
    assert child.stdin
    assert child.stdout
    child.stdin.close()
    drained = asyncio.ensure_future(_drain(child.stdout))  # a child may be waiting until its output is read
    try:
        await _wait(child, drained)
    finally:
        with suppress(ProcessLookupError):  # nothing of the group is left
            os.killpg(child.pid, signal.SIGKILL)
        await _wait(child, drained, seconds=KILLED)
        drained.cancel()
        child._transport.close()  # type: ignore[attr-defined]  # asyncio has no other word for it


async def _wait(child: asyncio.subprocess.Process, *others: asyncio.Future[None], seconds: float = PATIENCE) -> None:
    """Wait for the child's end, and for these, but no longer than that."""
    waited: list[asyncio.Future[Any]] = [asyncio.ensure_future(child.wait()), *others]
    try:
        await asyncio.wait(waited, timeout=seconds)
    finally:
        waited[0].cancel()


async def _drain(stdout: asyncio.StreamReader) -> None:
    while await stdout.read(2**16):
        pass


def _how(code: int | None) -> str:
    if code is None:
        return "closed its output without an answer, and went on"
    if code >= 0:
        return f"ended without an answer (exit code {code})"
    try:
        return f"ended without an answer (signal {signal.Signals(-code).name})"
    except ValueError:
        return f"ended without an answer (signal {-code})"


def error_from(plain: Mapping[str, Any]) -> LeatError:
    """The error that a child wrote; one of a type that is unknown here is a JobFailed."""
    kind = getattr(errors, plain["type"], JobFailed)
    if issubclass(kind, JobFailed):
        return kind(plain["message"], plain["detail"], plain["code"])
    if issubclass(kind, Unavailable):
        return kind(plain["message"], plain["cause"])
    if issubclass(kind, LeatError):
        return kind(plain["message"])
    return JobFailed(plain["message"], plain["detail"], plain["code"])


# -- the child's end ------------------------------------------------------------------------------------------------------

Steps = Callable[[str, dict[str, Any], dict[str, Any], Report], Awaitable[dict[str, Any]]]
"""(step, address, arguments, report) → result."""


class ChildReport(Report):
    """Writes progress and log lines to the worker; progress at most ten times a second, the newest of which is never lost."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._next = 0.0
        self._newest: dict[str, Any] | None = None

    def progress(self, done: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        self._newest = {"done": done, "total": total, "unit": unit, "message": message}
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REPORTS
            self.flush()

    def log(self, text: str, level: Level = "info") -> None:
        self.write({"log": {"text": text, "level": level}})

    def flush(self) -> None:
        """Write the newest progress, if it was not written yet."""
        newest, self._newest = self._newest, None
        if newest:
            self.write({"progress": newest})

    def write(self, line: dict[str, Any]) -> None:
        """Write one line whole."""
        data = memoryview(msgspec.json.encode(line) + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def serve(steps: Steps) -> None:
    """The main function of a child process: read what to do, do it, answer. Returns when the answer is written."""
    os.nice(NICE)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    report = ChildReport(_take_stdout())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    request: dict[str, Any] = msgspec.json.decode(line)
    answer = asyncio.run(_answer(steps, request, report))
    report.flush()
    report.write(answer)


async def _answer(steps: Steps, request: dict[str, Any], report: Report) -> dict[str, Any]:
    try:
        return {"result": await _performed(steps, request, report)}
    except LeatError as error:
        detail, cause = getattr(error, "detail", ""), getattr(error, "cause", "")
        return {
            "error": {"type": _known_type(error), "code": error.code, "message": error.message, "detail": detail, "cause": cause}
        }


async def _performed(steps: Steps, request: dict[str, Any], report: Report) -> dict[str, Any]:
    """The step's result; a full disk is told as that, and not as the death of this process."""
    try:
        return await steps(request["step"], request["address"], request["arguments"], report)
    except (OSError, ValueError, sqlite3.Error) as error:
        told = as_disk_full(error, Path(request["address"]["data"]))
        if told is error:
            raise
        raise told from error


def _known_type(error: LeatError) -> str:
    """The name of its type, or of the type in `domain.errors` that it is derived from. Whoever reads it knows only those, and
    whether the job is tried again depends on it."""
    known = (kind.__name__ for kind in type(error).__mro__ if kind is not LeatError and vars(errors).get(kind.__name__) is kind)
    return next(known, type(error).__name__)


def _take_stdout() -> int:
    """A descriptor of the real stdout. From now on, stdout is stderr for everybody else."""
    descriptor = os.dup(1)
    os.dup2(2, 1)
    return descriptor


def _end_with_stdin() -> None:
    """Wait until stdin closes, then end the group at once: nobody is there to take the answer."""
    while os.read(0, 1):  # not through sys.stdin, whose lock a thread that waits would keep the interpreter from ending
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


__all__ = ["ChildDied", "ChildReport", "Spawn", "Steps", "error_from", "run_child", "serve"]
