"""Patterns: wildcards and regular expressions, compared with Python's own."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import QueryInvalid
from domain.query.patterns import Characters, lower, lowered, regular, wildcard
from tests.domain.query.naive import python_of

TEXT = st.text("abAB01_-. \n*?\\/[]^é", max_size=8)


def test_patterns_are_taken_apart() -> None:
    """Wildcards and regular expressions become parts that no engine reads in its own way."""
    assert wildcard("a**?\\*") == ("=a", ".*", ".", "=*")
    assert wildcard("a?\\?") == ("=a", ".", "=?")
    assert regular("\\é\\.b", 0) == ("=é", "=.", "=b")
    assert regular("[^\\da-c\\--]", 0) == (Characters((("0", "9"), ("a", "c"), ("-", "-"), ("-", "-")), True),)
    assert wildcard("*a\\ab") == (".*", "=a", "=a", "=b")
    assert lowered(regular("(A|.)*[^A]", 0)) == ("(", "=a", "|", ".", ")", "*", Characters((("a", "a"),), True))
    assert regular("\\w\\S", 0) == (
        Characters((("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_"))),
        Characters(((" ", " "), ("\t", "\t"), ("\n", "\n"), ("\r", "\r")), True),
    )
    parts = regular("(A|[B-Dx])+\\d{2,3}\\.", 0)
    assert [part for part in parts if isinstance(part, str)] == ["(", "=A", "|", ")", "+", "{2,3}", "=."]
    small = lowered(parts)
    assert small[1] == "=a"
    assert getattr(small[3], "ranges", None) == (("b", "d"), ("x", "x"))


@given(st.lists(st.sampled_from("*?") | st.text(min_size=1, max_size=2)), st.data())
@settings(max_examples=300)
def test_wildcards_stand_for_characters(pieces: list[str], data: st.DataObject) -> None:
    """`*` is any text, `?` any character, and anything behind a backslash is itself."""
    written = "".join(piece if piece in ("*", "?") else re.sub(r"([*?\\])", r"\\\1", piece) for piece in pieces)
    oracle = "".join({"*": ".*", "?": "."}.get(piece, re.escape(piece)) for piece in pieces)
    near = "".join(data.draw(TEXT) if piece == "*" else data.draw(st.characters()) if piece == "?" else piece for piece in pieces)

    for text in (near, near[1:], near + "x", data.draw(TEXT)):
        assert bool(re.fullmatch(python_of(wildcard(written)), text, re.DOTALL)) == bool(re.fullmatch(oracle, text, re.DOTALL))


CHARACTERS = ("a", "b", "A", "B", "0", "1", "_", "-", " ", "\n", "é", ".", "*", "?", "\\", "[", "]", "^", "/", "z")
LITERALS = st.sampled_from([c if c in "abAB01_- \néz" else f"\\{c}" for c in CHARACTERS])
MEMBERS = st.lists(
    st.sampled_from(("a", "B", "é", "a^", "a-b", "A-B", "B-a", "0-1", "\\d", "\\w", "\\s", "\\.-0", "\\]")), min_size=1, max_size=3
)
BRACKETS = st.builds("[{}{}{}]".format, st.sampled_from(("", "^")), MEMBERS.map("".join), st.sampled_from(("", "-")))
ONES = LITERALS | st.sampled_from((".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S")) | BRACKETS
REPEATS = {"": (1, 1), "*": (0, 3), "+": (1, 3), "?": (0, 1), "{2}": (2, 2), "{0,1}": (0, 1), "{1,}": (1, 3)}


@st.composite
def expressions(draw: st.DrawFn, deepest: int = 2) -> tuple[str, str]:
    """A regular expression of those that Leat takes, which means the same in Python, and a text that it may describe."""
    alternatives = []
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        written, text = "", ""
        for _ in range(draw(st.integers(1, 3))):
            if deepest and draw(st.sampled_from((False, False, True))):
                piece, example = draw(expressions(deepest - 1))
                piece = f"({piece})"
            else:
                piece = draw(ONES)
                fitting = [character for character in CHARACTERS if re.fullmatch(piece, character, re.DOTALL | re.ASCII)]
                example = draw(st.sampled_from(fitting or [""]))
            repeat = draw(st.sampled_from(sorted(REPEATS)))
            written += piece + repeat
            text += example * draw(st.integers(*REPEATS[repeat]))
        alternatives.append((written, text))
    return "|".join(written for written, _ in alternatives), draw(st.sampled_from([text for _, text in alternatives]))


@given(expressions(), TEXT)
@settings(max_examples=250)
def test_regular_expressions_mean_what_python_says(expression: tuple[str, str], other: str) -> None:
    """Taken apart and put together again, an expression describes the same texts; for terms in lower case, whatever the case."""
    written, near = expression
    pattern = regular(written, 0)

    for text in (near, near[1:], other):
        found = re.fullmatch(written, text, re.DOTALL | re.ASCII)
        folded = re.fullmatch(written, text.lower(), re.DOTALL | re.ASCII | re.IGNORECASE)
        assert bool(re.fullmatch(python_of(pattern), text, re.DOTALL)) == bool(found)
        assert bool(re.fullmatch(python_of(lowered(pattern)), text.lower(), re.DOTALL)) == bool(folded)


@given(st.text("ab()[]{}|*+?.^-\\\\,012dwsD&é", max_size=30), st.integers(0, 100))
@settings(max_examples=500)
def test_any_expression_is_taken_or_refused(text: str, position: int) -> None:
    """A refusal points into the expression, that ends with the slash."""
    try:
        read: object = regular(text, position)
    except QueryInvalid as refused:
        read = refused

    assert isinstance(read, tuple) or (isinstance(read, QueryInvalid) and position <= read.position <= position + 1 + len(text))


@given(st.text())
def test_lower_case_goes_by_single_characters(text: str) -> None:
    """A character never becomes two, nor depends on its neighbours: places and patterns stay what they are."""
    small = lower(text)

    assert len(small) == len(text)
    assert all(one == lower(other) for one, other in zip(small, text, strict=True))
    assert small == text.lower() or not text.isascii()


@pytest.mark.parametrize(("text", "small"), [("ABÉ", "abé"), ("ΟΔΟΣ", "οδοσ"), ("İI", "ii"), ("ẞ", "ß")])
def test_lower_case_is_that_of_the_engines(text: str, small: str) -> None:
    """The sigma at the end of a word, and the dotted I, as Lucene has them."""
    assert lower(text) == small


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("[A-C]", (("a", "c"),)),
        ("[A-z]", (("a", "z"), ("A", "z"))),
        ("[0-Z]", (("a", "z"), ("0", "Z"))),
        ("[0-9]", (("0", "9"),)),
        ("[À]", (("à", "à"),)),
        ("[İ]", (("i", "i"),)),
        ("[À-Ö]", (("À", "Ö"),)),
        ("[Aa]", (("a", "a"),)),
        ("\\w", (("a", "z"), ("0", "9"), ("_", "_"))),
        ("\\s", ((" ", " "), ("\t", "\t"), ("\n", "\n"), ("\r", "\r"))),
    ],
)
def test_classes_in_lower_case(text: str, ranges: tuple[tuple[str, str], ...]) -> None:
    """The ASCII letters of a range are put into lower case, and any character by itself."""
    assert lowered(regular(text, 0)) == (Characters(ranges),)


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("a{1,0}", 1, "from the smaller to the bigger number"),
        ("a{,2}", 1, "a repetition is"),
        ("a{}", 1, "a repetition is"),
        ("a{1,12345}", 1, "a repetition is"),
        ("^a", 0, "needs no ^"),
        ("a$", 1, "needs no $"),
        ("a)", 1, "there is no parenthesis to close"),
        ("a{12345}", 1, "a repetition is"),
        ("a{٢}", 1, "a repetition is"),
        ("a{2}{2}", 4, "can't be repeated without parentheses"),
        ("a*?", 2, "can't be repeated without parentheses"),
        ("a}", 1, "nothing stands before }"),
        ("]", 0, "nothing stands before ]"),
        ("{", 0, "nothing stands before {"),
        ("+", 0, "nothing stands before +"),
        ("?", 0, "nothing stands before ?"),
        ("a~", 1, "~ is not supported"),
        ("a&", 1, "& is not supported"),
        ("a<", 1, "< is not supported"),
        ("a@", 1, "@ is not supported"),
        ("a#", 1, "# is not supported"),
        ('a"', 1, '" is not supported'),
        ("a>", 1, "> is not supported"),
        ("|a", 0, "an alternative of the regular expression is empty"),
        ("", 0, "an alternative of the regular expression is empty"),
        ("a\\", 1, '"\\" has no meaning'),
        ("a\\1", 1, '"\\1" has no meaning'),
        ("[\\D]", 3, "a class of other characters can't stand in brackets"),
        ("[a-\\d]", 5, "from the smaller to the bigger character"),
        ("[^]", 0, "the bracket is not closed"),
        ("[]", 0, "the bracket is not closed"),
        ("[a-", 0, "the bracket is not closed"),
        ("[a\\", 2, '"\\" has no meaning'),
        ("(" * 21 + "a", 21, "more than 20 groups"),
        ("(" * 20 + "a", 21, "is not closed"),
    ],
)
def test_what_engines_would_read_differently_is_refused(text: str, at: int, reason: str) -> None:
    """The place is that in the query: behind the slash, which has position 7 here."""
    with pytest.raises(QueryInvalid) as caught:
        regular(text, 7)

    assert caught.value.position == 8 + at
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("fits", "too_much", "reason"),
    [
        ("a" * 1000, "a" * 1001, "longer than 1000 characters"),
        ("a{1000}b{1000}", "a{1000}b{1001}", "repeats too much"),
        ("(ab){1000}", "(abc){1000}", "repeats too much"),
        ("(a{1000}|b{1000})", "(a{1000}|b{1000}|c)", "repeats too much"),
        ("[a-z]{2000,}", "[a-z]{2001,}", "repeats too much"),
        ("\\d{1,2000}", "\\d{1,2001}", "repeats too much"),
        ("(a{2000}){0}", "(a{2001}){0}", "repeats too much"),
        ("(" * 20 + "a" + ")" * 20, "((((a{7}){7}){7}){7})", "repeats too much"),
    ],
)
def test_a_small_expression_does_not_cost_a_lot(fits: str, too_much: str, reason: str) -> None:
    """Length, and length with repetitions written out, have a limit; the refusal points to the whole expression."""
    assert regular(fits, 7)
    with pytest.raises(QueryInvalid, match=reason) as caught:
        regular(too_much, 7)
    assert caught.value.position == 7
