"""Anonymous memory of worker and child processes while a hub uploads, inspects, builds and indexes more and more documents.

    .venv/bin/python -m bench.memory [--documents 100000 500000 2000000] [--bus amqp://guest:guest@127.0.0.1:5672/]

Stores are embedded, the bus is RabbitMQ, the worker is a process beside the gateway. Two sources of small documents, in no order of
`_id`, share half of their ids. Each process's RssAnon is sampled every 50 ms; the figures are peaks. Target: flat within a fifth.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from leat.cli.exits import Exit

PARSER = """import os


def get_release(self):
    return "1"


def load_data(folder):
    with open(os.path.join(folder, "count.txt")) as file:
        first, count = map(int, file.read().split())
    for number in range(first, first + count):
        id = f"{number * 2654435761 % 2**32:010}"
        yield {"_id": id, "{name}": {"gene": f"GENE{number % 20000}", "position": number, "text": f"the {id} of {number % 997}"}}
"""
PARTS = ("one", "two")


def write_plugin(folder: Path, name: str, first: int, count: int) -> Path:
    """A plugin that makes its documents itself."""
    home = folder / name
    (home / "data").mkdir(parents=True)
    (home / "data" / "count.txt").write_text(f"{first} {count}")
    dumper = {"data_url": ["file:data/count.txt"], "release": "parser:get_release"}
    manifest = {"version": "1", "dumper": dumper, "uploader": {"parser": "parser:load_data", "on_duplicates": "error"}}
    (home / "manifest.json").write_text(json.dumps(manifest))
    (home / "parser.py").write_text(PARSER.replace("{name}", name))
    return home


class Sampler(threading.Thread):
    """Peaks of a process and of each of its descendants, in megabytes."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._peaks: dict[int, float] = {}
        self._roles: dict[int, str] = {}
        self._lock = threading.Lock()
        self.ended = threading.Event()

    def run(self) -> None:
        """Sample until it is told to end."""
        while not self.ended.wait(0.05):
            for process in family(self._root):
                role = "worker" if process == self._root else role_of(process)
                if role:
                    with self._lock:
                        self._roles[process] = role
                        self._peaks[process] = max(self._peaks.get(process, 0.0), anonymous(process))

    def take(self, steps: Sequence[str]) -> dict[str, float]:
        """The peaks since the last time; the children did these steps, in their order, and the first of them ran plugins."""
        with self._lock:
            peaks, self._peaks = self._peaks, {}
        names = iter(steps)
        found: dict[str, float] = {}
        for process, peak in peaks.items():
            role = self._roles[process]
            name = next(names, "more") if role == "step" else role
            found[name] = max(found.get(name, 0.0), peak)
        return found


def family(root: int) -> Iterator[int]:
    """A process and its descendants."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        for child in read(task).split():
            yield from family(int(child))


def role_of(process: int) -> str:
    """The child that does a step, or the plugin that it started; nothing for a process that is just being made."""
    words = read(Path(f"/proc/{process}/cmdline"))
    return "step" if "leat.child" in words else "plugin" if "plugin" in words else ""


def anonymous(process: int) -> float:
    """Megabytes of RssAnon; none where the process has ended."""
    lines = [line for line in read(Path(f"/proc/{process}/status")).splitlines() if line.startswith("RssAnon")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def read(path: Path) -> str:
    """The file, or nothing where its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def leat(*words: str, environment: dict[str, str]) -> None:
    """A command of the command line, to its end."""
    ended = subprocess.run([sys.executable, "-m", "leat", *words], env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != Exit.DONE:
        raise SystemExit(f"leat {' '.join(words)}: {ended.stdout}{ended.stderr}")


@contextmanager
def started(environment: dict[str, str], *words: str) -> Iterator[int]:
    """The process id of a hub or of workers, once they say that they are there; stopped in order behind the block."""
    command = [sys.executable, "-m", "leat", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            if not process.stdout.readline():
                raise SystemExit(f"leat {' '.join(words)} did not start")
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def measure(count: int, bus: str) -> dict[str, float]:
    """Peaks of each step's child process, of the plugin's, and of the worker."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LEAT_")}
        environment = {**kept, "LEAT_DATA": str(folder / "data"), "LEAT_BUS": bus, "LEAT_ID": secrets.token_hex(4)}
        queues = ("dump", "upload", "build", "index")
        with started(environment, "up", "--no-workers", "--port", "0"), started(environment, "work", *queues) as worker:
            sampler = Sampler(worker)
            sampler.start()

            def run(*words: str, steps: Sequence[str] = ()) -> None:
                leat(*words, environment=environment)
                for role, peak in sampler.take(steps).items():
                    found[role] = max(found.get(role, 0.0), peak)

            for number, part in enumerate(PARTS):
                run("source", "add", str(write_plugin(folder, part, number * count // 2, count)))
                run("source", "dump", part, steps=("upload", "inspect"))
            run("build", "add", "all", *PARTS, "--doc-type", "thing")
            run("build", "run", "all", steps=("build",))
            run("api", "add", "all", "all")
            run("release", "create", "all", steps=("index",))
            sampler.ended.set()
    return found


def main() -> None:
    """Print each count's peaks, and how the largest compare with the smallest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 500_000, 2_000_000], help="of each of two sources")
    parser.add_argument("--bus", default=os.environ.get("LEAT_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/"))
    given = parser.parse_args()
    least: dict[str, float] = {}
    for count in given.documents:
        begun = time.perf_counter()
        for role, peak in measure(count, given.bus).items():
            print(f"{count:10,}  {role:8} {peak:6.0f} MB  x {peak / least.setdefault(role, peak):.2f}", flush=True)
        print(f"{count:10,}  took {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
