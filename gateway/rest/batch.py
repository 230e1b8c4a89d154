"""POST `/query`: many terms at once, each looked for in the scopes."""

import asyncio
import re
from typing import Any

import msgspec
from aiohttp import web

from domain.hub import Hub
from domain.ports.search import Hit, SearchRequest, SearchResult
from domain.query.tree import Query, all_of, multi_match
from gateway.rest.answers import RequestInvalid, encode, headers
from gateway.rest.arguments import Arguments
from gateway.rest.search import read_query, read_request
from gateway.rest.served import Served
from gateway.rest.shape import Shape, prefixed, read_shape

TERMS = 5000
WARNING = "Leat-Warning"
"""The header that carries warnings: BioThings' clients expect a bare list, which has no place for them."""
_WARNINGS = 10
"""Warnings of one answer: each term may have its own."""
_ABREAST = 8
"""Searches of one request that run at the same time."""


async def search_many(hub: Hub, served: Served, arguments: Arguments) -> web.Response:
    """A list with the hits of every term, in the terms' order."""
    shape = read_shape(arguments, served.licenses)
    terms = arguments.items("q", most=TERMS)
    if terms is None:
        raise RequestInvalid("", keyword="q", missing=True)
    scopes = arguments.items("scopes")
    scopes = ["_id"] if scopes is None else scopes
    request = read_request(served, arguments, read_query(None))
    compound = any(isinstance(term, list) for term in terms)
    if scopes == ["_id"] and not (compound or request.filters or request.post_filter or request.offset):
        results = await _by_id(hub, served, terms, request.limit)
    else:
        results = await _search(hub, served, request, [_query(term, scopes) for term in terms])
    items = [item for term, result in zip(terms, results, strict=True) for item in _items(term, result, shape)]
    said = headers(form=shape.form)
    if warnings := "; ".join(_warnings(results, shared=bool(scopes))[:_WARNINGS]):
        said[WARNING] = re.sub(r"[^ -~]", "?", warnings)[:2000]
        said["Access-Control-Expose-Headers"] = WARNING
    return web.Response(body=_listed(items, results, request, arguments, shape, warnings), headers=said)


async def _by_id(hub: Hub, served: Served, terms: list[Any], limit: int) -> list[SearchResult]:
    known = await hub.search.get(served.index, [str(term) for term in terms])
    return [
        SearchResult(total=1, hits=(Hit(str(term), 1.0, known[str(term)]),)[:limit])
        if str(term) in known
        else SearchResult(total=0)
        for term in terms
    ]


async def _search(hub: Hub, served: Served, request: SearchRequest, queries: list[Query]) -> list[SearchResult]:
    slots = asyncio.Semaphore(_ABREAST)

    async def one(query: Query) -> SearchResult:
        async with slots:
            return await hub.search.search(served.index, msgspec.structs.replace(request, query=query))

    return list(await asyncio.gather(*(one(query) for query in queries)))


def _warnings(results: list[SearchResult], *, shared: bool) -> list[str]:
    """What the searches warned of. `shared`: all of them; where terms are looked for in several scopes, that one of them is no
    number is as it should be, and a scope that is not mapped is warned of for every term."""
    found = dict.fromkeys(warning for result in results for warning in result.warnings)
    return [warning for warning in found if not shared or all(warning in result.warnings for result in results)]


def _query(term: Any, scopes: list[Any]) -> Query:
    """What one term means: a value of a scope; without scopes a query string; a list has one value for each scope (BioThings'
    compound queries)."""
    if isinstance(term, list):
        if len(term) != len(scopes) or not all(str(part) for part in term):
            raise RequestInvalid("A compound term has one value for each scope.", keyword="q")
        return all_of(multi_match(str(part), _paths(scope)) for part, scope in zip(term, scopes, strict=True))
    if not scopes:
        return read_query(str(term))
    return multi_match(str(term), [path for scope in scopes for path in _paths(scope)])


def _paths(scope: Any) -> list[str]:
    return [str(path) for path in scope] if isinstance(scope, list) else [str(scope)]


def _items(term: Any, result: SearchResult, shape: Shape) -> list[bytes | dict[str, Any]]:
    """The items of the list that one term makes: bytes where documents leave as they are stored."""
    if not result.hits:
        missing = {"query": term, "notfound": True}
        return [encode(missing) if shape.plain else missing]
    if shape.plain:
        return [prefixed({"query": term, "_score": hit.score}, hit.body) for hit in result.hits]
    shaper = shape.shaper()
    return [{"query": term, "_score": hit.score} | shaper.document(hit.body) for hit in result.hits]


def _listed(
    items: list[Any], results: list[SearchResult], request: SearchRequest, arguments: Arguments, shape: Shape, warnings: str
) -> bytes:
    """The list; under `with_total` in an object, which says how to get what is not in it."""
    if not arguments.flag("with_total"):
        return b"[" + b",".join(items) + b"]" if shape.plain else encode(items, shape.form)
    head: dict[str, Any] = {"max_total": max((result.total for result in results), default=0)}
    if warnings:
        head["_warning"] = warnings
    longer = sum(result.total > request.offset + request.limit for result in results)
    if longer:
        following = request.offset + request.limit
        head["msg"] = f"{longer} query terms return > {request.limit} hits, using from={following} to retrieve the remaining hits"
    if shape.plain:
        return encode(head)[:-1] + b',"hits":[' + b",".join(items) + b"]}"
    return encode(head | {"hits": items}, shape.form)
