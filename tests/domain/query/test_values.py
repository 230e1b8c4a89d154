"""Values: what texts and ranges mean for a field's type, compared with exact fractions."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.query.clauses import Between, Nothing
from domain.query.mappings import Field
from domain.query.parser import parse
from domain.query.plan import Fields, Planner
from domain.query.values import LIMITS, Bounds, between, equal, shortest, single
from tests.domain.query.naive import inside

NOW = datetime(2026, 11, 21, 3, 4, 5, 678000, tzinfo=UTC)
FIELDS = Fields({"n": {"type": "integer"}, "f": {"type": "float"}, "d": {"type": "date"}, "b": {"type": "boolean"}})


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("n:5", (5, 5)),
        ("n:5.0", (5, 5)),
        ("n:1e2", (100, 100)),
        ("n:1E+2", (100, 100)),
        ("n:100e-2", (1, 1)),
        ("n:5.5", None),
        ("n:>5.5", (6, 2**31 - 1)),
        ("n:<5.5", (-(2**31), 5)),
        ("n:{5 TO 6}", None),
        ("n:{5 TO 7}", (6, 6)),
        ("n:[-1e30 TO 1e30]", (-(2**31), 2**31 - 1)),
        ("n:>=3000000000", None),
        ("n:1_0", None),
        ("n:0x10", None),
        ("n:٣", None),
        ("f:0.1", (0.10000000149011612, 0.10000000149011612)),
        ("f:>1e39", None),
        ("f:<1e39", (None, None)),
        ("f:nan", None),
        ("b:true", (1, 1)),
        ("b:yes", None),
        ("d:1970", (0, 31_535_999_999)),
        ("d:{1970 TO 1970-01-01T00:00:02}", None),
        ("d:>1970-01-01T00:00:01", (2000, 10**18)),
    ],
)
def test_values_have_the_type_of_their_field(text: str, bounds: tuple[object, object] | None) -> None:
    """A term or range means the same numbers on every engine; what can be no value there matches nothing."""
    clause = Planner(FIELDS, NOW).plan(parse(text))

    if bounds is None:
        assert clause == Nothing()
    else:
        assert isinstance(clause, Between)
        assert (clause.bounds.lower, clause.bounds.upper) == bounds


DIGITS = st.text("0123456789", min_size=1, max_size=40)
AROUND = st.builds("{}".format, st.builds(int.__add__, st.sampled_from((0, 2**31, 2**53, 2**63, 2**128)), st.integers(-2, 2)))
ODD = ("3.4028235e38", "3.4028236e38", "1.7976931348623157e308", "1.7976931348623159e308", "1e400", "5e-324", "1e-400", "-0.0")
DOUBLES = st.floats(allow_nan=False, allow_infinity=False) | st.floats(width=32, allow_nan=False, allow_infinity=False)
NUMBERS = st.builds(
    lambda sign, text: text if text[0] in "+-" else sign + text,
    st.sampled_from(("", "-", "+")),
    AROUND
    | st.sampled_from(ODD)
    | DOUBLES.map(repr)
    | st.builds("{}.{}".format, DIGITS | AROUND, DIGITS)
    | st.builds(".{}e{}".format, DIGITS, st.integers(-30, 30))
    | DIGITS.map("{}.".format),
)
"""Numbers as somebody may write them: odd doubles, whole numbers around every limit, many digits, exponents, signs."""


WHOLE = st.sampled_from([Field(path="x", type=type) for type in ("integer", "long")])
FLOATING = st.sampled_from([Field(path="x", type=type) for type in ("float", "double")])


@given(WHOLE, st.none() | NUMBERS, st.none() | NUMBERS, st.booleans(), st.booleans())
@settings(max_examples=200)
def test_ranges_of_whole_numbers_are_exact(field: Field, first: str | None, last: str | None, low: bool, high: bool) -> None:
    """Every whole number around the bounds and limits is found just if it lies between the fractions that were written."""
    bounds = between(field, first, last, low, high, NOW)
    least, most = LIMITS[field.type]
    ends = [Fraction(text) for text in (first, last) if text is not None]
    near = {math.floor(end) + step for end in ends for step in (-1, 0, 1, 2)} | {least, most, 0}

    for number in near:
        if least <= number <= most:
            over = first is None or (number >= Fraction(first) if low else number > Fraction(first))
            under = last is None or (number <= Fraction(last) if high else number < Fraction(last))
            assert (bounds is not None and inside(number, bounds)) == (over and under)
    if bounds is not None:
        assert isinstance(bounds.lower, int)
        assert isinstance(bounds.upper, int)
        assert least <= bounds.lower <= bounds.upper <= most


def nearest(field: Field, text: str) -> float:
    """The number of the field's type that is nearest to the text, by way of a double as JSON has it."""
    number = float(text)
    return single(number) if field.type == "float" else number


