"""The main job, once on embedded adapters in one process and once on three servers with every worker in a process of its own."""

import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.leat.hubs import Line, plugin
from tests.leat.servers import on_servers

QUEUES = ("dump", "upload", "build", "index")


@pytest.fixture(params=["embedded", "servers"])
async def line(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Line]:
    """A hub that serves."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "embedded":
            line = Line(tmp_path)
            stack.enter_context(line.up())
        else:
            line = await stack.enter_async_context(on_servers(tmp_path))
            stack.enter_context(line.up("--no-workers"))
            own = [Line(tmp_path, **{**line.environment, "LEAT_DATA": str(tmp_path / queue)}) for queue in QUEUES]
            with ThreadPoolExecutor() as pool:  # a process takes a second to start, and more on a busy machine
                list(pool.map(lambda queue, line: stack.enter_context(line.up(queue, command="work")), QUEUES, own))
        yield line


def asked(line: Line, path: str) -> Any:
    """What the published API answers."""
    data = Path(line.environment["LEAT_DATA"])
    with urllib.request.urlopen(f"{(data / 'url').read_text().strip()}/api/genes/{path}", timeout=10) as response:
        return json.load(response)


def comes_true(condition: Callable[[], bool]) -> None:
    """Wait for it: a gateway looks once a second which release is served."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def write(source: Path, first: int, last: int, word: str) -> None:
    """The rows of a plugin's data."""
    rows = "".join(f"gene{number}\t{word}{number}\n" for number in range(first, last))
    (source / "data" / "rows.tsv").write_text(rows)


def test_the_main_job(line: Line, tmp_path: Path) -> None:
    """Two sources are dumped, uploaded, inspected, merged, released and found; a second time there is nothing to do; what then
    changes is released under the running API, and rolled back."""
    symbols, notes = plugin(tmp_path, "symbols"), plugin(tmp_path, "notes")
    write(symbols, 0, 1200, "symbol")
    write(notes, 600, 1800, "note")
    for source in (symbols, notes):
        line.done("source", "add", str(source))
    line.done("build", "add", "all", "symbols", "notes", "--doc-type", "gene")
    line.done("api", "add", "genes", "all")
    line.done("run", "genes")

    assert asked(line, "metadata")["stats"]["total"] == 1800
    both = asked(line, "query?q=notes.symbol:note700")["hits"]
    assert [(hit["_id"], hit["symbols"]["symbol"]) for hit in both] == [("gene700", "symbol700")]
    assert asked(line, "query?q=_exists_:symbols.symbol%20AND%20_exists_:notes.symbol&size=0")["total"] == 600
    assert asked(line, "gene/gene1799")["notes"] == {"symbol": "note1799"}

    assert line.run("run", "genes").stderr.count("nothing new") >= 1
    assert len(line.json("release", "list", "genes")) == 1

    write(notes, 600, 1801, "remark")
    (notes / "version.py").write_text("def get_release(self):\n    return '2'\n")
    line.done("source", "reload", "notes")
    line.done("run", "genes")
    comes_true(lambda: asked(line, "metadata")["stats"]["total"] == 1801)
    assert asked(line, "gene/gene1800")["notes"] == {"symbol": "remark1800"}
    assert asked(line, "query?q=notes.symbol:note700")["total"] == 0

    line.done("release", "rollback", "genes")
    comes_true(lambda: asked(line, "metadata")["stats"]["total"] == 1800)
    assert asked(line, "query?q=notes.symbol:note700")["total"] == 1
