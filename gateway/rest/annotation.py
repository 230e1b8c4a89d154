"""`/<doc_type>/<id>` and POST `/<doc_type>`: documents by their ids."""

import asyncio
from typing import Any

from aiohttp import web

from domain.ports.search import SearchRequest, SearchResult
from domain.query.tree import Query, any_of, multi_match
from gateway.rest.answers import RequestInvalid, fail, headers
from gateway.rest.arguments import Arguments, read_arguments
from gateway.rest.forms import encode
from gateway.rest.listing import Encoder, Item, Listing, looked_up
from gateway.rest.metadata import is_indexed
from gateway.rest.served import Served
from gateway.rest.shape import Shape, read_shape, versioned
from gateway.rest.stored import Stored

FEW = 10
"""Documents of one name that are read with it."""
_PLAIN = Shape()


async def annotate(encoder: Encoder, served: Served, id: str, request: web.Request) -> web.StreamResponse:
    """The document of an id; several, as a list, for `field:value`."""
    asked = request.query_string or served.licenses
    shape = read_shape(await read_arguments(request), served.licenses) if asked else _PLAIN
    found = await encoder.hub.search.get(served.index, [id])
    items = [Item({}, id, found[id])] if found else await _named(encoder, served, id)
    if not items:
        return fail(404, "Not Found.", id=id)
    body = items[0].body
    if body is not None and len(items) == 1 and shape is _PLAIN and Stored.suits(request):
        return Stored(served.head, versioned(body))
    said = headers(served.etag, shape.form)
    if len(items) > 1 or body is None:
        return await encoder.encode(Listing(index=served.index, items=items, shape=shape, headers=said, version=True))
    return web.Response(body=await encoder.away(shape.heft(len(body)), _alone, body, shape), headers=said)


def _alone(body: bytes, shape: Shape) -> bytes:
    return versioned(body) if shape.plain else encode(shape.shaper().document(body) | {"_version": 1}, shape.form)


async def _named(encoder: Encoder, served: Served, id: str) -> list[Item]:
    """The documents that `field:value` names."""
    scope = _scope(served, id)
    if scope is None:
        return []
    result = await _search(encoder, served, SearchRequest(query=scope, limit=FEW))
    if result.total > FEW:
        result = await _search(encoder, served, SearchRequest(query=scope, limit=encoder.limits.ids, bodies=False))
    return [Item({}, hit.id, hit.body or None) for hit in result.hits]


def _scope(served: Served, id: str) -> Query | None:
    """The query that `field:value` means."""
    field, colon, value = id.partition(":")
    return multi_match(value, [field]) if colon and value and is_indexed(served.spec.mapping, field) else None


async def _search(encoder: Encoder, served: Served, request: SearchRequest) -> SearchResult:
    result = await encoder.hub.search.search(served.index, request)
    if result.total > encoder.limits.ids:
        raise RequestInvalid("", 500, "Too Many Matches.", max=encoder.limits.ids)
    return result


async def annotate_many(encoder: Encoder, served: Served, arguments: Arguments) -> web.StreamResponse:
    """A list with what each id names, in their order; `notfound` where it names nothing."""
    shape = read_shape(arguments, served.licenses)
    ids = await encoder.away(arguments.size, _read_ids, arguments, encoder.limits.ids)
    scopes = {id: scope for id in ids if isinstance(id, str) and (scope := _scope(served, id)) is not None}
    if scopes:
        by_id = any_of(multi_match(id, ["_id"]) for id in scopes)
        known = await _search(encoder, served, SearchRequest(query=by_id, limit=len(scopes), bodies=False))
        for hit in known.hits:
            del scopes[hit.id]
    items: list[Item] = []
    for id in ids:
        scope = scopes.get(id) if isinstance(id, str) else None
        items += [looked_up(id)] if scope is None else await _listed(encoder, served, id, scope)
        if len(items) > encoder.limits.hits:
            raise RequestInvalid("The ids name too many documents: ask for fewer ids.", keyword="id", max=encoder.limits.hits)
    listing = Listing(index=served.index, items=items, certain=False, version=True, shape=shape, headers=headers(form=shape.form))
    return await encoder.encode(listing)


def _read_ids(arguments: Arguments, most: int) -> list[Any]:
    ids = arguments.items("id", "ids", most=most)
    if ids is None:
        raise RequestInvalid("", keyword="id", missing=True)
    if not ids or "" in ids:
        raise RequestInvalid("An id can't be empty.", keyword="id")
    if any(isinstance(id, dict | list) for id in ids):
        raise RequestInvalid("An id is text or a number.", keyword="id")
    return ids


async def _listed(encoder: Encoder, served: Served, id: str, scope: Query) -> list[Item]:
    request = SearchRequest(query=scope, limit=encoder.limits.ids, bodies=False)
    result = await _search(encoder, served, request)
    await asyncio.sleep(0)  # a search may be over without having waited, and others want to be answered too
    return [Item({"query": id}, hit.id) for hit in result.hits] or [Item({"query": id, "notfound": True})]
