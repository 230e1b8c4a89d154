"""Plans: the steps of a run, and the record that keeps them."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from domain.nouns import Table
from domain.ports.records import Kind
from events.message import Command


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One planned job of a run."""

    name: str
    """Such as `upload:clinvar`; unique in the run, and the job's id is derived from it."""
    command: dict[str, Any]
    """The command as plain values."""
    after: tuple[str, ...] = ()
    """Steps that must have SUCCEEDED before this one is asked for."""
    delay: float = 0.0
    """Seconds that the job waits before it is due (the quiet minute of an automatic build)."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Several planned steps that are seen, and cancelled, as one thing. A single job is a run by itself and has no record of this
    kind."""

    title: str
    """What it does, in words: `pipeline of mygene`."""
    asked_by: str = ""
    input_hash: str = ""
    """Hash of what was asked for; another input under the same id is a Conflict."""
    created_at: float
    steps: tuple[Step, ...] = ()
    cancelled: bool = False
    cancelled_at: float = 0.0
    pending: Literal["", "ask", "cancel"] = "ask"
    """What is left to do for the run itself: ask for the first steps, or cancel what is unfinished. A reaper does it where the
    process died that had to do it."""


RUNS = Table(Kind(name="run", indexes=(("pending",), ("asked_by",))), Run)


def step(command: Command, after: Iterable[str] = (), delay: float = 0.0) -> Step:
    """A step named for its command and target."""
    return Step(name=command.step, command=msgspec.to_builtins(command), after=tuple(after), delay=delay)
