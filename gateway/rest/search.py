"""GET and POST `/query`: one search, a scroll over everything, or many terms at once. All of them go the same five steps, top to
bottom: what is asked, which searches that means, what they find, what it looks like, and its bytes. Only `ask` waits for anything;
what comes behind it is a function of values, so that it may be done wherever there is time."""

import asyncio
import random
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from domain.errors import LeatError, NotReady, QueryInvalid
from domain.hub import Hub
from domain.ports.search import Facet, Hit, SearchRequest, SearchResult, Sort
from domain.query import parser
from domain.query.tree import MatchAll, MatchNone, Query, all_of, multi_match
from gateway.rest import answers, scroll
from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments
from gateway.rest.scroll import Scroll
from gateway.rest.served import Served
from gateway.rest.shape import Shape, Shaper, prefixed, read_shape

SIZE = 1000
FROM = 10_000
PAGE = 1000
"""Documents of one page of a scroll."""
TERMS = 5000
WARNING = "Leat-Warning"
"""The header that carries warnings: BioThings' clients expect a bare list, which has no place for them."""
_WARNINGS = 10
"""Warnings of one answer: each term may have its own."""
_ABREAST = 8
"""Searches of one request that run at the same time."""
_NOTHING = SearchResult(total=0)


async def search(hub: Hub, served: Served, arguments: Arguments, *, many: bool = False) -> web.Response:
    """The answer to GET `/query` or, where `many` terms are asked for, to POST. Raises RequestInvalid, and what searches raise."""
    asked = parse(arguments, served.licenses, many=many)
    planned = plan(asked, served)
    found = await ask(hub, planned)
    shaped = shape(asked, planned, found)
    return web.Response(body=encode(shaped), headers=shaped.headers)


# --- parse: what the client said, checked


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says."""

    at: float
    """When it came, by the clock that measures `took`."""
    shape: Shape
    request: SearchRequest = SearchRequest(query=MatchAll())
    """Paging, sorting, filters, facets, and what GET looks for."""
    q: str | None = None
    scrolls: Scroll | str | None = None
    """The scroll that GET begins, or the id of the one that it goes on with."""
    terms: list[Any] | None = None
    """What POST looks for, each by itself."""
    scopes: list[Any] = []
    """Where terms are looked for: paths, or lists of them; nowhere: terms are query strings."""
    with_total: bool = False


def parse(arguments: Arguments, licenses: Mapping[str, str], *, many: bool) -> Asked:
    """Everything that is asked for. Raises RequestInvalid, QueryInvalid."""
    at, shape = time.perf_counter(), read_shape(arguments, licenses)
    return Asked(at=at, shape=shape, **(_parse_terms(arguments) if many else _parse_query(arguments)))


def _parse_query(arguments: Arguments) -> dict[str, Any]:
    if scroll_id := arguments.text("scroll_id"):
        return {"scrolls": scroll_id}
    q = arguments.text("q")
    query = read_query(q)
    if arguments.flag("fetch_all"):
        filter, post_filter = arguments.text("filter"), arguments.text("post_filter")
        begun = Scroll(index="", q=q, filter=filter, post_filter=post_filter, total=0, after="")
        return {"request": _read_request(arguments, query), "scrolls": begun}
    facets = arguments.strings("aggs", "facets") or []
    request = _read_request(arguments, query)
    if facets and q in (None, "__all__") and arguments.text("size") is None and arguments.text("limit") is None:
        request = msgspec.structs.replace(request, limit=0)
    facet_size = arguments.integer("facet_size", default=10, most=1000)
    if facets:
        request = msgspec.structs.replace(request, facets=tuple(facets), facet_size=facet_size)
    return {"q": q, "request": request}


def _parse_terms(arguments: Arguments) -> dict[str, Any]:
    terms = arguments.items("q", most=TERMS)
    if terms is None:
        raise RequestInvalid("", keyword="q", missing=True)
    scopes = arguments.items("scopes")
    return {
        "terms": terms,
        "scopes": ["_id"] if scopes is None else scopes,
        "request": _read_request(arguments, MatchAll()),
        "with_total": arguments.flag("with_total"),
    }


def _read_request(arguments: Arguments, query: Query) -> SearchRequest:
    """Paging, sorting and filters of GET and POST alike."""
    filter, post_filter = arguments.text("filter"), arguments.text("post_filter")
    sort = arguments.strings("sort", most=10) or []
    return SearchRequest(
        query=query,
        filters=() if filter is None else (read_query(filter, "filter"),),
        post_filter=None if post_filter is None else read_query(post_filter, "post_filter"),
        sort=tuple(Sort(path=key.lstrip("-"), descending=key.startswith("-")) for key in sort),
        offset=arguments.integer("from", "skip", default=0, most=FROM),
        limit=arguments.integer("size", "limit", default=10, most=SIZE),
    )


def read_query(text: str | None, keyword: str = "q") -> Query:
    """The tree of a query string: everything for None and `__all__`, nothing for an empty one. Raises QueryInvalid."""
    if text is None or text in ("__all__", "__any__"):
        return MatchAll()
    if not text:
        return MatchNone()
    try:
        return parser.parse(text)
    except QueryInvalid as error:
        raise QueryInvalid(error.message, error.position, (keyword,)) from error


# --- plan: which searches of which release that means


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the search engine is asked."""

    index: str
    searches: Sequence[SearchRequest] = ()
    ids: Sequence[str] | None = None
    """Looked up instead: whoever looks for ids alone need not search."""
    limit: int = 0
    """Of ids: whether hits are wanted at all."""
    page: Scroll | None = None
    """The page of a scroll behind the searches, of which one that begins counts its hits."""
    etag: str = ""


