"""Runs: everything that one request or schedule set off."""

from events.message import Event


class RunStarted(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A run with several planned steps was asked for."""

    steps: tuple[str, ...]


class RunCanceled(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Somebody cancelled everything of the run that is not finished."""
