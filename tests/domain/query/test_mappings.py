"""Mappings: flat and nested, checked, merged, edited."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.query.mappings import ANALYZERS, TYPES, Field, check, differences, edit, flatten, merge, nest, unmapped

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
        ({"a": {"type": "keyword", "copy_to": ["all", "all"]}}, "a"),
        ({"a": {"type": "keyword", "index": "no"}}, "a"),
        ({"a": {"type": "keyword", "ignore_above": True}}, "a"),
        ({"a": {"type": "keyword", "ignore_above": "5"}}, "a"),
        ({"a": {"type": "keyword", "ignore_above": -1}}, "a"),
        ({"a": {"type": "keyword", "ignore_above": 2**31}}, "a"),
        ({"a": {"type": "text", "ignore_above": 5}}, "a"),
        ({"a": {"type": "text", "properties": {}}}, "a"),
        ({" ": {"type": "keyword"}}, " "),
        ({"": {"type": "keyword"}}, "''"),
        ({"a": {"properties": {"b. ": {"type": "keyword"}}}}, "a.b. "),
        ({"_source.a": {"type": "keyword"}}, "_source.a"),
        ({"a": {"properties": {}, "enabled": "no"}}, "a"),
        ({"a": {"type": "keyword", "enabled": False}}, "a"),
        ({"a": {"enabled": False}, "a.b": {"type": "long"}}, "a.b"),
        ({"a": {"type": "keyword", "copy_to": ["all", "b"]}, "b": {"enabled": False}}, "a"),
        ({"a": {"type": "keyword", "copy_to": ["b", 1]}, "b": {"type": "text"}}, "a"),
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


@pytest.mark.parametrize(
    "name",
    [
        "_id",
        "_source",
        "_index",
        "_routing",
        "_version",
        "_field_names",
        "_ignored",
        "_ignored_source",
        "_seq_no",
        "_doc_count",
        "_nested_path",
        "_data_stream_timestamp",
        "_score",
        "_exists_",
        "__id",
        "all",
    ],
)
def test_names_that_mean_something_else_are_no_fields(name: str) -> None:
    """Names of the engine and of the query language are refused at the top, and taken further down."""
    for top in (name, f"{name}.a"):
        with pytest.raises(Invalid, match="the name is Leat's own") as caught:
            check({top: {"type": "keyword"}})
        assert caught.value.path == ("mapping", top)
    check({"a": {"properties": {name: {"type": "keyword"}}}, f"b.{name}": {"type": "keyword"}, f"{name}_": {"type": "keyword"}})


def test_fields_are_copied_to_others_of_the_mapping() -> None:
    """Besides `all`, a field may be copied to any field that is mapped; one that several sources have goes wherever one wants."""
    one = {"a": {"type": "keyword", "copy_to": ["c.d", "all"]}, "c": {"properties": {"d": {"type": "text"}}}}
    two = {"a": {"type": "keyword", "copy_to": "b"}, "b": {"type": "text"}}

    assert flatten(one)[0] == Field(path="a", type="keyword", case_sensitive=True, searched_by_default=True, copied_to=("c.d",))
    assert flatten(two)[0].copied_to == ("b",)
    assert not flatten(two)[0].searched_by_default
    assert merge({"one": one, "two": two}).properties["a"]["copy_to"] == ["all", "b", "c.d"]


def test_objects_may_be_kept_only() -> None:
    """What stands in an object with `enabled: false` is no field, whatever is said of it, unless another source maps it."""
    kept = {"a": {"enabled": False, "properties": {"b": {"type": "long"}}}, "c": {"type": "object", "enabled": False}}
    mapped = {"a": {"properties": {"b": {"type": "long"}}}}
    merged = merge({"one": kept, "two": mapped})

    assert flatten(kept) == [Field(path="a", type="object", indexed=False), Field(path="c", type="object", indexed=False)]
    assert nest(flatten(kept)) == {"a": {"type": "object", "enabled": False}, "c": {"type": "object", "enabled": False}}
    assert unmapped({**mapped, "d": {"type": "long"}}, kept) == ["d"]
    assert merged.properties == {**mapped, "c": {"type": "object", "enabled": False}}
    assert merged.notes == ("a: an object that one source only keeps is indexed as another one maps it",)
    assert merge({"two": mapped, "one": kept}) == merged
    with pytest.raises(Invalid, match="no type holds both"):
        merge({"one": kept, "two": {"c": {"type": "text"}}})


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
        ({"type": "float"}, {"type": "integer"}, {"type": "double"}),
        ({"type": "double"}, {"type": "integer"}, {"type": "double"}),
        ({"type": "double"}, {"type": "long"}, {"type": "double"}),
        ({"type": "double"}, {"type": "float"}, {"type": "double"}),
        ({"type": "long"}, {"type": "float"}, {"type": "double"}),
        (KEYWORD, {"type": "text"}, {"type": "text"}),
        ({"type": "keyword"}, {"type": "text"}, {"type": "text"}),
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
    assert edit(PROPERTIES, "cgi.pos", indexed=False)["cgi"]["properties"]["pos"] == {"type": "long", "index": False}
    assert edit(changed, "cgi.pos", type="long", indexed=True, searched_by_default=False) == PROPERTIES
    words = {"a": {"type": "text", "analyzer": "string_lowercase"}, "b": {"type": "keyword", "ignore_above": 5}}
    assert edit(words, "a", type="keyword")["a"] == KEYWORD
    assert edit(words, "b", type="text")["b"] == {"type": "text"}
    with pytest.raises(Invalid, match=r"cgi\.none: it is not mapped"):
        edit(PROPERTIES, "cgi.none", indexed=False)
    with pytest.raises(Invalid, match="type 'ip'"):
        edit(PROPERTIES, "cgi.pos", type="ip")


def test_what_elasticsearch_takes_is_taken() -> None:
    """Limits are Elasticsearch's own: 20 levels, a name of its own further down, objects said to be such, numbers up to 2**31."""
    assert [field.path for field in flatten({".".join("a" * 20): {"type": "long"}})] == [".".join("a" * 20)]
    assert [
        field.path for field in flatten({"a": {"type": "object", "dynamic": False, "properties": {"_id": {"type": "long"}}}})
    ] == ["a._id"]
    assert flatten({"a": {"type": "object"}}) == []
    assert flatten({"a": {"type": "keyword", "ignore_above": 2**31 - 1}})[0].ignore_above == 2**31 - 1
    assert flatten({"a": {"type": "text", "ignore_above": 0}})[0].ignore_above == 0
    assert flatten({"a": {"type": "text", "copy_to": "all"}})[0].searched_by_default
    assert not flatten({"a": {"type": "text", "copy_to": []}})[0].searched_by_default


