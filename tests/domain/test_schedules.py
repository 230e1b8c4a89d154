"""Schedules: which times fire, and that each starts one run."""

from datetime import UTC, datetime

import pytest

from domain.errors import Invalid
from domain.schedules import Schedule, check, due, next_at


def at(text: str) -> float:
    """Unix seconds of an ISO time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def schedule(cron: str, made: str = "2026-03-01T00:00", **values: object) -> Schedule:
    """A schedule of a source, made at that time."""
    return Schedule(created_at=at(made), cron=cron, source="s", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cron", "values", "now", "expected"),
    [
        ("0 3 * * *", {}, "2026-03-01T02:59:59", None),
        ("0 3 * * *", {}, "2026-03-01T03:00:00", "2026-03-01T03:00"),
        ("0 3 * * *", {}, "2026-03-05T12:00:00", "2026-03-05T03:00"),
        ("0 3 * * *", {"fired_at": at("2026-03-05T03:00")}, "2026-03-05T12:00:00", None),
        ("30 2 * * *", {"timezone": "Europe/Berlin"}, "2026-03-02T01:30:00", "2026-03-02T01:30"),
        ("30 2 * * *", {"timezone": "Europe/Rome", "fired_at": at("2026-03-28T01:30")}, "2026-03-29T01:00:00", "2026-03-29T01:00"),
        ("*/10 * * * * 30", {}, "2026-03-01T00:20:30", "2026-03-01T00:20:30"),
    ],
)
def test_what_is_due(cron: str, values: dict[str, object], now: str, expected: str | None) -> None:
    """The latest time that has come and was not fired is due: missed ones once, in its time zone, a skipped hour at its end,
    seconds in the sixth field."""
    found = due("s", schedule(cron, **values), at(now))

    assert found == (at(expected) if expected else 0.0)


def test_jitter_puts_off_alike_everywhere() -> None:
    """A fire waits for its jitter, which depends only on name and time."""
    fired = at("2026-03-01T03:00")
    late = schedule("0 3 * * *", jitter=600.0)
    first = next_at("s", late, at("2026-03-01T00:00"))

    assert fired < first < fired + 600
    assert first == next_at("s", late, at("2026-03-01T00:00"))
    assert due("s", late, first - 1) == 0.0
    assert due("s", late, first) == fired
    assert next_at("other", late, at("2026-03-01T00:00")) != first


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"cron": "61 * * * *", "source": "s"}, "cron"),
        ({"cron": "* * * *", "source": "s"}, "cron"),
        ({"cron": "* * * * *", "source": "s", "timezone": "Mars/Base"}, "timezone"),
        ({"cron": "* * * * *", "source": "s", "jitter": -1.0}, "jitter"),
        ({"cron": "* * * * *"}, "source"),
        ({"cron": "* * * * *", "source": "s", "build": "b"}, "source"),
        ({"cron": "* * * * *", "source": "s", "api": "a"}, "source"),
    ],
)
def test_what_is_refused(values: dict[str, object], path: str) -> None:
    """A wrong field is named."""
    with pytest.raises(Invalid) as refused:
        check(Schedule(created_at=0.0, **values))  # type: ignore[arg-type]

    assert refused.value.path == (path,)
