"""Mappings that were written for Elasticsearch."""

from typing import Any

import pytest

from domain.data.adoption import adopt
from domain.errors import Invalid
from domain.query import mappings

LOWER = {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}
FIELDS: list[tuple[dict[str, Any], dict[str, Any] | None, str]] = [
    (LOWER | {"copy_to": ["all"]}, LOWER | {"copy_to": ["all"]}, ""),
    ({"type": "text", "analyzer": "string_lowercase", "store": True}, {"type": "text", "analyzer": "string_lowercase"}, ""),
    ({"type": "date"}, {"type": "date"}, ""),
    ({"type": "date", "format": "yyyy-MM-dd||epoch_millis"}, {"type": "date"}, ""),
    ({"type": "date", "format": "dd/MM/yyyy"}, {"type": "keyword"}, "keyword, since dates as 'dd/MM/yyyy' are not read: a"),
    ({"type": "constant_keyword"}, {"type": "keyword"}, ""),
    ({"type": "string", "index": "not_analyzed"}, {"type": "keyword", "index": True}, ""),
    ({"type": "string", "analyzer": "string_lowercase"}, {"type": "text", "analyzer": "string_lowercase"}, ""),
    ({"type": "long", "index": "false"}, {"type": "long", "index": False}, ""),
    ({"type": "short", "doc_values": False}, {"type": "integer"}, ""),
    (
        {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 256}}},
        {"type": "text"},
        "found without .raw behind it: a",
    ),
    ({"type": "keyword", "copy_to": ["all", "names"]}, {"type": "keyword", "copy_to": ["all"]}, "not copied to names: a"),
    ({"type": "keyword", "normalizer": "own"}, {"type": "keyword"}, "case matters, since there is no normalizer own: a"),
    (
        {"type": "text", "analyzer": "english"},
        {"type": "text"},
        "words as the standard analyzer cuts them, since there is no english: a",
    ),
    ({"type": "keyword", "null_value": "none"}, {"type": "keyword"}, "without null_value: a"),
    ({"type": "geo_point"}, None, "left out, since no type here is like geo_point: a"),
    ({"type": "keyword", "copy_to": ["z", "all"]}, {"type": "keyword", "copy_to": ["z", "all"]}, ""),
    ({"type": "keyword", "copy_to": "names"}, {"type": "keyword"}, "not copied to names: a"),
    ({"type": "object", "enabled": False}, {"type": "object", "enabled": False}, ""),
    (
        {"type": "nested", "enabled": False, "properties": {"b": LOWER}},
        {"type": "object", "enabled": False},
        "nested taken as object, so that a query may find its parts in different ones: a",
    ),
    ({"properties": {"b": LOWER}, "dynamic": False}, {"properties": {"b": LOWER}}, ""),
    (
        {"type": "nested", "properties": {"b": {"type": "half_float"}}},
        {"properties": {"b": {"type": "float"}}},
        "nested taken as object, so that a query may find its parts in different ones: a",
    ),
]


@pytest.mark.parametrize(("field", "adopted", "note"), FIELDS, ids=lambda value: str(value)[:50])
def test_fields_as_plugins_write_them(field: dict[str, Any], adopted: dict[str, Any] | None, note: str) -> None:
    """What finds the same is taken silently; of what does not, a note says so, and the rest of the mapping stays."""
    properties = {"a": field, "all": {"type": "text"}, "z": {"type": "long"}}
    expected = {"z": {"type": "long"}} | ({} if adopted is None else {"a": adopted})
    assert adopt(properties) == (expected, [note] if note else [])
    mappings.check(adopt(properties)[0])


REFUSED = [
    {"type": "odd"},
    {},
    "keyword",
    {"type": ["keyword", "text"]},
    {"type": "keyword", "copy_to": True},
    {"type": "keyword", "index": "some"},
    {"properties": ["b"]},
]


@pytest.mark.parametrize("definition", REFUSED)
def test_what_no_index_takes_is_left_to_the_check(definition: Any) -> None:
    """A mapping that Elasticsearch would refuse is refused here."""
    assert adopt({"a": definition}) == ({"a": definition}, [])
    with pytest.raises(Invalid):
        mappings.check({"a": definition})