NAME = st.sampled_from(("a", "b", "c", "é", "a b", "_x", "allele"))
PATH = st.lists(NAME, min_size=1, max_size=3).map(".".join)


@st.composite
def fields(draw: st.DrawFn) -> Field:
    """A field of any type with what that type can have."""
    type = draw(st.sampled_from(TYPES))
    return Field(
        path=draw(PATH),
        type=type,
        indexed=draw(st.booleans()),
        searched_by_default=draw(st.booleans()),
        case_sensitive=type == "keyword" and draw(st.booleans()),
        analyzer=draw(st.sampled_from(ANALYZERS)) if type == "text" else "standard",
        ignore_above=draw(st.sampled_from((0, 1, 256))) if type == "keyword" else 0,
    )


def by_path(found: list[Field]) -> list[Field]:
    """The fields sorted by their paths."""
    return sorted(found, key=lambda field: field.path)


def outermost(found: list[Field]) -> list[Field]:
    """The fields that lie below no other one."""
    return [field for field in found if not any(field.path.startswith(f"{other.path}.") for other in found)]


def below_others(paths: set[str]) -> bool:
    """Whether one of the paths lies below another."""
    return any(one.startswith(f"{other}.") for one in paths for other in paths)


MAPPINGS = st.lists(fields(), max_size=5, unique_by=lambda field: field.path).map(lambda found: outermost(found))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from((*TYPES, "object", "all", "standard")),
    lambda below: (
        st.lists(below, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    "type",
                    "properties",
                    "index",
                    "copy_to",
                    "normalizer",
                    "analyzer",
                    "ignore_above",
                    "dynamic",
                    "enabled",
                    "a",
                    "a.b",
                    "",
                    "_id",
                )
            ),
            below,
        )
    ),
    max_leaves=20,
)


def all_merged(mappings: dict[str, Any]) -> dict[str, Any] | None:
    """The mapping for all sources, None where there is none."""
    try:
        return merge(mappings).properties
    except Invalid:
        return None


