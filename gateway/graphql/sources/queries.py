"""Reading sources."""

import strawberry

from domain.data.sources import SOURCES
from gateway.context import Info
from gateway.graphql.nodes import After, Connection, First, Name, connection, page_size, position
from gateway.graphql.sources.types import Source, find_source


@strawberry.type
class SourceQuery:
    """Reading sources."""

    @strawberry.field(description="Sources, oldest first.")
    async def sources(self, info: Info, first: First = 20, after: After = None) -> Connection[Source]:
        """A page."""
        found = await SOURCES.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Source.of)

    @strawberry.field(description="One source.")
    async def source(self, info: Info, name: Name) -> Source | None:
        """Null where there is none."""
        return await find_source(info, name)
