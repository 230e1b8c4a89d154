"""How many jobs are done at a time where nobody says."""

import os

import pytest

from leat.processors import half_the_processors


@pytest.mark.parametrize(("processors", "jobs"), [(1, 1), (2, 1), (3, 1), (4, 2), (13, 6)])
def test_half_of_them_and_at_least_one(monkeypatch: pytest.MonkeyPatch, processors: int, jobs: int) -> None:
    """Of the processors that the process may use, which may be fewer than the machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(processors)))

    assert half_the_processors() == jobs