@given(MAPPINGS)
def test_nested_fields_are_flat_again(found: list[Field]) -> None:
    """Whatever fields have, a mapping of them has just those."""
    assert by_path(flatten(nest(found))) == by_path(found)


@given(st.dictionaries(st.text(max_size=3) | NAME, JSON, max_size=3))
@settings(max_examples=250)
def test_any_json_is_a_mapping_or_refused(properties: dict[str, Any]) -> None:
    """What comes from outside is taken, or refused with the path; what was taken is a mapping for ever."""
    try:
        found: list[Field] | Invalid = flatten(properties)
    except Invalid as refused:
        found = refused

    if isinstance(found, Invalid):
        assert found.path[0] == "mapping"
        assert found.message.startswith(f"{found.path[1]}: ")
        assert found.path[1].split(".")[0] in {name.split(".")[0] for name in properties} | {"''"}
    else:
        assert by_path(flatten(nest(found))) == by_path(found)
        assert merge({"one": properties}).properties == nest(found)


@given(st.lists(MAPPINGS, min_size=3, max_size=3))
@settings(max_examples=120)
def test_the_order_of_sources_is_no_matter(sources: list[list[Field]]) -> None:
    """Mappings of three sources give one mapping in any order, or are refused in any order; each path has a type that holds all."""
    named = [(f"source{number}", nest(found)) for number, found in enumerate(sources)]

    results = [all_merged(dict(order)) for order in permutations(named)]

    assert all(result == results[0] for result in results)
    if results[0] is not None:
        for field in flatten(results[0]):
            same = [each for found in sources for each in found if each.path == field.path]
            assert field.indexed == any(each.indexed for each in same)
            assert field.searched_by_default == any(each.searched_by_default for each in same)
            assert field.ignore_above in (0, max(each.ignore_above for each in same))


@given(MAPPINGS, PATH, st.none() | st.sampled_from((*TYPES, "ip")), st.none() | st.booleans())
@settings(max_examples=120)
def test_an_edit_changes_one_field(found: list[Field], path: str, type: str | None, indexed: bool | None) -> None:
    """Any edit gives a mapping in which no other field has changed, or is refused with a path."""
    before = nest(found)
    try:
        after: Any = edit(before, path, type=type, indexed=indexed)
    except Invalid as refused:
        after = refused

    if isinstance(after, Invalid):
        assert after.path[0] == "mapping"
        assert (
            type == "ip"
            or below_others({path, *(field.path for field in found)})
            or not (type or path in {field.path for field in found})
        )
    else:
        assert [field for field in flatten(after) if field.path != path] == [
            field for field in flatten(before) if field.path != path
        ]
        (edited,) = (field for field in flatten(after) if field.path == path)
        assert type in (None, edited.type)
        assert indexed in (None, edited.indexed)


def test_differences_are_counted_by_kind() -> None:
    """Paths that come, go, or change their type are named, each kind in a line; nothing is said where nothing differs."""
    old = {"a": {"type": "long"}, "b": {"type": "text"}, "c": {"type": "date"}}
    new = {"a": {"type": "double"}, "c": {"type": "date"}, "d": {"type": "date"}, "e": {"type": "date"}}

    assert differences(old, new) == ["2 added: d, e", "1 gone: b", "1 of another type: a (from long to double)"]
    assert differences(old, old) == []


def test_notes_say_what_gave_way() -> None:
    """A widened type and a case that no longer matters are noted with both sources; a limit of length holds where all have one."""
    one = {"a": {"type": "keyword", "ignore_above": 5}, "b": {"type": "integer"}}
    two = {"a": {**KEYWORD, "ignore_above": 7}, "b": {"type": "long"}}

    assert merge({"one": one, "two": two}).notes == (
        "a: case matters in one only: it does not",
        "b: integer in one, long in two: long",
    )
    assert merge({"two": two, "one": one}).notes == (
        "a: case matters in one only: it does not",
        "b: long in two, integer in one: long",
    )
    assert merge({"one": one, "two": two}).properties["a"]["ignore_above"] == 7
    assert merge({"two": two, "one": one}).properties["a"]["ignore_above"] == 7
    assert "ignore_above" not in merge({"one": one, "two": {"a": KEYWORD}}).properties["a"]
    assert (
        merge({"one": one, "two": {"a": {"type": "text", "analyzer": "string_lowercase"}}}).properties["a"]["analyzer"]
        == "string_lowercase"
    )
