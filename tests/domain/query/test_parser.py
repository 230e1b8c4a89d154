"""The parser: text to a tree, and the place of what is no query."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import QueryInvalid
from domain.query.parser import parse
from domain.query.tree import Bool, Boost, Exists, Fuzzy, MatchAll, MatchNone, Phrase, Query, Range, Regex, Term, Wildcard
from tests.domain.query.writing import TEXT, escaped, quoted, trees, written

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
        ('_exists_:"a?"', Exists(path="a?")),
        ('_exists_:">a"', Exists(path=">a")),
        ("_exists_:a\\?", Exists(path="a?")),
        ("_exists_:a*", Exists(path="a*")),
        ("a:/x.y/", Regex(path="a", pattern="x.y")),
        ("a:/x\\/y/", Regex(path="a", pattern="x\\/y")),
        ("a:\\u002a*", Wildcard(path="a", pattern="\\**")),
        ("a:x~", Fuzzy(path="a", text="x")),
        ("a:x~2", Fuzzy(path="a", text="x", edits=2)),
        ("a:x^2", Boost(query=A, factor=2.0)),
        ("a:x~1^.5", Boost(query=Fuzzy(path="a", text="x", edits=1), factor=0.5)),
        ("(a:x b:x)^3", Boost(query=Bool(must=(A, B)), factor=3.0)),
        ("a:[1 TO 2]", Range(path="a", lower="1", upper="2")),
        ("a:{1 TO 2]", Range(path="a", lower="1", upper="2", include_lower=False)),
        ("a:[* TO 2}", Range(path="a", upper="2", include_upper=False)),
        ('a:["x y" TO "*"]', Range(path="a", lower="x y", upper="*")),
        ("a:>=\\-5\\*", Range(path="a", lower="-5*")),
        ("a:>1", Range(path="a", lower="1", include_lower=False)),
        ("a:>=1", Range(path="a", lower="1")),
        ("a:<=now-1d/d", Range(path="a", upper="now-1d/d")),
        ("a:>=2019-01-01||/M", Range(path="a", lower="2019-01-01||/M")),
        ("a:-5", Term(path="a", text="-5")),
        ("a:b:", Term(path="a", text="b:")),
        ("a::x", Term(path="a", text=":x")),
        ("a:>b*", Range(path="a", lower="b*", include_lower=False)),
        ("x >y z", Bool(must=(Term(text="x"), Range(lower="y", include_lower=False), Term(text="z")))),
        ("x y~1", Bool(must=(Term(text="x"), Fuzzy(text="y", edits=1)))),
        ("x y^2", Bool(must=(Term(text="x"), Boost(query=Term(text="y"), factor=2.0)))),
        ("x y AND z", Bool(must=(Term(text="x"), Term(text="y"), Term(text="z")))),
        ("x y OR z", Bool(must=(Term(text="x"),), should=(Term(text="y"), Term(text="z")))),
        ("x y b:x", Bool(must=(Term(text="x y"), B))),
        ("x b:y z", Bool(must=(Term(text="x"), Term(path="b", text="y"), Term(text="z")))),
        ("+x y", Bool(must=(Term(text="x"), Term(text="y")))),
        ("x y*", Bool(must=(Term(text="x"), Wildcard(pattern="y*")))),
        ('a:["x\\" ]" TO \\]\\ \\\n}', Range(path="a", lower='x" ]', upper="] \n", include_upper=False)),
        ("a:[\\* TO x]", Range(path="a", lower="*", upper="x")),
        ("a:>\\\n", Range(path="a", lower="\n", include_lower=False)),
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


X, Y = (Term(text=text, either=True) for text in "xy")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", MatchNone()),
        ("x", X),
        ("x y", Term(text="x y", either=True)),
        ("a:(x y)", Term(path="a", text="x y", either=True)),
        ('"x y"', Phrase(text="x y")),
        ("x (y)", Bool(should=(X, Y))),
        ("x OR y", Bool(should=(X, Y))),
        ("x AND y", Bool(must=(X, Y))),
        ("+x (y)", Bool(must=(X,), should=(Y,))),
        ("+x OR y", Bool(must=(X,), should=(Y,))),
        ("x AND y OR x", Bool(must=(X, Y), should=(X,))),
        ("x OR y AND x", Bool(must=(Y, X), should=(X,))),
        ("x -y", Bool(should=(X,), must_not=(Y,))),
        ("NOT x (y)", Bool(should=(Y,), must_not=(X,))),
        ("x AND NOT y", Bool(must=(X,), must_not=(Y,))),
        ("NOT x AND y", Bool(must=(Y,), must_not=(X,))),
        ("(x AND y) (x)", Bool(should=(Bool(must=(X, Y)), X))),
    ],
)
def test_text_becomes_a_tree_where_or_is_the_default(text: str, tree: Query) -> None:
    """Clauses, and the words of a text, are alternatives unless something else is said, as Lucene combines them then."""
    assert plain(parse(text, either=True)) == tree


def test_nodes_know_their_place() -> None:
    """A node's position is where its value begins in the text."""
    tree = parse("cgi.gene:ABL1 AND pos:>5")

    assert isinstance(tree, Bool)
    assert [part.position for part in tree.must] == [9, 23]


