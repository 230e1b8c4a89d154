"""Queries: text to tree, trees to clauses, and what is refused on the way."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import QueryInvalid
from domain.query.clauses import Between, Nothing
from domain.query.dates import instant, iso, stored_instant
from domain.query.parser import parse
from domain.query.patterns import lowered, regular, wildcard
from domain.query.plan import Fields, Planner
from domain.query.tree import (
    Bool,
    Boost,
    Exists,
    Fuzzy,
    MatchAll,
    MatchNone,
    Phrase,
    Query,
    Range,
    Regex,
    Term,
    Wildcard,
    all_of,
    any_of,
    match_all,
    multi_match,
    negation,
)

NOW = datetime(2026, 11, 21, 3, 4, 5, 678000, tzinfo=UTC)
A, B, C = (Term(path=path, text="x") for path in "abc")


def plain(query: Query) -> Query:
    """A tree without positions and notes."""

    def strip(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(strip, value))
        return plain(value) if isinstance(value, Query) else value

    values = {name: strip(getattr(query, name)) for name in query.__struct_fields__ if name not in ("position", "mixed")}
    return type(query)(**values)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", MatchNone()),
        (" \t\n\u3000", MatchNone()),
        ("*", MatchAll()),
        ("*:*", MatchAll()),
        ("x", Term(text="x")),
        ("x y  z", Term(text="x y z")),
        ("a:x", A),
        (" a : x ", A),
        ("a.b-c:x", Term(path="a.b-c", text="x")),
        ("a:(x y)", Term(path="a", text="x y")),
        ("a:(x b:x)", Bool(must=(A, B))),
        ('a:"x y"', Phrase(path="a", text="x y")),
        ('a:"x \\" y"~2', Phrase(path="a", text='x " y', slop=2)),
        ("a:x*", Wildcard(path="a", pattern="x*")),
        ("a:x\\*", Term(path="a", text="x*")),
        ("a:x\\*?", Wildcard(path="a", pattern="x\\*?")),
        ("a:*", Exists(path="a")),
        ("a:***", Exists(path="a")),
        ("_exists_:a.b", Exists(path="a.b")),
        ('_exists_:"a b"', Exists(path="a b")),
        ("a:/x.y/", Regex(path="a", pattern="x.y")),
        ("a:/x\\/y/", Regex(path="a", pattern="x/y")),
        ("a:x~", Fuzzy(path="a", text="x")),
        ("a:x~2", Fuzzy(path="a", text="x", edits=2)),
        ("a:x^2", Boost(query=A, factor=2.0)),
        ("a:x~1^.5", Boost(query=Fuzzy(path="a", text="x", edits=1), factor=0.5)),
        ("(a:x b:x)^3", Boost(query=Bool(must=(A, B)), factor=3.0)),
        ("a:[1 TO 2]", Range(path="a", lower="1", upper="2")),
        ("a:{1 TO 2]", Range(path="a", lower="1", upper="2", include_lower=False)),
        ("a:[* TO 2}", Range(path="a", upper="2", include_upper=False)),
        ('a:["x y" TO "*"]', Range(path="a", lower="x y", upper="*")),
        ("a:>1", Range(path="a", lower="1", include_lower=False)),
        ("a:>=1", Range(path="a", lower="1")),
        ("a:<=now-1d/d", Range(path="a", upper="now-1d/d")),
        ("a:>=2019-01-01||/M", Range(path="a", lower="2019-01-01||/M")),
        ("a:-5", Term(path="a", text="-5")),
        ("_id:chr1:g.3G>C", Term(path="_id", text="chr1:g.3G>C")),
        ("chr1:g.3G>C", Term(path="chr1", text="g.3G>C")),
        ("cgi.\\*:x", Term(path="cgi.*", text="x")),
        ("cgi.*:x", Term(path="cgi.*", text="x")),
        ("*:x", Term(path="*", text="x")),
        ("x/y", Term(text="x/y")),
        ("\\u0041\\:\\(", Term(text="A:(")),
        ("ANDROID ORNOT", Term(text="ANDROID ORNOT")),
        ("a:x b:x", Bool(must=(A, B))),
        ("a:x AND b:x", Bool(must=(A, B))),
        ("a:x && b:x", Bool(must=(A, B))),
        ("a:x OR b:x", Bool(should=(A, B))),
        ("a:x || b:x", Bool(should=(A, B))),
        ("NOT a:x", Bool(must_not=(A,))),
        ("!a:x", Bool(must_not=(A,))),
        ("-a:x", Bool(must_not=(A,))),
        ("+a:x -b:x", Bool(must=(A,), must_not=(B,))),
        ("a:x AND NOT b:x", Bool(must=(A,), must_not=(B,))),
        ("a:x OR b:x AND c:x", Bool(must=(B, C), should=(A,))),
        ("a:x AND b:x OR c:x", Bool(must=(A,), should=(B, C))),
        ("a:x b:x OR c:x", Bool(must=(A,), should=(B, C))),
        ("a:x OR NOT b:x", Bool(should=(A,), must_not=(B,))),
        ("a:x OR (NOT b:x)", Bool(should=(A, Bool(must_not=(B,))))),
        ("(a:x OR b:x) c:x", Bool(must=(Bool(should=(A, B)), C))),
    ],
)
def test_text_becomes_a_tree(text: str, tree: Query) -> None:
    """Each form of the grammar, combined as Lucene combines it where AND is the default."""
    assert plain(parse(text)) == tree


def test_nodes_know_their_place() -> None:
    """A node's position is where its value begins in the text."""
    tree = parse("cgi.gene:ABL1 AND pos:>5")

    assert isinstance(tree, Bool)
    assert [part.position for part in tree.must] == [9, 23]


