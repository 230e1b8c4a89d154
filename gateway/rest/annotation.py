"""`/<doc_type>/<id>` and POST `/<doc_type>`: documents by their ids."""

import re
from typing import Any

import orjson
from aiohttp import web

from domain.hub import Hub
from domain.ports.search import SearchRequest
from domain.query.tree import Query, multi_match
from gateway.rest.answers import RequestInvalid, encode, fail, headers
from gateway.rest.arguments import Arguments, read_arguments
from gateway.rest.metadata import is_indexed
from gateway.rest.served import Served
from gateway.rest.shape import Shape, prefixed, read_shape
from gateway.rest.stored import Stored

MATCHES = 1000
"""Documents that one id may name, and ids of one request."""
_PLAIN = Shape()
_VERSION = {"_version": 1}
"""BioThings passes Elasticsearch's document version on; documents of a release are written once."""
_ORDINARY = re.compile(rb'{"_id":"[^"\\]*"(?:}|,"[^_])')
"""How a document begins that has no `_version` of its own: keys are sorted, and the one behind `_id` has another first letter."""


async def annotate(hub: Hub, served: Served, id: str, request: web.Request) -> web.StreamResponse:
    """The document of an id; several, as a list, for `field:value`."""
    asked = request.query_string or served.licenses
    shape = read_shape(await read_arguments(request), served.licenses) if asked else _PLAIN
    bodies = await find(hub, served, id)
    if not bodies:
        return fail(404, "Not Found.", id=id)
    if shape is _PLAIN and len(bodies) == 1 and Stored.suits(request):
        return Stored(served.head, _versioned(bodies[0]))
    if shape.plain:
        found = [_versioned(body) for body in bodies]
        content = found[0] if len(found) == 1 else b"[" + b",".join(found) + b"]"
    else:
        shaper = shape.shaper()
        shaped = [shaper.document(body) | _VERSION for body in bodies]
        content = encode(shaped[0] if len(shaped) == 1 else shaped, shape.form)
    return web.Response(body=content, headers=headers(served.etag, shape.form))


def _versioned(body: bytes) -> bytes:
    """The document with its version, which takes the place of a `_version` of its own."""
    if _ORDINARY.match(body) or b'"_version"' not in body:
        return body[:-1] + b',"_version":1}'
    return encode(orjson.loads(body) | _VERSION)


async def find(hub: Hub, served: Served, id: str) -> list[bytes]:
    """The bodies that an id names: by `_id`, else by `field:value` of an indexed field."""
    found = await hub.search.get(served.index, [id])
    if found:
        return list(found.values())
    scope = _scope(served, id)
    return [] if scope is None else await _search(hub, served, scope)


def _scope(served: Served, id: str) -> Query | None:
    """The query that `field:value` means."""
    field, colon, value = id.partition(":")
    return multi_match(value, [field]) if colon and value and is_indexed(served.spec.mapping, field) else None


async def _search(hub: Hub, served: Served, query: Query) -> list[bytes]:
    result = await hub.search.search(served.index, SearchRequest(query=query, limit=MATCHES))
    if result.total > MATCHES:
        raise RequestInvalid("", 500, "Too Many Matches.", max=MATCHES)
    return [hit.body for hit in result.hits]


async def annotate_many(hub: Hub, served: Served, arguments: Arguments) -> web.Response:
    """A list with what each id names, in their order; `notfound` where it names nothing."""
    shape = read_shape(arguments, served.licenses)
    ids = arguments.strings("id", "ids", most=MATCHES)
    if ids is None:
        raise RequestInvalid("", keyword="id", missing=True)
    known = await hub.search.get(served.index, ids)
    found: list[tuple[str, list[bytes]]] = []
    for id in ids:
        scope = None if id in known else _scope(served, id)
        found.append((id, [known[id]] if id in known else [] if scope is None else await _search(hub, served, scope)))
    return web.Response(body=_listed(found, shape), headers=headers(form=shape.form))


def _listed(found: list[tuple[str, list[bytes]]], shape: Shape) -> bytes:
    """One item per document found, with the term that found it."""
    if shape.plain:
        items = []
        for term, bodies in found:
            listed = [prefixed({"query": term}, _versioned(body)) for body in bodies]
            items += listed or [encode({"query": term, "notfound": True})]
        return b"[" + b",".join(items) + b"]"
    shaper = shape.shaper()
    shaped: list[dict[str, Any]] = []
    for term, bodies in found:
        shaped += [{"query": term} | shaper.document(body) | _VERSION for body in bodies] or [{"query": term, "notfound": True}]
    return encode(shaped, shape.form)
