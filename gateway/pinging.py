"""Whether every port of the hub answers, for health and metrics."""

import asyncio
from typing import Any

from domain.errors import LeatError
from domain.hub import Hub
from events.bus import BusError

PATIENCE = 5.0
"""Seconds that a port may take to answer."""


async def ping(hub: Hub) -> dict[str, str]:
    """Why each port does not answer; empty where it does. The reason is for whoever runs the hub: it names no address."""
    ports = {"bus": hub.bus, "records": hub.records, "documents": hub.documents, "search": hub.search, "files": hub.files}
    states = await asyncio.gather(*(_ping(port) for port in ports.values()))
    return dict(zip(ports, states, strict=True))


async def _ping(port: Any) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await port.ping()
    except TimeoutError:
        return f"silent for {PATIENCE:g} s"
    except (LeatError, BusError) as error:
        return type(error).__name__
    return ""
