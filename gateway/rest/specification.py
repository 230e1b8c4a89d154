"""`/spec`: the OpenAPI document of one API: everything that may be asked, and everything that is answered."""

from collections.abc import Mapping
from typing import Any

from gateway.rest.answers import CACHED
from gateway.rest.forms import TYPES
from gateway.rest.limits import Limits
from gateway.rest.served import Served

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ANYTHING: Schema = {"type": "object", "additionalProperties": True}
_QUERY: Schema = {"type": "string", "format": "lucene"}
"""A query string: which texts are none can't be said in a schema; they are answered 400, with the position."""
_FLAG: Schema = {"type": ["boolean", "string", "null"]}
_LIST: Schema = {"type": "string", "pattern": "^[^\"']*$"}
"""A list that is written as text; quotes, in pairs, keep members together."""
_SEPARATORS = r" \t\n\r|,+"
_FILLED = {"type": "string", "pattern": f"^[^\"']*[^\"'{_SEPARATORS}][^\"']*$"}
_SCOPES: Schema = {
    "type": "string",
    "pattern": "^[^\"'^]*$",
    "description": "Fields to look in; `_id` where nothing is said, and with an empty list each term is a query.",
}
_SORTABLE = 200
"""Fields to sort by that are named; a longer pattern helps nobody."""
_ERRORS = {
    "400": "The request is wrong; `position` points into a query that can't be read.",
    "404": "There is none.",
    "405": "Nothing here takes this method.",
    "413": "The body of the request is too large.",
    "500": "It is our mistake: the log has more under `request_id`. Or an id names too many documents.",
    "503": "The API is stopped, or the search does not answer.",
}


