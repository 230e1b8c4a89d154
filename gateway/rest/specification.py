"""`/spec`: the OpenAPI document of one API."""

from typing import Any

from gateway.rest.served import Served

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean", "default": False}
_JSON = "application/json"


def _parameter(name: str, description: str, schema: dict[str, Any], where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "description": description, "required": where == "path", "schema": schema}


def _count(most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": most, "default": default}


_SHAPE = [
    _parameter("fields", "Fields to return, with commas between them; `*` for any characters, a leading `-` leaves out.", _TEXT),
    _parameter("dotfield", "Flatten documents to dotted keys.", _FLAG),
    _parameter("always_list", "Fields that become lists.", _TEXT),
    _parameter("allow_null", "Fields that are null where they are missing.", _TEXT),
    _parameter("format", "How the answer is written.", {"type": "string", "enum": ["json", "yaml", "msgpack"], "default": "json"}),
]
_PAGE = [
    _parameter("size", "Hits to return.", _count(1000, 10)),
    _parameter("from", "Hits to skip.", _count(10_000, 0)),
    _parameter("sort", "Fields to sort by, with commas between them; a leading `-` for descending.", _TEXT),
    _parameter("filter", "A query that hits must match too, without a share in the score.", _TEXT),
    _parameter("post_filter", "A query that narrows the hits, not the facets.", _TEXT),
]
_SEARCH = [
    _parameter("q", "A query in Lucene syntax; everything where it is missing.", _TEXT),
    *_PAGE,
    _parameter("facets", "Fields whose most frequent values are counted.", _TEXT),
    _parameter("facet_size", "Values of each facet.", _count(1000, 10)),
    _parameter("fetch_all", "Begin to read all hits, a thousand at a time.", _FLAG),
    _parameter("scroll_id", "The next page: `_scroll_id` of the last one.", _TEXT),
    *_SHAPE,
]
_FACET = {
    "type": "object",
    "properties": {
        "_type": _TEXT,
        "terms": {"type": "array", "items": {"type": "object", "properties": {"term": {}, "count": {"type": "integer"}}}},
        "other": {"type": "integer"},
        "missing": {"type": "integer"},
        "total": {"type": "integer"},
    },
}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(description: str, schema: dict[str, Any], *more: tuple[str, str]) -> dict[str, Any]:
    errors = {code: {"description": said, "content": {_JSON: {"schema": _reference("Error")}}} for code, said in more}
    return {"200": {"description": description, "content": {_JSON: {"schema": schema}}}} | errors


_BAD = ("400", "The request is wrong; `position` points into a query that can't be read.")
_AWAY = ("503", "The API is stopped, or the search does not answer.")


def _get(summary: str, parameters: list[dict[str, Any]], schema: dict[str, Any], *errors: tuple[str, str]) -> dict[str, Any]:
    return {"summary": summary, "parameters": parameters, "responses": _answers(summary, schema, *errors, _AWAY)}


def _post(summary: str, properties: dict[str, Any], required: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"schema": {"type": "object", "required": [required], "properties": properties}}
    content = {_JSON: body, "application/x-www-form-urlencoded": body}
    return {
        "summary": summary,
        "parameters": _SHAPE,
        "requestBody": {"required": True, "content": content},
        "responses": _answers(summary, schema, _BAD, _AWAY),
    }


def _listed(description: str) -> dict[str, Any]:
    return {"description": description, "oneOf": [{"type": "string"}, {"type": "array", "items": {}}]}


def _components(doc_type: str) -> dict[str, Any]:
    document = {"type": "object", "required": ["_id"], "properties": {"_id": _TEXT}, "additionalProperties": True}
    hits = {"type": "array", "items": _reference(doc_type)}
    page = {
        "took": {"type": "integer", "description": "Milliseconds."},
        "total": {"type": "integer"},
        "max_score": {"type": "number", "nullable": True},
        "hits": hits,
        "facets": {"type": "object", "additionalProperties": _FACET},
        "_scroll_id": _TEXT,
        "_warning": _TEXT,
    }
    error = {"code": {"type": "integer"}, "success": {"type": "boolean"}, "error": _TEXT}
    return {
        doc_type: document,
        "Hits": {"type": "object", "properties": page},
        "Error": {"type": "object", "required": list(error), "properties": error, "additionalProperties": True},
    }


def _paths(doc_type: str) -> dict[str, Any]:
    anything = {"type": "object", "additionalProperties": True}
    found = {"type": "array", "items": anything}
    id = _parameter("id", "`_id` of a document, or `field:value` of an indexed field.", _TEXT, "path")
    terms = {"q": _listed("Terms to look for."), "scopes": _listed("Fields to look in; `_id` where it is missing.")}
    return {
        f"/{doc_type}/{{id}}": {
            "get": _get(f"A {doc_type} by id", [id, *_SHAPE], _reference(doc_type), _BAD, ("404", "There is none."))
        },
        f"/{doc_type}": {"post": _post(f"Several of {doc_type} by id", {"ids": _listed("Up to 1000 ids.")}, "ids", found)},
        "/query": {
            "get": _get("Search", _SEARCH, _reference("Hits"), _BAD),
            "post": _post("Look for many terms", terms | {"size": _count(1000, 10), "with_total": _FLAG}, "q", found),
        },
        "/metadata": {"get": _get("What the release is made of", [], anything)},
        "/metadata/fields": {
            "get": _get("Every field and its type", [_parameter("search", "Part of the field's name.", _TEXT)], anything)
        },
        "/status": {"get": _get("Does it answer?", [], anything)},
    }


def specification(served: Served) -> dict[str, Any]:
    """The OpenAPI 3.0 document."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": served.name,
            "description": served.api.description,
            "version": str(served.meta.get("build_version") or served.index),
        },
        "servers": [{"url": f"/api/{served.name}/v1"}],
        "paths": _paths(served.doc_type),
        "components": {"schemas": _components(served.doc_type)},
    }
