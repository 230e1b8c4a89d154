"""The two pages in a real browser: GraphiQL as `make web` builds it, and the small one of before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from domain.hub import Hub
from domain.jobs.verdicts import Succeeded
from gateway.app import make_app
from gateway.pages import HERE, Pages
from tests.gateway.conftest import KNOWN, TOKEN, done, started
from tests.gateway.graphql.test_clients import run_node
from tests.services import missing, need


@asynccontextmanager
async def served(hub: Hub, pages: Pages, port: int | None = None) -> AsyncIterator[TestServer]:
    """A gateway with these pages, on a port of its own or one that another gateway has left."""
    async with TestServer(make_app(hub, KNOWN, pages=pages), port=port) as server:
        yield server


@pytest.mark.parametrize("page", ["explorer", "page"])
async def test_a_person_at_the_page(hub: Hub, tmp_path: Path, page: str) -> None:
    """Nothing is refused before a token is asked for; the one that was typed just now counts for the click that follows, and is
    there after a reload; a subscription that lost its gateway comes back to the next one, and goes on behind what it has shown:
    each event once."""
    browser = need("chromium")
    pages = Pages() if page == "explorer" else Pages(tmp_path)
    if page == "explorer" and not (HERE / "assets" / "index.html").is_file():
        missing("chromium", "GraphiQL is not built: `make web` does it")
    attempt = await started(hub)
    async with served(hub, pages) as first:
        url, port, gone = str(first.make_url("/")), first.port, asyncio.Event()

        async def restarted() -> None:
            gone.set()
            await attempt.finish(Succeeded(done(attempt), True))

        looking = asyncio.create_task(
            run_node("browser.js", url, TOKEN, attempt.id, browser, str(tmp_path), resumed=restarted, said="watching")
        )
        await asyncio.wait([looking, asyncio.create_task(gone.wait())], return_when=asyncio.FIRST_COMPLETED)
    async with served(hub, pages, port):
        said = await looking

    assert said["begun"] == ""
    assert said["kept"]
    assert said["errors"] == []
    shown = said["watched"]
    last = [f'{{"seq":{seq},"__typename":"{name}"}}' for seq, name in ((3, "JobProduced"), (4, "JobFinished"))]
    assert [shown.count(event) for event in last] == [1, 1]
    assert (page, shown.count('"JobStarted"')) in (("page", 1), ("explorer", 0))  # GraphiQL shows the newest batch alone
