"""Log lines: in files, behind a cursor, from the end, searched; the beginning and the end of what is too long."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import NotFound, Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs import logs, old_logs
from domain.jobs.lines import Line, path
from domain.jobs.logs import FULL, LARGEST, WAITING, WIDTH, LogWriter, Read
from domain.jobs.old_logs import LOGS, Batch
from events.jobs import LogWritten

MIB = 2**20


async def lines(hub: Hub, after: tuple[int, int] = (0, 0), limit: int = 10**6, **chosen: Any) -> list[tuple[int, int]]:
    """(attempt, number) of the stored lines, as many pages as that takes."""
    page = await logs.read(hub, "j", after, limit, **chosen)
    found = page.lines
    while page.more and len(found) < limit:
        page = await logs.read(hub, "j", page.cursor, limit, **chosen)
        found += page.lines
    return [line.position for line in found]


async def say(hub: Hub, *texts: str, attempt: int = 1, job: str = "j") -> LogWriter:
    """What an attempt says in one go."""
    log = LogWriter(hub, job, "r", attempt)
    for text in texts:
        log.add(text, "info")
    await log.flush()
    return log


def texts(found: list[Read]) -> list[str]:
    """What they say."""
    return [one.line.text for one in found]


async def test_lines_are_read_behind_a_cursor(hub: Hub) -> None:
    """In order of attempt and number, from the middle of a file too, of all attempts or of one."""
    for attempt in (1, 2, 10):
        await say(hub, *"abcde", attempt=attempt)
    assert await lines(hub) == [(attempt, number) for attempt in (1, 2, 10) for number in range(1, 6)]
    assert await lines(hub, (2, 3)) == [(2, 4), (2, 5), *((10, number) for number in range(1, 6))]
    assert await lines(hub, (1, 3), limit=3) == [(1, 4), (1, 5), (2, 1)]
    assert await lines(hub, (10, 5)) == []
    assert await lines(hub, (2, 3), attempt=2) == [(2, 4), (2, 5)]
    assert await lines(hub, attempt=3) == []


async def test_secrets_of_addresses_are_not_kept(hub: Hub) -> None:
    """Whoever says the line, a plugin as well."""
    await say(hub, "GET https://ana:hush@example.org/a?sas=hush&page=2")

    assert texts((await logs.read(hub, "j")).lines) == ["GET https://ana:***@example.org/a?sas=***&page=2"]


async def test_a_page_says_whether_to_go_on(hub: Hub) -> None:
    """And from where, whether or not it has lines."""
    await say(hub, "a", "b", "c")
    assert (await logs.read(hub, "j", limit=2))[1:] == ((1, 2), True)
    assert (await logs.read(hub, "j", (1, 2), limit=2))[1:] == ((1, 3), False)
    assert await logs.read(hub, "j", (1, 3)) == logs.Page([], (1, 3), more=False)
    assert await logs.read(hub, "nobody", (4, 5)) == logs.Page([], (4, 5), more=False)


async def test_lines_are_read_as_they_are_said(hub: Hub) -> None:
    """After each flush, until a file is full and beyond; watchers are told."""
    log = LogWriter(hub, "j", "r", 1)
    async with hub.bus.watch() as events:
        for number in range(1, 101):
            log.add("x" * 3000, "info")
            assert log.waiting
            await log.flush()
            assert not log.waiting
            event = await anext(aiter(events))
            assert isinstance(event, LogWritten)
            assert (await lines(hub))[-1] == (1, event.upto) == (1, number)
    sizes = [stored.size for stored in await hub.files.find("logs")]
    assert len(sizes) == 5
    assert all(FULL <= size < FULL + 4000 for size in sizes[:-1])


async def test_who_says_nothing_touches_no_store(hub: Hub) -> None:
    """No file operation for an attempt without lines."""
    deaf: Any = None
    log = LogWriter(replace(hub, files=deaf), "j", "r", 2)
    assert not log.waiting
    await log.flush()


async def test_many_lines_at_once_are_all_kept(hub: Hub) -> None:
    """In files that a reader takes one by one."""
    await say(hub, *map(str, range(1, 20_001)))
    assert [number for _, number in await lines(hub)] == list(range(1, 20_001))
    assert max(stored.size for stored in await hub.files.find("logs")) <= LARGEST


@pytest.mark.parametrize("every", [100, 3_000], ids=["stored as it goes", "stored in bursts"])
async def test_of_a_long_log_beginning_and_end_are_kept(hub: Hub, every: int) -> None:
    """About half of what a job's log may have is its beginning, the other half its end, over all of its attempts."""
    small = replace(hub, limits=replace(hub.limits, log_size=MIB))
    for attempt in (1, 3):
        log = LogWriter(small, "j", "r", attempt)
        for number in range(1, 6_001):
            log.add(f"{number:0900}", "info")
            if number % every == 0:
                await log.flush()
        await log.flush()
    kept = await lines(hub)
    sizes = [stored.size for stored in await hub.files.find("logs")]
    first = [number for attempt, number in kept if attempt == 1]
    last = [number for attempt, number in kept if attempt == 3]
    assert MIB - 2 * LARGEST < sum(sizes) <= MIB
    assert first == list(range(1, len(first) + 1))
    assert last == list(range(6_001 - len(last), 6_001))
    assert 200 < len(first) < 600
    assert 200 < len(last) < 900


