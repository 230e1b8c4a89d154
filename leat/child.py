"""Runs one heavy step of a job in a process of its own: the far end of `workers.child`."""

from typing import Any

from leat.adapters import open_stores
from leat.unreadable import make_unreadable
from workers.child import serve
from workers.context import Report
from workers.steps import STEPS


async def run(step: str, address: dict[str, Any], arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Open the hub's stores and do the step. One that needs no search engine opens the embedded one, which costs nothing until it
    is asked."""
    work = STEPS[step].load()
    async with open_stores(address if STEPS[step].searches else {**address, "search": "tantivy:"}) as stores:
        with stores.tracing.span(step, address.get("trace", "")):
            return await work(stores, arguments, report)


if __name__ == "__main__":
    make_unreadable()
    serve(run)