def plan(asked: Asked, served: Served) -> Plan:
    """The searches of what the API serves. Raises RequestInvalid, QueryInvalid."""
    if asked.terms is not None:
        return _plan_terms(asked, asked.terms, served.index)
    request = asked.request
    if isinstance(asked.scrolls, str):
        page = scroll.decode(asked.scrolls, served.api)
        return Plan(index=page.index, page=page)
    if asked.scrolls is not None:
        page = msgspec.structs.replace(asked.scrolls, index=served.index)
        count = msgspec.structs.replace(request, sort=(), offset=0, limit=0, bodies=False)
        return Plan(index=served.index, searches=(count,), page=page)
    if asked.q == "__any__":
        anywhere = random.randrange(max(1, min(served.count, FROM)))
        return Plan(index=served.index, searches=(msgspec.structs.replace(request, offset=anywhere),))
    return Plan(index=served.index, searches=(request,), etag=served.etag)


def _plan_terms(asked: Asked, terms: list[Any], index: str) -> Plan:
    request = asked.request
    compound = any(isinstance(term, list) for term in terms)
    if asked.scopes == ["_id"] and not (compound or request.filters or request.post_filter or request.offset):
        return Plan(index=index, ids=[str(term) for term in terms], limit=request.limit)
    queries = [_query(term, asked.scopes) for term in terms]
    return Plan(index=index, searches=[msgspec.structs.replace(request, query=query) for query in queries])


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


# --- ask: the only step that waits


async def ask(hub: Hub, planned: Plan) -> list[SearchResult]:
    """What was found: one result for each search, each id, or the page. Raises what searches raise, and RequestInvalid for a scroll
    whose release is gone."""
    if planned.ids is not None:
        known = await hub.search.get(planned.index, planned.ids)
        return [_known(id, known[id], planned.limit) if id in known else _NOTHING for id in planned.ids]
    if planned.page is not None:
        counted = [await hub.search.search(planned.index, request) for request in planned.searches]
        total = counted[0].total if counted else planned.page.total
        return [SearchResult(total=total, hits=tuple(await _read_page(hub, planned.page)))]
    if len(planned.searches) == 1:
        return [await hub.search.search(planned.index, planned.searches[0])]
    slots = asyncio.Semaphore(_ABREAST)

    async def one(request: SearchRequest) -> SearchResult:
        async with slots:
            return await hub.search.search(planned.index, request)

    try:
        async with asyncio.TaskGroup() as group:  # which ends the others where one fails: nobody waits for them
            tasks = [group.create_task(one(request)) for request in planned.searches]
    except* LeatError as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _known(id: str, body: bytes, limit: int) -> SearchResult:
    return SearchResult(total=1, hits=(Hit(id, 1.0, body),)[:limit])


async def _read_page(hub: Hub, page: Scroll) -> list[Hit]:
    """The next hits, ordered by `_id`."""
    filters = () if page.filter is None else (read_query(page.filter, "filter"),)
    post_filter = None if page.post_filter is None else read_query(page.post_filter, "post_filter")
    request = SearchRequest(query=read_query(page.q), filters=filters, post_filter=post_filter)
    hits: list[Hit] = []
    try:
        async for batch in hub.search.scan(page.index, request, page.after):
            hits += batch
            if len(hits) >= PAGE:
                break
    except NotReady as error:
        raise scroll.stale() from error
    return hits[:PAGE]


# --- shape: what the answer says


class Shaped(msgspec.Struct, frozen=True, kw_only=True):
    """An answer but for its bytes."""

    head: dict[str, Any]
    """What is said about the hits; nothing: the hits are a bare list."""
    hits: list[Any] | None = None
    """Encoded already under `plain`; None where there is no place for hits."""
    plain: bool = False
    form: str
    headers: CIMultiDict[str]


