"""GET and POST `/query`: one search, a scroll over everything, or many terms at once. All of them go the same five steps, top to
bottom: what is asked, which searches that means, what they find, what it looks like, and its bytes. Only `ask` and `Encoder.encode`
wait for anything; the others are functions of values, so that they may be done wherever there is time."""

import asyncio
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from domain.errors import NotReady
from domain.hub import Hub
from domain.ports.search import Facet, Hit, SearchRequest, SearchResult
from domain.query.tree import MatchAll, Query
from gateway.rest import answers, scroll
from gateway.rest.answers import RequestInvalid
from gateway.rest.arguments import Arguments
from gateway.rest.limits import Limits
from gateway.rest.listing import AT_ONCE, Encoder, Item, Listing, looked_up
from gateway.rest.queries import Terms, read_filter, read_query, read_sort, read_terms
from gateway.rest.scroll import Scroll
from gateway.rest.served import Served
from gateway.rest.shape import Shape, read_shape

PAGE = 1000
"""Documents of one page of a scroll."""
WARNING = "Leat-Warning"
"""The header that carries warnings: BioThings' clients expect a bare list, which has no place for them."""
_WARNINGS = 10
"""Warnings of one answer: each term may have its own."""
_ABREAST = 8
"""Searches of one request that run at the same time."""


async def search(encoder: Encoder, served: Served, arguments: Arguments, *, many: bool = False) -> web.StreamResponse:
    """The answer to GET `/query` or, where `many` terms are asked for, to POST. Raises RequestInvalid, and what searches raise."""
    asked = await encoder.away(arguments.size, parse, arguments, served.licenses, encoder.limits, many)
    planned = plan(asked, served, encoder.limits)
    found = await ask(encoder.hub, planned, encoder.limits)
    shaped = await encoder.away(64 * sum(len(result.hits) for result in found), shape, asked, planned, found)
    return await encoder.encode(shaped)


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
    terms: Terms | None = None
    """What POST looks for."""
    with_total: bool = False


def parse(arguments: Arguments, licenses: Mapping[str, str], limits: Limits, many: bool) -> Asked:
    """Everything that is asked for. Raises RequestInvalid, QueryInvalid."""
    at, shape = time.perf_counter(), read_shape(arguments, licenses)
    said = _parse_terms(arguments, limits) if many else _parse_query(arguments, limits)
    return Asked(at=at, shape=shape, **said)


def _parse_query(arguments: Arguments, limits: Limits) -> dict[str, Any]:
    q, facets = arguments.text("q"), arguments.strings("aggs", "facets", most=limits.items) or []
    facet_size = arguments.integer("facet_size", default=10, most=limits.facet_size) or 10  # BioThings takes 0 for nothing said
    if (terms := len(facets) * facet_size) > limits.facet_terms:
        raise RequestInvalid("Facets times facet_size is too large.", keyword="facet_size", num=terms, max=limits.facet_terms)
    request = _read_request(arguments, read_query(q), limits)
    if facets:
        request = msgspec.structs.replace(request, facets=tuple(dict.fromkeys(facets)), facet_size=facet_size)
    if scroll_id := arguments.text("scroll_id"):
        return {"scrolls": scroll_id}
    if arguments.flag("fetch_all"):
        filter, post_filter = arguments.text("filter"), arguments.text("post_filter")
        begun = Scroll(index="", q=q, filter=filter, post_filter=post_filter, total=0, after="")
        return {"request": request, "scrolls": begun}
    if facets and q in (None, "__all__") and arguments.text("size") is None and arguments.text("limit") is None:
        request = msgspec.structs.replace(request, limit=0)
    return {"q": q, "request": request}


def _parse_terms(arguments: Arguments, limits: Limits) -> dict[str, Any]:
    request, with_total = _read_request(arguments, MatchAll(), limits), arguments.flag("with_total")
    return {"terms": read_terms(arguments, limits), "request": request, "with_total": with_total}


def _read_request(arguments: Arguments, query: Query, limits: Limits) -> SearchRequest:
    """Paging, sorting and filters of GET and POST alike."""
    filter = read_filter(arguments.text("filter"), "filter")
    return SearchRequest(
        query=query,
        filters=() if filter is None else (filter,),
        post_filter=read_filter(arguments.text("post_filter"), "post_filter"),
        sort=read_sort(arguments.strings("sort", most=limits.sort) or []),
        offset=arguments.integer("from", "skip", default=0, most=limits.skipped),
        limit=arguments.integer("size", "limit", default=10, most=limits.size),
    )


