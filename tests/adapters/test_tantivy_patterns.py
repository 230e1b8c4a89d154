"""Ranges of words as regular expressions: compared with Python's own order."""

import itertools
import random

import pytest
import tantivy

from adapters.tantivy.patterns import LONGEST_BOUND, regex_between
from domain.query.values import Bounds

ALPHABET = "a", "b", "~", "\x7f", "\x01", "é", "\ud7ff", "\ue000", "\U0001f600", "\U0010ffff"
WORDS = sorted({"".join(letters) for letters in itertools.product(("", *ALPHABET), repeat=3)} - {""})


Searched = tuple[tantivy.Schema, tantivy.Searcher]


@pytest.fixture(scope="module")
def searcher() -> Searched:
    """An index with one document for each word."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("word", tokenizer_name="raw", index_option="basic")
    schema = builder.build()
    index = tantivy.Index(schema)
    writer = index.writer(50_000_000, 1)
    for word in WORDS:
        writer.add_document(tantivy.Document(word=word))
    writer.commit()
    index.reload()
    return schema, index.searcher()


def test_ranges_hold_what_lies_between(searcher: Searched) -> None:
    """Bounds open or closed, one that begins the other, beyond ASCII, and none."""
    schema, found = searcher
    chosen = random.Random(7)
    for _ in range(300):
        lower, upper = sorted(chosen.sample(WORDS, 2))
        bounds = Bounds(
            lower=chosen.choice((lower, lower, None)),
            upper=chosen.choice((upper, upper, None)),
            include_lower=chosen.random() < 0.5,
            include_upper=chosen.random() < 0.5,
        )
        if bounds.lower is None and bounds.upper is None:
            continue
        regex = regex_between(bounds)
        assert regex is not None
        query = tantivy.Query.regex_query(schema, "word", regex)
        assert len(found.search(query, len(WORDS)).hits) == sum(inside(word, bounds) for word in WORDS), bounds


def inside(word: str, bounds: Bounds) -> bool:
    """Whether the word lies between the bounds."""
    low = bounds.lower is None or (word >= str(bounds.lower) if bounds.include_lower else word > str(bounds.lower))
    high = bounds.upper is None or (word <= str(bounds.upper) if bounds.include_upper else word < str(bounds.upper))
    return low and high


@pytest.mark.parametrize("lower", ["https://bioportal.bioontology.org/ontologies/birnlex", "a" * LONGEST_BOUND, None])
@pytest.mark.parametrize("upper", ["https://pactr.samrc.ac.za/" + "x" * 50, "z" * LONGEST_BOUND, None])
def test_long_bounds_are_no_trouble(
    searcher: tuple[tantivy.Schema, tantivy.Searcher], lower: str | None, upper: str | None
) -> None:
    """Addresses and names bound ranges as short words do."""
    if lower or upper:
        regex = regex_between(Bounds(lower=lower, upper=upper))
        assert regex is not None
        tantivy.Query.regex_query(searcher[0], "word", regex)


def test_what_bounds_have_in_common_does_not_count(searcher: Searched) -> None:
    """Addresses on one host differ at their end only; what is longer is left to the caller to refuse."""
    start = "https://example.org/" * 20
    regex = regex_between(Bounds(lower=start + "a", upper=start + "b" * LONGEST_BOUND))
    assert regex is not None
    tantivy.Query.regex_query(searcher[0], "word", regex)
    assert regex_between(Bounds(lower="a", upper="b" * (LONGEST_BOUND + 1))) is None
    assert regex_between(Bounds(lower="a" * (LONGEST_BOUND + 1), upper=None)) is None