@pytest.mark.parametrize("text", ["a:x OR b:x AND c:x", "a:x b:x OR c:x", "a:x OR NOT b:x", "a:x OR NOT b:x OR c:x"])
def test_mixed_operators_are_noticed(text: str) -> None:
    """AND beside OR without parentheses deserves a warning; parentheses do not."""
    assert getattr(parse(text), "mixed", False)
    assert not getattr(parse("(a:x OR b:x) AND c:x AND NOT d:x"), "mixed", True)
    assert not getattr(parse("NOT a:x OR b:x OR c:x"), "mixed", True)


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


def test_a_query_has_a_length() -> None:
    """A query may be as long as an address line of a server allows; the first character too many is pointed at."""
    assert plain(parse("a" * 65_536)) == Term(text="a" * 65_536)
    with pytest.raises(QueryInvalid, match="longer than 65536 characters") as caught:
        parse("a" * 65_537)
    assert caught.value.position == 65_536


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ('"a":x', 3, ": is not expected here"),
        ("(a):x", 3, ": is not expected here"),
        ('a "b', 2, "the quote is not closed"),
        ("~2", 0, "~ is not expected here"),
        ("a^2^2", 3, "^ is not expected here"),
        ("^", 0, "^ is not expected here"),
        ("a && && b", 5, "&& is not expected here"),
        ("a~1~1", 3, "~ is not expected here"),
        ("a OR", 4, "the query ends where a term was expected"),
        ("(a OR)", 5, ") is not expected here"),
    ],
)
def test_what_is_no_query_is_pointed_at(text: str, position: int, reason: str) -> None:
    """A refusal says what is in the way, and where."""
    with pytest.raises(QueryInvalid) as caught:
        parse(text)

    assert reason in caught.value.message
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("fits", "too_much", "position", "reason"),
    [
        ("(" * 20 + "a" + ")" * 20, "(" * 21 + "a" + ")" * 21, 21, "more than 20 parentheses"),
        (" OR ".join("a" * 1024), " OR ".join("a" * 1025), 5 * 1024, "more than 1024 clauses"),
        ("(a) " * 512, "(a) " * 513, 4 * 512, "more than 1024 clauses"),
        ('"a b"~99', '"a b"~100', 5, "slop is ~ and a whole number up to 99"),
        ('"a b"~1.0', '"a b"~.5', 5, "slop is ~ and a whole number"),
        ("a^" + "1" * 308, "a^" + "1" * 310, 1, "a boost is"),
        ("a^.5", "a^.", 1, "a boost is"),
    ],
)
def test_a_small_query_does_not_cost_a_lot(fits: str, too_much: str, position: int, reason: str) -> None:
    """What is just at a limit is read; one more is refused, with the place."""
    assert parse(fits)
    with pytest.raises(QueryInvalid, match=reason) as caught:
        parse(too_much)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a:* b", 2),
        ("a *", 0),
        ("a:b~", 2),
        ("a:b*", 2),
        ('a:"b"', 2),
        ("a:/b/", 2),
        ("a:[b TO c]", 2),
        ("a:>=b", 4),
        ("a:<b", 3),
        ("a:>b*", 3),
        ("_exists_:a", 9),
        ("a:b^2", 3),
        (" *", 1),
        (" *:*", 3),
    ],
)
def test_each_node_knows_its_place(text: str, position: int) -> None:
    """The first node's place is that of its value, of a boost's that of the sign, of a comparison's that behind it."""
    tree = parse(text)

    assert (tree.must[0] if isinstance(tree, Bool) else tree).position == position


def parsed(text: str) -> Query | QueryInvalid:
    """The tree of a text, or why there is none."""
    try:
        return parse(text)
    except QueryInvalid as refused:
        return refused


PIECES = (
    "a",
    ":",
    " ",
    "(",
    ")",
    '"',
    "/",
    "[",
    "{",
    "]",
    "}",
    " TO ",
    "*",
    "?",
    "~",
    "^",
    "+",
    "-",
    "!",
    " AND ",
    " OR ",
    "NOT ",
    "&&",
    "||",
    "\\",
    "\\u",
    "0041",
    "1",
    ".5",
    "_exists_",
    ">",
    "<=",
    "é",
    "\U0001f600",
    "\ud800",
    "\n",
)


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=500)
def test_any_text_has_a_tree_or_a_refusal(text: str) -> None:
    """Nothing that can be typed raises anything else, and a refusal points into the text."""
    assert 0 <= parsed(text).position <= len(text)


@given(trees(), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_a_tree_that_is_written_is_read_again(tree: Query, chosen: Random) -> None:
    """Whichever way a tree is written, it is the same tree that is read."""
    assert plain(parse(written(tree, chosen))) == tree


@given(TEXT.filter(bool))
@settings(max_examples=300)
def test_what_is_escaped_is_taken_as_it_is(text: str) -> None:
    """A backslash before what has a meaning, or quotes around it, and any value is looked for as it is."""
    assert plain(parse(f"a:{escaped(text)}")) == Term(path="a", text=text)
    assert plain(parse(escaped(text))) == Term(text=text)
    assert plain(parse(f"a:{quoted(text)}")) == Phrase(path="a", text=text)
    assert plain(parse(f"{escaped(text)}:x")) in (Term(path=text, text="x"), Exists(path="x"))