# --- plan: which searches of which release that means


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the search engine is asked. Bodies of many hits are not: the encoder reads them a batch at a time."""

    index: str
    search: SearchRequest | None = None
    """What GET looks for; of a scroll that begins, what counts its hits."""
    searches: Iterator[SearchRequest] = iter(())
    """What each term means."""
    count: int = 0
    """How many these are."""
    page: Scroll | None = None
    """The page of a scroll."""
    etag: str = ""


def plan(asked: Asked, served: Served, limits: Limits) -> Plan:
    """The searches of what the API serves. Raises RequestInvalid."""
    if asked.terms is not None:
        return _plan_terms(asked, asked.terms, served, limits)
    request = asked.request
    if request.limit > AT_ONCE:
        request = msgspec.structs.replace(request, bodies=False)
    if isinstance(asked.scrolls, str):
        page = scroll.decode(asked.scrolls, served.api)
        return Plan(index=page.index, page=page)
    if asked.scrolls is not None:
        page = msgspec.structs.replace(asked.scrolls, index=served.index)
        count = msgspec.structs.replace(request, sort=(), offset=0, limit=1, bodies=False)
        return Plan(index=served.index, search=count, page=page)
    if asked.q == "__any__":
        anywhere = random.randrange(max(1, min(served.count, limits.skipped)))
        return Plan(index=served.index, search=msgspec.structs.replace(request, offset=anywhere))
    return Plan(index=served.index, search=request, etag=served.etag)


def _plan_terms(asked: Asked, terms: Terms, served: Served, limits: Limits) -> Plan:
    request = asked.request
    looks = len(terms.values) * sum(len(served.fields.matching(path)) if "*" in path else 1 for path in terms.paths())
    if looks > limits.looks:
        raise RequestInvalid("Terms times fields to look in is too large.", keyword="scopes", num=looks, max=limits.looks)
    if _are_looked_up(asked):
        return Plan(index=served.index)
    request = msgspec.structs.replace(request, bodies=request.limit * len(terms.values) <= AT_ONCE)
    searches = (msgspec.structs.replace(request, query=query) for query in terms.queries())
    return Plan(index=served.index, searches=searches, count=len(terms.values))


def _are_looked_up(asked: Asked) -> bool:
    """Whether nothing has to be searched: terms are ids, and what is said of each needs no more than its document."""
    request = asked.request
    narrowed = request.filters or request.post_filter or request.offset or not request.limit or asked.with_total
    return asked.terms is not None and asked.terms.are_ids and not narrowed


# --- ask: what is found


async def ask(hub: Hub, planned: Plan, limits: Limits) -> list[SearchResult]:
    """What was found: one result for each search, or the page. Raises what searches raise, and RequestInvalid for a scroll whose
    release is gone, or where there are too many hits."""
    result = None if planned.search is None else await hub.search.search(planned.index, planned.search)
    if planned.page is not None:
        page = planned.page
        before = result or SearchResult(total=page.total, max_score=page.best)
        return [msgspec.structs.replace(before, hits=tuple(await _read_page(hub, page)))]
    if result is not None:
        return [result]
    pending, found, room = enumerate(planned.searches), dict[int, SearchResult](), limits.hits

    async def some() -> None:
        nonlocal room
        for at, request in pending:
            found[at] = await hub.search.search(planned.index, request)
            room -= len(found[at].hits)
            if room < 0:
                raise RequestInvalid("The terms have too many hits: ask for fewer terms, or a smaller size.", max=limits.hits)
            await asyncio.sleep(0)  # a search may be over without having waited, and others want to be answered too

    if planned.count == 1:
        return [await hub.search.search(planned.index, next(planned.searches))]
    tasks = [asyncio.create_task(some()) for _ in range(min(_ABREAST, planned.count))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [found[at] for at in range(len(found))]


async def _read_page(hub: Hub, page: Scroll) -> list[Hit]:
    """The next hits, ordered by `_id`."""
    filter = read_filter(page.filter, "filter")
    request = SearchRequest(
        query=read_query(page.q),
        filters=() if filter is None else (filter,),
        post_filter=read_filter(page.post_filter, "post_filter"),
        bodies=False,
        scores=True,
    )
    hits: list[Hit] = []
    try:
        async for batch in hub.search.scan(page.index, request, page.after):
            hits += batch
            if len(hits) >= PAGE:
                break
    except NotReady as error:
        raise scroll.stale() from error
    return hits[:PAGE]


# --- shape: what the answer says, but for the documents


def shape(asked: Asked, planned: Plan, found: Sequence[SearchResult]) -> Listing:
    """What was found in BioThings' shapes; `took` is what it took to here."""
    if asked.terms is not None:
        return _shape_terms(asked, asked.terms, planned, found)
    (result,) = found
    head: dict[str, Any] = {
        "took": round((time.perf_counter() - asked.at) * 1000),
        "total": result.total,
        "max_score": result.max_score,
    }
    page = planned.page
    if page is not None and page.after and not result.hits:  # BioThings' clients wait for an error that is none
        return Listing(head={"success": False, "error": "No more results to return."}, shape=Shape(), headers=answers.headers())
    if page is not None:
        after = result.hits[-1].id if result.hits else scroll.END
        head["_scroll_id"] = msgspec.structs.replace(page, total=result.total, best=result.max_score, after=after).encode()
    if result.warnings:
        head["_warning"] = "; ".join(result.warnings)
    if result.facets:
        head["facets"] = {path: _facet(facet) for path, facet in result.facets.items()}
    items = [Item({"_score": score}, id, body or None) for id, score, body in result.hits]
    headers = answers.headers(planned.etag, asked.shape.form)
    shown = None if result.facets and not items else items
    return Listing(index=planned.index, head=head, items=shown, shape=asked.shape, headers=headers)


