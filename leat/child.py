"""Runs one heavy step of a job in a process of its own: the far end of `workers.child`."""

from typing import Any

from leat.adapters import open_stores
from workers.child import serve
from workers.context import Report

SEARCHING = ("feed",)
"""Steps that need the search engine. The others open the embedded one, which costs nothing until it is asked: to import the client
of Elasticsearch takes a second."""


async def run(step: str, address: dict[str, Any], arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Open the hub's stores and do the step; each imports only what it needs, since a child's start counts."""
    match step:
        case "unpack":
            from workers.dump.unpack import unpack as work
        case "store":
            from workers.upload.store import store as work
        case "inspect":
            from workers.upload.inspection import inspect as work
        case "merge":
            from workers.build.merge import merge as work
        case "feed":
            from workers.index.feed import feed as work
        case _:
            raise AssertionError(f"there is no step {step!r}")
    async with open_stores(address if step in SEARCHING else {**address, "search": "tantivy:"}) as stores:
        return await work(stores, arguments, report)


if __name__ == "__main__":
    serve(run)
