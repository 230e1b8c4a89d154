"""Tokens: a query cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import QueryInvalid
from domain.query.tokens import Kind, tokenize, unescape


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n\u3000\x1f", []),
        ("ab c", [(Kind.WORD, "ab", 0), (Kind.WORD, "c", 3)]),
        ("a AND b&&c", [(Kind.WORD, "a", 0), (Kind.AND, "AND", 2), (Kind.WORD, "b&&c", 6)]),
        ("&& AND", [(Kind.AND, "&&", 0), (Kind.AND, "AND", 3)]),
        ("|| OR NOT", [(Kind.OR, "||", 0), (Kind.OR, "OR", 3), (Kind.NOT, "NOT", 6)]),
        ("&&a", [(Kind.AND, "&&", 0), (Kind.WORD, "a", 2)]),
        ("and AND1", [(Kind.WORD, "and", 0), (Kind.WORD, "AND1", 4)]),
        ("!+-", [(Kind.NOT, "!", 0), (Kind.PLUS, "+", 1), (Kind.MINUS, "-", 2)]),
        ("():", [(Kind.OPEN, "(", 0), (Kind.CLOSE, ")", 1), (Kind.COLON, ":", 2)]),
        ("a-b+c/d", [(Kind.WORD, "a-b+c/d", 0)]),
        ("a!b", [(Kind.WORD, "a", 0), (Kind.NOT, "!", 1), (Kind.WORD, "b", 2)]),
        ("a:b:c", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "b:c", 2)]),
        ("a: b:c", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "b", 3), (Kind.COLON, ":", 4), (Kind.WORD, "c", 5)]),
        ("a:-5", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "-5", 2)]),
        ("a:+.5", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "+.5", 2)]),
        ("a:-b", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.MINUS, "-", 2), (Kind.WORD, "b", 3)]),
        ("a:-٣", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.MINUS, "-", 2), (Kind.WORD, "٣", 3)]),
        ("a:&&b", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "&&b", 2)]),
        ("a:AND", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.AND, "AND", 2)]),
        ("a:/b/", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.REGEX, "b", 2)]),
        ("/a\\/\n b/c", [(Kind.REGEX, "a\\/\n b", 0), (Kind.WORD, "c", 8)]),
        ("/\\\n/", [(Kind.REGEX, "\\\n", 0)]),
        ("/a/ /b/", [(Kind.REGEX, "a", 0), (Kind.REGEX, "b", 4)]),
        ("{a TO b} [c TO d]", [(Kind.RANGE, "{a TO b}", 0), (Kind.RANGE, "[c TO d]", 9)]),
        ('"a" "b"', [(Kind.QUOTED, "a", 0), (Kind.QUOTED, "b", 4)]),
        ("~*", [(Kind.FUZZY, "", 0), (Kind.WILD, "*", 1)]),
        ("^12.35?", [(Kind.BOOST, "12.35", 0), (Kind.WILD, "?", 6)]),
        ("~12.35?", [(Kind.FUZZY, "12.35", 0), (Kind.WILD, "?", 6)]),
        ("||a", [(Kind.OR, "||", 0), (Kind.WORD, "a", 2)]),
        ("//", [(Kind.REGEX, "", 0)]),
        ("a* ?b \\*c", [(Kind.WILD, "a*", 0), (Kind.WILD, "?b", 3), (Kind.WORD, "\\*c", 6)]),
        ("a\\\\*", [(Kind.WILD, "a\\\\*", 0)]),
        ("\\\n*", [(Kind.WILD, "\\\n*", 0)]),
        ("a\\ b\\\nc", [(Kind.WORD, "a\\ b\\\nc", 0)]),
        ("a:\\\n:", [(Kind.WORD, "a", 0), (Kind.COLON, ":", 1), (Kind.WORD, "\\\n:", 2)]),
        ('"" "a\\"\n b\\\n"', [(Kind.QUOTED, "", 0), (Kind.QUOTED, 'a\\"\n b\\\n', 3)]),
        ('["]" TO \\]} x', [(Kind.RANGE, '["]" TO \\]}', 0), (Kind.WORD, "x", 12)]),
        ('{"\\"\n\\\n]" TO \\\n]', [(Kind.RANGE, '{"\\"\n\\\n]" TO \\\n]', 0)]),
        ("a~ ~12.5b", [(Kind.WORD, "a", 0), (Kind.FUZZY, "", 1), (Kind.FUZZY, "12.5", 3), (Kind.WORD, "b", 8)]),
        ("a^ ^.5.", [(Kind.WORD, "a", 0), (Kind.BOOST, "", 1), (Kind.BOOST, ".5", 3), (Kind.WORD, ".", 6)]),
        ("~٣^٣", [(Kind.FUZZY, "", 0), (Kind.WORD, "٣", 1), (Kind.BOOST, "", 2), (Kind.WORD, "٣", 3)]),
        ("<a>=b", [(Kind.WORD, "<a>=b", 0)]),
    ],
)
def test_text_is_cut(text: str, tokens: list[tuple[Kind, str, int]]) -> None:
    """Each token with its place, without the marks around it, and an end behind the last."""
    assert tokenize(text) == [*tokens, (Kind.END, "", len(text))]


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
        tokenize(text)

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
        places = [token.position for token in tokenize(text)]
    except QueryInvalid as refused:
        places = [refused.position, len(text)]

    assert places == sorted(set(places))
    assert places[-1] == len(text)
