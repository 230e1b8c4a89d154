"""The heavy steps of jobs, each done in a process of its own: a line says where a step is, and what it needs."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, NamedTuple

from domain.hub import Stores
from workers.context import Report

Work = Callable[[Stores, dict[str, Any], Report], Awaitable[dict[str, Any]]]
"""(stores, arguments, report) → result."""


class Step(NamedTuple):
    """A heavy step."""

    place: str
    """`module:function`, a Work; named, since a child imports only its own step: its start counts."""
    searches: bool = False
    """Whether it needs the search engine. To import the client of Elasticsearch takes a second."""

    def load(self) -> Work:
        """Import it."""
        module, _, function = self.place.partition(":")
        work: Work = getattr(import_module(module), function)
        return work


STEPS = {
    "unpack": Step("workers.dump.unpack:unpack"),
    "store": Step("workers.upload.store:store"),
    "inspect": Step("workers.upload.inspection:inspect"),
    "merge": Step("workers.build.merge:merge"),
    "feed": Step("workers.index.feed:feed", searches=True),
}
