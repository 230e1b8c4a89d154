"""Traces: what a request set off, across processes, as spans that name each other by W3C trace context. Off unless a setting says
where they go; then an adapter stands behind the port."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

from events.message import Message

HEADER = "traceparent"
"""The header of a request, or of a message, that W3C Trace Context names."""
_NOTHING = nullcontext()


class Tracing(ABC):
    """Makes spans, and says which one is open."""

    @abstractmethod
    def span(self, name: str, parent: str = "", **about: str | int) -> AbstractContextManager[None]:
        """A span around the block, below `parent`, a `traceparent` that a message or a request carried, or else below the span that
        is open here. What the block raises is noted in it. A parent that is none counts as absent."""

    @abstractmethod
    def carried(self) -> str:
        """The `traceparent` of the span that is open here; empty where none is."""

    @abstractmethod
    def close(self) -> None:
        """Bring what is done to where it goes, which may take seconds."""


class NoTracing(Tracing):
    """Makes none."""

    def span(self, name: str, parent: str = "", **about: str | int) -> AbstractContextManager[None]:
        return _NOTHING

    def carried(self) -> str:
        return ""

    def close(self) -> None:
        pass


def headers(message: Message) -> dict[str, str]:
    """What a message has in its headers on a bus that has these: the context is in its body too, and that is what counts, since a
    command may be sent again from its record."""
    return {HEADER: message.trace} if message.trace else {}
