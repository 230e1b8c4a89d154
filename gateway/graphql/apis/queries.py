"""Reading APIs."""

import strawberry

from domain.data.apis import APIS
from gateway.context import Info
from gateway.graphql.apis.types import Api, Searched, SearchPayload, find_api, search
from gateway.graphql.nodes import After, Connection, First, Name, connection, page_size, position


@strawberry.type
class ApiQuery:
    """Reading APIs."""

    @strawberry.field(description="APIs, oldest first.")
    async def apis(self, info: Info, first: First = 20, after: After = None) -> Connection[Api]:
        """A page."""
        found = await APIS.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Api.of)

    @strawberry.field(description="One API.")
    async def api(self, info: Info, name: Name) -> Api | None:
        """Null where there is none."""
        return await find_api(info, name)

    @strawberry.field(description="Search what an API serves.")
    async def search_api(self, info: Info, name: Name, input: Searched) -> SearchPayload:
        """As the field `search` of the API."""
        return await search(info, (await APIS.get(info.context.hub.records, name)).value, input)
