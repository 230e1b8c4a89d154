"""The schema: the sum of the nouns. `python -m gateway.schema` prints `schema.graphql`."""

import functools
import sys
from typing import Annotated

import strawberry
from strawberry import argument
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from gateway.context import Info
from gateway.errors import HANDLERS
from gateway.graphql import apis, builds, dead_letters, hub_events, jobs, notifications, queues, schedules, sources, workers
from gateway.graphql.nodes import Node, decode
from gateway.scalars import SCALARS

NOUNS = (
    sources.NOUN,
    builds.NOUN,
    apis.NOUN,
    jobs.NOUN,
    schedules.NOUN,
    workers.NOUN,
    queues.NOUN,
    dead_letters.NOUN,
    hub_events.NOUN,
    notifications.CHANNELS,
    notifications.INBOX,
    notifications.NOTIFY,
)
"""The schema is what these add up to: a new noun is a folder or file of gateway/graphql, and a line here."""
FINDERS = {type: find for noun in NOUNS for type, find in noun.finders.items()}


@strawberry.type
class NodeQuery:
    """Reading anything by its global id."""

    @strawberry.field(description="Whatever has this id; null where there is nothing.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The `id` of anything that is a Node.")]
    ) -> Node | None:
        """By the type in the id."""
        type, _, local = (decode(id) or "").partition(":")
        return await FINDERS[type](info, local) if type in FINDERS else None


def _sum(name: str, description: str, *parts: type | None) -> type:
    """One type with the fields of all parts; two of one name are warned of, which fails the tests."""
    merged = merge_types(name, tuple(part for part in parts if part))
    return strawberry.type(type(name, (merged,), {}), description=description)


@functools.cache
def build_schema(*, sort: bool = False) -> strawberry.Schema:
    """The schema of this version. A sorted one is for printing only: strawberry does not find the members of its unions again."""
    return strawberry.Schema(
        query=_sum("Query", "What can be read.", NodeQuery, *(noun.query for noun in NOUNS)),
        mutation=_sum("Mutation", "What can be changed.", *(noun.mutation for noun in NOUNS)),
        subscription=_sum(
            "Subscription", "What can be watched: batches, over graphql-transport-ws.", *(noun.subscription for noun in NOUNS)
        ),
        types=[type for noun in NOUNS for type in noun.types],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=sort),
        exception_handlers=HANDLERS,
    )


def print_schema() -> str:
    """The content of `schema.graphql`."""
    return build_schema(sort=True).as_str() + "\n"


if __name__ == "__main__":
    sys.stdout.write(print_schema())
