"""Control: what cancelling twice does, and what is left of a job that is opened again."""

from typing import Any

import msgspec
import pytest

from domain.hub import Hub
from domain.jobs import control
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS, JobError
from domain.jobs.retries import Retry
from events.bus import Control
from events.sources import UploadSource
from tests.domain.jobs.processes import get


async def upload(hub: Hub) -> str:
    """An upload that was asked for."""
    return (await ask(hub, UploadSource(source="s"))).job.id


async def test_cancelling_a_running_job_twice_says_so_twice_and_changes_it_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first word may have been lost."""
    words: list[Control] = []

    async def signal(word: Control) -> None:
        words.append(word)

    monkeypatch.setattr(hub.bus, "signal", signal)
    id = await upload(hub)
    assert await claim(hub, id, "w", Retry())

    first, second = await control.cancel(hub, id), await control.cancel(hub, id)

    assert first == second == await JOBS.get(hub.records, id)
    assert (first.value.state, first.value.is_alive, first.value.events[-1]["type"]) == ("CANCELING", True, "JobCanceling")
    assert words == [Control(word="cancel", job_id=id)] * 2


async def test_cancelling_what_waits_ends_it_once_and_tells_no_worker(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs it; the second time it is CANCELED already."""

    async def signal(word: Control) -> None:
        raise AssertionError(word)

    monkeypatch.setattr(hub.bus, "signal", signal)
    id = await upload(hub)

    first, second = await control.cancel(hub, id), await control.cancel(hub, id)

    assert first == second == await JOBS.get(hub.records, id)
    assert (first.value.state, first.value.outcome, first.value.is_held) == ("FINISHED", "CANCELED", False)


@pytest.mark.parametrize("outcome", ["FAILED", "TIMED_OUT", "CANCELED"])
async def test_what_is_opened_again_is_as_new(hub: Hub, outcome: str) -> None:
    """But for its events, the number of its attempts, and what nobody has followed yet."""
    id = await upload(hub)
    stored = await JOBS.get(hub.records, id)
    old: dict[str, Any] = {"state": "FINISHED", "outcome": outcome, "attempt": 4, "failures": 3, "outages": 2, "finished_at": 5.0}
    event = {**stored.value.events[0], "id": "untold"}
    error = JobError(code="X", message="x")
    ended = msgspec.structs.replace(stored.value, **old, error=error, untold=(event,), is_untold=True, sent_at=5.0, due_at=0.0)
    await JOBS.replace(hub.records, stored, ended)

    again = (await control.retry(hub, id)).value

    assert (again.state, again.outcome, again.error, again.result, again.finished_at) == ("QUEUED", None, None, None, 0.0)
    assert (again.failures, again.outages, again.attempt) == (0, 0, 4)
    assert again.events[:-1] == ended.events
    assert (again.events[-1]["type"], again.events[-1]["reason"], again.seq) == ("JobQueued", "retried", ended.seq + 1)
    assert (again.untold, again.is_untold) == ((event,), True)
    assert (await get(hub, id)).sent_at > 5.0
