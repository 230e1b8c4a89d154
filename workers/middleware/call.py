"""A call of a handler, as every middleware sees it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from events.message import Command, Event
from workers.context import Registration
from workers.running import RunningJob


class Call(NamedTuple):
    """One call of a handler."""

    command: Command
    job: RunningJob
    registration: Registration


Middleware = Callable[[Call, Callable[[], Awaitable[Event]]], Awaitable[Event]]
"""(call, what lies inside) → the handler's event."""
