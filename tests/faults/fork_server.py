"""A process that has imported everything and built the schema, off which a hub's processes are forked: a start takes a tenth of a
second instead of one or two. `python -m tests.faults.fork_server` is the process, `ForkServer` our end of it."""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.schema import build_schema
from tests.faults.process import run

ADAPTERS = (
    "sqlite.records",
    "sqlite.documents",
    "tantivy.search",
    "mongodb.records",
    "mongodb.documents",
    "elasticsearch.search",
    "files.folder",
)
ROOT = Path(__file__).parent.parent.parent


class ForkServer:
    """Starts processes, and knows how they ended."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, words: Sequence[str], environment: dict[str, str], folder: Path, output: Path) -> int:
        """Run `leat <words>` in a folder, with this environment alone, and what it prints in a file; returns its process number."""
        return int(self._ask([list(words), environment, str(folder), str(output)]))

    def ended(self, pid: int) -> int | None:
        """Its exit code, negative for a signal; None while it runs. Ask until it has ended, and no more."""
        code = self._ask(pid)
        return None if code is None else int(code)

    def _ask(self, request: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def opened() -> Iterator[ForkServer]:
    """A fork server; what it started ends with it."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield ForkServer(process)


def serve() -> None:
    """Answer requests, one line each, until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ADAPTERS:
        importlib.import_module(f"adapters.{name}")
    build_schema()
    # Unbuffered, so that nothing read or not yet written is copied into what is forked off.
    requests, answers = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb", buffering=0)
    while line := requests.readline():
        request = json.loads(line)
        answers.write(json.dumps(_wait(request) if isinstance(request, int) else _fork(*request)).encode() + b"\n")


def _fork(words: list[str], environment: dict[str, str], folder: str, output: str) -> int:
    pid = os.fork()
    if pid == 0:
        run(words, environment, folder, output)
    return pid


def _wait(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    serve()
