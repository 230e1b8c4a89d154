"""Inspection: what is counted, and what it suggests."""

from typing import Any

import orjson
import pytest

from domain.data.inspection import Inspection
from domain.data.suggestions import KEYWORD, describe
from domain.query import mappings

SEARCHED = {"copy_to": ["all"]}


def inspect(*documents: dict[str, Any]) -> Inspection:
    """An inspection of these documents."""
    inspection = Inspection()
    inspection.add([orjson.dumps(document) for document in documents])
    return inspection


def rows(*documents: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is said of each path."""
    return {row["_id"]: row for row in describe(inspect(*documents))[0]}


@pytest.mark.parametrize(
    ("values", "suggested"),
    [
        (["ABL1", "BRAF"], KEYWORD | SEARCHED),
        (["ABL1"] * 19 + ["not given"], KEYWORD | SEARCHED),
        (["breast cancer", "melanoma"], {"type": "text"} | SEARCHED),
        (["x" * 40_000], {"type": "text"} | SEARCHED),
        (["+", "-"] * 500, KEYWORD),
        (["+", "-"] * 499, KEYWORD | SEARCHED),
        ([str(number) for number in range(1000)], KEYWORD | SEARCHED),
        (["https://example.org/1", "ftp://example.org/2"], KEYWORD),
        (["https://example.org/1", "none"], KEYWORD | SEARCHED),
        (["12", "-7"], KEYWORD | SEARCHED),
        ([1, -(2**31)], {"type": "integer"}),
        ([1, 2**31], {"type": "long"}),
        ([2**63], {"type": "float"}),
        ([1, 2.5], {"type": "float"}),
        ([2**63 + 1], {"type": "double"}),
        ([0.5, 2**24 + 1], {"type": "double"}),
        ([0.5, [None, -1.25], 0.1], {"type": "double"}),
        ([1e300], {"type": "double"}),
        ([True, None], {"type": "boolean"}),
        (["2024-02-29", "2024-02-29T10:30:00Z", "2024-02-29T10:30:00.125+01:00"], {"type": "date"}),
        (["2024-02-29", "2023-02-29"], KEYWORD | SEARCHED),
        (["2024-02-29", ""], KEYWORD | SEARCHED),
        (["2024-02-29", 5], KEYWORD),
        ([[1, [2, 3]], 4], {"type": "integer"}),
        ([{"a": 1}, [{"a": 2}]], {"properties": {"a": {"type": "integer"}}}),
        ([{"a": 1}, "none"], None),
        ([1, "a", True], KEYWORD),
        ([None, []], None),
        ([{}], None),
    ],
)
def test_mapping(values: list[Any], suggested: dict[str, Any] | None) -> None:
    """Each kind of values is mapped so that none of them is refused."""
    _, summary = describe(inspect(*({"_id": str(number), "x": value} for number, value in enumerate(values))))
    assert summary["mapping"] == ({} if suggested is None else {"x": suggested})


def test_statistics() -> None:
    """Ranges, lists, nulls and samples of every path are counted through lists and objects."""
    found = rows({"_id": "1", "a": [{"n": 3, "s": "xy"}, {"n": 1.5, "s": None}]}, {"_id": "22", "a": [{"n": [4, 5]}]})
    assert found["_id"]["lengths"] == {"min": 1, "max": 2, "mean": 1.5}
    assert found["a"]["types"] == {"object": 3}
    assert found["a"]["lists"] == {"count": 2, "min": 1, "max": 2}
    assert found["a.n"]["types"] == {"integer": 3, "float": 1}
    assert found["a.n"]["numbers"] == {"min": 1.5, "max": 5, "mean": 3.375}
    assert found["a.s"]["none"] == 1
    assert found["a.s"]["samples"] == ["xy"]
    assert list(found) == ["_id", "a", "a.n", "a.s"]


def test_warnings_name_the_path() -> None:
    """Names and values that make trouble later are reported with BioThings' codes, and W005 to W008."""
    odd = {"_id": "1", "a b": 1, "Up": 1, "p%": 1, "d.t": 1, "e..f": 1, "m": [1, "x"], "big": 2**63, "void": None, "all": 1}
    _, summary = describe(inspect(odd))
    assert {(each["path"], each["code"]) for each in summary["warnings"]} == {
        ("a b", "W001"),
        ("Up", "W002"),
        ("p%", "W003"),
        ("m", "W004"),
        ("d.t", "W005"),
        ("e..f", "W005"),
        ("big", "W007"),
        ("void", "W008"),
        ("all", "W009"),
    }


def test_dotted_keys_are_nested() -> None:
    """A key with dots is mapped like nested objects, together with those; one that can't be is left out."""
    _, summary = describe(inspect({"_id": "1", "a.b": 1, "a": {"c": "x"}, "e..f": 1}))
    assert summary["mapping"] == {"a": {"properties": {"b": {"type": "integer"}, "c": KEYWORD | SEARCHED}}}


def test_values_as_keys_are_not_followed() -> None:
    """An object keyed by ids is not taken for thousands of fields."""
    found, summary = describe(inspect({"_id": "1", "by": {f"id{number}": number for number in range(3000)}, "x": 1}))
    assert len(found) == 1003
    assert summary["mapping"] == {"x": {"type": "integer"}}
    assert [each["code"] for each in summary["warnings"]] == ["W006"]


def test_schema_fits_the_documents() -> None:
    """The JSON Schema says what is required, what may be null and what may be a list."""
    _, summary = describe(inspect({"_id": "1", "a": [1, 2], "b": {"c": 1.5}}, {"_id": "2", "a": [3], "b": {"c": 2, "d": None}}))
    assert summary["schema"] == {
        "type": "object",
        "required": ["_id", "a", "b"],
        "properties": {
            "_id": {"type": "string"},
            "a": {"type": "array", "items": {"type": "integer"}},
            "b": {"type": "object", "required": ["c"], "properties": {"c": {"type": "number"}, "d": {"type": "null"}}},
        },
    }


def test_halves_merge_to_the_whole() -> None:
    """Two passes over halves, merged, say the same as one pass."""
    documents = [
        {
            "_id": str(number),
            "s": "a b" if number % 3 else "2024-01-01",
            "n": number / 4,
            "l": [number] * (number % 5),
            f"k{number}": 1,
        }
        for number in range(40)
    ]
    whole, half, other = inspect(*documents), inspect(*documents[:11]), inspect(*documents[11:])
    half.merge(other)
    assert describe(half) == describe(whole)


def test_large_documents_are_taken_in_chunks() -> None:
    """Whatever the batch, documents are decoded a little at a time, and none is missed."""
    inspection = inspect(*({"_id": str(number), "x": "y" * 50_000} for number in range(20)))
    assert inspection.documents == 20
    assert inspection.root.children["x"].types == {"string": 20}


def test_what_no_index_can_hold_is_left_out() -> None:
    """Whatever the documents' names and depth, the suggested mapping is one that can be committed."""
    deep: Any = 1
    for _ in range(30):
        deep = {"d": deep, "n": 1}
    _, summary = describe(inspect({"_id": "1", "deep": deep, "a*": 1, "all": {"x": 1}, "": 1, "ok": {"": 1, "all": 2}}))
    mappings.check(summary["mapping"])
    paths = [field.path for field in mappings.flatten(summary["mapping"])]
    assert paths == [f"deep.{'d.' * level}n" for level in range(18, -1, -1)] + ["ok.all"]
