"""Values of a type out of a query's text, and the bounds that they make."""

import math
import re
import struct
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from domain.query.dates import instant
from domain.query.mappings import Field
from domain.query.patterns import lower

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
LIMITS = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1), "date": (-(10**18), 10**18)}
WHOLE = frozenset(LIMITS)
SINGLE = struct.Struct("<f")


class Bounds(NamedTuple):
    """Values between two, of the field's own type; None is open. Bounds of whole numbers are always included."""

    lower: str | int | float | None
    upper: str | int | float | None
    include_lower: bool = True
    include_upper: bool = True


def single(value: float) -> float:
    """The number as 32 bits keep it; infinity beyond the largest of them."""
    try:
        packed: float = SINGLE.unpack(SINGLE.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return packed


def shortest(value: float) -> float:
    """The shortest number that is the same in 32 bits: 0.1 for what reads 0.10000000149011612 in 64."""
    return next(short for digits in range(1, 10) if single(short := float(f"{value:.{digits}g}")) == value)


def equal(field: Field, text: str, now: datetime) -> Bounds | None:
    """What a term means for a number, date or boolean; None where it can be no value of that type."""
    if field.type == "boolean":
        value = {"true": 1, "false": 0}.get(text)
        return None if value is None else Bounds(value, value)
    return between(field, text, text, True, True, now)


def between(field: Field, lower_text: str | None, upper_text: str | None, low: bool, high: bool, now: datetime) -> Bounds | None:
    """What a range means; None where nothing can be in it. Raises ValueError where a bound is no value of the field's type."""
    if field.type in ("keyword", "text"):
        return _words(field, lower_text, upper_text, low, high)
    if field.type == "date":
        first = None if lower_text is None else instant(lower_text, now, last=not low) + (not low)
        last = None if upper_text is None else instant(upper_text, now, last=high) - (not high)
        return _whole(field, first, last)
    first_number = None if lower_text is None else _number(lower_text)
    last_number = None if upper_text is None else _number(upper_text)
    if field.type in WHOLE:
        start = None if first_number is None else _next_whole(first_number, low)
        end = None if last_number is None else -_next_whole(last_number.copy_negate(), high)
        return _whole(field, start, end)
    return _floating(field, first_number, last_number, low, high)


def _words(field: Field, first: str | None, last: str | None, low: bool, high: bool) -> Bounds | None:
    if not field.case_sensitive:
        first, last = first and lower(first), last and lower(last)
    if first is not None and last is not None and (first > last or (first == last and not (low and high))):
        return None
    return Bounds(first, last, low, high)


def _whole(field: Field, first: int | None, last: int | None) -> Bounds | None:
    least, most = LIMITS[field.type]
    start, end = least if first is None else max(first, least), most if last is None else min(last, most)
    return Bounds(start, end) if start <= end else None


def _next_whole(number: Decimal, included: bool) -> int:
    whole = math.ceil(number)
    return whole if included or whole != number else whole + 1


def _floating(field: Field, first: Decimal | None, last: Decimal | None, low: bool, high: bool) -> Bounds | None:
    start = None if first is None else _rounded(field, first)
    end = None if last is None else _rounded(field, last)
    if start == math.inf or end == -math.inf:
        return None
    if start is not None and end is not None and (start > end or (start == end and not (low and high))):
        return None
    # Both engines keep -0.0 below 0.0, but zero is one number: a bound has both on its inner side, or both on its outer side.
    if start == 0:
        start = -0.0 if low else 0.0
    if end == 0:
        end = 0.0 if high else -0.0
    return Bounds(None if start == -math.inf else start, None if end == math.inf else end, low, high)


def _rounded(field: Field, number: Decimal) -> float:
    """The nearest number that the field can hold; infinity beyond the largest one."""
    return single(float(number)) if field.type == "float" else float(number)


def _number(text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number")
    return Decimal(text)