async def test_what_waits_for_a_store_that_is_away_is_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines and the last ones, as much as memory may hold."""

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(hub.files, "put", away)
    log = LogWriter(hub, "j", "r", 1)
    for number in range(1, 12_001):
        log.add(f"{number:03900}", "info")
    with pytest.raises(Unavailable):
        await log.flush()
    monkeypatch.undo()
    await log.flush()
    numbers = [number for _, number in await lines(hub)]
    assert (numbers[0], numbers[-1]) == (1, 12_000)
    assert len(numbers) > 4_000
    assert sum(stored.size for stored in await hub.files.find("logs")) <= WAITING * LARGEST


async def test_a_long_line_is_cut(hub: Hub) -> None:
    """And says how long it was."""
    await say(hub, "x" * 10_000)
    assert texts((await logs.read(hub, "j")).lines) == ["x" * WIDTH + " … (10000 characters)"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.text(st.characters(codec=None), max_size=30), min_size=1, max_size=5), id=st.uuids(version=4))
async def test_lines_come_back_as_they_were_said(hub: Hub, said: list[str], id: object) -> None:
    """Line breaks, quotes, NUL and all of Unicode; of half a surrogate pair a question mark."""
    await say(hub, *said, job=str(id))
    assert texts((await logs.read(hub, str(id))).lines) == [text.encode(errors="replace").decode() for text in said]


async def test_a_store_that_fails_loses_and_repeats_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it failed before or after writing: the lines are stored later, once."""
    put = hub.files.put
    log = LogWriter(hub, "j", "r", 1)
    for number, fails in enumerate(("", "before", "after", "")):

        async def failing(*args: Any, fails: str = fails, **kwargs: Any) -> None:
            if fails != "before":
                await put(*args, **kwargs)
            if fails:
                raise Unavailable("away")

        log.add(str(number), "info")
        monkeypatch.setattr(hub.files, "put", failing)
        await asyncio.gather(log.flush(), return_exceptions=True)
        assert log.waiting == bool(fails)
    assert texts((await logs.read(hub, "j")).lines) == ["0", "1", "2", "3"]


async def test_a_cancelled_flush_is_waited_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it began ends before the next begins: an older state of a file never replaces a newer one."""
    put, begun, allowed = hub.files.put, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> None:
        begun.set()
        await allowed.wait()
        await put(*args, **kwargs)

    monkeypatch.setattr(hub.files, "put", slow)
    log = LogWriter(hub, "j", "r", 1)
    log.add("one", "info")
    first = asyncio.create_task(log.flush())
    await begun.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    log.add("two", "info")
    monkeypatch.setattr(hub.files, "put", put)
    second = asyncio.create_task(log.flush())
    await asyncio.sleep(0)
    allowed.set()
    await second
    assert texts((await logs.read(hub, "j")).lines) == ["one", "two"]


async def test_the_last_lines(hub: Hub) -> None:
    """As many as are asked for and there, across files and attempts, with the cursor of who goes on from there."""
    await say(hub, "a", "b", attempt=1)
    await say(hub, *("x" * 3900 for _ in range(200)), "y", attempt=2)
    assert (await logs.tail(hub, "j", 3)).cursor == (2, 201)
    assert [line.position for line in (await logs.tail(hub, "j", 150)).lines] == [(2, number) for number in range(52, 202)]
    assert len((await logs.tail(hub, "j", 1000)).lines) == 203
    assert texts((await logs.tail(hub, "j", 1, attempt=1)).lines) == ["b"]
    assert await logs.tail(hub, "nobody", 5) == logs.Page([], (0, 0), more=False)


async def test_lines_are_searched(hub: Hub) -> None:
    """For a part of them, in whatever case, of every alphabet."""
    await say(hub, "Parsed 3 GENES", "nothing", "parsed 4 genes", "STRASSE", "Straße", attempt=1)
    await say(hub, "genes again", attempt=2)
    assert await lines(hub, text="parsed") == [(1, 1), (1, 3)]
    assert await lines(hub, text="straße") == [(1, 4), (1, 5)]
    assert await lines(hub, (1, 1), text="genes") == [(1, 3), (2, 1)]
    assert await lines(hub, text="genes", attempt=2) == [(2, 1)]
    assert await logs.read(hub, "j", text="proteins") == logs.Page([], (2, 1), more=False)
    page = await logs.read(hub, "j", text="genes", limit=2)
    assert (page.cursor, page.more) == ((1, 3), True)


async def test_a_search_reads_only_so_much_at_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found in all that is read step by step is what is there; a step without lines is no end."""
    monkeypatch.setattr(logs, "SCANNED", LARGEST)
    await say(hub, *(f"{'needle' if number % 1000 == 0 else 'hay'} {number:01000}" for number in range(1, 3001)))
    found, steps, page = list[int](), 0, await logs.read(hub, "j", text="needle")
    while True:
        found += [line.number for _, line in page.lines]
        steps += 1
        if not page.more:
            break
        page = await logs.read(hub, "j", page.cursor, text="needle")
    assert found == [1000, 2000, 3000]
    assert steps > 5


