"""APIs: which build is served under which name, its releases, and what a search of it answers."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any, Self

import orjson
import strawberry
from strawberry import argument, field

from domain.data.apis import APIS
from domain.data.apis import Api as ApiRecord
from domain.errors import Invalid
from domain.errors import NotReady as Unready
from domain.nouns import Stored
from domain.ports.search import Hit, SearchRequest, Sort
from domain.query.parser import parse
from events.apis import ReleaseCreated
from gateway.context import Info
from gateway.errors import NotFound, NotReady, QueryInvalid, ValidationFailed
from gateway.graphql.builds.types import Build, find_build
from gateway.graphql.documents import few_fields
from gateway.graphql.jobs.queries import JobFilter, job_page
from gateway.graphql.jobs.types import Job
from gateway.graphql.nodes import After, Connection, First, Node, few, global_id
from gateway.rest.shape import Shape
from gateway.scalars import JSON, DateTime, Long, time

DEPTH = 10_000
"""How deep pages of hits go; who wants more scans."""


@strawberry.type(description="What a search found.")
class SearchSuccess:
    """domain.ports.search.SearchResult."""

    total: Long = field(description="Documents that match.")
    max_score: float | None = field(description="The best score; null under a sort.")
    hits: JSON = field(description="The documents of this page, each with `_id` and `_score`.")
    facets: JSON = field(description="By path: terms and their numbers of documents, most frequent first, `other` and `missing`.")
    warnings: list[str] = field(description="Such as a path that is not mapped, which matches nothing.")


SearchPayload = Annotated[
    SearchSuccess | QueryInvalid | ValidationFailed | NotFound | NotReady,
    strawberry.union("SearchPayload", description="What a search answers."),
]


@strawberry.input(description="What to search for.")
class SearchInput:
    """domain.ports.search.SearchRequest."""

    query: str = field(default="*:*", description="Lucene syntax: gene:ABL1 AND NOT evidence:*guideline*.")
    filters: list[str] = field(default_factory=list, description="Queries that must match too, without a share in the score.")
    sort: list[str] = field(default_factory=list, description="Paths, the most important first; `-` before one for descending.")
    offset: int = field(default=0, description="Hits to skip.")
    limit: int = field(default=10, description="Hits to give, at most 1000.")
    facets: list[str] = field(default_factory=list, description="Paths whose most frequent terms are counted.")
    facet_size: int = field(default=10, description="Terms of each facet, at most 1000.")
    fields: list[str] | None = field(
        default=None,
        description="Paths that hits have, `*` for any characters, or `-path` for those that they lack; all by default.",
    )


Searched = Annotated[SearchInput, argument(description="What to search for.")]


async def search(info: Info, api: ApiRecord, input: SearchInput) -> SearchSuccess:
    """Search what an API serves."""
    if not api.served:
        raise Unready("the API has no release yet")
    for name, value, most in (("limit", input.limit, 1000), ("facetSize", input.facet_size, 1000), ("offset", input.offset, DEPTH)):
        if not 0 <= value <= most:
            raise Invalid(f"{name} is 0 to {most}", (name,))
    request = SearchRequest(
        query=parse(input.query),
        filters=tuple(parse(text) for text in input.filters),
        sort=tuple(Sort(path=path.removeprefix("-"), descending=path.startswith("-")) for path in input.sort),
        offset=input.offset,
        limit=input.limit,
        facets=tuple(input.facets),
        facet_size=input.facet_size,
    )
    found = await info.context.hub.search.search(api.served, request)
    facets = {
        path: {
            "terms": [{"term": term, "count": count} for term, count in facet.terms],
            "other": facet.other,
            "missing": facet.missing,
        }
        for path, facet in found.facets.items()
    }
    hits = await asyncio.to_thread(_shown, found.hits, few_fields(input.fields))
    return SearchSuccess(
        total=Long(found.total),
        max_score=found.max_score,
        hits=JSON(hits),
        facets=JSON(facets),
        warnings=list(found.warnings),
    )


def _shown(hits: Iterable[Hit], fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The documents found, as a published API would give them with these `fields`."""
    shaper = Shape(fields=fields).shaper()
    return [{**shaper.document(hit.body), "_id": hit.id, "_score": hit.score} for hit in hits]


