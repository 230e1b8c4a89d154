"""Progress of a run's steps: bars on a terminal, a line for each change elsewhere."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from domain.wording import counted
from leat.cli.made import made
from leat.cli.output import wait_of, word_of


class Screen:
    """What is shown of a run: nothing."""

    def update(self, run: Mapping[str, Any]) -> None:
        """The run as it is now."""
        for step in run["steps"]:
            self.step(step["name"], step["job"])

    def step(self, name: str, job: Mapping[str, Any] | None) -> None:
        """A step as it is now; None before its job is asked for."""


class Lines(Screen):
    """A line for each change of state."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[str, str] = {}

    def step(self, name: str, job: Mapping[str, Any] | None) -> None:
        """Say what is new."""
        state = state_of(job)
        if job is not None and self._told.get(name) != state:
            self._told[name] = state
            print(f"{name}: {state}{found(job)}", file=self._stream, flush=True)


class Bars(Screen):
    """A bar for each step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def step(self, name: str, job: Mapping[str, Any] | None) -> None:
        """Show where it stands."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, start=False, total=1, state="", count="")
        task = self._tasks[name]
        if job is None:
            return
        progress = job["progress"]
        done, total = progress["done"], progress["total"]
        count = (f"{done:,} of " if total else "") + counted(total or done, progress["unit"]) if done or total else ""
        told = progress["message"] if job["state"] == "RUNNING" and progress["message"] else state_of(job) + found(job)
        if job["outcome"] == "SUCCEEDED":
            count = ""  # that is told
        if job["state"] != "QUEUED":
            self._bars.start_task(task)
        self._bars.update(task, completed=done, total=total or None, count=count, state=told)
        if job["state"] == "FINISHED":
            whole = max(total or 0, done, 1)
            self._bars.update(task, completed=whole if job["outcome"] == "SUCCEEDED" else done, total=whole)
            self._bars.stop_task(task)


def state_of(job: Mapping[str, Any] | None) -> str:
    """Where a job stands, in a word."""
    if job is None:
        return "to come"
    word = "done" if job["outcome"] == "SUCCEEDED" else word_of(job["outcome"] or job["state"])
    counts = ((job["failures"], "failures"), (job["losses"], "lost workers"))
    before = " and ".join(counted(count, things) for count, things in counts if count)
    told = f"{word}, after {before}" if word in ("queued", "running") and before else word
    return f"{told}, {wait}" if (wait := wait_of(job)) else told


def found(job: Mapping[str, Any]) -> str:
    """What a finished job made, behind its state."""
    told = made(job["result"] or {})
    return f": {told}" if told else ""


@contextlib.contextmanager
def show(stream: TextIO | None) -> Iterator[Screen]:
    """Bars where the stream is a terminal, lines elsewhere, nothing where there is none."""
    if stream is None:
        yield Screen()
        return
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(stream)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
    with Progress(*columns, TextColumn("{task.fields[state]}"), TimeElapsedColumn(), console=console) as bars:
        yield Bars(bars)
