"""Runs: the planned steps of everything that one request or schedule set off."""

from typing import Any

import msgspec

from domain.nouns import Shelf
from domain.ports import Kind


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
    """Several planned steps that are seen, and cancelled, as one thing. A job without followers is a run by itself and has no
    record of this kind."""

    title: str
    """What it does, in words: `pipeline of mygene`."""
    asked_by: str = ""
    created_at: float
    steps: tuple[Step, ...] = ()
    cancelled: bool = False
    finished_at: float = 0.0


RUNS = Shelf(Kind(name="run"), Run)
