"""What becomes of a document on its way out."""

from typing import Any

import orjson
import pytest

from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments
from gateway.rest.shape import Shape, read_shape

DOCUMENT: dict[str, Any] = {
    "_id": "chebi",
    "a": {"x": 1, "y": [{"z": 1, "w": 2}, {"z": 3}], "empty": {}},
    "b": "text",
    "n": None,
    "nested": {"list": ["b", None, "", "a"]},
}


def shaped(**arguments: str) -> dict[str, Any]:
    """The document under these arguments."""
    return read_shape(Arguments(arguments), {}).shaper().document(orjson.dumps(DOCUMENT))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("b", {"b": "text"}),
        ("a.x,b", {"a": {"x": 1}, "b": "text"}),
        ("a.y.z", {"a": {"y": [{"z": 1}, {"z": 3}]}}),
        ("a.y.w", {"a": {"y": [{"w": 2}]}}),
        ("a.*", {"a": {"x": 1, "y": [{"z": 1, "w": 2}, {"z": 3}], "empty": {}}}),
        ("*.x", {"a": {"x": 1}}),
        ("n", {"n": None}),
        ("-a,-nested", {"b": "text", "n": None}),
        ("a,-a.y,-a.empty", {"a": {"x": 1}}),
        ("missing", {}),
        ("a.x.y", {}),
    ],
)
def test_fields_choose(fields: str, expected: dict[str, Any]) -> None:
    """Dotted paths, wildcards and exclusions; `_id` is always there."""
    assert shaped(fields=fields) == {"_id": "chebi"} | expected


def test_all_means_everything() -> None:
    """The word `all` anywhere switches the choice off."""
    assert shaped(fields="b,all") == DOCUMENT


def test_dotfield_flattens() -> None:
    """Paths that occur several times become lists in the document's order, a single value stays one."""
    assert shaped(dotfield="") == {
        "_id": "chebi",
        "a.x": 1,
        "a.y.z": [1, 3],
        "a.y.w": 2,
        "b": "text",
        "n": None,
        "nested.list": ["b", "a"],
    }
    assert shaped(dotfield="1", fields="a.y", always_list="a.y.w")["a.y.w"] == [2]


def test_forced_lists_and_nulls() -> None:
    """`always_list` makes lists, of null an empty one; `allow_null` makes missing fields null in
    objects that are there."""
    document = shaped(fields="b,n,a.y.w", always_list="b,n,a.y.w,c", allow_null="c,a.v,d.e")
    assert document == {"_id": "chebi", "b": ["text"], "n": [], "a": {"y": [{"w": [2]}], "v": None}, "c": []}


LISTS: list[tuple[Any, Any]] = [
    ({"_id": "x", "a": [[{"b": 1}], [{"b": 2}]]}, {"_id": "x", "a.b": [1, 2]}),
    ({"_id": "x", "a": [[], [{"b": {}}], [{}]]}, {"_id": "x", "a": []}),
    ({"_id": "x", "a": [{}, [{}]], "b": [[1], 2]}, {"_id": "x", "b": [1, 2]}),
    ({"_id": "x", "a": [], "b": {"c": []}}, {"_id": "x", "a": [], "b.c": []}),
    ({"_id": "x", "a": [None, "b"], "c": [""], "d": [None, ""]}, {"_id": "x", "a": ["b"], "c": "", "d": []}),
]


@pytest.mark.parametrize(("document", "flat"), LISTS)
def test_dotfield_of_lists_in_lists(document: Any, flat: Any) -> None:
    """They are one, however deep; what is empty leaves an empty list, unless objects stood in it."""
    assert read_shape(Arguments({"dotfield": "1"}), {}).shaper().document(orjson.dumps(document)) == flat


def test_lists_are_forced_within_lists() -> None:
    """At every object on the way."""
    shape = read_shape(Arguments({"always_list": "a.b"}), {"a": "url"})
    expected = {"_id": "x", "a": [[{"b": [1], "_license": "url"}], {"b": [2], "_license": "url"}, 3]}
    assert shape.shaper().document(orjson.dumps({"_id": "x", "a": [[{"b": 1}], {"b": [2]}, 3]})) == expected


def test_plain_where_nothing_is_asked() -> None:
    """Without options the stored bytes can leave as they are."""
    assert read_shape(Arguments({"size": "3"}), {}).plain
    assert read_shape(Arguments({"fields": "all", "_sorted": "true"}), {}).plain
    assert not read_shape(Arguments({"fields": "a"}), {}).plain


@pytest.mark.parametrize("arguments", [{"format": "xml"}, {"jmespath": "a|b"}, {"rawquery": ""}])
def test_what_is_not_offered_is_refused(arguments: dict[str, str]) -> None:
    """Nothing is left out silently."""
    with pytest.raises(RequestInvalid):
        read_shape(Arguments(arguments), {})


@pytest.mark.parametrize(
    "arguments", [Arguments({"raw": "False", "rawquery": "0", "jmespath": ""}), Arguments({}, {"raw": False, "explain": False})]
)
def test_what_is_not_offered_may_be_declined(arguments: Arguments) -> None:
    """As clients do that send every option they know."""
    assert read_shape(arguments, {}) == Shape()


LICENSED: list[tuple[Any, Any]] = [
    ({"_id": "x", "a": {"b": {"a": {}}}, "c": {}}, {"_id": "x", "a": {"b": {"a": {}}, "_license": "url"}, "c": {}}),
    ({"_id": "x", "a": [{"b": 1}, 2, {}]}, {"_id": "x", "a": [{"b": 1, "_license": "url"}, 2, {"_license": "url"}]}),
    ({"_id": "x", "a": "text"}, {"_id": "x", "a": "text"}),
    ({"_id": "x"}, {"_id": "x"}),
]


@pytest.mark.parametrize(("document", "expected"), LICENSED)
def test_licenses_stand_in_the_objects_of_their_root_key(document: Any, expected: Any) -> None:
    """In each of a list; whatever is no object has none."""
    shape = read_shape(Arguments({}), {"a": "url", "z": "other"})
    assert not shape.plain
    assert shape.shaper().document(orjson.dumps(document)) == expected


def test_licenses_of_what_is_asked_for() -> None:
    """They come with the fields that are chosen, and are flattened with them."""
    document = {"_id": "x", "a": {"b": 1, "c": 2}, "d": {"e": 1}}
    shape = read_shape(Arguments({"fields": "a.b", "dotfield": "1"}), {"a": "url", "d": "other"})
    assert shape.shaper().document(orjson.dumps(document)) == {"_id": "x", "a._license": "url", "a.b": 1}
