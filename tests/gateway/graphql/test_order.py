"""The order of lists, which no process's clock can turn around."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.data.manifests import Manifest
from domain.data.schedules import SCHEDULES, Schedule
from domain.data.sources import SOURCES, Source
from domain.errors import Invalid
from domain.hub import Hub
from domain.jobs.dead_letters import DEAD_LETTERS, Letter
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS, Run
from domain.nouns import Table
from gateway.graphql.nodes import cursor, decode, encode, position
from tests.gateway.conftest import Client

TIMES = (5e9, 1.0, 3e9, 1.0, 2.5, 9e9, 0.25)
"""As processes with clocks of their own say them, one after the other."""
MADE: dict[str, tuple[Table[Any], Callable[[float], Any], bool]] = {
    "sources": (SOURCES, lambda at: Source(created_at=at, folder="", code="", manifest=Manifest()), False),
    "builds": (BUILDS, lambda at: Build(created_at=at, sources=("s",)), False),
    "apis": (APIS, lambda at: Api(created_at=at, build="b"), False),
    "schedules": (SCHEDULES, lambda at: Schedule(created_at=at, cron="0 4 * * *", build="b"), False),
    "jobs": (JOBS, lambda at: job(at, "a run"), True),
    "deadLetters": (DEAD_LETTERS, lambda at: Letter(queue="upload", body="", reason="", created_at=at), True),
}
"""By list: what is inserted for a time, and whether the newest comes first."""


def job(at: float, step: str) -> Job:
    """A job that was asked for at a time."""
    command = {"type": "InspectSource", "source": "s"}
    return Job(
        command=command,
        type="InspectSource",
        queue="upload",
        target="source/s",
        run_id="r",
        step=step,
        input_hash="",
        created_at=at,
    )


async def read(client: Client, name: str) -> list[str]:
    """The local ids of a list, page by page."""
    ids: list[str] = []
    after: str | None = None
    while True:
        listed = f"{name}(first: 2, after: $after) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }}"
        page = (await client.ask(f"query ($after: String) {{ {listed} }}", after=after))[name]
        ids += [(decode(node["id"]) or "").partition(":")[2] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return ids


@pytest.mark.parametrize("name", MADE)
async def test_no_clock_turns_a_list_around(client: Client, hub: Hub, name: str) -> None:
    """Records of processes whose clocks differ are listed as they were inserted, each once, over all pages."""
    table, made, newest_first = MADE[name]
    ids = [f"{at!r} {number}" for number, at in enumerate(TIMES)]
    for id, at in zip(ids, TIMES, strict=True):
        assert await table.insert(hub.records, id, made(at))

    assert await read(client, name) == (ids[::-1] if newest_first else ids)


async def test_runs_with_and_without_a_record_are_in_one_order(client: Client, hub: Hub) -> None:
    """A planned run and a job that is a run by itself, in turn, whatever their times say."""
    ids = [f"{number}" for number in range(len(TIMES))]
    for number, at in enumerate(TIMES):
        if number % 2:
            await RUNS.insert(hub.records, ids[number], Run(title="", input_hash="", created_at=at, steps=()))
        else:
            await JOBS.insert(hub.records, ids[number], job(at, ""))

    assert await read(client, "runs") == ids[::-1]


@given(st.integers(-(2**53), 2**53), st.text())
def test_a_cursor_says_a_place(sequence: int, id: str) -> None:
    """What a cursor was made of comes back, whatever the id."""
    assert position(cursor(sequence, id)) == (sequence, id)


@pytest.mark.parametrize("text", ["1763690000.25:a", "9" * 40 + ":a", "", "nan:a", "٣:a", "1e5:a", "- 1:a"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """A cursor of an earlier version, or none of ours, is no place in the list."""
    with pytest.raises(Invalid, match="cursor"):
        position(encode(text))