def _shape_terms(asked: Asked, terms: Terms, planned: Plan, found: Sequence[SearchResult]) -> Listing:
    """The hits of every term, in the terms' order; under `with_total` a head says how to get what is not among them."""
    headers, form = answers.headers(form=asked.shape.form), asked.shape
    if _are_looked_up(asked):
        known = [looked_up(term, {"_score": 1.0}) for term in terms.values]
        return Listing(index=planned.index, items=known, certain=False, shape=form, headers=headers)
    items: list[Item] = []
    for term, result in zip(terms.values, found, strict=True):
        if result.hits:
            items += [Item({"query": term, "_score": score}, id, body or None) for id, score, body in result.hits]
        else:
            items.append(Item({"query": term, "notfound": True}))
    if warnings := "; ".join(_warnings(found, shared=bool(terms.scopes))[:_WARNINGS]):
        headers[WARNING] = re.sub(r"[^ -~]", "?", warnings)[:2000]
        headers["Access-Control-Expose-Headers"] = WARNING
    head = _totals(asked.request, found, warnings) if asked.with_total else {}
    return Listing(index=planned.index, head=head, items=items, shape=form, headers=headers)


def _facet(facet: Facet) -> dict[str, Any]:
    """A terms facet in BioThings' shape; `missing` is what it says, the documents without a value."""
    terms = [{"term": term, "count": count} for term, count in facet.terms]
    total = sum(count for _, count in facet.terms)
    return {"_type": "terms", "terms": terms, "other": facet.other, "missing": facet.missing, "total": total}


def _warnings(found: Sequence[SearchResult], *, shared: bool) -> list[str]:
    """What the searches warned of. `shared`: all of them; where terms are looked for in several scopes, that one of them is no
    number is as it should be, and a scope that is not mapped is warned of for every term."""
    seen = dict.fromkeys(warning for result in found for warning in result.warnings)
    return [warning for warning in seen if not shared or all(warning in result.warnings for result in found)]


def _totals(request: SearchRequest, found: Sequence[SearchResult], warnings: str) -> dict[str, Any]:
    head: dict[str, Any] = {"max_total": max((result.total for result in found), default=0)}
    if warnings:
        head["_warning"] = warnings
    following = request.offset + request.limit
    if longer := sum(result.total > following for result in found):
        hint = f"using from={following} to retrieve the remaining hits"
        head["msg"] = f"{longer} query terms return > {request.limit} hits, {hint}"
    return head
