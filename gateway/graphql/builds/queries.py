"""Reading builds."""

import strawberry

from domain.data.builds import BUILDS
from gateway.context import Info
from gateway.graphql.builds.types import Build, find_build
from gateway.graphql.nodes import After, Connection, First, Name, connection, page_size, position


@strawberry.type
class BuildQuery:
    """Reading builds."""

    @strawberry.field(description="Builds, oldest first.")
    async def builds(self, info: Info, first: First = 20, after: After = None) -> Connection[Build]:
        """A page."""
        found = await BUILDS.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Build.of)

    @strawberry.field(description="One build.")
    async def build(self, info: Info, name: Name) -> Build | None:
        """Null where there is none."""
        return await find_build(info, name)
