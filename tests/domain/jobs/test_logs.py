"""Log lines: in batches, behind a cursor, head and tail of what is too long."""

import asyncio
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import logs
from domain.jobs.logs import HEAD, LOGS, TAIL, WIDTH, LogWriter


async def lines(hub: Hub, after: tuple[int, int] = (0, 0), limit: int = 100_000) -> list[tuple[int, int]]:
    """(attempt, number) of the stored lines."""
    return [(read.attempt, read.line.number) for read in await logs.read(hub, "j", after, limit)]


async def test_lines_are_read_behind_a_cursor(hub: Hub) -> None:
    """In order of attempt and number, from the middle of a batch too."""
    for attempt in (1, 2):
        log = LogWriter(hub, "j", "r", attempt)
        for number in range(5):
            log.add(f"line {number}", "info")
        await log.flush()
    assert await lines(hub) == [(attempt, number) for attempt in (1, 2) for number in range(1, 6)]
    assert await lines(hub, (1, 3)) == [(1, 4), (1, 5), *((2, number) for number in range(1, 6))]
    assert await lines(hub, (1, 3), limit=3) == [(1, 4), (1, 5), (2, 1)]
    assert await lines(hub, (2, 5)) == []


@pytest.mark.parametrize("every", [100, 30_000], ids=["stored as it goes", "stored at once"])
async def test_of_a_long_log_head_and_tail_are_kept(hub: Hub, every: int) -> None:
    """The first lines and about as many of the last ones, whether they came fast or slowly."""
    log = LogWriter(hub, "j", "r", 1)
    for number in range(1, 20_001):
        log.add(str(number), "info")
        if number % every == 0:
            await log.flush()
    await log.flush()
    numbers = [number for _, number in await lines(hub)]
    assert numbers[:HEAD] == list(range(1, HEAD + 1))
    assert numbers[-TAIL:] == list(range(20_001 - TAIL, 20_001))
    assert len(numbers) <= HEAD + TAIL + logs.BATCH


async def test_a_long_line_is_cut(hub: Hub) -> None:
    """And says how long it was."""
    log = LogWriter(hub, "j", "r", 1)
    log.add("x" * 10_000, "info")
    await log.flush()
    [read] = await logs.read(hub, "j")
    assert read.line.text == "x" * WIDTH + " … (10000 characters)"


async def test_a_batch_that_was_not_stored_is_stored_later_unchanged(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the store failed before or after writing it: no line is lost, and none is there twice."""
    insert = hub.records.insert
    log = LogWriter(hub, "j", "r", 1)
    for number, fails in enumerate(("before", "after", "")):

        async def failing(*args: Any, fails: str = fails) -> bool:
            if fails != "before":
                await insert(*args)
            if fails:
                raise Unavailable("away")
            return True

        log.add(str(number), "info")
        monkeypatch.setattr(hub.records, "insert", failing)
        await asyncio.gather(log.flush(), return_exceptions=True)
    assert await lines(hub) == [(1, 1), (1, 2), (1, 3)]


async def test_a_log_is_dropped_whole(hub: Hub) -> None:
    """With its job; other jobs' logs stay."""
    for job in ("j", "k"):
        log = LogWriter(hub, job, "r", 1)
        log.add("x", "info")
        await log.flush()
    await logs.drop(hub, "j")
    assert [stored.value.job for stored in await LOGS.find(hub.records, order="position")] == ["k"]
