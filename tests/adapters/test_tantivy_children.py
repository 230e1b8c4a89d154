"""tantivy's long answers, in processes that can be ended."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from adapters.sqlite.documents import SqliteDocuments
from adapters.tantivy import children as tantivy_children
from adapters.tantivy import search as tantivy_search
from adapters.tantivy.search import TantivySearch
from domain.errors import NotReady, QueryInvalid, Unavailable
from domain.ports.documents import Document
from domain.ports.search import IndexSpec, SearchRequest, Sort
from domain.query.parser import parse

SPEC = IndexSpec(mapping={"k": {"type": "keyword"}, "t": {"type": "text"}, "n": {"type": "long"}}, collection="c", meta={})
ENDLESS = " OR ".join(f"k:/([a-z]{{1,30}}){{1,30}}{n}/" for n in range(500))
"""Each of its automata takes tantivy a third of a second."""


async def fill(collections: SqliteDocuments, search: TantivySearch, count: int) -> None:
    """An index of short texts of four words."""
    chance = random.Random(3)
    ids = [f"{n:04}" for n in range(count)]
    values = [{"k": f"key{n}", "n": n % 7, "t": " ".join(chance.choices("abcd", k=9))} for n in range(count)]
    bodies = [orjson.dumps({"_id": id, **value}) for id, value in zip(ids, values, strict=True)]
    documents = [Document(id, body, b"") for id, body in zip(ids, bodies, strict=True)]
    await collections.create("c")
    await collections.write("c", documents)
    await collections.seal("c", {})
    await search.create("job.1", SPEC)
    await search.bulk("job.1", documents)
    await search.seal("job.1")


@pytest.fixture
async def search(tmp_path: Path) -> AsyncIterator[TantivySearch]:
    """A filled index."""
    async with SqliteDocuments.open(tmp_path / "c") as collections, TantivySearch.open(tmp_path / "search", collections) as opened:
        await fill(collections, opened, 300)
        yield opened


async def total(search: TantivySearch, query: str) -> int:
    """How many documents a query finds."""
    return (await search.search("job.1", SearchRequest(query=parse(query), bodies=False))).total


async def test_answers_are_the_same_wherever_they_are_worked_out(search: TantivySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits, totals, facets, pages, scrolls, phrases with room and errors: in a process as in a thread."""
    requests = [
        SearchRequest(query=parse(query), sort=sort, offset=2, limit=20, facets=facets)
        for query in ("*", "t:a", 't:"a b c"~3', 't:"a a b"~9 OR k:key1*', "n:[2 TO 3]")
        for sort, facets in (((), ()), ((Sort(path="n"), Sort(path="k", descending=True)), ("n", "k")))
    ]

    async def answers() -> list[object]:
        found: list[object] = [await search.search("job.1", request) for request in requests]
        found.append([hits async for hits in search.scan("job.1", SearchRequest(query=parse("t:b")), after="0100")])
        return found

    in_threads = await answers()
    monkeypatch.setattr(tantivy_search, "SHORT", -1)
    search._threads.clear()
    in_processes = await answers()

    assert in_processes == in_threads
    with pytest.raises(QueryInvalid, match="too complex") as caught:
        await total(search, "n:1 OR k:/.*a.{20}/")
    assert caught.value.position == 9


async def test_what_takes_too_long_is_ended(search: TantivySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind its deadline a query is refused, its process is gone, and the next query has another."""
    monkeypatch.setattr(tantivy_search, "PATIENCE", 0.7)
    started: list[asyncio.subprocess.Process] = []
    start = search._children._start

    async def watched() -> asyncio.subprocess.Process:
        started.append(await start())
        return started[-1]

    monkeypatch.setattr(search._children, "_start", watched)

    found = await asyncio.gather(*(total(search, ENDLESS) for _ in range(6)), return_exceptions=True)

    assert [type(each) for each in found] == [QueryInvalid] * 6
    assert {str(each) for each in found} == {"the query takes longer than 0.7 s: narrow it, or ask for less at once"}
    assert len(started) >= tantivy_children.MOST
    assert all(child.returncode == -signal.SIGKILL for child in started)
    monkeypatch.setattr(tantivy_search, "PATIENCE", 30)
    assert await total(search, "k:/[kx]ey[0-9]{2}/") == 90


async def test_where_all_are_busy_it_is_said(search: TantivySearch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long query waits for a process for some seconds, and is told to come later then; a short one waits for none."""
    monkeypatch.setattr(tantivy_children, "WAIT", 0.1)
    started: asyncio.Queue[None] = asyncio.Queue()
    start = search._children._start

    async def watched() -> asyncio.subprocess.Process:
        started.put_nowait(None)
        return await start()

    monkeypatch.setattr(search._children, "_start", watched)
    busy = [asyncio.create_task(total(search, ENDLESS)) for _ in range(tantivy_children.MOST)]
    for _ in busy:
        await started.get()

    with pytest.raises(Unavailable, match="as many long queries"):
        await total(search, ENDLESS)
    assert await total(search, "t:a k:key1*") > 0

    for each in busy:
        each.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_a_process_that_dies_is_no_answer(search: TantivySearch) -> None:
    """Its query may be asked again; an index that is made anew, or dropped, is noticed there too."""
    assert await total(search, "k:/[kx]ey[0-9]{2}/") == 90
    (child,) = search._children._idle
    child.kill()

    with pytest.raises(Unavailable, match="try again"):
        await total(search, "k:/[kx]ey[0-9]{2}/")

    assert await total(search, "k:/[kx]ey[0-9]{2}/") == 90
    await search.create("job.1", SPEC)
    await search.bulk("job.1", [Document("1", b'{"_id":"1","k":"key10"}', b"")])
    await search.seal("job.1")
    assert await total(search, "k:/[kx]ey[0-9]{2}/") == 1
    await search.drop("job.1")
    with pytest.raises(NotReady):
        await search._children.ask("job.1", "work", None, 1)


async def test_processes_end_with_the_search(tmp_path: Path) -> None:
    """Those that wait for a question are ended, and one whose input ends, since its gateway is gone, ends by itself."""
    async with SqliteDocuments.open(tmp_path / "c") as collections:
        async with TantivySearch.open(tmp_path / "search", collections) as search:
            await fill(collections, search, 30)
            assert await total(search, "k:/[kx]ey[0-9]{2}/") == 20
            (child,) = search._children._idle
        assert child.returncode == -signal.SIGKILL
        orphan = await search._children._start()
        assert orphan.stdin
        orphan.stdin.close()
        assert await orphan.wait() == 0
        orphan._transport.close()  # type: ignore[attr-defined]
