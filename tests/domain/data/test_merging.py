"""Merging: what documents of several parts become."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.canonical import document
from domain.data.merging import in_order, merge_struct, merged, upsert


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
        ([1], [True], [1, True]),
        ([1, 1], [1, 1], [1, 1]),
        ([1, 1], [2, 2], [1, 1, 2]),
        ([{"a": 1}], [{"a": 1.0}, {"a": 1}], [{"a": 1}, {"a": 1.0}]),
        ({"a": [[0]]}, {"a": [[False]]}, {"a": [[0], [False]]}),
        ([], None, [None]),
        ({"b": 1, "a": 1}, [{"a": 1, "b": 1}], [{"b": 1, "a": 1}]),
    ],
)
def test_merge_struct(one: Any, other: Any, result: Any) -> None:
    """Nothing is lost, whatever meets whatever."""
    assert orjson.dumps(merge_struct(one, other)) == orjson.dumps(result)


def test_order() -> None:
    """Root parts come first, so that others add to them; both are alphabetical."""
    assert in_order(["z", "y"], ["b", "z", "a", "y"]) == ["y", "z", "a", "b"]


TEXT = st.text('aé\uffff\U0001f600\t"\x00', max_size=2)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)


def told(value: Any) -> list[Any]:
    """A value, or the items of a list, as JSON: for which `1` is neither `1.0` nor `true`."""
    return [orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in (value if isinstance(value, list) else [value])]


@given(st.lists(OBJECTS, min_size=1, max_size=4))
@settings(max_examples=200)
def test_upsert_is_what_a_dictionary_does(values: list[dict[str, Any]]) -> None:
    """The last value of each key, sorted by UTF-8 bytes (which UTF-16 would sort otherwise), in canonical bytes."""
    last = {key: value for each in values for key, value in each.items()}

    result = upsert([document({**value, "_id": "x"}) for value in values])

    assert result == document({**last, "_id": "x"})
    keys = [key.encode() for key in orjson.loads(result.body)]
    assert keys == sorted(keys)


@given(st.lists(st.tuples(OBJECTS, st.booleans()), min_size=1, max_size=4))
@settings(max_examples=200)
def test_parts_replace_or_add(parts: list[tuple[dict[str, Any], bool]]) -> None:
    """Part by part, a document is merged into those before it, or replaces their keys; the result is canonical."""
    expected: dict[str, Any] = {}
    for value, deep in parts:
        expected = merge_struct(expected, value) if deep else expected | value

    result = merged([document({**value, "_id": "x"}) for value, _ in parts], [deep for _, deep in parts])

    assert result == document({**expected, "_id": "x"})


@given(JSON, JSON)
@settings(max_examples=500)
def test_merge_struct_loses_and_repeats_nothing(one: Any, other: Any) -> None:
    """Equal values stay one; all keys and items are there, new items behind and once; what is merged stays as it was."""
    before = told([one, other])

    result = merge_struct(one, other)

    assert told([one, other]) == before
    if isinstance(one, dict) and isinstance(other, dict):
        assert result.keys() == one.keys() | other.keys()
        for key, value in result.items():
            assert told(value) == told(merge_struct(one[key], other[key]) if key in one and key in other else {**one, **other}[key])
    elif told([one]) == told([other]):
        assert told([result]) == told([one])
    else:
        assert told(result)[: len(told(one))] == told(one)
        added = told(result)[len(told(one)) :]
        assert added == list(dict.fromkeys(item for item in told(other) if item not in told(one)))


@given(JSON)
def test_merging_a_value_with_itself_changes_nothing(value: Any) -> None:
    """Two parts that say the same say it once."""
    assert told([merge_struct(value, value)]) == told([value])
