"""Dead letters: messages that nobody could do."""

from typing import Self

import strawberry
from strawberry import field

from domain.jobs import dead_letters
from domain.jobs.dead_letters import DEAD_LETTERS, Letter
from domain.masking import without_servers
from domain.nouns import Stored
from gateway.context import Info
from gateway.graphql.nodes import After, Connection, First, Node, connection, global_id, page_size, position
from gateway.graphql.nouns import Noun
from gateway.scalars import DateTime


@strawberry.type(description="A message that was taken off its queue, because no process could decode it or it came too often.")
class DeadLetter(Node):
    """domain.jobs.dead_letters.Letter."""

    queue: str = field(description="The queue that it was in.")
    reason: str = field(description="What the decoder said, or the broker's word, such as delivery_limit.")
    body: str = field(description="The message as text, its first ten thousand characters.")
    created_at: DateTime = field(description="When it was moved into the records.")

    @classmethod
    def of(cls, stored: Stored[Letter]) -> Self:
        """The record as clients see it."""
        letter = stored.value
        return cls(
            id=global_id("DeadLetter", stored.id),
            queue=letter.queue,
            reason=without_servers(letter.reason),
            body=letter.body,
            created_at=DateTime(letter.created_at),
        )


async def find_dead_letter(info: Info, id: str) -> DeadLetter | None:
    """The dead letter of that id."""
    stored = await DEAD_LETTERS.find_one(info.context.hub.records, id)
    return DeadLetter.of(stored) if stored else None


@strawberry.type
class DeadLetterQuery:
    """Reading dead letters."""

    @strawberry.field(description="Messages that nobody could do, newest first; the same message is listed once.")
    async def dead_letters(self, info: Info, first: First = 20, after: After = None) -> Connection[DeadLetter]:
        """A page."""
        found = await dead_letters.page(info.context.hub, after=position(after), limit=page_size(first) + 1)
        return connection(found, first, DeadLetter.of)


NOUN = Noun(query=DeadLetterQuery, finders={"DeadLetter": find_dead_letter})