def specification(served: Served, limits: Limits, public: str = "") -> Schema:
    """The OpenAPI 3.1 document. `public`: the gateway's address as people are told it; without one it is where the document is."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": served.name,
            "description": served.api.description,
            "version": str(served.meta.get("build_version") or served.index),
        },
        "servers": [{"url": f"{public}/api/{served.name}/v1"}],
        "paths": _paths(served, limits),
        "components": {"schemas": _components(served.doc_type)},
    }


# --- what may be asked


def _parameter(name: str, description: str, schema: Schema, where: str = "query") -> Schema:
    return {"name": name, "in": where, "description": description, "required": where == "path", "schema": schema}


def _number(most: int, default: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most, "default": default}


def _number_in_json(most: int, default: int) -> Schema:
    """As in the address; also as text, as far as a pattern can say it, and null for nothing said."""
    digits = len(str(most)) - 1
    whole = f"^[ ]*[+]?0{{0,{18 - len(str(most))}}}(?:{most}|[0-9]{{1,{digits}}})[ ]*$"
    text = {"type": "string", "pattern": whole} if most == 10**digits else _TEXT
    return {"anyOf": [_number(most, default), {"type": "null"}, text]}


def _flag(name: str, description: str) -> Schema:
    true = "True: `1`, `true`, `yes`, `y`, `t` or nothing behind the name; anything else is not."
    return _parameter(name, f"{description} {true}", _TEXT)


def _sort(served: Served, most: int) -> Schema:
    """Keys to sort by; those that can be, where they are not too many."""
    paths = [path for path, field in served.fields.named.items() if field.type != "text"]
    if len(paths) > _SORTABLE or any("'" in path or '"' in path for path in paths):
        return {"type": "string", "format": "sort"}
    names = "|".join(_escaped(path) for path in ["_score", *paths])
    key = f"(?:-(?:{names})|(?:{names})(?::(?:asc|desc))?)"
    between = f"[{_SEPARATORS}]"
    return {"type": "string", "pattern": f"^{between}*(?:{key}(?:{between}+{key}){{0,{most - 1}}}{between}*)?$"}


def _escaped(path: str) -> str:
    return "".join(f"\\{character}" if character in r"\^$.|?*+()[]{}/" else character for character in path)


def _shape() -> list[Schema]:
    return [
        _parameter(
            "fields", "Fields to return, with commas between them; `*` for any characters, a leading `-` leaves out.", _LIST
        ),
        _flag("dotfield", "Flatten documents to dotted keys."),
        _parameter("always_list", "Fields that become lists.", _LIST),
        _parameter("allow_null", "Fields that are null where they are missing.", _LIST),
        _format(),
    ]


def _format() -> Schema:
    return _parameter("format", "How the answer is written.", {"type": "string", "enum": list(TYPES), "default": "json"})


def _page(served: Served, limits: Limits) -> list[Schema]:
    return [
        _parameter("size", "Hits to return.", _number(limits.size, 10)),
        _parameter("from", "Hits to skip.", _number(limits.skipped, 0)),
        _parameter("sort", "Fields to sort by, `-field` or `field:desc` for descending.", _sort(served, limits.sort)),
        _parameter("filter", "A query that hits must match too, without a share in the score. OR joins its words.", _QUERY),
        _parameter("post_filter", "A query that narrows the hits, not the facets. OR joins its words.", _QUERY),
    ]


def _search(served: Served, limits: Limits) -> list[Schema]:
    return [
        _parameter("q", "A query in Lucene syntax; everything where it is missing.", _QUERY),
        *_page(served, limits),
        _parameter("facets", f"Fields whose most frequent values are counted, {limits.facet_terms} in all.", _LIST),
        _parameter("facet_size", "Values of each facet.", _number(limits.facet_size, 10)),
        _flag("fetch_all", "Begin to read all hits, a thousand at a time; `sort`, `size` and `from` do not count."),
        _parameter("scroll_id", "The next page: `_scroll_id` of the last one.", {"type": "string", "format": "scroll"}),
        *_shape(),
    ]


def _body(required: str, json: Schema, form: dict[str, Schema]) -> Schema:
    """A body in JSON, or as a form, in which lists are text."""
    said = {"type": "object", "required": [required]}
    content = {"application/json": said | json, "application/x-www-form-urlencoded": said | {"properties": form}}
    return {"required": True, "content": {form: {"schema": schema} for form, schema in content.items()}}


def _terms(limits: Limits) -> list[Schema]:
    """What `q` and `scopes` of a JSON body may be: terms and the fields that each is looked for in; or compound terms, with a value
    for each scope, of which three lengths are written out."""
    term = {"anyOf": [{**_QUERY, "minLength": 1}, {"type": ["number", "boolean"]}]}
    scope = {"type": "string", "pattern": "^[^^]+(?:\\^[0-9]{1,9}(?:\\.[0-9]{1,9})?)?$"}
    either = {"anyOf": [scope, {"type": "array", "minItems": 1, "items": scope}]}
    several = {"type": "array", "minItems": 1, "maxItems": limits.terms, "items": term}
    q = {"description": "Terms to look for.", "anyOf": [_FILLED, {"type": ["number", "boolean"]}, several]}
    paths = {"anyOf": [_SCOPES, {"type": "null"}, {"type": "array", "maxItems": limits.items, "items": either}]}
    found: list[Schema] = [{"properties": {"q": q, "scopes": paths}}]
    for length in (1, 2, 3):
        compound = {"type": "array", "minItems": length, "maxItems": length, "items": term}
        compounds = {"type": "array", "minItems": 1, "maxItems": limits.terms, "items": compound}
        each = {"type": "array", "minItems": length, "maxItems": length, "items": either}
        between, name = f"[{_SEPARATORS}]", f"[^\"'^{_SEPARATORS}]+"
        text = {"type": "string", "pattern": f"^{between}*{name}(?:{between}+{name}){{{length - 1}}}{between}*$"}
        paths = {"anyOf": [text, each, *([{"type": "null"}] if length == 1 else [])]}
        found.append({"required": ["scopes"] if length > 1 else [], "properties": {"q": compounds, "scopes": paths}})
    return found


def _ids(limits: Limits) -> Schema:
    id = {"anyOf": [{"type": "string", "minLength": 1}, {"type": ["number", "boolean", "null"]}]}
    several = {"type": "array", "minItems": 1, "maxItems": limits.ids, "items": id}
    return {"description": "Ids.", "anyOf": [_FILLED, {"type": ["number", "boolean"]}, several]}


# --- what is answered


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(description: str, schema: Schema, *errors: str, forms: tuple[str, ...] = tuple(TYPES)) -> Schema:
    cached = {"Cache-Control": {"schema": _TEXT, "description": f"`{CACHED}`, or `no-store`."}, "ETag": {"schema": _TEXT}}
    content = {TYPES[form].partition(";")[0]: {"schema": schema} for form in forms}
    found = {"200": {"description": description, "headers": cached, "content": content}}
    failed = {"content": {"application/json": {"schema": _reference("Error")}}}
    answers = found | {code: {"description": _ERRORS[code]} | failed for code in sorted({*errors, "400", "405", "500", "503"})}
    # What is no HTTP at all, such as an address of more than 8190 bytes, is refused before anybody looks for an API.
    answers["400"] = {**answers["400"], "content": {**failed["content"], "text/plain": {"schema": _TEXT}}}
    return answers


def _get(summary: str, parameters: list[Schema], schema: Schema, *errors: str, forms: tuple[str, ...] = tuple(TYPES)) -> Schema:
    known = {"304": {"description": "It is what the ETag of the request says."}}
    answers = _answers(summary, schema, *errors, forms=forms)
    return {"summary": summary, "parameters": parameters, "responses": answers | known}


def _post(summary: str, body: Schema, schema: Schema) -> Schema:
    answers = _answers(summary, schema, "413")
    answers["200"]["headers"] |= {"Leat-Warning": {"schema": _TEXT, "description": "What no query finds."}}
    return {"summary": summary, "parameters": _shape(), "requestBody": body, "responses": answers}


def _paths(served: Served, limits: Limits) -> Schema:
    doc_type, plain = served.doc_type, ("json",)
    one = {"anyOf": [_reference(doc_type), {"type": "array", "items": _reference(doc_type)}]}
    many = {"type": "array", "items": {"anyOf": [_reference(doc_type), _reference("NotFound")]}}
    id = _parameter("id", "`_id` of a document, or `field:value` of an indexed field.", {"type": "string", "minLength": 1}, "path")
    named = {**id, "in": "query"}
    part = _parameter("search", "Part of the field's name.", _TEXT)
    prefix = _parameter("prefix", "Its beginning.", _TEXT)
    form = {"q": _FILLED, "scopes": _SCOPES}
    json = {"properties": {"size": _number_in_json(limits.size, 10), "with_total": _FLAG}, "anyOf": _terms(limits)}
    return {
        f"/{doc_type}/{{id}}": {"get": _get(f"A {doc_type} by id", [id, *_shape()], one, "404")},
        f"/{doc_type}": {
            "get": _get(f"A {doc_type} by id", [named, *_shape()], one, "404"),
            "post": _post(
                f"Several of {doc_type} by id", _body("ids", {"properties": {"ids": _ids(limits)}}, {"ids": _FILLED}), many
            ),
        },
        "/query": {
            "get": _get("Search", _search(served, limits), {"anyOf": [_reference("Hits"), _reference("End")]}),
            "post": _post("Look for many terms", _body("q", json, form), {"anyOf": [many, _reference("Totals")]}),
        },
        "/metadata": {"get": _get("What the release is made of", [_flag("dev", "More of it."), _format()], _ANYTHING)},
        "/metadata/fields": {
            "get": _get("Every field and its type", [part, prefix, _format()], _fields()),
        },
        "/status": {"get": _get("Does it answer?", [], _ANYTHING, forms=plain)},
        "/spec": {"get": _get("This document", [], _ANYTHING, forms=plain)},
        "/": {"get": _get("What there is", [], _ANYTHING, forms=plain)},
    }


def _fields() -> Schema:
    field = {"type": "object", "required": ["type", "index"], "properties": {"type": _TEXT, "index": {"type": "boolean"}}}
    return {"type": "object", "additionalProperties": field}


def _components(doc_type: str) -> Schema:
    facet = {
        "_type": {"const": "terms"},
        "terms": {"type": "array", "items": {"type": "object", "properties": {"term": {}, "count": _COUNT}}},
        "other": _COUNT,
        "missing": _COUNT,
        "total": _COUNT,
    }
    page = {
        "took": {**_COUNT, "description": "Milliseconds."},
        "total": _COUNT,
        "max_score": {"type": ["number", "null"]},
        "hits": {"type": "array", "items": _reference(doc_type)},
        "facets": {"type": "object", "additionalProperties": _object(facet)},
        "_scroll_id": _TEXT,
        "_warning": _TEXT,
    }
    error = {"code": {"type": "integer"}, "success": {"const": False}, "error": _TEXT}
    listed = {"type": "array", "items": {"anyOf": [_reference(doc_type), _reference("NotFound")]}}
    return {
        doc_type: {"type": "object", "required": ["_id"], "properties": {"_id": _TEXT}, "additionalProperties": True},
        "NotFound": _object({"query": {}, "notfound": {"const": True}}),
        "Hits": {"type": "object", "required": ["took", "total", "max_score"], "properties": page, "additionalProperties": False},
        "End": _object({"success": {"const": False}, "error": {"const": "No more results to return."}}),
        "Totals": _object({"max_total": _COUNT, "hits": listed}, {"msg": _TEXT, "_warning": _TEXT}),
        "Error": {"type": "object", "required": list(error), "properties": error, "additionalProperties": True},
    }


def _object(members: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> Schema:
    """An object with these members, perhaps some `more`, and no others."""
    properties = {**members, **(more or {})}
    return {"type": "object", "required": list(members), "properties": properties, "additionalProperties": False}
