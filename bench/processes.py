"""Wall time and peak memory of a process: one of ours that does a heavy step as a job would have it done, or anybody's."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson


class Measured(NamedTuple):
    """What a process took."""

    seconds: float
    """From its start to its end."""
    memory: float
    """Peak resident memory in megabytes."""
    said: bytes


def address(folder: Path) -> dict[str, Any]:
    """Where the stores of a hub in `folder` are."""
    return {"name": "bench", "data": str(folder), "documents": "sqlite:", "search": "tantivy:", "files": "file:", "limits": {}}


def measure(command: Sequence[str], folder: Path | None = None, stdin: bytes | None = None) -> Measured:
    """Run it; stdin stays open until it ends. Exits with what it wrote where it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    if stdin is not None:
        process.stdin.write(stdin)
        process.stdin.flush()
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdin.close()
    if process.returncode:
        raise SystemExit(f"{command}: {said.decode()}")
    return Measured(seconds, usage.ru_maxrss / 1024, said)


def measure_step(step: str, folder: Path, arguments: dict[str, Any]) -> Measured:
    """A heavy step in a child process."""
    request = {"step": step, "address": address(folder), "arguments": arguments}
    measured = measure([sys.executable, "-m", "leat.child"], stdin=orjson.dumps(request) + b"\n")
    if b'"result"' not in measured.said.splitlines()[-1]:
        raise SystemExit(measured.said.decode())
    return measured
