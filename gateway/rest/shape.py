"""What becomes of a document on its way out: chosen fields, dotted keys, forced lists and nulls."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from domain.query.patterns import glob
from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments
from gateway.rest.forms import HEFT, TYPES, encode


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The options that every request may have (docs/api.md)."""

    fields: tuple[str, ...] = ()
    dotfield: bool = False
    always_list: tuple[str, ...] = ()
    allow_null: tuple[str, ...] = ()
    form: str = "json"
    licenses: dict[str, str] = {}
    """Root key → address of the license under which what stands below it may be used."""

    @property
    def plain(self) -> bool:
        """Documents leave as they are stored."""
        changed = self.fields or self.dotfield or self.always_list or self.allow_null or self.licenses
        return self.form == "json" and not changed

    def heft(self, size: int) -> int:
        """What it costs to write so many bytes of documents: nearly nothing, where they leave as they are stored."""
        return size // 16 if self.plain else size * HEFT[self.form]

    def shaper(self) -> "Shaper":
        """What changes documents of one request."""
        return Shaper(self)


_SIGNS = {"query": b'"query":', "_score": b'"_score":'}


def prefixed(head: dict[str, Any], body: bytes) -> bytes:
    """The document as it is stored, behind what is said about it. Where both have a key, only the document's own counts."""
    for key in head:
        if _SIGNS[key] in body:
            return encode(head | orjson.loads(body))
    return b"%b,%b" % (encode(head)[:-1], body[1:])


_ORDINARY = re.compile(rb'{"_id":"[^"\\]*"(?:}|,"[^_])')
"""How a document begins that has no `_version` of its own: keys are sorted, and the one behind `_id` has another first letter."""


def versioned(body: bytes) -> bytes:
    """The document as it is stored with its version, which takes the place of a `_version` of its own. It is always 1: BioThings
    passes Elasticsearch's on, and documents of a release are written once."""
    if _ORDINARY.match(body) or b'"_version"' not in body:
        return body[:-1] + b',"_version":1}'
    return encode(orjson.loads(body) | {"_version": 1})


_NOT_OFFERED_FLAGS = ("raw", "rawquery", "explain")


def read_shape(arguments: Arguments, licenses: Mapping[str, str]) -> Shape:
    """The shape that a request asks for, of documents that carry these licenses. Raises RequestInvalid."""
    asked = [name for name in _NOT_OFFERED_FLAGS if arguments.flag(name)]
    asked += ["jmespath"] if arguments.text("jmespath") else []
    if asked:
        raise RequestInvalid("This API does not offer it.", keyword=asked[0])
    form = read_form(arguments)
    fields = arguments.strings("_source", "fields", "field") or []
    return Shape(
        fields=() if "all" in fields else tuple(fields),
        dotfield=arguments.flag("dotfield"),
        always_list=tuple(arguments.strings("always_list") or ()),
        allow_null=tuple(arguments.strings("allow_null") or ()),
        form=form,
        licenses=dict(licenses),
    )


def read_form(arguments: Arguments) -> str:
    """One of TYPES. Raises RequestInvalid."""
    form = arguments.text("format")
    if form is None:
        return "json"
    if form not in TYPES:
        raise RequestInvalid("There is no such format.", keyword="format", allowed=sorted(TYPES))
    return form


class Shaper:
    """Changes documents of one request; remembers which paths its fields choose."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.wanted = _pattern([field for field in shape.fields if not field.startswith("-")])
        self.unwanted = _pattern([field[1:] for field in shape.fields if field.startswith("-")])
        self.known: dict[str, tuple[bool, bool]] = {}

    def document(self, body: bytes) -> dict[str, Any]:
        """The document of these bytes as it leaves."""
        document: dict[str, Any] = orjson.loads(body)
        if self.shape.fields:
            document = {"_id": document["_id"]} | (self._choose(document, "", self.wanted is None) or {})
        for name, url in self.shape.licenses.items():
            _license(document.get(name), url)
        for path in self.shape.allow_null:
            _at(document, path.split("."), _null)
        for path in self.shape.always_list:
            _at(document, path.split("."), _listed)
        if self.shape.dotfield:
            document = _flat(document, frozenset(self.shape.always_list))
        return document

    def _matches(self, path: str) -> tuple[bool, bool]:
        found = self.known.get(path)
        if found is None:
            found = bool(self.wanted and self.wanted.fullmatch(path)), bool(self.unwanted and self.unwanted.fullmatch(path))
            self.known[path] = found
        return found

    def _choose(self, value: dict[str, Any], at: str, inside: bool) -> dict[str, Any]:
        chosen = {}
        for key, inner in value.items():
            path = f"{at}{key}"
            wanted, unwanted = self._matches(path)
            if unwanted:
                continue
            kept = self._choose_value(inner, f"{path}.", inside or wanted)
            if kept is not None or (inner is None and (inside or wanted)):
                chosen[key] = kept
        return chosen

    def _choose_value(self, value: Any, at: str, inside: bool) -> Any:
        """What is left of a value; None for nothing."""
        if inside and self.unwanted is None:
            return value
        if isinstance(value, dict):
            return self._choose(value, at, inside) or (value if inside and not value else None)
        if isinstance(value, list):
            kept = [self._choose_value(item, at, inside) for item in value]
            return [item for item in kept if item is not None] or (value if inside and not value else None)
        return value if inside else None


def _pattern(fields: list[str]) -> re.Pattern[str] | None:
    """Paths that one of these names (`*` for any characters) means."""
    if not fields:
        return None
    return re.compile("|".join(glob(field) for field in fields), re.DOTALL)


def _at(value: Any, path: list[str], change: Any) -> None:
    """Apply `change(object, key)` at the path, in each object of lists on the way. Where the path leads nowhere, nothing
    happens."""
    if isinstance(value, list):
        for item in value:
            _at(item, path, change)
    elif isinstance(value, dict) and len(path) == 1:
        change(value, path[0])
    elif isinstance(value, dict):
        _at(value.get(path[0]), path[1:], change)


def _license(value: Any, url: str) -> None:
    """Say the license in the object, or in each of the list."""
    if isinstance(value, dict):
        value["_license"] = url
    elif isinstance(value, list):
        for item in value:
            _license(item, url)


def _null(value: dict[str, Any], key: str) -> None:
    value.setdefault(key, None)


def _listed(value: dict[str, Any], key: str) -> None:
    if key in value and not isinstance(value[key], list):
        value[key] = [] if value[key] is None else [value[key]]


def _flat(document: dict[str, Any], always_list: frozenset[str]) -> dict[str, Any]:
    """Dotted keys; a path that occurs several times becomes a list in the document's order, without nulls, empty texts and empty
    lists. Objects without keys have no path, so they are gone."""
    found: dict[str, list[Any]] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and value:
            for item in value:
                walk(item, path)
        else:
            found.setdefault(path, []).append(value)

    walk(document, "")
    flat: dict[str, Any] = {}
    for path, values in found.items():
        if len(values) == 1 and path not in always_list:
            flat[path] = values[0]
        else:
            flat[path] = [value for value in values if value not in (None, "", [])]
    return flat
