"""Documents as rows and lines."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leat.cli.hits import show

PLAIN = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_characters="\r"))


def rows(hits: list[dict[str, Any]], *fields: str) -> list[list[str]]:
    """What a reader of CSV gets."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        show("csv", hits, fields)
    return list(csv.reader(io.StringIO(out.getvalue(), newline="")))


def test_columns_are_the_paths_that_documents_have() -> None:
    """In the order in which they come; several values are a list of JSON, and what no document has is empty."""
    hits = [
        {"_id": "a", "_score": 1.5, "taxon": {"rank": "genus", "ids": [7, "eight"]}},
        {"_id": "b", "_score": 1.0, "taxon": {"rank": None}, "names": [{"de": "Ähre"}, {"de": "Halm"}]},
    ]

    assert rows(hits) == [
        ["_id", "taxon.rank", "taxon.ids", "names.de"],
        ["a", "genus", '[7, "eight"]', ""],
        ["b", "", "", '["Ähre", "Halm"]'],
    ]


def test_named_columns_come_as_they_were_named() -> None:
    """Also one that no document has; an object stands for its fields; `_score` is there where it is named."""
    hits = [{"_id": "a", "_score": 2.0, "taxon": {"rank": "genus", "age": 3}}]

    assert rows(hits, "absent", "taxon", "_score") == [
        ["_id", "absent", "taxon.rank", "taxon.age", "_score"],
        ["a", "", "genus", "3", "2.0"],
    ]


def test_columns_with_stars_are_all_that_they_fit() -> None:
    """At their place among the others, each column once; one that fits nothing is none, and what is taken away is not shown."""
    hits: list[dict[str, Any]] = [
        {"_id": "a", "taxon": {"rank": "genus", "parent": {"rank": "family"}}, "note": 1},
        {"_id": "b", "taxon": "none known"},
    ]

    assert rows(hits, "note", "taxon.*", "absent*", "-x", "tax*") == [
        ["_id", "note", "taxon.rank", "taxon.parent.rank", "taxon"],
        ["a", "1", "genus", "family", ""],
        ["b", "", "", "", "none known"],
    ]
    assert rows(hits, "taxon")[0] == ["_id", "taxon.rank", "taxon.parent.rank", "taxon"]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), PLAIN, min_size=1), min_size=1, max_size=4))
def test_every_cell_holds_its_value(documents: list[dict[str, Any]]) -> None:
    """Text as it is, with commas, quotes and line breaks; other values as JSON."""
    names, *found = rows([{"_id": str(number), **document} for number, document in enumerate(documents)])

    for document, row in zip(documents, found, strict=True):
        cells = dict(zip(names, row, strict=True))
        for name, value in document.items():
            assert cells[name] == (value if isinstance(value, str) else "" if value is None else json.dumps(value))