@given(FLOATING, st.none() | NUMBERS, st.none() | NUMBERS, st.booleans(), st.booleans())
@settings(max_examples=200)
def test_ranges_of_floats_are_those_of_the_type(field: Field, first: str | None, last: str | None, low: bool, high: bool) -> None:
    """Bounds are the nearest numbers that the type has; a number lies between them just as comparing says; zero has no sign."""
    bounds = between(field, first, last, low, high, NOW)
    start, end = (None if text is None else nearest(field, text) for text in (first, last))
    ends = [number for number in (start, end, 0.0, -0.0, 1.0) if number is not None]
    near = [*ends, *(math.nextafter(number, math.inf) for number in ends), *(math.nextafter(number, -math.inf) for number in ends)]

    for number in (nearest(field, repr(number)) for number in near):
        if math.isfinite(number):
            over = start is None or (number >= start if low else number > start)
            under = end is None or (number <= end if high else number < end)
            assert (bounds is not None and inside(number, bounds)) == (over and under)
    assert bounds is None or all(bound is None or math.isfinite(float(bound)) for bound in bounds[:2])


@given(WHOLE | FLOATING, NUMBERS)
@settings(max_examples=200)
def test_a_number_means_its_value(field: Field, text: str) -> None:
    """`5`, `5.0` and `5e0` are one number; what the type can't have is none."""
    bounds = equal(field, text, NOW)
    least, most = LIMITS.get(field.type, (-math.inf, math.inf))

    if field.type in LIMITS:
        wanted: float | None = int(Fraction(text)) if Fraction(text).denominator == 1 and least <= Fraction(text) <= most else None
    else:
        wanted = nearest(field, text) if math.isfinite(nearest(field, text)) else None
    assert bounds == (None if wanted is None else Bounds(wanted, wanted))


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-inf", "Infinity", "1_0", "0x10", "٣", "1e", "1e1000", ".", "1,5", " 1", "1 ", "--1", "1f", "e5"]
)
@pytest.mark.parametrize("type", ["integer", "long", "float", "double"])
def test_what_is_no_number_is_said_to_be_none(text: str, type: str) -> None:
    """Only digits with a sign, a point and an exponent are numbers."""
    with pytest.raises(ValueError, match="is no number"):
        equal(Field(path="x", type=type), text, NOW)
    with pytest.raises(ValueError, match="is no number"):
        between(Field(path="x", type=type), None, text, True, True, NOW)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_shown_as_short_as_it_was_written(value: float) -> None:
    """The shortest number is the same in 32 bits, no shorter one is, and looking for it finds the value."""
    short = shortest(value)
    digits = len(Decimal(repr(short)).normalize().as_tuple().digits)

    assert single(short) == value
    assert digits <= 9
    assert all(single(float(f"{value:.{fewer}g}")) != value for fewer in range(1, digits))
    found = equal(Field(path="x", type="float"), repr(short), NOW)
    assert found is not None
    assert inside(value, found)


@pytest.mark.parametrize("number", [0.1, -2.0, 1e-45, 3.4028235e38, 16777216.0, 1044242.25, 0.000105811945, -120414.305])
def test_one_to_nine_digits_are_enough(number: float) -> None:
    """Nine digits tell all floats apart; most need less."""
    assert shortest(single(number)) == number


WORD = st.text("aAbB\U0001f600\uffff", max_size=3)


@given(st.booleans(), st.none() | WORD, st.none() | WORD, st.booleans(), st.booleans(), WORD)
def test_ranges_of_words_go_by_code_points(
    exact: bool, first: str | None, last: str | None, low: bool, high: bool, word: str
) -> None:
    """In lower case unless case matters; what UTF-16 would put in another order stands where UTF-8 has it."""
    bounds = between(Field(path="x", type="keyword", case_sensitive=exact), first, last, low, high, NOW)
    start, end, at = (text if exact or text is None else text.lower() for text in (first, last, word))
    assert at is not None
    over = start is None or (at.encode() >= start.encode() if low else at.encode() > start.encode())
    under = end is None or (at.encode() <= end.encode() if high else at.encode() < end.encode())

    assert (bounds is not None and inside(at, bounds)) == (over and under)