@strawberry.type(description="A build's output, indexed for one API.")
class Release:
    """events.apis.ReleaseCreated."""

    output: str = field(description="Its name, the index: the job and attempt that made it.")
    build_output: str = field(description="The build's output that it indexes.")
    version: str = field(description="The build version.")
    count: Long = field(description="Documents.")
    at: DateTime = field(description="When it was made.")
    served: bool = field(description="Whether the API serves it.")
    name: str = field(description="What people call it, such as 20261124.2; commands take it as they take `output`.")
    held: list[str] = field(description="Why it is held, a sentence each; empty where it is not.")
    accepted_by: str | None = field(description="Who let it be served although it was held.")
    accepted_at: DateTime | None = field(description="When.")
    accepted_despite: list[str] = field(description="Why it was held until then.")

    @strawberry.field(description="Metadata that is served with it: sources, statistics, versions.")
    async def metadata(self, info: Info) -> JSON:
        """BioThings' `_meta`."""
        spec, _ = await info.context.hub.search.describe(self.output)
        return JSON(spec.meta)

    @strawberry.field(description="The mapping of its index: Elasticsearch properties.")
    async def mapping(self, info: Info) -> JSON:
        """As it was made."""
        spec, _ = await info.context.hub.search.describe(self.output)
        return JSON(spec.mapping)

    @classmethod
    def of(cls, api: ApiRecord, event: ReleaseCreated) -> Self:
        """As clients see it."""
        return cls(
            output=event.output,
            build_output=event.build,
            version=event.version,
            count=Long(event.count),
            at=DateTime(event.at),
            served=event.output == api.served,
            name=event.called,
            held=list(event.held),
            accepted_by=event.accepted_by or None,
            accepted_at=time(event.accepted_at),
            accepted_despite=list(event.accepted_despite),
        )


@strawberry.type(description="A published API, served below /api/<name>/.")
class Api(Node):
    """domain.data.apis.Api."""

    record: strawberry.Private[ApiRecord]
    name: str = field(description="Its name.")
    build_name: str = field(description="The build whose releases it serves.")
    running: bool = field(description="Whether it answers; 503 otherwise.")
    automatic: bool = field(description="Whether it is released whenever its build has a new output.")
    description: str = field(description="What it is, in words.")
    created_at: DateTime = field(description="When it was added.")
    edited_at: DateTime | None = field(description="When it was last edited.")
    writer: str = field(description="The job and attempt that works on it; empty where none does.")
    path: str = field(description="Where it is served.")
    served: Release | None = field(description="The release that is served; null before the first.")
    held: Release | None = field(description="The release that waits for somebody to accept it; null where none does.")
    releases: list[Release] = field(description="The releases that are kept, newest first.")

    @classmethod
    def of(cls, stored: Stored[ApiRecord]) -> Self:
        """The record as clients see it."""
        api = stored.value
        releases = [Release.of(api, event) for event in api.releases()]
        return cls(
            id=global_id("Api", stored.id),
            record=api,
            name=stored.id,
            build_name=api.build,
            running=api.running,
            automatic=api.automatic,
            description=api.description,
            created_at=DateTime(api.created_at),
            edited_at=time(api.edited_at),
            writer=api.writer,
            path=f"/api/{stored.id}/",
            served=next((release for release in releases if release.served), None),
            held=next((release for release in releases if release.held), None),
            releases=releases,
        )

    @strawberry.field(description="The build whose releases it serves.")
    async def build(self, info: Info) -> Build | None:
        """Null where it was removed."""
        return await find_build(info, self.build_name)

    @strawberry.field(description="Search what it serves.")
    async def search(self, info: Info, input: Searched) -> SearchPayload:
        """The same queries as below its path."""
        return await search(info, self.record, input)

    @strawberry.field(description="Documents that it serves, by id: an object with those that exist.")
    async def documents(self, info: Info, ids: Annotated[list[str], argument(description="Up to 1000 values of `_id`.")]) -> JSON:
        """Of the served release."""
        if not self.record.served:
            raise Unready("the API has no release yet")
        found = await info.context.hub.search.get(self.record.served, few(ids))
        return JSON({id: orjson.loads(body) for id, body in found.items()})

    @strawberry.field(description="Jobs that worked on it, newest first.")
    async def jobs(self, info: Info, first: First = 20, after: After = None) -> Connection[Job]:
        """A page."""
        return await job_page(info, JobFilter(target=f"api/{self.name}"), first, after)


async def find_api(info: Info, name: str) -> Api | None:
    """The API of that name."""
    stored = await APIS.find_one(info.context.hub.records, name)
    return Api.of(stored) if stored else None
