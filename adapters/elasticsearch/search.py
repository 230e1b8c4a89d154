"""Search on Elasticsearch 8 and 9: an index of its own for each release, named after the hub."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, OrjsonSerializer

from adapters.elasticsearch.clauses import ID, name_of, query
from adapters.elasticsearch.errors import PATIENCE, Busy, cause, reason, translated
from adapters.elasticsearch.index import Found, decoded, encoded, found_in, mapping, meta, serving_settings, settings
from adapters.refusals import refusal
from domain.errors import Conflict, Invalid, NotReady, Unavailable
from domain.ports.documents import Document
from domain.ports.search import Facet, Hit, IndexSpec, Search, SearchRequest, SearchResult
from domain.query.mappings import Field
from domain.query.plan import Fields, Planner, facet_field, facet_term, sort_field

CHUNK = 1_000_000
"""Bytes of a bulk request."""
CHUNKS = 4
"""Bulk requests under way at a time."""
BATCH = 1000
"""Hits of a scan that are fetched at once."""
TERMS = 50_000
"""Terms that a shard may hand over for a facet, so that counts are exact up to so many."""
ALL_TERMS = 200_000
"""Terms that a shard may hand over for all facets of a search together: with many facets, fewer for each."""
TRIES = 8
"""Times that a document is sent which the server is too busy to take; waits double from 0.1 s, 12.7 s altogether."""


class ElasticsearchSearch(Search):
    """`async with ElasticsearchSearch.open(url, hub) as search`; every index is named `<hub>.<name>`."""

    def __init__(self, client: AsyncElasticsearch, hub: str) -> None:
        self._client = client
        self._hub = hub
        self._last: dict[str, str] = {}
        self._known: dict[str, tuple[IndexSpec, Fields]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, hub: str) -> AsyncIterator["ElasticsearchSearch"]:
        """A client of the server at `url` (user and password may stand in it)."""
        client = AsyncElasticsearch(url, request_timeout=120, max_retries=3, retry_on_timeout=False, serializer=OrjsonSerializer())
        search = cls(client, hub)
        try:
            yield search
        finally:
            for closing in search._closing:
                closing.cancel()
            await client.close()

    async def create(self, name: str, spec: IndexSpec) -> None:
        fields = Fields(spec.mapping)
        await self.drop(name)
        with translated(name):
            try:
                await self._client.indices.create(
                    index=self._index(name),
                    settings=settings(spec, fields),
                    mappings=mapping(spec, fields),
                    aliases={self._filling(name): {}},
                )
            except ApiError as error:
                if error.status_code != 400:
                    raise
                # The name was free just now: if it is taken, the driver sent this twice, since an answer was lost.
                if error.error != "resource_already_exists_exception":
                    raise Invalid(f"the search engine refuses the index: {reason(error)}", ("mapping",)) from error
        self._last[name] = ""

    async def bulk(self, name: str, documents: Sequence[Document]) -> None:
        if name not in self._last:
            raise NotReady(f"index {name} is not being written by this process")
        for document in documents:
            if self._last[name] >= document.id:
                raise Conflict(
                    f"{document.id!r} comes after {self._last[name]!r}: an index is filled in the order of _id, each once"
                )
            self._last[name] = document.id
        refused: list[tuple[str, str]] = []
        slots = asyncio.Semaphore(CHUNKS)

        async def send(chunk: Sequence[Document]) -> list[tuple[str, str]]:
            async with slots:
                return await self._send(name, chunk)

        for answer in await asyncio.gather(*map(send, _chunks(documents)), return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer
            refused += answer
        if refused:
            raise refusal(refused, len(documents))

    async def seal(self, name: str) -> int:
        index = self._index(name)
        with translated(name):
            spec = (await self._found(name)).spec
            await self._client.indices.refresh(index=index)
            await self._client.indices.flush(index=index, wait_if_ongoing=True)
            await self._client.indices.put_settings(index=index, settings=serving_settings(spec))
            await self._client.indices.put_mapping(index=index, meta=meta(spec, sealed=True))
            count = await self._count(name)
            # Sent twice, since an answer was lost, it finds no alias.
            await self._client.options(ignore_status=404).indices.delete_alias(index=index, name=self._filling(name))
        self._last.pop(name, None)
        return count

    @property
    def _searching(self) -> AsyncElasticsearch:
        """For searches: 504 means that one took too long, and would again."""
        return self._client.options(request_timeout=PATIENCE + 5, retry_on_status=(502, 503))

    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        _, fields = await self._open(name)
        planner = Planner(fields)
        body = _body(planner, request)
        facets = {path: facet_field(fields, path) for path in request.facets}
        if facets:
            body["aggs"] = _aggregations(facets, request.facet_size)
        sorted_by = [{name_of(key.path): _order(fields, key.path, key.descending)} for key in request.sort]
        body["sort"] = [*(sorted_by or [{"_score": "desc"}]), *([] if _ends_by_id(request) else [{ID: "asc"}])]
        with translated(name):
            found = await self._searching.search(
                index=self._index(name),
                timeout=f"{PATIENCE:g}s",
                from_=request.offset,
                size=request.limit,
                source=request.bodies,
                track_total_hits=True,
                allow_partial_search_results=False,
                track_scores=not request.sort,
                **body,
            )
        unmapped = [f"facets: {fields.unknown(path)}" for path, field in facets.items() if field is None]
        return SearchResult(
            total=found["hits"]["total"]["value"],
            hits=tuple(_hit(hit, scored=not request.sort) for hit in found["hits"]["hits"]),
            max_score=None if request.sort else found["hits"]["max_score"],
            facets={path: _facet(field, path, found, request.facet_size) for path, field in facets.items()},
            warnings=(*planner.warnings, *unmapped),
        )

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        await self._open(name)
        if not ids:
            return {}
        with translated(name):
            found = await self._client.mget(index=self._index(name), ids=list(ids))
        return {doc["_id"]: decoded(doc["_source"], doc["_id"]) for doc in found["docs"] if doc.get("found")}

    async def scan(self, name: str, request: SearchRequest, after: str = "") -> AsyncIterator[list[Hit]]:
        _, fields = await self._open(name)
        body = _body(Planner(fields), request)
        with translated(name):
            opened = await self._client.open_point_in_time(index=self._index(name), keep_alive="5m")
            pit = opened["id"]
            try:
                while True:
                    found = await self._searching.search(
                        timeout=f"{PATIENCE:g}s",
                        pit={"id": pit, "keep_alive": "5m"},
                        size=BATCH,
                        source=request.bodies,
                        track_total_hits=False,
                        allow_partial_search_results=False,
                        sort=[{ID: "asc"}],
                        track_scores=request.scores,
                        search_after=[after] if after else None,
                        **body,
                    )
                    pit, hits = found["pit_id"], found["hits"]["hits"]
                    if hits:
                        after = hits[-1]["_id"]
                        yield [_hit(hit, scored=request.scores) for hit in hits]
                    if len(hits) < BATCH:
                        return
            finally:  # nobody waits for this: the server may be away, and forgets it by itself
                closing = asyncio.create_task(self._close(pit))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def _close(self, pit: str) -> None:
        with suppress(ApiError, TransportError):
            await self._client.options(request_timeout=PATIENCE, max_retries=0).close_point_in_time(id=pit)

    async def describe(self, name: str) -> tuple[IndexSpec, int]:
        spec, _ = await self._open(name)
        with translated(name):
            return spec, await self._count(name)

    async def _count(self, name: str) -> int:
        found = await self._client.count(index=self._index(name))
        if missing := found["_shards"]["total"] - found["_shards"]["successful"]:
            raise Unavailable(f"{missing} shards of {name} do not answer")
        return int(found["count"])

    async def publish(self, alias: str, name: str | None) -> None:
        alias = f"{self._hub}-{_lowered(alias)}"
        actions: list[dict[str, Any]] = []
        with translated(name or alias):
            if await self._client.indices.exists_alias(name=alias):
                actions.append({"remove": {"index": f"{self._hub}.*", "alias": alias}})
            if name is not None:
                actions.append({"add": {"index": self._index(name), "alias": alias}})
            if not actions:
                return
            try:
                await self._client.indices.update_aliases(actions=actions)
            except ApiError as error:
                # Sent twice, since an answer was lost, it finds nothing left to remove.
                if error.error != "aliases_not_found_exception":
                    raise

    async def names(self) -> list[str]:
        with translated("*"):
            found = await self._client.indices.get(index=f"{self._hub}.*", features="aliases", expand_wildcards="open")
        return sorted(index.removeprefix(f"{self._hub}.") for index in found)

    async def drop(self, name: str) -> None:
        self._known.pop(name, None)
        self._last.pop(name, None)
        with translated(name):
            await self._client.indices.delete(index=self._index(name), ignore_unavailable=True)

    async def room(self) -> int | None:
        """What the node with the least of it has; None where this user may not ask, or the server does not tell."""
        path = "nodes.*.fs.total.available_in_bytes"
        with translated("*"):
            told = await self._client.options(ignore_status=(400, 401, 403, 404)).nodes.stats(metric="fs", filter_path=path)
        nodes = told.body.get("nodes", {}).values() if isinstance(told.body, dict) else ()
        return min((int(node["fs"]["total"]["available_in_bytes"]) for node in nodes), default=None)

    async def ping(self) -> None:
        with translated("*"):
            await self._client.options(request_timeout=PATIENCE).info()

    def _index(self, name: str) -> str:
        if not name or name != name.lower() or any(sign in name for sign in '*?,"<>|\\/ #:'):
            raise Invalid(f"{name!r} is no name of an index", ("name",))
        return f"{self._hub}.{name}"

    def _filling(self, name: str) -> str:
        """The alias that documents are sent to, until the index is sealed: an index that is missing would be made anew."""
        return f"{self._index(name)}-filling"

    async def _found(self, name: str) -> Found:
        index = self._index(name)
        with translated(name):
            found = (await self._client.indices.get_mapping(index=index))[index]["mappings"]
        if "_leat" not in found.get("_meta", {}):
            raise NotReady(f"somebody else made an index {name}")
        return found_in(found["_meta"])

    async def _open(self, name: str) -> tuple[IndexSpec, Fields]:
        """Spec and fields of a sealed index, which never change."""
        if name not in self._known:
            found = await self._found(name)
            if not found.sealed:
                raise NotReady(f"index {name} is not sealed")
            self._known[name] = found.spec, Fields(found.spec.mapping, unindexed=found.unindexed)
        return self._known[name]

    async def _send(self, name: str, documents: Sequence[Document]) -> list[tuple[str, str]]:
        """Send a chunk, and again what the server was too busy for, or refused and takes with its odd keys hidden; returns ids and
        reasons of what is refused."""
        refused: list[tuple[str, str]] = []
        given = {document.id: document for document in documents}
        left = {document.id: encoded(document) for document in documents}
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(0.05 * 2**attempt)
            try:
                items = await self._bulk(name, list(left.values()))
            except Busy:
                continue
            again: dict[str, bytes] = {}
            for item in items:
                result = item["index"]
                id, status = result["_id"], result["status"]
                if status == 404:
                    raise NotReady(f"index {name} was dropped while it was filled")
                if status == 429 or status >= 500:  # a shard may just be moving, or a node ending
                    again[id] = left[id]
                elif "error" in result:
                    hidden = encoded(given[id], anywhere=True)
                    if hidden == left[id]:
                        refused.append((id, cause(result["error"])))
                    else:
                        again[id] = hidden
            if not again:
                return refused
            left = again
        raise Unavailable(f"the search engine was too busy to take {len(left)} documents of {name}")

    async def _bulk(self, name: str, operations: list[bytes]) -> list[dict[str, Any]]:
        """What became of each operation; nothing where all were done."""
        with translated(name):
            answer = await self._client.bulk(
                index=self._filling(name),
                require_alias=True,
                operations=operations,  # type: ignore[arg-type]  # bytes go as they are
                filter_path="errors,items.*._id,items.*.status,items.*.error",
            )
        items: list[dict[str, Any]] = answer["items"] if answer["errors"] else []
        return items


def _chunks(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    start = size = 0
    for at, document in enumerate(documents):
        if size and size + len(document.body) > CHUNK:
            yield documents[start:at]
            start, size = at, 0
        size += len(document.body)
    if start < len(documents):
        yield documents[start:]


def _lowered(name: str) -> str:
    """The name without capitals, which Elasticsearch takes nowhere, and still another for another name: `Ab` is `.ab`."""
    return "".join(f".{sign.lower()}" if sign.isupper() else sign for sign in name)


def _body(planner: Planner, request: SearchRequest) -> dict[str, Any]:
    wanted = query(planner.plan(request.query))
    filters, post_filter = planner.conditions(request.filters, request.post_filter)
    if filters:
        wanted = {"bool": {"must": [wanted], "filter": list(map(query, filters))}}
    body: dict[str, Any] = {"query": wanted}
    if post_filter is not None:
        body["post_filter"] = query(post_filter)
    return body


def _order(fields: Fields, path: str, descending: bool) -> dict[str, Any] | str:
    order = "desc" if descending else "asc"
    if path == "_score":
        return order
    sort_field(fields, path)
    return {"order": order, "mode": "max" if descending else "min", "missing": "_last"}


def _ends_by_id(request: SearchRequest) -> bool:
    return any(key.path == "_id" for key in request.sort)


def _aggregations(facets: dict[str, Field | None], size: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    handed = max(size, min(TERMS, ALL_TERMS // len(facets)))
    for path, field in facets.items():
        if field is not None:
            order = [{"_count": "desc"}, {"_key": "asc"}]
            terms = {"field": path, "size": max(size, 1), "shard_size": handed, "order": order}
            made[f"terms:{path}"] = {"terms": terms}
        made[f"missing:{path}"] = {"missing": {"field": path}}
    return made


def _facet(field: Field | None, path: str, found: Any, size: int) -> Facet:
    missing = found["aggregations"][f"missing:{path}"]["doc_count"]
    if field is None:
        return Facet(terms=(), other=0, missing=missing)
    terms = found["aggregations"][f"terms:{path}"]
    counts = tuple((facet_term(field, bucket["key"]), bucket["doc_count"]) for bucket in terms["buckets"])
    hidden = sum(count for _, count in counts[size:])
    return Facet(terms=counts[:size], other=terms["sum_other_doc_count"] + hidden, missing=missing)


def _hit(hit: dict[str, Any], *, scored: bool) -> Hit:
    body = decoded(hit["_source"], hit["_id"]) if "_source" in hit else b""
    return Hit(hit["_id"], hit["_score"] if scored else None, body)
