"""Turns settings into an open hub, and closes it."""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from domain.catalogue import CATALOGUE
from domain.hub import Hub
from domain.jobs import upgrading
from domain.ports.records import Kind, Records
from events.message import new_id
from leat.adapters import open_bus, open_records, open_stores, opened, reaching
from leat.data_folder import make_private
from leat.settings import Settings, SettingsInvalid
from workers.plugin.sandbox import is_used

HUB = Kind(name="hub")
FORM = "form"
"""The record that says in which form the others are written; absent before form 2."""


@asynccontextmanager
async def open_hub(settings: Settings) -> AsyncIterator[Hub]:
    """The hub of these settings, closed in the reverse order. Raises Unavailable where a server does not answer."""
    make_private(settings.data)
    async with AsyncExitStack() as stack:
        records = await opened(stack, "records", settings.records, open_records(settings.records, settings.data, settings.name))
        with reaching("records", settings.records):
            await records.prepare((HUB, *CATALOGUE.kinds))
            name = f"{settings.name}-{await _hub_id(records, settings.id)}"
        address = stores_address(settings, name)
        address["limits"]["plugin_sandbox"] = "on" if await asyncio.to_thread(is_used, settings.plugin_sandbox) else "off"
        stores = await stack.enter_async_context(open_stores(address))
        with reaching("search", settings.search):
            await stores.search.ping()
        bus = await opened(stack, "bus", settings.bus, open_bus(settings.bus, name))
        hub = Hub(
            name=name,
            data=stores.data,
            documents=stores.documents,
            search=stores.search,
            files=stores.files,
            limits=stores.limits,
            tracing=stores.tracing,
            address=address,
            records=records,
            bus=bus,
            process=f"{platform.node()}.{os.getpid()}.{new_id()[:8]}",
            catalogue=CATALOGUE,
        )
        await _upgrade(hub)
        yield hub


def stores_address(settings: Settings, name: str) -> dict[str, Any]:
    """The plain values with which any process opens the stores of the hub called `name`."""
    return {
        "name": name,
        "data": str(settings.data.resolve()),
        "documents": settings.documents,
        "search": settings.search,
        "files": settings.files,
        "traces": settings.traces,
        "limits": msgspec.to_builtins(settings.limits()),
    }


async def _hub_id(records: Records, wanted: str) -> str:
    """The hub's id, made once with the records, or as `wanted` then, so that hubs share servers without meeting."""
    await records.insert(HUB, "hub", {"id": wanted or secrets.token_hex(2)})
    record = await records.get(HUB, "hub")
    assert record is not None
    there = str(record.body["id"])
    if wanted and there != wanted:
        raise SettingsInvalid(f"LEAT_ID={wanted}: these records belong to the hub {there}; unset it, or name other records")
    return there


async def _upgrade(hub: Hub) -> None:
    """Bring records that an earlier version wrote into today's form, once."""
    if await hub.records.get(HUB, FORM) is None:
        await upgrading.upgrade(hub)
        await hub.records.insert(HUB, FORM, {"form": 2})
