"""Wall time, processor time and peak memory of a process: a heavy step as a job would have it done, or anybody's program."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.results import Ratio


class Measured(NamedTuple):
    """What a process took."""

    seconds: float
    """From its start to its end."""
    processor: float
    """Seconds of processor time, its threads' together: what counts on a machine that others use."""
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
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def apart(work: Callable[..., Any], *arguments: object) -> None:
    """Do it in a process that ends: a child's peak memory is never told below that of the process that forked it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(work, *arguments).result()


def measure_here(work: Callable[[], object]) -> Measured:
    """Something in this process; its memory is not told apart."""
    begun, processor = time.perf_counter(), time.process_time()
    work()
    return Measured(time.perf_counter() - begun, time.process_time() - processor, 0.0, b"")


def show(found: dict[str, list[Measured]], documents: int) -> dict[str, Ratio]:
    """Print each side's medians, and how they compare with the first side's, which is returned too."""
    first = next(iter(found))
    medians = {side: (_median(each, "seconds"), _median(each, "processor")) for side, each in found.items()}
    for side, (seconds, processor) in medians.items():
        ratios = f"x {seconds / medians[first][0]:.2f} (processor x {processor / medians[first][1]:.2f})"
        memory = f"  {max(each.memory for each in found[side]):.0f} MB" if found[side][0].memory else ""
        print(
            f"{side:16} {seconds:6.2f} s  {processor:6.2f} s processor  {documents / seconds:9,.0f} documents/s  {ratios}{memory}"
        )
    return {
        side: Ratio(seconds / medians[first][0], processor / medians[first][1]) for side, (seconds, processor) in medians.items()
    }


def _median(found: Sequence[Measured], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in found))


def measure_step(step: str, folder: Path, arguments: dict[str, Any]) -> Measured:
    """A heavy step in a child process."""
    request = {"step": step, "address": address(folder), "arguments": arguments}
    measured = measure([sys.executable, "-m", "leat.child"], stdin=orjson.dumps(request) + b"\n")
    if b'"result"' not in measured.said.splitlines()[-1]:
        raise SystemExit(measured.said.decode())
    return measured
