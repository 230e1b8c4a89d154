"""Arguments are read as BioThings reads them."""

import pytest

from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments, split


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        ("a b\tc|d+e\nf", ["a", "b", "c", "d", "e", "f"]),
        ('"1017","CDK2 x"', ["1017", "CDK2 x"]),
        ("'two words', one", ["two words", "one"]),
        ("chr1:g.35367G>A", ["chr1:g.35367G>A"]),
        ('"5\'UTR",b', ["5'UTR", "b"]),
        ("", []),
    ],
)
def test_text_becomes_a_list(text: str, items: list[str]) -> None:
    """Blanks, commas, bars and pluses part members; quotes keep them together."""
    assert split(text, "q") == items


def test_open_quote_is_refused() -> None:
    """An unbalanced quote is a mistake of the client."""
    with pytest.raises(RequestInvalid) as caught:
        split('"a,b', "ids")
    assert caught.value.members["keyword"] == "ids"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", True),
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("t", True),
        ("2.5", True),
        (" 1 ", True),
        ("1e-3", True),
        ("-1", False),
        ("nan", False),
        ("\u00b3", False),
        ("\u0664", True),
        ("0", False),
        ("false", False),
        ("no", False),
    ],
)
def test_flags_of_the_url(text: str, value: bool) -> None:
    """An empty value is true, as in `?dotfield`."""
    assert Arguments({"dotfield": text}).flag("dotfield") is value


def test_json_values_are_taken_as_they_are() -> None:
    """A JSON body has its own types: a list stays one, a scalar becomes one, a wrong type is refused."""
    arguments = Arguments({}, {"ids": ["a", 1], "fields": "a,b", "size": 5, "with_total": True, "q": 7, "filter": 1})
    assert arguments.strings("id", "ids") == ["a", "1"]
    assert arguments.strings("_source", "fields") == ["a", "b"]
    assert arguments.integer("size", default=10, most=1000) == 5
    assert arguments.flag("with_total")
    assert arguments.items("q") == [7]
    with pytest.raises(RequestInvalid, match="str"):
        arguments.text("filter")


@pytest.mark.parametrize("text", ["1.5", "x", "-1", "1001", "9" * 30])
def test_sizes_are_limited(text: str) -> None:
    """A number that is none, below zero or too large is refused with its keyword."""
    with pytest.raises(RequestInvalid) as caught:
        Arguments({"size": text}).integer("size", default=10, most=1000)
    assert caught.value.members["keyword"] == "size"


def test_url_wins_and_aliases_follow() -> None:
    """The URL comes before the body, the name before its alias."""
    arguments = Arguments({"limit": "3"}, {"limit": "4", "size": "5"})
    assert arguments.integer("limit", default=0, most=10) == 3
    assert arguments.integer("size", "limit", default=0, most=10) == 5
