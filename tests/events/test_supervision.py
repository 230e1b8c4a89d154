"""Side tasks: whatever one fails of is said, and it goes on."""

import asyncio
import logging

import pytest

from events import supervision
from events.supervision import attempt, supervise, supervised


class Failing:
    """Work that fails so often, and then goes on until it is let."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.begun = 0
        self.works = asyncio.Event()
        self.ended = False

    async def __call__(self) -> None:
        self.begun += 1
        if self.begun <= self.failures:
            raise KeyError(f"bug {self.begun}")
        self.works.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes long."""
    made: list[float] = []
    sleep = asyncio.sleep

    async def short(seconds: float) -> None:
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", short)
    return made


async def test_what_fails_begins_anew(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is logged by name and with its traceback, each pause is longer, and the context's end ends the work."""
    work = Failing(8)

    async with asyncio.timeout(20), supervised(listener=work):
        await work.works.wait()

    assert work.ended
    assert pauses == [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [vars(record)["side_task"] for record in errors] == ["listener"] * 8
    assert errors[0].exc_info is not None
    assert "bug 1" in str(errors[0].exc_info[1])


async def test_what_has_worked_begins_soon(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures long after one another are not failures in a row."""
    monkeypatch.setattr(supervision, "SOUND", 0.0)
    work = Failing(3)

    async with asyncio.timeout(20), supervised(listener=work):
        await work.works.wait()

    assert pauses == [0.1, 0.1, 0.1]


async def test_what_returns_has_ended() -> None:
    """Work that is done is not done again."""
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    await supervise("short", work)

    assert done == [1]


async def test_one_attempt_tells_how_it_went(caplog: pytest.LogCaptureFixture) -> None:
    """What fails is logged, and its caller goes on; a cancellation is its caller's."""

    async def work() -> None:
        raise ValueError("no")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    assert not await attempt("last words", work)
    assert [vars(record)["error"] for record in caplog.records] == ["no"]
    with pytest.raises(asyncio.CancelledError):
        await attempt("last words", cancelled)


async def test_one_that_fails_leaves_the_others_be() -> None:
    """Side tasks of one context don't end one another."""
    failing, sound = Failing(1), Failing(0)

    async with asyncio.timeout(20), supervised(failing=failing, sound=sound):
        await sound.works.wait()
        await failing.works.wait()
        assert not sound.ended
