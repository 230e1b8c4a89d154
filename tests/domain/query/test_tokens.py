"""Tokens: a query cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import QueryInvalid
from domain.query.tokens import Sort, cut, unescape


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n\u3000\x1f", []),
        ("ab c", [(Sort.WORD, "ab", 0), (Sort.WORD, "c", 3)]),
        ("a AND b&&c", [(Sort.WORD, "a", 0), (Sort.AND, "AND", 2), (Sort.WORD, "b&&c", 6)]),
        ("&& AND", [(Sort.AND, "&&", 0), (Sort.AND, "AND", 3)]),
        ("|| OR NOT", [(Sort.OR, "||", 0), (Sort.OR, "OR", 3), (Sort.NOT, "NOT", 6)]),
        ("&&a", [(Sort.AND, "&&", 0), (Sort.WORD, "a", 2)]),
        ("and AND1", [(Sort.WORD, "and", 0), (Sort.WORD, "AND1", 4)]),
        ("!+-", [(Sort.NOT, "!", 0), (Sort.PLUS, "+", 1), (Sort.MINUS, "-", 2)]),
        ("():", [(Sort.OPEN, "(", 0), (Sort.CLOSE, ")", 1), (Sort.COLON, ":", 2)]),
        ("a-b+c/d", [(Sort.WORD, "a-b+c/d", 0)]),
        ("a!b", [(Sort.WORD, "a", 0), (Sort.NOT, "!", 1), (Sort.WORD, "b", 2)]),
        ("a:b:c", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "b:c", 2)]),
        ("a: b:c", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "b", 3), (Sort.COLON, ":", 4), (Sort.WORD, "c", 5)]),
        ("a:-5", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "-5", 2)]),
        ("a:+.5", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "+.5", 2)]),
        ("a:-b", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.MINUS, "-", 2), (Sort.WORD, "b", 3)]),
        ("a:-٣", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.MINUS, "-", 2), (Sort.WORD, "٣", 3)]),
        ("a:&&b", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "&&b", 2)]),
        ("a:AND", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.AND, "AND", 2)]),
        ("a:/b/", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.REGEX, "b", 2)]),
        ("/a\\/\n b/c", [(Sort.REGEX, "a\\/\n b", 0), (Sort.WORD, "c", 8)]),
        ("//", [(Sort.REGEX, "", 0)]),
        ("a* ?b \\*c", [(Sort.WILD, "a*", 0), (Sort.WILD, "?b", 3), (Sort.WORD, "\\*c", 6)]),
        ("a\\\\*", [(Sort.WILD, "a\\\\*", 0)]),
        ("\\\n*", [(Sort.WILD, "\\\n*", 0)]),
        ("a\\ b\\\nc", [(Sort.WORD, "a\\ b\\\nc", 0)]),
        ("a:\\\n:", [(Sort.WORD, "a", 0), (Sort.COLON, ":", 1), (Sort.WORD, "\\\n:", 2)]),
        ('"" "a\\"\n b\\\n"', [(Sort.QUOTED, "", 0), (Sort.QUOTED, 'a\\"\n b\\\n', 3)]),
        ('["]" TO \\]} x', [(Sort.RANGE, '["]" TO \\]}', 0), (Sort.WORD, "x", 12)]),
        ('{"\\"\n\\\n]" TO \\\n]', [(Sort.RANGE, '{"\\"\n\\\n]" TO \\\n]', 0)]),
        ("a~ ~12.5b", [(Sort.WORD, "a", 0), (Sort.FUZZY, "", 1), (Sort.FUZZY, "12.5", 3), (Sort.WORD, "b", 8)]),
        ("a^ ^.5.", [(Sort.WORD, "a", 0), (Sort.BOOST, "", 1), (Sort.BOOST, ".5", 3), (Sort.WORD, ".", 6)]),
        ("~٣^٣", [(Sort.FUZZY, "", 0), (Sort.WORD, "٣", 1), (Sort.BOOST, "", 2), (Sort.WORD, "٣", 3)]),
        ("<a>=b", [(Sort.WORD, "<a>=b", 0)]),
    ],
)
def test_text_is_cut(text: str, tokens: list[tuple[Sort, str, int]]) -> None:
    """Each token with its place, without the marks around it, and an end behind the last."""
    assert cut(text) == [*tokens, (Sort.END, "", len(text))]


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ('a "b', 2, "the quote is not closed"),
        ('"a\\"', 0, "the quote is not closed"),
        ("a /b", 2, 'the regular expression is not closed; for the character itself write "\\/"'),
        ("/a\\/", 0, "the regular expression is not closed"),
        ("a [b", 2, "the range is not closed"),
        ("{b\\]", 0, "the range is not closed"),
        ('[a TO "b]', 0, "the range is not closed"),
        ("a \\", 2, "a backslash needs a character behind it"),
        ("a ]", 2, "']' has no meaning here; for the character itself write \"\\]\""),
        ("a\ud800", 1, "a surrogate is only half a character"),
        ("a\\ud83d\\ude00", 1, "a surrogate is only half a character"),
        ("\\\\\\uDFFF", 2, "a surrogate is only half a character"),
    ],
)
def test_what_is_no_token_is_refused(text: str, position: int, reason: str) -> None:
    """Where no token begins, or one does not end, the place is named."""
    with pytest.raises(QueryInvalid) as caught:
        cut(text)

    assert caught.value.position == position
    assert caught.value.message.startswith(reason)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a", "a"),
        ("\\:\\\\\\*\\a", ":\\*a"),
        ("\\u0041\\u00e9\\u20AC\\n", "Aé€n"),
        ("\\u004", "u004"),
        ("\\\\u0041", "\\u0041"),
        ("\\\n", "\n"),
    ],
)
def test_backslashes_are_taken_away(text: str, meant: str) -> None:
    """A backslash takes the next character as it is; with `u` and four digits it is a character by its number."""
    assert unescape(text) == meant


def test_backslashes_can_stay() -> None:
    """A pattern needs to know which characters were taken as they are; the number of a character becomes the character."""
    assert unescape("a\\u002a\\**\\\\", "\\") == "a\\*\\**\\\\"


@given(st.text())
def test_tokens_stand_in_order(text: str) -> None:
    """Whatever is cut, tokens follow each other and lie in the text, or the place that has none is in it."""
    try:
        places = [token.position for token in cut(text)]
    except QueryInvalid as refused:
        places = [refused.position, len(text)]

    assert places == sorted(set(places))
    assert places[-1] == len(text)
