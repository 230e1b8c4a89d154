"""Upgrading: records as the first version of Leat wrote them, in the hands of today's engine."""

from typing import Any

import msgspec

from domain.hub import Hub, Room
from domain.jobs import control, upgrading
from domain.jobs.asking import ask
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from events.sources import UploadSource
from tests.domain.jobs.processes import get, registrations, work_off
from tests.domain.jobs.ruled import Limits, asked, under_rule

NEWER = ("cause", "follower", "exclusive", "due_at", "untold", "is_untold", "is_alive", "rule", "key", "hold", "held", "is_held")
"""Some of the fields that the first version did not know."""


async def as_written_then(hub: Hub, id: str) -> None:
    """Leave the job's record as the first version would have."""
    stored = await JOBS.get(hub.records, id)
    body = {name: value for name, value in msgspec.to_builtins(stored.value).items() if name not in NEWER}
    await hub.records.replace(JOBS.kind, id, {**body, "chained": True}, stored.version)


async def test_a_job_that_failed_before_the_upgrade_can_be_tried_again(hub: Hub) -> None:
    """It takes the noun's writer, which its command needs, and switches."""

    async def fail(*_: Any) -> Any:
        raise ValueError("then")

    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, registrations(Retry(attempts=1), UploadSource=fail))
    await as_written_then(hub, id)

    await upgrading.upgrade(hub)
    await control.retry(hub, id)
    await work_off(hub, registrations(Retry(attempts=1)))

    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_upgrading_twice_changes_nothing_more(hub: Hub) -> None:
    """Processes that start at the same time may each do it."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await as_written_then(hub, id)

    await upgrading.upgrade(hub)
    once = await JOBS.get(hub.records, id)
    await upgrading.upgrade(hub)

    assert once.value.exclusive
    assert (await JOBS.get(hub.records, id)).version == once.version


async def test_a_held_job_is_no_business_of_an_upgrade(hub: Hub) -> None:
    """A process that is ahead may hold jobs while another one is still upgrading: they are not due."""
    under = under_rule(hub, Limits(Room("a maintenance window", total=0)))
    id = await asked(under, "ann")

    await upgrading.upgrade(hub)

    assert (await get(hub, id)).due_at == 0.0