@pytest.mark.parametrize(
    ("type", "first", "last", "low", "high", "bounds"),
    [
        ("keyword", "b", "a", True, True, None),
        ("keyword", "a", "a", True, True, Bounds("a", "a")),
        ("keyword", "a", "a", False, True, None),
        ("keyword", "a", "a", True, False, None),
        ("keyword", "a", None, False, False, Bounds("a", None, False, False)),
        ("keyword", None, "a", False, False, Bounds(None, "a", False, False)),
        ("keyword", "", "", True, True, Bounds("", "")),
        ("double", "2", "1", True, True, None),
        ("double", "1", "1", True, True, Bounds(1.0, 1.0)),
        ("double", "1", "1", False, True, None),
        ("double", "1", "1", True, False, None),
        ("double", "1", None, False, True, Bounds(1.0, None, False, True)),
        ("double", None, "1", True, False, Bounds(None, 1.0, True, False)),
        ("double", "1e999", None, True, True, None),
        ("double", None, "-1e999", True, True, None),
        ("double", "-1e999", "1e999", True, False, Bounds(None, None, True, False)),
        ("float", "1e39", None, True, True, None),
        ("float", None, "-1e39", True, True, None),
        ("long", "1", "1", True, False, None),
        ("long", None, None, False, False, Bounds(-(2**63), 2**63 - 1)),
        ("integer", None, None, False, False, Bounds(-(2**31), 2**31 - 1)),
        ("text", "B", "C", True, False, Bounds("b", "c", True, False)),
        ("date", "1970", "1970", False, True, None),
        ("date", "1970", "1970", True, False, None),
    ],
)
def test_a_range_that_holds_nothing_is_none(
    type: str, first: str | None, last: str | None, low: bool, high: bool, bounds: Bounds | None
) -> None:
    """Bounds that cross, or meet where one is left out, hold nothing; beyond all numbers it is open, or there is nothing."""
    assert between(Field(path="x", type=type), first, last, low, high, NOW) == bounds


@given(st.lists(st.datetimes(max_value=NOW.replace(year=9998, tzinfo=None)), min_size=2, max_size=2), st.booleans(), st.booleans())
def test_ranges_of_dates_take_whole_days(moments: list[datetime], low: bool, high: bool) -> None:
    """A day as a bound belongs to the range as a whole, or not at all."""
    first, last = (
        int((moment.replace(tzinfo=UTC, hour=0, minute=0, second=0, microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).days)
        for moment in moments
    )
    bounds = between(Field(path="x", type="date"), *(moment.date().isoformat() for moment in moments), low, high, NOW)
    wanted = range((first + (not low)) * 86_400_000, (last + high) * 86_400_000)

    assert (None if bounds is None else (bounds.lower, bounds.upper)) == ((wanted[0], wanted[-1]) if wanted else None)


def test_terms_of_dates_are_ranges_and_those_of_booleans_two_words() -> None:
    """A year is all of it; a boolean is `true` or `false` and nothing else."""
    date, boolean = Field(path="x", type="date"), Field(path="x", type="boolean")

    assert equal(date, "1970", NOW) == Bounds(0, 365 * 86_400_000 - 1)
    assert [equal(boolean, text, NOW) for text in ("true", "false", "TRUE", "1")] == [Bounds(1, 1), Bounds(0, 0), None, None]
    assert between(date, None, None, True, True, NOW) == Bounds(-(10**18), 10**18)
    with pytest.raises(ValueError, match="is no date"):
        equal(date, "soon", NOW)


@given(st.floats(allow_nan=False))
def test_32_bits_keep_the_nearest_number(value: float) -> None:
    """No number of 32 bits is nearer; beyond the largest there is infinity."""
    kept = single(value)

    if math.isfinite(kept):
        below, above = (
            single(math.nextafter(kept, end) if kept == 0 else kept * factor)
            for end, factor in ((-math.inf, 1 - 1e-7), (math.inf, 1 + 1e-7))
        )
        assert abs(Fraction(kept) - Fraction(value)) <= min(
            abs(Fraction(near) - Fraction(value)) for near in (below, above) if math.isfinite(near)
        )
    else:
        assert kept == math.copysign(math.inf, value)
        assert abs(value) > 3.4028235e38
