"""What happens in the whole hub, live: the newest events of this gateway's ring."""

import re
from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, Any, Self

import strawberry
from strawberry import argument, enum_value, field

from domain.visibility import may_see
from events.catalogue import EVENTS
from events.message import Event
from gateway.context import Context, Info
from gateway.graphql.jobs.events import Cursor
from gateway.graphql.nodes import decode, encode
from gateway.graphql.nouns import Noun
from gateway.live.stream import Shareable
from gateway.scalars import JSON, DateTime, shown

QUIET = frozenset(("JobProgressed", "LogWritten"))
"""Kinds that come only to those who ask for them."""


def _constant(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def _kinds() -> Any:
    values = {
        _constant(event.__name__): enum_value(event.__name__, description=(event.__doc__ or "").splitlines()[0]) for event in EVENTS
    }
    return strawberry.enum(Enum("HubEventKind", values), description="What happened.")  # type: ignore[call-overload]


HubEventKind: Any = _kinds()


@strawberry.type(description="Something that happened.")
class HubEvent:
    """events.message.Event."""

    kind: HubEventKind = field(description="What happened.")
    at: DateTime = field(description="When.")
    job_id: str = field(description="The UUID of the job that it is about; empty where it is about none.")
    run_id: str = field(description="The UUID of the run that the job belongs to.")
    event: JSON = field(description="The event with all its fields, as messages.json describes it.")

    @classmethod
    def of(cls, event: Event) -> Self:
        """As clients see it."""
        return cls(
            kind=HubEventKind(type(event).__name__),
            at=DateTime(event.at),
            job_id=event.job_id,
            run_id=event.run_id,
            event=shown(event),
        )


@strawberry.type(description="What happened in the hub since the last batch.")
class HubEventBatch(Shareable):
    """One answer of hubEvents."""

    events: list[HubEvent] = field(description="What happened, in order.")
    cursor: str = field(description="Opaque: `after` of whoever comes back to this gateway.")
    gap: bool = field(description="True where events were missed: read the lists again.")


Kinds = Annotated[
    list[HubEventKind] | None,
    argument(description="Only these; all but JOB_PROGRESSED and LOG_WRITTEN where it is left out."),
]


async def hub_event_batches(context: Context, after: str | None, kinds: list[Any] | None) -> AsyncGenerator[HubEventBatch, None]:
    """The first batch at once, empty where nothing was missed; then the next ones as they come."""
    ring = context.watching.ring
    wanted = frozenset(kind.value for kind in kinds) if kinds is not None else None
    found = ring.position(after if after is None else decode(after) or "")
    position, lost, first = ring.newest if found is None else found, found is None, True
    while True:
        if not first:
            await ring.wait(position)
        batch, position = _batch(context, position, wanted)
        if lost:
            batch, lost = HubEventBatch(events=batch.events, cursor=batch.cursor, gap=True), False
        if first or batch.events or batch.gap:
            yield batch
        first = False


def _batch(context: Context, position: int, wanted: frozenset[str] | None) -> tuple[HubEventBatch, int]:
    ring = context.watching.ring

    def made() -> tuple[HubEventBatch, int]:
        taken = ring.take(position)
        chosen = [event for event in taken.events if _is_wanted(type(event).__name__, wanted) and may_see(context.caller, event)]
        events = [HubEvent.of(event) for event in chosen]
        return HubEventBatch(events=events, cursor=encode(ring.cursor(taken.position)), gap=taken.gap), taken.position

    return context.watching.shared((position, ring.newest, wanted, context.caller.sharing), made)


def _is_wanted(kind: str, wanted: frozenset[str] | None) -> bool:
    return kind in wanted if wanted is not None else kind not in QUIET


@strawberry.type
class HubEventSubscription:
    """Watching the whole hub."""

    @strawberry.subscription(description="What happens in the hub, from now on or behind `after`; ends never.")
    def hub_events(self, info: Info, after: Cursor = None, kinds: Kinds = None) -> AsyncGenerator[HubEventBatch, None]:
        """Resumes on the gateway that gave the cursor; another one answers a gap."""
        return hub_event_batches(info.context, after, kinds)


NOUN = Noun(subscription=HubEventSubscription)
