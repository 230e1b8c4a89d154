"""Reading schedules."""

import strawberry

from domain.data.schedules import SCHEDULES
from gateway.context import Info
from gateway.graphql.nodes import After, Connection, First, Name, connection, page_size, position
from gateway.graphql.schedules.types import Schedule, find_schedule


@strawberry.type
class ScheduleQuery:
    """Reading schedules."""

    @strawberry.field(description="Schedules, oldest first.")
    async def schedules(self, info: Info, first: First = 20, after: After = None) -> Connection[Schedule]:
        """A page."""
        found = await SCHEDULES.find(info.context.hub.records, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, Schedule.of)

    @strawberry.field(description="One schedule.")
    async def schedule(self, info: Info, name: Name) -> Schedule | None:
        """Null where there is none."""
        return await find_schedule(info, name)
