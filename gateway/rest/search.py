"""GET `/query`: one search, with facets, sorting and paging, or a scroll over everything."""

import base64
import binascii
import random
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from domain.errors import NotReady, QueryInvalid
from domain.hub import Hub
from domain.ports.search import Facet, Hit, SearchRequest, SearchResult, Sort
from domain.query.parser import parse
from domain.query.tree import MatchAll, MatchNone, Query
from gateway.rest.answers import RequestInvalid, encode, headers
from gateway.rest.arguments import Arguments
from gateway.rest.served import Served
from gateway.rest.shape import Shape, prefixed, read_shape

SIZE = 1000
FROM = 10_000
PAGE = 1000
"""Documents of one page of a scroll."""


class Scroll(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a scroll stands: all that is needed to go on, so that nothing is kept here between two pages."""

    index: str
    q: str | None
    filter: str | None
    post_filter: str | None
    total: int
    after: str


def read_query(text: str | None, keyword: str = "q") -> Query:
    """The tree of a query string: everything for None and `__all__`, nothing for an empty one."""
    if text is None or text in ("__all__", "__any__"):
        return MatchAll()
    if not text:
        return MatchNone()
    try:
        return parse(text)
    except QueryInvalid as error:
        raise QueryInvalid(error.message, error.position, (keyword,)) from error


def read_request(served: Served, arguments: Arguments, query: Query) -> SearchRequest:
    """Paging, sorting and filters of GET and POST alike. Raises RequestInvalid, QueryInvalid."""
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


async def search(hub: Hub, served: Served, arguments: Arguments) -> web.Response:
    """The hits of one query."""
    started = time.perf_counter()
    shape = read_shape(arguments, served.licenses)
    if scroll_id := arguments.text("scroll_id"):
        return await _scroll(hub, served, _decode(served, scroll_id), shape, started)
    q = arguments.text("q")
    query = read_query(q)
    if arguments.flag("fetch_all"):
        filter, post_filter = arguments.text("filter"), arguments.text("post_filter")
        request = msgspec.structs.replace(read_request(served, arguments, query), sort=(), offset=0, limit=0, bodies=False)
        total = (await hub.search.search(served.index, request)).total
        scroll = Scroll(index=served.index, q=q, filter=filter, post_filter=post_filter, total=total, after="")
        return await _scroll(hub, served, scroll, shape, started)
    facets = arguments.strings("aggs", "facets") or []
    request = read_request(served, arguments, query)
    if facets and q in (None, "__all__") and arguments.text("size") is None and arguments.text("limit") is None:
        request = msgspec.structs.replace(request, limit=0)
    if q == "__any__":
        request = msgspec.structs.replace(request, offset=random.randrange(max(1, min(served.count, FROM))))
    facet_size = arguments.integer("facet_size", default=10, most=1000)
    request = msgspec.structs.replace(request, facets=tuple(facets), facet_size=facet_size)
    result = await hub.search.search(served.index, request)
    etag = "" if q == "__any__" else served.etag
    return web.Response(body=_page(result, shape, started), headers=headers(etag, shape.form))


def _page(result: SearchResult, shape: Shape, started: float) -> bytes:
    head: dict[str, Any] = {"took": _took(started), "total": result.total, "max_score": result.max_score}
    if result.warnings:
        head["_warning"] = "; ".join(result.warnings)
    if result.facets:
        head["facets"] = {path: show_facet(facet) for path, facet in result.facets.items()}
        if not result.hits:
            return encode(head, shape.form)
    return with_hits(head, result.hits, shape)


def _took(started: float) -> int:
    """Milliseconds."""
    return round((time.perf_counter() - started) * 1000)


def with_hits(head: dict[str, Any], hits: Sequence[Hit], shape: Shape) -> bytes:
    """`head` and the hits: bytes as they are stored where nothing is changed in them."""
    if shape.plain:
        items = b",".join(prefixed({"_score": hit.score}, hit.body) for hit in hits)
        return encode(head)[:-1] + b',"hits":[' + items + b"]}"
    shaper = shape.shaper()
    return encode(head | {"hits": [{"_score": hit.score} | shaper.document(hit.body) for hit in hits]}, shape.form)


def show_facet(facet: Facet) -> dict[str, Any]:
    """A terms facet in BioThings' shape; `missing` is what it says, the documents without a value."""
    terms = [{"term": term, "count": count} for term, count in facet.terms]
    total = sum(count for _, count in facet.terms)
    return {"_type": "terms", "terms": terms, "other": facet.other, "missing": facet.missing, "total": total}


async def _scroll(hub: Hub, served: Served, scroll: Scroll, shape: Shape, started: float) -> web.Response:
    """The next page, ordered by `_id`; after the last one BioThings' clients wait for an error that is none."""
    filters = () if scroll.filter is None else (read_query(scroll.filter, "filter"),)
    post_filter = None if scroll.post_filter is None else read_query(scroll.post_filter, "post_filter")
    request = SearchRequest(query=read_query(scroll.q), filters=filters, post_filter=post_filter)
    hits: list[Hit] = []
    try:
        pages = hub.search.scan(scroll.index, request, scroll.after)
        async for page in pages:
            hits += page
            if len(hits) >= PAGE:
                break
    except NotReady as error:
        raise stale() from error
    hits = hits[:PAGE]
    if scroll.after and not hits:
        return web.Response(body=encode({"success": False, "error": "No more results to return."}), headers=headers())
    following = msgspec.structs.replace(scroll, after=hits[-1].id if hits else "\U0010ffff")
    head = {"took": _took(started), "total": scroll.total, "max_score": None, "_scroll_id": _encode(following)}
    return web.Response(body=with_hits(head, hits, shape), headers=headers(form=shape.form))


def _encode(scroll: Scroll) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(scroll)).rstrip(b"=").decode()


def _decode(served: Served, text: str) -> Scroll:
    """The scroll behind an id; only releases that this API keeps can be read with one."""
    try:
        scroll = msgspec.msgpack.decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True), type=Scroll)
    except (binascii.Error, ValueError) as error:
        raise stale() from error
    if scroll.index not in {release.output for release in served.api.releases()}:
        raise stale()
    return scroll


def stale() -> RequestInvalid:
    """A scroll id that is none, or whose release is gone."""
    return RequestInvalid("", error="ValueError", details="Invalid or stale scroll_id.")
