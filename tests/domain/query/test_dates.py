"""Dates: the spans that they mean, compared with Python's calendar."""

import calendar
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.query.dates import instant, iso, stored_instant

NOW = datetime(2026, 11, 21, 3, 4, 5, 678000, tzinfo=UTC)
START = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = 86_400_000
EPOCH = date(1970, 1, 1).toordinal()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", "2019-01-01T00:00:00.000Z", "2019-12-31T23:59:59.999Z"),
        ("2019-02", "2019-02-01T00:00:00.000Z", "2019-02-28T23:59:59.999Z"),
        ("2020-02-29", "2020-02-29T00:00:00.000Z", "2020-02-29T23:59:59.999Z"),
        ("2019-05-01T10", "2019-05-01T10:00:00.000Z", "2019-05-01T10:59:59.999Z"),
        ("2019-05-01T10:30+02:00", "2019-05-01T08:30:00.000Z", "2019-05-01T08:30:59.999Z"),
        ("2019-05-01T10:30:05.1Z", "2019-05-01T10:30:05.100Z", "2019-05-01T10:30:05.100Z"),
        ("2019-05-01-0130", "", ""),
        ("2019-05-01T10:30-0130", "2019-05-01T12:00:00.000Z", "2019-05-01T12:00:59.999Z"),
        ("2019-05-01T10+18", "2019-04-30T16:00:00.000Z", "2019-04-30T16:59:59.999Z"),
        ("2019-05-01T10-18:00", "2019-05-02T04:00:00.000Z", "2019-05-02T04:59:59.999Z"),
        ("2019-05-01T10+17:59", "2019-04-30T16:01:00.000Z", "2019-04-30T17:00:59.999Z"),
        ("2019-05-01T10+1800", "2019-04-30T16:00:00.000Z", "2019-04-30T16:59:59.999Z"),
        ("2019-05-01T10+1230", "2019-04-30T21:30:00.000Z", "2019-04-30T22:29:59.999Z"),
        ("2019-05-01T10-16", "2019-05-02T02:00:00.000Z", "2019-05-02T02:59:59.999Z"),
        ("2019-05-01T10+09:59", "2019-05-01T00:01:00.000Z", "2019-05-01T01:00:59.999Z"),
        ("2019-05-01T10+18:01", "", ""),
        ("2019-05-01T10+19", "", ""),
        ("2019-05-01T10+01:60", "", ""),
        ("2019-05-01T10z", "", ""),
        ("2019-05-01T24", "", ""),
        ("2019-05-01T10:60", "", ""),
        ("2019-05-01T10:30:60", "", ""),
        ("2019-05-01T10:30:05,12Z", "2019-05-01T10:30:05.120Z", "2019-05-01T10:30:05.120Z"),
        ("2019-05-01T10:30:05.1239", "2019-05-01T10:30:05.123Z", "2019-05-01T10:30:05.123Z"),
        ("2019-05-01T10:30:05.1234567890", "", ""),
        ("2019-05-01T10:30:05.", "", ""),
        ("0000", "", ""),
        ("0001", "0001-01-01T00:00:00.000Z", "0001-12-31T23:59:59.999Z"),
        ("9999", "9999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
        ("2019-00", "", ""),
        ("1.9", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001Z"),
        ("-0.1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("1" * 18, "1" * 18, "1" * 18),
        ("1" * 19, "", ""),
        ("--1", "", ""),
        ("1.", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001Z"),
        ("1.123456", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.001Z"),
        ("1.1234567", "", ""),
        (".1", "", ""),
        ("1556668800000", "2019-05-01T00:00:00.000Z", "2019-05-01T00:00:00.000Z"),
        ("-1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("now", "2026-11-21T03:04:05.678Z", "2026-11-21T03:04:05.678Z"),
        ("now-1d", "2026-11-20T03:04:05.678Z", "2026-11-20T03:04:05.678Z"),
        ("now-1d/d", "2026-11-20T00:00:00.000Z", "2026-11-20T23:59:59.999Z"),
        ("now/w", "2026-11-16T00:00:00.000Z", "2026-11-22T23:59:59.999Z"),
        ("now+1M/y", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ("now/H+5m", "2026-11-21T03:05:00.000Z", "2026-11-21T04:04:59.999Z"),
        ("2019-01-31||+1M", "2019-02-28T00:00:00.000Z", "2019-02-28T00:00:00.000Z"),
        ("2019-01-01||/M", "2019-01-01T00:00:00.000Z", "2019-01-31T23:59:59.999Z"),
        ("2019||-2y", "2017-01-01T00:00:00.000Z", "2017-01-01T00:00:00.000Z"),
        ("2019-13", "", ""),
        ("2019-02-30", "", ""),
        ("19", "1970-01-01T00:00:00.019Z", "1970-01-01T00:00:00.019Z"),
        ("now+d", "2026-11-22T03:04:05.678Z", "2026-11-22T03:04:05.678Z"),
        ("now+0d", "2026-11-21T03:04:05.678Z", "2026-11-21T03:04:05.678Z"),
        ("now-2w+3h-4m+5s", "2026-11-07T06:00:10.678Z", "2026-11-07T06:00:10.678Z"),
        ("now+1H", "2026-11-21T04:04:05.678Z", "2026-11-21T04:04:05.678Z"),
        ("now+1y-1M", "2027-10-21T03:04:05.678Z", "2027-10-21T03:04:05.678Z"),
        ("now/1d", "2026-11-21T00:00:00.000Z", "2026-11-21T23:59:59.999Z"),
        ("now/s", "2026-11-21T03:04:05.000Z", "2026-11-21T03:04:05.999Z"),
        ("now/h", "2026-11-21T03:00:00.000Z", "2026-11-21T03:59:59.999Z"),
        ("now/m", "2026-11-21T03:04:00.000Z", "2026-11-21T03:04:59.999Z"),
        ("1||+1s", "1970-01-01T00:00:01.001Z", "1970-01-01T00:00:01.001Z"),
        ("2019||", "2019-01-01T00:00:00.000Z", "2019-01-01T00:00:00.000Z"),
        ("9998-12-31||+1y", "9999-12-31T00:00:00.000Z", "9999-12-31T00:00:00.000Z"),
        ("0002-01||-1y", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z"),
        ("9999||+1y", "", ""),
        ("0001||-1M", "", ""),
        ("111111111111111111||/y", "", ""),
        ("2019||2d", "", ""),
        ("now+1234567890d", "", ""),
        ("now-1x", "", ""),
        ("now-\u0661d", "", ""),
        ("\u0661\u0662", "", ""),
        ("now/2d", "", ""),
        ("now+999999999y", "", ""),
        ("soon", "", ""),
        ("", "", ""),
        ("\u0662\u0660\u0661\u0669", "", ""),
    ],
)
def test_dates_mean_all_that_they_leave_open(text: str, first: str, last: str) -> None:
    """A date in a query is a span from its first to its last millisecond; what is no date is said to be none."""
    if not first:
        with pytest.raises(ValueError, match=r"is no|is out of the range of dates|are rounded"):
            instant(text, NOW)
        return
    assert (iso(instant(text, NOW)), iso(instant(text, NOW, last=True))) == (first, last)


def test_what_is_wrong_with_a_date_is_said() -> None:
    """A step that is none, and one that leaves the calendar, are told apart."""
    for text in ("now+1234567890d", "now+1x", "2019||1d"):
        with pytest.raises(ValueError, match="is no step such as"):
            instant(text, NOW)
    with pytest.raises(ValueError, match="'/2d': only whole units are rounded to"):
        instant("now/2d", NOW)


def test_stored_dates_are_their_first_instant() -> None:
    """A document's date has no span."""
    assert iso(stored_instant("2019")) == "2019-01-01T00:00:00.000Z"
    with pytest.raises(ValueError, match="is no date"):
        stored_instant("now")


@st.composite
def zones(draw: st.DrawFn) -> tuple[str, int]:
    """An offset as it may be written, and its minutes."""
    minutes = draw(st.integers(-18 * 60, 18 * 60))
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else draw(st.sampled_from("+-")) if minutes == 0 else "+"
    forms = [f"{sign}{hours:02}:{rest:02}", f"{sign}{hours:02}{rest:02}"] + ([f"{sign}{hours:02}"] if rest == 0 else [])
    return draw(st.sampled_from(forms + (["", "Z"] if minutes == 0 else []))), minutes


@given(st.datetimes(), zones(), st.integers(1, 7), st.text("0123456789", min_size=1, max_size=9), st.sampled_from(".,"))
@settings(max_examples=500)
def test_a_date_is_a_span(moment: datetime, zone: tuple[str, int], parts: int, fraction: str, point: str) -> None:
    """Year to fraction, in any zone: from the beginning of what is said to the last millisecond before the next."""
    written, minutes = zone if parts > 3 else ("", 0)
    pieces = (
        f"{moment:%Y}".zfill(4),
        f"-{moment:%m}",
        f"-{moment:%d}",
        f"T{moment:%H}",
        f":{moment:%M}",
        f":{moment:%S}",
        point + fraction,
    )
    text = "".join(pieces[:parts]) + written
    year, month, day = (moment.year, moment.month if parts > 1 else 1, moment.day if parts > 2 else 1)
    days = {1: 365 + calendar.isleap(year), 2: calendar.monthrange(year, month)[1]}.get(parts, 1)
    first = (date(year, month, day).toordinal() - EPOCH) * DAY - minutes * 60_000
    for least, length, number in (
        (4, 3_600_000, moment.hour),
        (5, 60_000, moment.minute),
        (6, 1000, moment.second),
        (7, 1, int(f"{fraction:0<3}"[:3])),
    ):
        first += length * number if parts >= least else 0
    span = {4: 3_600_000, 5: 60_000, 6: 1000, 7: 1}.get(parts, days * DAY)

    assert (instant(text, NOW), instant(text, NOW, last=True)) == (first, first + span - 1)
    assert stored_instant(text) == first


@given(st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)))
def test_an_instant_is_printed_and_read(moment: datetime) -> None:
    """What is printed is the same moment for Python, and for Leat again."""
    milliseconds = (moment - START) // MILLISECOND
    text = iso(milliseconds)

    assert datetime.fromisoformat(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert instant(text, NOW) == instant(str(milliseconds), NOW, last=True) == milliseconds or len(str(milliseconds)) == 4


@given(st.integers(3 * 10**14, 10**18) | st.integers(-(10**18), -3 * 10**14))
def test_an_instant_that_no_calendar_has_is_its_number(milliseconds: int) -> None:
    """Before the year 1 and behind 9999 there are milliseconds only."""
    assert iso(milliseconds) == str(milliseconds)


def stepped(moment: datetime, sign: str, number: int, unit: str) -> datetime:
    """The moment after a step, by the calendar."""
    if unit in "yM":
        months = moment.year * 12 + moment.month - 1 + (number if sign == "+" else -number) * (12 if unit == "y" else 1)
        last = calendar.monthrange(months // 12, months % 12 + 1)[1]
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, last))
    seconds = {"w": 604_800, "d": 86_400, "h": 3600, "H": 3600, "m": 60, "s": 1}[unit] * number
    return moment + timedelta(seconds=seconds if sign == "+" else -seconds)


def rounded(moment: datetime, unit: str) -> datetime:
    """The beginning of the unit that the moment lies in."""
    if unit == "w":
        year, week, _ = moment.isocalendar()
        return datetime.combine(date.fromisocalendar(year, week, 1), datetime.min.time(), UTC)
    kept = {"y": 4, "M": 7, "d": 10, "h": 13, "H": 13, "m": 16, "s": 19}[unit]
    return datetime.fromisoformat(moment.isoformat()[:kept] + "0001-01-01T00:00:00"[kept:] + "+00:00")


STEPS = st.lists(st.tuples(st.sampled_from("+-/"), st.integers(0, 500), st.sampled_from("yMwdhHms")), max_size=4)


@given(st.datetimes(NOW.replace(year=1000, tzinfo=None), NOW.replace(year=8000, tzinfo=None)), STEPS, st.booleans())
@settings(max_examples=500)
def test_steps_are_those_of_the_calendar(moment: datetime, steps: list[tuple[str, int, str]], last: bool) -> None:
    """Steps go from left to right; rounding goes to the first, or to the last millisecond of the unit."""
    expected = now = moment.replace(tzinfo=UTC)
    for sign, number, unit in steps:
        expected = stepped(expected, sign, number, unit) if sign in "+-" else rounded(expected, unit)
        if sign == "/" and last:
            expected = stepped(expected, "+", 1, unit) - MILLISECOND
    text = "".join(f"/{unit}" if sign == "/" else f"{sign}{number}{unit}" for sign, number, unit in steps)
    milliseconds = (expected - START) // MILLISECOND

    assert instant(f"now{text}", now, last) == milliseconds
    assert instant(f"{iso((now - START) // MILLISECOND)}||{text}", NOW, last) == milliseconds


@given(st.text("0123456789-+:TZ.,/|nowdMy\u0660", max_size=30) | st.text(), st.booleans())
@settings(max_examples=500)
def test_what_is_no_date_is_said_to_be_none(text: str, last: bool) -> None:
    """Any text is an instant or a ValueError that says it."""
    try:
        found: int | str = instant(text, NOW, last)
    except ValueError as error:
        found = str(error)

    assert isinstance(found, int) or any(said in found for said in ("is no", "is out of the range of dates", "are rounded"))
