"""Looking at documents before they are released: those of an upload or a build, page by page or by id."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import Annotated, Any, Self, cast

import strawberry
from strawberry import argument, field

from domain.errors import Invalid
from domain.ports.documents import CollectionReader
from gateway.graphql.nodes import few, page_size
from gateway.rest.shape import Shape
from gateway.scalars import JSON

FIELDS = 1000
"""Fields that may be named."""

Ids = Annotated[list[str], argument(description="Up to 1000 values of `_id`.")]
AfterId = Annotated[str, argument(description="Only documents whose `_id` is behind this one.")]
Fields = Annotated[
    list[str] | None,
    argument(
        description="Paths that are wanted, `*` for any characters, or `-path` for those that are not; all where it is left out."
    ),
]


@strawberry.type(description="Documents in the order of their `_id`, by bytes.")
class DocumentPage:
    """A page of a collection."""

    documents: list[JSON] = field(description="At most `first`; fewer where they have more than some 4 MiB.")
    has_next_page: bool = field(description="Whether there are more.")
    end_cursor: str | None = field(description="`after` of the next page: the `_id` of the last document.")

    @classmethod
    async def of(cls, reader: CollectionReader, collection: str, first: int, after: str, fields: list[str] | None) -> Self:
        """The page behind `after`. Raises Invalid, and NotReady where the collection is gone."""
        size = page_size(first)
        found: list[Any] = []
        more = False
        async with aclosing(cast(Any, reader.scan(collection, after=after, batch=size + 1))) as batches:
            async for batch in batches:  # a batch ends early where it has many bytes, and so does the page
                more = bool(found)
                if more:
                    break
                found = batch
        documents = await asyncio.to_thread(_shown, [document.body for document in found[:size]], few_fields(fields))
        end = found[:size][-1].id if found else None
        return cls(documents=documents, has_next_page=more or len(found) > size, end_cursor=end)


async def by_id(reader: CollectionReader, collection: str, ids: list[str], fields: list[str] | None) -> JSON:
    """An object with those of the ids that exist. Raises Invalid where there are too many."""
    found = await reader.get(collection, few(ids))
    documents = await asyncio.to_thread(_shown, found.values(), few_fields(fields))
    return JSON(dict(zip(found, documents, strict=True)))


def few_fields(fields: list[str] | None) -> tuple[str, ...]:
    """What is asked for; raises Invalid where that is too much."""
    if fields and len(fields) > FIELDS:
        raise Invalid(f"at most {FIELDS} fields at a time", ("fields",))
    return tuple(fields or ())


def _shown(bodies: Iterable[bytes], fields: tuple[str, ...]) -> list[JSON]:
    """The documents as a published API would give them with these `fields`."""
    shaper = Shape(fields=fields).shaper()
    return [JSON(shaper.document(body)) for body in bodies]
