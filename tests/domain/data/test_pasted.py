"""Mappings as people paste them: what is meant is found, and what finds nothing is refused."""

from typing import Any

import pytest

from domain.data.pasted import check_seen, unseen, unwrapped
from domain.errors import Invalid

PROPERTIES: dict[str, Any] = {"title": {"type": "text"}, "author": {"properties": {"born": {"type": "date"}}}}
OTHERS: dict[str, Any] = {"pages": {"type": "integer"}}
KNOWN = frozenset({"_id", "title", "author", "author.born"})


@pytest.mark.parametrize("known", [KNOWN, frozenset()])
@pytest.mark.parametrize(
    "pasted",
    [
        PROPERTIES,
        {"properties": PROPERTIES},
        {"dynamic": "strict", "_meta": {"version": 3}, "properties": PROPERTIES},
        {"mappings": {"properties": PROPERTIES}},
        {"settings": {"number_of_shards": 2}, "aliases": {}, "mappings": {"dynamic": False, "properties": PROPERTIES}},
        {"books-7": {"mappings": {"properties": PROPERTIES}}},
        {"books-7": {"aliases": {"books": {}}, "mappings": {"properties": PROPERTIES}, "settings": {"index": {"uuid": "x"}}}},
        {"mappings": {"book": {"_all": {"enabled": False}, "properties": PROPERTIES}}},
        {"mappings": {"_default_": {"dynamic": "false"}, "book": {"properties": PROPERTIES}}},
        {"books-7": {"mappings": {"book": {"properties": PROPERTIES}}}},
        {"index_patterns": ["books-*"], "template": {"settings": {}, "mappings": {"properties": PROPERTIES}}},
    ],
)
def test_what_is_printed_around_the_properties_is_taken_off(pasted: dict[str, Any], known: frozenset[str]) -> None:
    """Settings, index, type and template around a mapping are no fields of it, whether documents are known or not."""
    assert unwrapped(pasted, known) == PROPERTIES


def test_the_field_of_all_defaults_goes_where_nobody_wrote_it() -> None:
    """An index that BioThings made prints it; what somebody means by another field of its name is refused later, and told."""
    made = {"title": {"type": "text", "copy_to": ["all"]}, "all": {"type": "text"}}
    written = {"title": {"type": "text"}, "all": {"type": "keyword"}}

    assert unwrapped({"mappings": {"dynamic": "false", "properties": made}}) == {"title": made["title"]}
    assert unwrapped(made) == {"title": made["title"]}
    assert unwrapped(written) == written


@pytest.mark.parametrize("name", ["mappings", "properties", "template", "book"])
def test_a_field_that_documents_have_is_no_wrapper(name: str) -> None:
    """Where documents have a field that is called like a wrapper, or like a type, it stays."""
    mapping = {name: {"properties": OTHERS}}

    assert unwrapped(mapping, frozenset({name, f"{name}.pages"})) == mapping


def test_a_type_around_the_fields_of_documents_is_taken_off() -> None:
    """A type without `mappings` around it looks like an object: the documents decide."""
    assert unwrapped({"book": {"properties": PROPERTIES}}, KNOWN) == PROPERTIES
    assert unwrapped({"book": {"properties": PROPERTIES}}) == {"book": {"properties": PROPERTIES}}


@pytest.mark.parametrize(
    "pasted",
    [
        {"mappings": {"book": {"properties": PROPERTIES}, "page": {"properties": OTHERS}}},
        {"books": {"mappings": {"properties": PROPERTIES}}, "pages": {"mappings": {"properties": OTHERS}}},
    ],
)
def test_of_several_types_the_documents_choose(pasted: dict[str, Any]) -> None:
    """The mapping of the type that documents fit is taken; where that can't be told, both names are said."""
    assert unwrapped(pasted, KNOWN) == PROPERTIES
    assert unwrapped(pasted, frozenset({"_id", "pages"})) == OTHERS
    with pytest.raises(Invalid, match=r"several types or indexes \(\w+, \w+\)"):
        unwrapped(pasted)


@pytest.mark.parametrize("pasted", [[PROPERTIES], "title", None, 5])
def test_what_is_no_object_is_refused(pasted: Any) -> None:
    """A list or a text is told what a mapping is."""
    with pytest.raises(Invalid, match="the mapping is an object"):
        unwrapped(pasted)


def test_a_mapping_that_no_document_has_is_refused() -> None:
    """Where documents have none of the fields it is refused by name; some that come later are no error but are said."""
    with pytest.raises(Invalid, match=r"no document of books has any of the fields that this maps \(pages\)"):
        check_seen("books", OTHERS, KNOWN)
    check_seen("books", OTHERS, frozenset())
    check_seen("books", {**OTHERS, **PROPERTIES}, KNOWN)
    assert unseen({**OTHERS, **PROPERTIES}, KNOWN) == ["pages"]


def test_a_field_that_others_are_copied_to_needs_no_document() -> None:
    """It is filled by the copies."""
    mapping = {"title": {"type": "text", "copy_to": ["words"]}, "words": {"type": "text"}}

    assert unseen(mapping, KNOWN) == []
