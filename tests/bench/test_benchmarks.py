"""Every benchmark runs, with sizes that tell nothing, so that none has rotted when somebody wants its figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as every
from bench import peer, results
from bench.results import ROWS, TARGETS
from tests.services import missing, need

ROOT = Path(__file__).parent.parent.parent
PARTS = {"__init__", "__main__", "bus_peers", "generate", "peer", "processes", "results", "variants"}
"""Modules that are no benchmarks of their own."""
FEW = ("--documents", "100", "--rounds", "1")
SIZES: dict[str, tuple[str, ...]] = {
    "answering": ("--documents", "20", "--idle", "0.1"),
    "gateway": ("--queries", "3", "--watchers", "2", "--events", "2"),
    "idle": ("--seconds", "0.5"),
    "index": FEW,
    "ingest": FEW,
    "inspection": FEW,
    "logs": ("--lines", "100", "--seconds", "0.2"),
    "jobs": ("--jobs", "20", "--latencies", "5"),
    "merge": FEW,
    "search": ("--documents", "100", "--times", "2"),
    "serve": (*FEW, "--seconds", "0.1"),
    "startup": ("--rounds", "1"),
    "stores": (*FEW, "--jobs", "1"),
}
"""Of those that need no server."""
SERVED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "bus": (("rabbitmq",), ("--messages", "50", "--rounds", "1", "--no-frameworks")),
    "elasticsearch": (("elasticsearch",), FEW),
    "memory": (("rabbitmq",), ("--documents", "100")),
    "mongodb": (("mongodb",), FEW),
    "scaling": (("rabbitmq",), ("--documents", "20", "--workers", "1")),
    "whole_jobs": (("rabbitmq", "mongodb"), ("--jobs", "20", "--rounds", "1")),
}
"""Of those that do: which, and the sizes."""
COMPARED = {"ingest", "serve", "startup"}
"""What these tell is a ratio to the peer: nothing without it."""


def test_every_benchmark_is_run() -> None:
    """Nobody adds one that no test runs, and the table has a place for whatever is told."""
    modules = {path.stem for path in (ROOT / "bench").glob("*.py")} - PARTS

    assert modules == {*SIZES, *SERVED, "hpo"}
    assert set(every.NAMES) <= modules


def run(name: str, sizes: tuple[str, ...], rows: Path) -> list[str]:
    """What it told `python -m bench`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LEAT_") or key.startswith("LEAT_TEST_")}
    command = (sys.executable, "-m", f"bench.{name}", *sizes)

    done = subprocess.run(
        command, cwd=ROOT, env=environment | {ROWS: str(rows)}, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    return [row.name for row in results.read(rows)]


@pytest.mark.parametrize("name", SIZES)
def test_benchmark(name: str, tmp_path: Path) -> None:
    """It ends well, and tells `python -m bench` its figures, which make a line of the table each."""
    told = run(name, SIZES[name], tmp_path / "rows")

    wanted = {name} & set(every.NAMES) if name not in COMPARED or peer.PROGRAM.exists() else set()
    assert {TARGETS[each].bench for each in told} == wanted
    assert len(results.table(results.read(tmp_path / "rows")).splitlines()) == 2 + len(told)


@pytest.mark.parametrize("name", SERVED)
def test_benchmark_of_servers(name: str, tmp_path: Path) -> None:
    """So does one over servers."""
    servers, sizes = SERVED[name]
    for server in servers:
        need(server)

    told = run(name, sizes, tmp_path / "rows")

    assert {TARGETS[each].bench for each in told} == {name} & set(every.NAMES)


def test_benchmark_of_real_files(tmp_path: Path) -> None:
    """So does the one whose files are fetched; a machine without the peer has no way to them either."""
    if not peer.PROGRAM.exists():
        missing("peer", f"there is no {peer.PROGRAM}: `make bench` makes it")

    assert set(run("hpo", ("--rounds", "1"), tmp_path / "rows")) == {"hpo diseases", "hpo phenotypes"}