def shape(asked: Asked, planned: Plan, found: list[SearchResult]) -> Shaped:
    """What was found in BioThings' shapes; `took` is what it took to here."""
    if asked.terms is not None:
        return _shape_terms(asked, asked.terms, found)
    (result,) = found
    head: dict[str, Any] = {
        "took": round((time.perf_counter() - asked.at) * 1000),
        "total": result.total,
        "max_score": result.max_score,
    }
    page, form = planned.page, asked.shape.form
    if page is not None and page.after and not result.hits:  # BioThings' clients wait for an error that is none
        return Shaped(head={"success": False, "error": "No more results to return."}, form="json", headers=answers.headers())
    if page is not None:
        after = result.hits[-1].id if result.hits else scroll.END
        head["_scroll_id"] = msgspec.structs.replace(page, total=result.total, after=after).encode()
    if result.warnings:
        head["_warning"] = "; ".join(result.warnings)
    if result.facets:
        head["facets"] = {path: _facet(facet) for path, facet in result.facets.items()}
    hits = None if result.facets and not result.hits else _hits({}, result, asked.shape.shaper())
    return Shaped(head=head, hits=hits, plain=asked.shape.plain, form=form, headers=answers.headers(planned.etag, form))


def _shape_terms(asked: Asked, terms: list[Any], found: list[SearchResult]) -> Shaped:
    """The hits of every term, in the terms' order; under `with_total` a head says how to get what is not among them."""
    hits: list[Any] = []
    shaper = asked.shape.shaper()
    for term, result in zip(terms, found, strict=True):
        if result.hits:
            hits += _hits({"query": term}, result, shaper)
        else:
            missing = {"query": term, "notfound": True}
            hits.append(answers.encode(missing) if asked.shape.plain else missing)
    said = answers.headers(form=asked.shape.form)
    if warnings := "; ".join(_warnings(found, shared=bool(asked.scopes))[:_WARNINGS]):
        said[WARNING] = re.sub(r"[^ -~]", "?", warnings)[:2000]
        said["Access-Control-Expose-Headers"] = WARNING
    head = _totals(asked.request, found, warnings) if asked.with_total else {}
    return Shaped(head=head, hits=hits, plain=asked.shape.plain, form=asked.shape.form, headers=said)


def _hits(said: dict[str, Any], result: SearchResult, shaper: Shaper) -> list[Any]:
    """Each hit behind what is `said` of it: bytes as they are stored where nothing is changed in them."""
    if shaper.shape.plain:
        return [prefixed({**said, "_score": hit.score}, hit.body) for hit in result.hits]
    return [{**said, "_score": hit.score, **shaper.document(hit.body)} for hit in result.hits]


def _facet(facet: Facet) -> dict[str, Any]:
    """A terms facet in BioThings' shape; `missing` is what it says, the documents without a value."""
    terms = [{"term": term, "count": count} for term, count in facet.terms]
    total = sum(count for _, count in facet.terms)
    return {"_type": "terms", "terms": terms, "other": facet.other, "missing": facet.missing, "total": total}


def _warnings(found: list[SearchResult], *, shared: bool) -> list[str]:
    """What the searches warned of. `shared`: all of them; where terms are looked for in several scopes, that one of them is no
    number is as it should be, and a scope that is not mapped is warned of for every term."""
    seen = dict.fromkeys(warning for result in found for warning in result.warnings)
    return [warning for warning in seen if not shared or all(warning in result.warnings for result in found)]


def _totals(request: SearchRequest, found: list[SearchResult], warnings: str) -> dict[str, Any]:
    head: dict[str, Any] = {"max_total": max((result.total for result in found), default=0)}
    if warnings:
        head["_warning"] = warnings
    following = request.offset + request.limit
    if longer := sum(result.total > following for result in found):
        hint = f"using from={following} to retrieve the remaining hits"
        head["msg"] = f"{longer} query terms return > {request.limit} hits, {hint}"
    return head


# --- encode: its bytes


def encode(shaped: Shaped) -> bytes:
    """The body; what is stored as bytes goes out as it is."""
    if shaped.hits is None:
        return answers.encode(shaped.head, shaped.form)
    if shaped.plain:
        listed = b"[" + b",".join(shaped.hits) + b"]"
        return answers.encode(shaped.head)[:-1] + b',"hits":' + listed + b"}" if shaped.head else listed
    return answers.encode(shaped.head | {"hits": shaped.hits} if shaped.head else shaped.hits, shaped.form)
