"""Dates in queries and documents: parts of ISO 8601, milliseconds since 1970, and Elasticsearch's date arithmetic."""

import calendar
import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-](?:(?:0\d|1[0-7])(?::?[0-5]\d)?|18(?::?00)?))?)?)?)?",
    re.ASCII,
)
EPOCH = re.compile(r"-?\d{1,18}(?:\.\d{0,6})?", re.ASCII)
STEP = re.compile(r"([+-])(\d{0,9})([yMwdhHms])|/(\d{0,9})([yMwdhHms])", re.ASCII)
MONTHS = {"y": 12, "M": 1}
SPANS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "H": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
START = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def instant(text: str, now: datetime, last: bool = False) -> int:
    """Milliseconds since 1970 of a date in a query; with `last`, the last millisecond that it may mean.

    `2019`, `2019-05`, `2019-05-01T10:30`, with `Z` or an offset, UTC otherwise; `now`, or a date and `||`, with steps behind it
    (`now-1d/d`, `2019-01-01||+1M/M`); a number that is no year is milliseconds. Raises ValueError.
    """
    try:
        if text.startswith("now"):
            return _milliseconds(_stepped(now, text[3:], last))
        anchor, bars, steps = text.partition("||")
        if bars:
            return _milliseconds(_stepped(START + _read(anchor, False) * MILLISECOND, steps, last))
        return _read(text, last)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of the range of dates") from error


@lru_cache(maxsize=65_536)
def stored_instant(text: str) -> int:
    """Milliseconds since 1970 of a date in a document. Raises ValueError."""
    return _read(text, False)


def iso(milliseconds: int) -> str:
    """The instant as Elasticsearch prints it, such as `2019-05-01T00:00:00.000Z`."""
    try:
        return _printed(START + milliseconds * MILLISECOND)
    except OverflowError:
        return str(milliseconds)


def _printed(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(moment: datetime) -> int:
    return (moment - START) // MILLISECOND


def _read(text: str, last: bool) -> int:
    match = ISO.fullmatch(text)
    if match is None:
        if EPOCH.fullmatch(text):
            return math.floor(Decimal(text))
        raise ValueError(f"{text!r} is no date")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    months = int(month or (12 if last else 1))
    clock = (int(hour or (23 if last else 0)), int(minute or (59 if last else 0)), int(second or (59 if last else 0)))
    part = int((fraction or ("999" if last else "0")).ljust(3, "0")[:3])
    try:
        days = int(day or (calendar.monthrange(int(year), months)[1] if last else 1))
        moment = datetime(int(year), months, days, *clock, part * 1000, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text!r} is no date") from None
    return _milliseconds(moment) - _offset(zone)


def _offset(zone: str | None) -> int:
    if zone in (None, "Z"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-minutes if zone[0] == "-" else minutes) * 60_000


def _stepped(moment: datetime, steps: str, last: bool) -> datetime:
    at = 0
    while at < len(steps):
        match = STEP.match(steps, at)
        if match is None:
            raise ValueError(f"{steps[at:]!r} is no step such as +1d, -2h or /M")
        sign, number, unit, rounds, rounded = match.groups()
        if unit:
            moment = _moved(moment, (1 if sign == "+" else -1) * int(number or 1), unit)
        elif rounds not in ("", "1"):
            raise ValueError(f"{match[0]!r}: only whole units are rounded to")
        else:
            moment = _floor(moment, rounded)
            moment = _moved(moment, 1, rounded) - MILLISECOND if last else moment
        at = match.end()
    return moment


def _moved(moment: datetime, number: int, unit: str) -> datetime:
    if unit in SPANS:
        return moment + number * SPANS[unit]
    months = moment.year * 12 + moment.month - 1 + number * MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _floor(moment: datetime, unit: str) -> datetime:
    moment = moment.replace(microsecond=0)
    if unit == "w":
        moment -= timedelta(days=moment.weekday())
    for name, units in (("second", "yMwdhHm"), ("minute", "yMwdhH"), ("hour", "yMwd"), ("day", "yM"), ("month", "y")):
        if unit in units:
            moment = moment.replace(**{name: 1 if name in ("day", "month") else 0})  # type: ignore[arg-type]  # only numbers
    return moment
