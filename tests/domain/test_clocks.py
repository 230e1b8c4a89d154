"""What a clock that jumps may do: nothing but wait a little less."""

import time

import pytest

from domain.clocks import is_over
from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Failed
from events.sources import UploadSource
from tests.domain.jobs.processes import get, impatient

HOUR = 3600.0


@pytest.mark.parametrize(
    ("began", "end", "now", "over"),
    [
        (100.0, 110.0, 109.0, False),
        (100.0, 110.0, 110.0, True),
        (100.0, 0.0, 100.0, True),
        (104.0, 114.0, 100.0, False),
        (106.0, 116.0, 100.0, True),
    ],
)
def test_is_over(began: float, end: float, now: float, over: bool) -> None:
    """A wait is over at its end, and where it began in a future that clocks don't differ by."""
    assert is_over(began, end, now) is over


async def test_a_clock_that_was_put_back_keeps_no_job_waiting(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that waits for its next attempt does not wait until an hour that was lost has passed again."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    await attempt.finish(Failed(Unavailable("away"), Retry(base=2.0)))
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - HOUR)

    await impatient(hub).send_due()

    assert (await get(hub, id)).sent_at
    assert await claim(hub, id, "second", Retry())


async def test_a_wait_that_goes_on_is_waited_for(hub: Hub) -> None:
    """With clocks that are right, a job is neither sent nor claimed before its time."""
    id = (await ask(hub, UploadSource(source="s"), delay=60.0)).job.id

    await impatient(hub).send_due()

    assert not (await get(hub, id)).sent_at
    assert await claim(hub, id, "first", Retry()) is None
