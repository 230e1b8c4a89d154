"""A job's log: by number, from the end, and searched."""

from typing import Annotated, Self

import strawberry
from strawberry import argument, field

from domain.errors import Invalid
from domain.hub import Hub
from domain.jobs import logs
from gateway.graphql.jobs.events import JobCursor
from gateway.graphql.jobs.types import LogLine

MOST = 5000
"""Lines of one answer."""
SEARCH = 1000
"""Characters that may be searched for."""

LogFirst = Annotated[int, argument(description="How many lines at most, 1 to 5000.")]
LogLast = Annotated[int | None, argument(description="Instead: the last so many, 1 to 5000; goes with neither after nor search.")]
LogAttempt = Annotated[int | None, argument(description="What one attempt said; all of them where it is left out.")]
LogSearch = Annotated[
    str | None,
    argument(description="Lines that hold this, in capitals or not. An answer may have none, and `more` all the same."),
]


@strawberry.type(description="A part of a job's log.")
class JobLog:
    """domain.jobs.logs.Page."""

    lines: list[LogLine] = field(description="The lines, oldest first.")
    cursor: str = field(description="Opaque: `after` of the lines behind these.")
    more: bool = field(description="Whether there may be lines behind the cursor already, all of them searched or not.")

    @classmethod
    async def read(cls, hub: Hub, id: str, after: str | None, first: int, attempt: int | None, search: str | None) -> Self:
        """What is behind a cursor."""
        if search is not None and not 0 < len(search) <= SEARCH:
            raise Invalid(f"search has 1 to {SEARCH} characters", ("search",))
        cursor = JobCursor.of(after) or JobCursor()
        behind, limit = (cursor.attempt, cursor.line), min(max(first, 1), MOST)
        page = await logs.read(hub, id, behind, limit, attempt=attempt or 0, text=search or "")
        return cls._of(page, cursor)

    @classmethod
    async def tail(cls, hub: Hub, id: str, last: int, attempt: int | None, *, alone: bool) -> Self:
        """What is at the end."""
        if not alone:
            raise Invalid("last goes with neither after nor search", ("last",))
        return cls._of(await logs.tail(hub, id, min(max(last, 1), MOST), attempt=attempt or 0), JobCursor())

    @classmethod
    def _of(cls, page: logs.Page, before: JobCursor) -> Self:
        attempt, line = page.cursor
        cursor = before._replace(attempt=attempt, line=line)
        return cls(lines=[LogLine.of(line) for line in page.lines], cursor=str(cursor), more=page.more)
