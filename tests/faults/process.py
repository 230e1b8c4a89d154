"""The processes under test: `leat up` and `leat work` as they are, but quick to notice what died, and with clocks that jump."""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

import leat.cli.up
import leat.serving
import workers.catalogue
from domain.hub import Hub
from domain.jobs.reaper import Intervals, Reaper
from gateway.live import stream
from leat.cli import main

QUICK = Intervals(due=0.3, beats=0.3, chains=0.5, silence=0.5, unsent=0.5)
"""The reaper's seconds; its lease is a setting."""
BASE = 0.1
"""Seconds before the first retry, whatever the command."""
PDEATHSIG = 1
"""prctl: the signal that a process gets when its parent dies."""
CLOCK = "clock"
"""File in the process's folder with the seconds by which its clock is wrong, read at SIGUSR1."""


def run(words: Sequence[str], environment: Mapping[str, str], folder: str, output: str) -> NoReturn:
    """Be `leat <words>` in this folder, with this environment alone; what it prints goes to a file."""
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)  # nothing outlives the tests
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _redirect(output)
    be_quick()
    let_clock_jump(Path(folder) / CLOCK)
    code = 70
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001  (a fork must not go on as what it was forked off)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(output: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, target)
    os.closerange(3, 64)


def be_quick() -> None:
    """Shorten what an operator has no reason to set."""
    for queue, registrations in workers.catalogue.WORKERS.items():
        workers.catalogue.WORKERS[queue] = tuple(
            msgspec.structs.replace(each, retry=msgspec.structs.replace(each.retry, base=BASE)) for each in registrations
        )
    stream.SILENCE = 0.5
    leat.serving.Reaper = quick_reaper  # type: ignore[assignment,attr-defined]


def quick_reaper(hub: Hub) -> Reaper:
    """A reaper with little patience."""
    return Reaper(hub, QUICK)


def let_clock_jump(file: Path) -> None:
    """Let SIGUSR1 change the wall clock of this process to what the file says; monotonic clocks go on."""
    wrong_by = 0.0
    right = time.time

    def jump(_: int, __: FrameType | None) -> None:
        nonlocal wrong_by
        wrong_by = float(file.read_text())

    time.time = lambda: right() + wrong_by
    signal.signal(signal.SIGUSR1, jump)
