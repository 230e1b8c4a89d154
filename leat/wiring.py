"""Turns settings into an open hub, and closes it."""

import os
import platform
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from domain.catalogue import KINDS
from domain.hub import Hub
from domain.ports.records import Kind, Records
from events.message import new_id
from leat.adapters import open_bus, open_records, open_stores, opened, reaching
from leat.settings import Settings, SettingsInvalid

HUB = Kind(name="hub")


@asynccontextmanager
async def open_hub(settings: Settings) -> AsyncIterator[Hub]:
    """The hub of these settings, closed in the reverse order. Raises Unavailable where a server does not answer."""
    settings.data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        records = await opened(stack, "records", settings.records, open_records(settings.records, settings.data, settings.name))
        await records.prepare((HUB, *KINDS))
        name = f"{settings.name}-{await _hub_id(records, settings.id)}"
        address = {
            "name": name,
            "data": str(settings.data.resolve()),
            "documents": settings.documents,
            "search": settings.search,
            "files": settings.files,
            "limits": msgspec.to_builtins(settings.limits()),
        }
        stores = await stack.enter_async_context(open_stores(address))
        with reaching("search", settings.search):
            await stores.search.ping()
        bus = await opened(stack, "bus", settings.bus, open_bus(settings.bus, name))
        yield Hub(
            name=name,
            data=stores.data,
            documents=stores.documents,
            search=stores.search,
            files=stores.files,
            limits=stores.limits,
            address=address,
            records=records,
            bus=bus,
            process=f"{platform.node()}.{os.getpid()}.{new_id()[:8]}",
        )


async def _hub_id(records: Records, wanted: str) -> str:
    """What is made, or was `wanted`, once with the records, so that hubs share servers without meeting."""
    await records.insert(HUB, "hub", {"id": wanted or secrets.token_hex(2)})
    record = await records.get(HUB, "hub")
    assert record is not None
    there = str(record.body["id"])
    if wanted and there != wanted:
        raise SettingsInvalid(f"LEAT_ID={wanted}: these records belong to the hub {there}; unset it, or name other records")
    return there
