"""What every resolver gets: the hub, who asks, and what is watched."""

from dataclasses import dataclass, field
from typing import Any

import strawberry

from domain.callers import ANONYMOUS, Caller
from domain.hub import Hub
from events.message import new_id
from gateway.live.stream import Watching


@dataclass(kw_only=True)
class Context:
    """One request's, or one socket's."""

    hub: Hub
    watching: Watching
    caller: Caller = ANONYMOUS
    """Who asks; on a socket from `connection_init` on."""
    request_id: str = field(default_factory=new_id)
    connection_params: dict[str, Any] = field(default_factory=dict)


Info = strawberry.Info[Context, None]
