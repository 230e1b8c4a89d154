"""No query holds up another, and a process that answers queries can always be stopped. The best of three tries counts, since the
machine may have something else to do."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy.phrases import near
from adapters.tantivy.search import TantivySearch
from domain.errors import LeatError
from domain.ports.documents import Document
from domain.ports.search import IndexSpec, SearchRequest, Sort
from domain.query.parser import parse

COMMON = ["the", "of", "and", "in", "to", "a", "with", "for", "is", "by", "on", "as"]
DELAY = 0.25
"""Seconds that another query may be held up."""
SLOPPY = [f't:"{" ".join(COMMON[n:] + COMMON[:n])}"~99' for n in range(6)]
REPEATED = [f't:"{" ".join(COMMON[:2] * 32)}"~{slop}' for slop in (70, 80, 99)]
AUTOMATA = [" OR ".join(f"k:/([a-z]{{1,30}}){{1,30}}{n}{m}/" for n in range(500)) for m in range(6)]
QUERIES = [*SLOPPY, *REPEATED, *AUTOMATA, " OR ".join(f"k:*{a}?{b}*" for a in "abcdefghij" for b in "0123456789")]


async def fill(folder: Path, count: int) -> None:
    """An index of texts of a hundred and twenty common words."""
    bodies = [(f"{n:05}", {"k": f"key{n:x}", "t": " ".join(COMMON[(n * at) % 12] for at in range(120))}) for n in range(count)]
    documents = [Document(id, orjson.dumps({"_id": id, **body}), b"") for id, body in bodies]
    spec = IndexSpec(mapping={"k": {"type": "keyword"}, "t": {"type": "text"}}, collection="c", meta={})
    async with SqliteDocuments.open(folder / "c") as collections:
        search = TantivySearch(folder / "search", collections)
        await collections.create("c")
        await collections.write("c", documents)
        await collections.seal("c", {})
        await search.create("job.1", spec)
        await search.bulk("job.1", documents)
        await search.seal("job.1")


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[TantivySearch]:
    """Such an index, open."""
    await fill(tmp_path, 4000)
    async with SqliteDocuments.open(tmp_path / "c") as collections, TantivySearch.open(tmp_path / "search", collections) as opened:
        yield opened


async def slowest(search: TantivySearch, stop: asyncio.Event) -> float:
    """Seconds that the slowest of ordinary queries takes until then, and the event loop's longest pause with it."""
    worst = 0.0
    requests = [SearchRequest(query=parse("t:the k:key1*"), limit=10), SearchRequest(query=parse("*"), sort=(Sort(path="k"),))]
    while not stop.is_set():
        for request in requests:
            begun = time.perf_counter()
            await search.search("job.1", request)
            await asyncio.sleep(0.01)
            worst = max(worst, time.perf_counter() - begun - 0.01)
    return worst


async def test_no_query_holds_up_another(search: TantivySearch) -> None:
    """Beside phrases of common words with much room, hundreds of automata and patterns, ordinary queries stay quick."""
    tries = []
    for _ in range(3):
        stop = asyncio.Event()
        watching = asyncio.create_task(slowest(search, stop))
        asked = [search.search("job.1", SearchRequest(query=parse(query), bodies=False)) for query in QUERIES]
        done = await asyncio.gather(*asked, return_exceptions=True)
        stop.set()
        tries.append(await watching)
        assert [each for each in done if isinstance(each, BaseException) and not isinstance(each, LeatError)] == []
        if tries[-1] < DELAY:
            return

    assert min(tries) < DELAY


def test_a_long_phrase_is_looked_for_in_polynomial_time() -> None:
    """64 words, each of which stands a thousand times, and which are nowhere near each other."""
    words = [word for word in COMMON for _ in range(1000)]
    wanted = (COMMON * 6)[:64]
    tries = []
    for _ in range(3):
        begun = time.perf_counter()
        assert not near(wanted, words, 99)
        tries.append(time.perf_counter() - begun)

    assert min(tries) < 2


ASKING = """
import asyncio, sys
from pathlib import Path
from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy.search import TantivySearch
from domain.ports.search import SearchRequest
from domain.query.parser import parse

async def main(folder, queries):
    async with SqliteDocuments.open(folder / "c") as collections, TantivySearch.open(folder / "search", collections) as search:
        asked = [asyncio.create_task(search.search("job.1", SearchRequest(query=parse(query)))) for query in queries]
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(15, stop.set)
        while not search._children._slots.locked():
            await asyncio.sleep(0.01)
        print("busy", flush=True)
        await stop.wait()
        for each in asked:
            each.cancel()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
async def test_a_process_with_long_queries_can_be_stopped(tmp_path: Path, sent: signal.Signals) -> None:
    """Asked to end, it ends soon, whatever its queries are at; killed, it leaves no process that searches on for long."""
    await fill(tmp_path, 500)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ASKING, str(tmp_path), *AUTOMATA), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"busy\n"

    begun = time.perf_counter()
    process.send_signal(sent)
    await process.wait()

    assert time.perf_counter() - begun < 3
    while living := _searching(tmp_path):
        assert time.perf_counter() - begun < 40, living
        await asyncio.sleep(0.2)


def _searching(folder: Path) -> list[str]:
    """The processes that search below a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder).encode() in command:
            found.append(command.decode())
    return found