async def test_a_file_that_goes_meanwhile_is_a_gap(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads while the middle of a long log is dropped gets the rest."""
    await say(hub, *("x" * 3900 for _ in range(200)))
    stored = await hub.files.find("logs")
    find = hub.files.find

    async def as_it_was(prefix: str = "") -> Any:
        found = await find(prefix)
        await hub.files.delete(stored[1].path)
        return found

    monkeypatch.setattr(hub.files, "find", as_it_was)
    numbers = [number for _, number in await lines(hub)]
    assert (numbers[0], numbers[-1], len(numbers) < 200) == (1, 200, True)


async def test_what_is_being_written_is_read_up_to_the_last_whole_line(hub: Hub) -> None:
    """A folder adds to a file in place: half a line is none yet."""
    await say(hub, "one", "two")
    content = b"".join([chunk async for chunk in hub.files.open(path("j", 1, 1))])
    await hub.files.put(path("j", 1, 1), content[:-5])
    assert texts((await logs.read(hub, "j")).lines) == ["one"]
    await hub.files.put(path("j", 1, 1), b"{}\n")
    with pytest.raises(Unreadable, match=r"logs/j/000001\.000000000001\.jsonl"):
        await logs.read(hub, "j")


async def test_a_log_is_dropped_up_to_an_attempt(hub: Hub) -> None:
    """With its job: other jobs' logs stay, and so does what an attempt says that began just now."""
    for job, attempt in (("j", 1), ("j", 2), ("j", 3), ("k", 1)):
        await say(hub, "x", job=job, attempt=attempt)
    await logs.drop(hub, "j", 2)
    assert await lines(hub) == [(3, 1)]
    await logs.drop(hub, "j", 3)
    assert await hub.files.folders("logs") == ["k"]


async def test_logs_of_before_are_read_and_dropped(hub: Hub) -> None:
    """Batches that an earlier version kept in records come before, between and behind files, in order; and go with their job."""
    for attempt, first in ((1, 1), (1, 501), (3, 1)):
        said = tuple(Line(number=first + n, at=0.0, level="info", text=f"old {attempt}") for n in range(500))
        position = attempt * 1e9 + said[-1].number
        batch = Batch(job="j", attempt=attempt, position=position, lines=said)
        await LOGS.insert(hub.records, f"j.{attempt}.{first}", batch)
    await say(hub, "new", attempt=2)
    expected = [(1, number) for number in range(1, 1001)] + [(2, 1)] + [(3, number) for number in range(1, 501)]
    assert await lines(hub) == expected
    assert await lines(hub, (1, 999), limit=3) == expected[999:1002]
    assert await lines(hub, text="NEW") == [(2, 1)]
    assert [line.position for line in (await logs.tail(hub, "j", 502)).lines] == expected[-502:]
    await logs.drop(hub, "j", 3)
    assert await old_logs.segments(hub, "j") == []
    with pytest.raises(NotFound):
        _ = [chunk async for chunk in hub.files.open(path("j", 2, 1))]
