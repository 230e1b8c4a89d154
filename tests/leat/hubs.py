"""A real `leat up` in a process of its own, and the real command line beside it."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leat.cli import main

ROOT = Path(__file__).parent.parent.parent
COMMAND = (
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from leat.cli import main; sys.exit(main())",
)


class Line:
    """The command line, in one folder, for one hub."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("LEAT_")} | settings
        self.environment.setdefault("LEAT_DATA", str(folder / "data"))
        self.environment.setdefault("LEAT_GRACE", "1")

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Do a command to its end, in this process: the same code, without a second to start."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.chdir(self.folder)
            patch.setattr("sys.stdin", io.StringIO(given))
            for name in [*os.environ]:
                if name not in self.environment:
                    patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            try:
                code = main(words)
            except SystemExit as ended:
                code = int(str(ended.code))
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    def apart(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Do a command to its end in a process of its own: for those that would change this one, its log for instance."""
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def done(self, *words: str, given: str = "") -> str:
        """What a command that has to succeed printed."""
        ended = self.run(*words, given=given)
        assert ended.returncode == 0, (words, ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout

    def json(self, *words: str) -> Any:
        """The JSON value that it printed."""
        return json.loads(self.done(*words, "--json"))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hears_interrupts,
        )

    @contextlib.contextmanager
    def up(self, *words: str, command: str = "up") -> Iterator[subprocess.Popen[str]]:
        """A hub, or workers, that serve within the block and are stopped in order behind it."""
        words = words if command == "work" else ("--port", "0", *words)
        process = self.start(command, *words)
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, (process.wait(10), process.stderr and process.stderr.read())
            yield process
        finally:
            stop(process)


def hears_interrupts() -> None:
    """Undo what a shell does to the children of a background job: there Ctrl-C is ignored, and stays so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop(process: subprocess.Popen[str]) -> int:
    """Ask it to stop, and wait; killed where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode


def plugin(folder: Path, name: str = "genes", rows: int = 3, body: str = "") -> Path:
    """A small plugin with its data in its own folder."""
    home = folder / name
    (home / "data").mkdir(parents=True)
    (home / "data" / "rows.tsv").write_text("".join(f"gene{number}\tsymbol{number}\n" for number in range(rows)))
    manifest = {
        "version": "1",
        "__metadata__": {"license": "CC0-1.0"},
        "dumper": {"data_url": ["file:data/rows.tsv"], "release": "version:get_release"},
        "uploader": {"parser": "parser:load_data", "on_duplicates": "error"},
    }
    (home / "manifest.json").write_text(json.dumps(manifest))
    (home / "version.py").write_text("def get_release(self):\n    return '1'\n")
    lines = (
        "import os",
        "def load_data(data_folder):",
        body or "    pass",
        "    with open(os.path.join(data_folder, 'rows.tsv')) as file:",
        "        for line in file:",
        "            id, symbol = line.rstrip().split('\\t')",
        f"            yield {{'_id': id, {name!r}: {{'symbol': symbol}}}}",
    )
    (home / "parser.py").write_text("\n".join(lines) + "\n")
    return home
