"""Mappings: flat and nested, checked, merged, edited."""

import pytest

from domain.errors import Invalid
from domain.query.mappings import Field, check, edit, flatten, merge, nest, unmapped

KEYWORD = {"type": "keyword", "normalizer": "keyword_lowercase_normalizer"}
PROPERTIES = {
    "cgi": {
        "properties": {
            "gene": {**KEYWORD, "copy_to": ["all"]},
            "id": {"type": "keyword", "ignore_above": 256},
            "pos": {"type": "long"},
            "text": {"type": "text", "analyzer": "whitespace_lowercase"},
        }
    },
    "note": {"type": "text", "index": False},
}


def test_flat_and_nested_are_the_same_mapping() -> None:
    """A mapping comes back from its flat list of fields as it was."""
    fields = flatten(PROPERTIES)

    assert fields[0] == Field(path="cgi.gene", type="keyword", searched_by_default=True)
    assert fields[1] == Field(path="cgi.id", type="keyword", case_sensitive=True, ignore_above=256)
    assert [field.path for field in fields if not field.indexed] == ["note"]
    assert nest(fields) == PROPERTIES


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"a": {"properties": {"b": {"type": "nested", "properties": {}}}}}, "a.b"),
        ({"a": {"type": "ip"}}, "a"),
        ({"a": {}}, "a"),
        ({"a": "keyword"}, "a"),
        ({"a": {"type": "text", "analyzer": "english"}}, "a"),
        ({"a": {"type": "keyword", "analyzer": "standard"}}, "a"),
        ({"a": {"type": "keyword", "normalizer": "mine"}}, "a"),
        ({"a": {"type": "text", "normalizer": "keyword_lowercase_normalizer"}}, "a"),
        ({"a": {"type": "keyword", "fields": {}}}, "a"),
        ({"a": {"type": "keyword", "copy_to": ["b"]}}, "a"),
        ({"a": {"type": "keyword", "index": "no"}}, "a"),
        ({"a": {"properties": {}, "enabled": False}}, "a"),
        ({"a": {"properties": ["b"]}}, "a"),
        ({"a*": {"type": "keyword"}}, "a*"),
        ({"a..b": {"type": "keyword"}}, "a..b"),
        ({"_id": {"type": "keyword"}}, "_id"),
        ({"all": {"type": "text"}}, "all"),
        ({"a.b": {"type": "keyword"}, "a": {"properties": {"b": {"type": "long"}}}}, "a.b"),
        ({"a": {"type": "keyword"}, "a.b": {"type": "long"}}, "a.b"),
    ],
)
def test_what_is_not_supported_is_named(properties: dict[str, object], path: str) -> None:
    """A mapping that Leat can't keep is refused with the path that is wrong."""
    with pytest.raises(Invalid) as caught:
        check(properties)

    assert caught.value.path == ("mapping", path)
    assert caught.value.message.startswith(f"{path}: ")


def test_a_mapping_may_be_too_deep() -> None:
    """More levels than Elasticsearch takes are refused."""
    properties: dict[str, object] = {"a": {"type": "long"}}
    for _ in range(20):
        properties = {"a": {"properties": properties}}

    with pytest.raises(Invalid, match="more than 20 levels deep"):
        check(properties)


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ({"type": "integer"}, {"type": "long"}, {"type": "long"}),
        ({"type": "float"}, {"type": "integer"}, {"type": "float"}),
        ({"type": "long"}, {"type": "float"}, {"type": "double"}),
        (KEYWORD, {"type": "text"}, {"type": "text"}),
        (KEYWORD, {"type": "keyword"}, KEYWORD),
    ],
)
def test_types_that_differ_are_widened(first: dict[str, str], second: dict[str, str], merged: dict[str, str]) -> None:
    """A path of two types gets the type that holds both, and a note says so."""
    result = merge({"one": {"a": {"properties": {"b": first}}}, "two": {"a": {"properties": {"b": second}}}})

    assert result.properties == {"a": {"properties": {"b": merged}}}
    assert len(result.notes) == 1
    assert result.notes[0].startswith("a.b: ")


def test_one_source_is_enough_to_have_a_path_indexed_or_searched() -> None:
    """Indexed, and searched by default, if one source says so; the rest of both mappings stands."""
    one = {"a": {**KEYWORD, "index": False}, "b": {"type": "date"}}
    two = {"a": {**KEYWORD, "copy_to": "all"}, "c": {"type": "boolean"}}

    result = merge({"one": one, "two": two})

    assert result.notes == ()
    assert result.properties == {"a": {**KEYWORD, "copy_to": ["all"]}, "b": {"type": "date"}, "c": {"type": "boolean"}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"type": "keyword"}, {"type": "long"}),
        ({"type": "boolean"}, {"type": "date"}),
        ({"type": "keyword"}, {"properties": {"x": {"type": "long"}}}),
        ({"type": "text"}, {"type": "text", "analyzer": "string_lowercase"}),
    ],
)
def test_a_conflict_names_path_and_sources(first: dict[str, object], second: dict[str, object]) -> None:
    """Two types that no type holds are refused with the path and both sources."""
    for mappings in ({"civic": {"a": first}, "cgi": {"a": second}}, {"cgi": {"a": second}, "civic": {"a": first}}):
        with pytest.raises(Invalid) as caught:
            merge(mappings)

        assert caught.value.path == ("mapping", "a")
        assert "civic" in caught.value.message
        assert "cgi" in caught.value.message


def test_single_fields_are_added() -> None:
    """A path that is not mapped becomes a field where it has a type; not within a path that holds values, or around one."""
    added = edit(PROPERTIES, "cgi.new.deep", type="keyword", searched_by_default=True)

    assert added["cgi"]["properties"]["new"] == {"properties": {"deep": {**KEYWORD, "copy_to": ["all"]}}}
    assert unmapped(added, PROPERTIES) == ["cgi.new.deep"]
    assert edit(PROPERTIES, "x", type="keyword", case_sensitive=True)["x"] == {"type": "keyword"}
    for path in ("note.below", "cgi"):
        with pytest.raises(Invalid, match="holds values itself"):
            edit(PROPERTIES, path, type="long")
    with pytest.raises(Invalid, match=r"x: type 'word' is not one of"):
        edit(PROPERTIES, "x", type="word")


def test_single_fields_are_edited() -> None:
    """One field changes, the others stay, and what can't be is refused."""
    changed = edit(PROPERTIES, "cgi.pos", type="double", indexed=False, searched_by_default=True)

    assert changed["cgi"]["properties"]["pos"] == {"type": "double", "index": False, "copy_to": ["all"]}
    assert changed["cgi"]["properties"]["gene"] == PROPERTIES["cgi"]["properties"]["gene"]  # type: ignore[index]  # nested literals
    assert edit(changed, "cgi.pos", type="long", indexed=True, searched_by_default=False) == PROPERTIES
    with pytest.raises(Invalid, match=r"cgi\.none: it is not mapped"):
        edit(PROPERTIES, "cgi.none", indexed=False)
    with pytest.raises(Invalid, match="type 'ip'"):
        edit(PROPERTIES, "cgi.pos", type="ip")
