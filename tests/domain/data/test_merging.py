"""Merging: what documents of several parts become."""

from typing import Any

import orjson
import pytest

from domain.canonical import document
from domain.data.merging import in_order, merge_struct, merged


def test_later_parts_replace_top_level_keys() -> None:
    """Upsert takes whole top-level values of the later part, and the result is canonical."""
    one = document({"_id": "é", "a": {"x": 1}, "b": 1})
    result = merged([one, document({"_id": "é", "a": {"y": 2}, "\tc": [1.0, "ü"]})], [False, False])
    assert result == document({"_id": "é", "a": {"y": 2}, "b": 1, "\tc": [1.0, "ü"]})


def test_a_part_can_be_merged_key_by_key() -> None:
    """A part that asks for merge_struct adds to what is there, others still replace."""
    one, other, last = {"_id": "1", "a": {"x": 1}, "b": 1}, {"_id": "1", "a": {"y": 2}, "b": 2}, {"_id": "1", "b": 3}
    result = merged([document(one), document(other), document(last)], [False, True, False])
    assert orjson.loads(result.body) == {"_id": "1", "a": {"x": 1, "y": 2}, "b": 3}
    assert result == document(orjson.loads(result.body))


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ([1, 2], [2, 3], [1, 2, 3]),
        ([1, 2], 2, [1, 2]),
        ([1, 2], 3, [1, 2, 3]),
        (3, [1], [3, 1]),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": [1, 2], "b": 3}),
        ({"a": 1}, [{"b": 2}], [{"a": 1}, {"b": 2}]),
        ([{"b": 2}], {"a": 1}, [{"b": 2}, {"a": 1}]),
        ({"a": 1}, "x", [{"a": 1}, "x"]),
        ("x", "x", "x"),
        ("x", "y", ["x", "y"]),
        (1, True, [1, True]),
    ],
)
def test_merge_struct(one: Any, other: Any, result: Any) -> None:
    """Nothing is lost, whatever meets whatever."""
    assert merge_struct(one, other) == result


def test_order() -> None:
    """Root parts come first, so that others add to them; both are alphabetical."""
    assert in_order(["z"], ["b", "z", "a"]) == ["z", "a", "b"]
