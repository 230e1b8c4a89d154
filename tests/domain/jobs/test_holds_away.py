"""Asking for what a rule holds back while the store goes away: the answer says what is known."""

from typing import Any, cast

import pytest

from domain.errors import Unavailable, Unreadable
from domain.hub import Hub
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS
from domain.ports.records import Records
from events.apis import ValidateMapping
from tests.domain.jobs.processes import Mortal, get, other
from tests.domain.jobs.ruled import Limits, under_rule


@pytest.mark.parametrize("error", [Unavailable("away"), Unreadable("of a newer version")])
async def test_what_was_asked_for_is_answered_though_it_cannot_be_read_again(hub: Hub, error: Exception) -> None:
    """The record was saved, so the request has succeeded; whether it was admitted is seen later."""
    records = Mortal(hub.records)
    reading = hub.records.get

    async def get_no_job(kind: Any, id: str) -> Any:
        if kind is JOBS.kind:
            raise error
        return await reading(kind, id)

    records.get = get_no_job  # type: ignore[attr-defined]
    process = under_rule(other(hub, records=cast(Records, records)), Limits())

    answer = await ask(process, ValidateMapping(source="s"), asked_by="a")

    assert answer.job.value.is_held
    assert not (await get(hub, answer.job.id)).is_held