@pytest.mark.parametrize("text", ["a:x OR b:x AND c:x", "a:x b:x OR c:x", "a:x OR NOT b:x"])
def test_mixed_operators_are_noticed(text: str) -> None:
    """AND beside OR without parentheses deserves a warning; parentheses do not."""
    assert getattr(parse(text), "mixed", False)
    assert not getattr(parse("(a:x OR b:x) AND c:x AND NOT d:x"), "mixed", True)


def test_builders_make_trees() -> None:
    """Code asks by nodes: no text is put together, and nothing is a special character."""
    assert all_of([]) == match_all() == MatchAll()
    assert any_of([]) == MatchNone()
    assert all_of([A]) == any_of([A]) == A
    assert all_of([A, B]) == Bool(must=(A, B))
    assert any_of([A, B]) == Bool(should=(A, B))
    assert negation(A) == Bool(must_not=(A,))
    assert multi_match('x"*', ["_id", "a.*"]) == Bool(should=(Term(path="_id", text='x"*'), Term(path="a.*", text='x"*')))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30_000,
        "(a " * 15_000,
        "NOT " * 16_000,
        "a OR " * 13_000,
        '"' + 'a"a' * 20_000,
        "[" + 'a"' * 30_000,
        "a\\" * 32_000,
        "/" + "\\a" * 32_000,
        "a" * 65_537,
        "a:" * 32_000 + "~",
        "+-" * 30_000,
        "*" * 60_000 + "a",
    ],
)
def test_a_long_query_is_answered_or_refused(text: str) -> None:
    """Whatever is sent is read in linear time: with anything worse, or with recursion, these would never end well."""
    try:
        parsed: Query | QueryInvalid = parse(text)
    except QueryInvalid as refused:
        parsed = refused

    assert 0 <= parsed.position <= len(text)


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
        ("now-1x", "", ""),
        ("now/2d", "", ""),
        ("now+999999999y", "", ""),
        ("soon", "", ""),
        ("", "", ""),
        ("٢٠١٩", "", ""),
    ],
)
def test_dates_mean_all_that_they_leave_open(text: str, first: str, last: str) -> None:
    """A date in a query is a span from its first to its last millisecond; what is no date is said to be none."""
    if not first:
        with pytest.raises(ValueError, match=r"is no|is out of|are rounded"):
            instant(text, NOW)
        return
    assert (iso(instant(text, NOW)), iso(instant(text, NOW, last=True))) == (first, last)


def test_stored_dates_are_their_first_instant() -> None:
    """A document's date has no span."""
    assert iso(stored_instant("2019")) == "2019-01-01T00:00:00.000Z"
    with pytest.raises(ValueError, match="is no date"):
        stored_instant("now")


def test_patterns_are_taken_apart() -> None:
    """Wildcards and regular expressions become parts that no engine reads in its own way."""
    assert wildcard("a**?\\*") == ("=a", ".*", ".", "=*")
    parts = regular("(A|[B-Dx])+\\d{2,3}\\.", 0)
    assert [part for part in parts if isinstance(part, str)] == ["(", "=A", "|", ")", "+", "{2,3}", "=."]
    small = lowered(parts)
    assert small[1] == "=a"
    assert getattr(small[3], "ranges", None) == (("b", "d"), ("x", "x"))


FIELDS = Fields(
    {
        "n": {"type": "integer"},
        "f": {"type": "float"},
        "d": {"type": "date"},
        "b": {"type": "boolean"},
        "o": {"properties": {f"k{n}": {"type": "keyword"} for n in range(200)}},
    }
)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("n:5", (5, 5)),
        ("n:5.0", (5, 5)),
        ("n:1e2", (100, 100)),
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


def test_asterisks_in_paths_can_not_explode() -> None:
    """A short query that means thousands of clauses is refused, with the place."""
    with pytest.raises(QueryInvalid, match="more than 1024 things") as caught:
        Planner(FIELDS, NOW).plan(parse(" OR ".join(["o.*:x"] * 6)))

    assert caught.value.position == len("o.*:x OR " * 5) + 4
