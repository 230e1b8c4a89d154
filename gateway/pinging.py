"""Whether every port of the hub answers, for health and metrics."""

import asyncio
import logging
from typing import Any

from domain.data import apis
from domain.errors import LeatError
from domain.hub import Hub
from events.bus import BusError

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a port may take to answer."""


async def ping(hub: Hub) -> dict[str, str]:
    """Why each port does not answer; empty where it does. The reason is for whoever runs the hub: it names no address."""
    ports = {"bus": hub.bus, "records": hub.records, "documents": hub.documents, "search": hub.search, "files": hub.files}
    states = await asyncio.gather(*(_ping(port) for port in ports.values()))
    return dict(zip(ports, states, strict=True))


async def look_at_releases(hub: Hub) -> dict[str, str]:
    """By API: why what it serves is not there; empty where it is. None at all where that can't be found out in time: then a port
    does not answer, which `ping` tells."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await apis.gone(hub)
    except (TimeoutError, LeatError, BusError) as error:
        log.warning("what is served was not looked at", extra={"error": type(error).__name__})
        return {}


async def _ping(port: Any) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await port.ping()
    except TimeoutError:
        return f"silent for {PATIENCE:g} s"
    except (LeatError, BusError) as error:
        return type(error).__name__
    return ""
