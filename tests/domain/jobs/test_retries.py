"""What follows a failure, as a table."""

import pytest

from domain.errors import Invalid, JobFailed, JobTimedOut, NotFound, NotReady, Unavailable, Unreadable
from domain.jobs.retries import Retry, wait_after

THREE = Retry(attempts=3, base=2.0, cap=10.0)


@pytest.mark.parametrize(
    ("retry", "failures", "error", "wait"),
    [
        (THREE, 1, Unavailable(), 2.0),
        (THREE, 2, Unavailable(), 4.0),
        (THREE, 3, Unavailable(), 8.0),
        (THREE, 9, Unavailable(), 10.0),
        (THREE, 10, Unavailable(), None),
        (THREE, 9, Unreadable(), 10.0),
        (THREE, 3, KeyError(), None),
        (Retry(attempts=9, base=2.0, cap=10.0), 5, Unavailable(), 10.0),
        (THREE, 1, ValueError(), 2.0),
        (THREE, 1, JobFailed(), 2.0),
        (Retry(never=(JobFailed,)), 1, JobFailed(), None),
        (Retry(never=(ValueError,)), 1, KeyError(), 2.0),
        (THREE, 1, JobTimedOut(), None),
        (THREE, 1, NotFound(), None),
        (THREE, 1, Invalid(), None),
        (THREE, 1, NotReady(), 2.0),
        (Retry(attempts=1), 1, Unavailable(), None),
    ],
)
def test_wait_after(retry: Retry, failures: int, error: Exception, wait: float | None) -> None:
    """The wait in the middle of its spread, or the end."""
    assert wait_after(retry, failures, error, 0.5) == wait


def test_waits_are_spread() -> None:
    """By a fifth to either side, so that what failed together is not tried again together."""
    assert wait_after(THREE, 1, Unavailable(), 0.0) == pytest.approx(1.6)
    assert wait_after(THREE, 1, Unavailable(), 1.0) == pytest.approx(2.4)
