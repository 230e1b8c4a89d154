"""The history of what people edit, as clients see it: of sources and of builds alike."""

from collections.abc import Iterable
from typing import Annotated, Self

import strawberry
from strawberry import argument, field

from domain import nouns
from gateway.scalars import JSON, DateTime

Topic = Annotated[str, argument(description="Only changes of it: `mapping`, `configuration` or `gates`; empty: all.")]


@strawberry.type(description="What was changed, when, and by whom.")
class Change:
    """domain.nouns.Change."""

    number: int = field(description="Its number, by which it is gone back to.")
    at: DateTime = field(description="When.")
    by: str = field(description="Who: an actor, or the job that did it; empty where nobody remembers.")
    topic: str = field(description="What: `mapping`, `configuration` or `gates`.")
    values: JSON = field(description="What its fields were from then on, as they are stored.")

    @classmethod
    def of(cls, changes: Iterable[nouns.Change], topic: str) -> list[Self]:
        """Those of a topic, or all."""
        return [
            cls(number=each.number, at=DateTime(each.at), by=each.by, topic=each.topic, values=JSON(each.values))
            for each in changes
            if topic in ("", each.topic)
        ]
