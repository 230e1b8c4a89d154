"""Parsers without Python, as manifests declare them: what is taken, and what is refused before a file is read."""

from typing import Any

import pytest

from domain.data.manifests import normalise
from domain.errors import Invalid


def manifest(parser: Any, **uploader: Any) -> dict[str, Any]:
    """A manifest with that parser."""
    return {"dumper": {"data_url": "https://example.org/x.tsv"}, "uploader": {"parser": parser, **uploader}}


def test_an_object_becomes_a_function_with_keywords() -> None:
    """What is one text may be a list, and a tab be spelt as people do; what was left out stays out."""
    declared = {"files": "*.txt", "format": "csv", "delimiter": "\\t", "missing": "NA", "id": ["a", "b"]}

    [uploader] = normalise(manifest(declared), "manifest.yaml", "genes").uploaders

    keywords = {"files": ["*.txt"], "format": "csv", "delimiter": "\t", "missing": ["NA"], "id": ["a", "b"]}
    assert (uploader.parser, uploader.parser_kwargs) == ("leat_files:documents", keywords)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"typs": {}}, "uploader.parser.typs: is no key of a parser; there are files, format"),
    "another type": ({"skip": "two"}, "uploader.parser.skip: 'two' should be a number of lines"),
    "an unknown type of values": (
        {"types": {"x": "float"}},
        "uploader.parser.types: .* text, integer, number or boolean",
    ),
    "a word that YAML reads": ({"missing": ["NA", None]}, "uploader.parser.missing: .*in YAML, quote words"),
    "an unknown format": ({"format": "xlsx"}, "uploader.parser.format: 'xlsx' should be tsv, csv, jsonl or json"),
    "an unknown encoding": ({"encoding": "utf-7b"}, "uploader.parser.encoding: 'utf-7b' is not known"),
    "an encoding of no text": ({"encoding": "base64"}, "uploader.parser.encoding: 'base64' is not known"),
    "two characters": ({"delimiter": "||"}, r"uploader.parser.delimiter: '\|\|' should be one character"),
    "a quote that delimits": ({"delimiter": "|", "quote": "|"}, "uploader.parser.quote: .* and not the delimiter"),
    "a key of tables": ({"format": "jsonl", "columns": ["a"]}, r"uploader.parser.columns: is for tables \(tsv, csv\)"),
    "a key of JSON": ({"format": "tsv", "records": "a"}, "uploader.parser.records: is for json"),
    "a column twice": ({"columns": ["a", "a"]}, "uploader.parser.columns: should be a list of different names"),
    "an unknown column": ({"columns": ["a"], "id": "{a}-{b}"}, "uploader.parser.id: 'b' is none of the `columns`"),
    "a template that is open": ({"id": "{a"}, "uploader.parser.id: '{a' should be a column"),
    "no header at all": ({"header": False}, "uploader.parser.header: without a header `columns` has to name them"),
    "a comment that is unknown": ({"header": "comment"}, "uploader.parser.header: needs `comment`"),
    "no path": ({"rename": {"a": "b..c"}}, "uploader.parser.rename: 'a': 'b..c' is no path"),
    "no separator": ({"lists": {"a": ""}}, "uploader.parser.lists: 'a' has an empty separator"),
    "a negative number": ({"skip": -1}, "uploader.parser.skip: -1 should be"),
}


@pytest.mark.parametrize(("declared", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(declared: dict[str, Any], said: str) -> None:
    """With the file, the key, and what it should be."""
    with pytest.raises(Invalid, match=f"^manifest.yaml: {said}"):
        normalise(manifest(declared), "manifest.yaml", "genes")


@pytest.mark.parametrize("key", ["parser_kwargs", "parallelizer"])
def test_what_belongs_to_functions_is_refused(key: str) -> None:
    """Nothing is ignored beside an object."""
    with pytest.raises(Invalid, match=f"uploader.{key}: is for parsers that are functions"):
        normalise(manifest({"id": "a"}, **{key: {"a": "b"} if key == "parser_kwargs" else "a:b"}), "manifest.yaml", "genes")
