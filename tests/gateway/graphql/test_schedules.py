"""Schedules over GraphQL."""

import time
from pathlib import Path
from typing import Any, cast

from domain.data import schedules
from domain.data.sources import SOURCES
from domain.hub import Hub
from domain.jobs.jobs import JOBS, JobError, finished
from events.jobs import Outcome
from tests.gateway.conftest import Client

FIELDS = "id name cron timezone jitter source build api paused createdAt nextAt lastFiredAt failure"
ADD = f"""mutation ($input: AddScheduleInput!) {{ addSchedule(input: $input) {{ __typename
  ... on AddScheduleSuccess {{ schedule {{ {FIELDS} }} }} ... on UserError {{ code path }} }} }}"""
EDIT = f"""mutation ($input: EditScheduleInput!) {{ editSchedule(input: $input) {{ __typename
  ... on EditScheduleSuccess {{ schedule {{ {FIELDS} }} }} ... on UserError {{ code path }} }} }}"""
RUNS = '{ schedule(name: "nightly") { lastFiredAt failure runs { nodes { askedBy title } } } }'


async def add_source(client: Client, plugin: Path) -> None:
    """A source called genes."""
    document = "mutation ($folder: String!) { addSource(input: {folder: $folder}) { __typename } }"
    assert (await client.ask(document, folder=str(plugin)))["addSource"]["__typename"] == "AddSourceSuccess"


async def add(client: Client, **values: Any) -> Any:
    """What addSchedule answers."""
    return (await client.ask(ADD, input={"name": "nightly", "cron": "30 2 * * *", **values}))["addSchedule"]


async def edit(client: Client, **values: Any) -> Any:
    """What editSchedule answers."""
    return (await client.ask(EDIT, input={"name": "nightly", **values}))["editSchedule"]


async def test_a_schedule_is_added_edited_and_removed(client: Client, plugin: Path) -> None:
    """It says when it fires next; what is left out takes its default, then stays; every change is an event."""
    await add_source(client, plugin)
    async with client.watch("subscription { hubEvents { events { kind } } }") as events:
        await events.next()
        added = (await add(client, source="genes", timezone="Europe/Berlin"))["schedule"]
        edited = (await edit(client, jitter=600.0))["schedule"]
        paused = (await edit(client, paused=True))["schedule"]
        found = await client.ask(f"query ($id: ID!) {{ node(id: $id) {{ ... on Schedule {{ {FIELDS} }} }} }}", id=added["id"])
        removed = await client.ask('mutation { removeSchedule(input: {name: "nightly"}) { __typename } }')
        kinds: list[str] = []
        while "SCHEDULE_REMOVED" not in kinds:
            kinds += [event["kind"] for event in (await events.next())["events"]]

    assert (added["source"], added["build"], added["lastFiredAt"], added["paused"]) == ("genes", None, None, False)
    assert added["nextAt"].endswith(":30:00.000Z")
    assert (edited["jitter"], edited["timezone"], edited["cron"]) == (600.0, "Europe/Berlin", "30 2 * * *")
    assert paused["nextAt"] is None
    assert found["node"] == paused
    assert removed["removeSchedule"]["__typename"] == "RemoveScheduleSuccess"
    assert kinds == ["SCHEDULE_ADDED", "SCHEDULE_EDITED", "SCHEDULE_EDITED", "SCHEDULE_REMOVED"]
    assert (await client.ask("{ schedules { nodes { name } } }"))["schedules"]["nodes"] == []


async def test_what_is_refused(client: Client, plugin: Path) -> None:
    """A time that never comes, an unknown zone or target, two targets, a name twice: refusals are data."""
    await add_source(client, plugin)
    assert (await add(client, source="genes"))["__typename"] == "AddScheduleSuccess"

    answers = [
        await add(client, source="genes"),
        await add(client, name="other", source="nothing"),
        await add(client, name="other", source="genes", cron="0 0 31 2 *"),
        await add(client, name="other", source="genes", timezone="Mars/Base"),
        await add(client, name="other"),
        await edit(client, cron="soon"),
        await edit(client, name="other", paused=True),
    ]

    assert [answer["code"] for answer in answers] == ["CONFLICT", "NOT_FOUND", *["INVALID"] * 4, "NOT_FOUND"]
    assert [answer["path"] for answer in answers[2:6]] == [["cron"], ["timezone"], ["source"], ["cron"]]


async def test_what_it_started_is_seen(client: Client, hub: Hub, plugin: Path) -> None:
    """A fire's run is listed with it; a fire that started nothing says why."""
    await add_source(client, plugin)
    await add(client, source="genes", cron="* * * * * *")
    await schedules.fire_due(hub, time.time() + 5)
    fired = (await client.ask(RUNS))["schedule"]
    await hub.records.delete(SOURCES.kind, "genes")
    await schedules.fire_due(hub, time.time() + 10)
    failed = (await client.ask(RUNS))["schedule"]

    assert fired["runs"]["nodes"] == [{"askedBy": "schedule nightly", "title": "dump genes"}]
    assert fired["lastFiredAt"] is not None
    assert fired["failure"] == ""
    assert failed["failure"] == "there is no source 'genes'"
    assert failed["runs"] == fired["runs"]


async def test_a_run_that_failed_is_its_schedules_failure(client: Client, hub: Hub, plugin: Path) -> None:
    """With the run, its step and why; a cancelled run is nobody's failure. While one still goes on, the one before it counts."""
    await add_source(client, plugin)
    await add(client, source="genes", cron="* * * * * *")
    last = '{ schedule(name: "nightly") { failure lastRun { runId state } } }'
    assert (await client.ask(last))["schedule"] == {"failure": "", "lastRun": None}
    told = []
    for seconds, outcome in ((5, "FAILED"), (10, "CANCELED"), (15, "TIMED_OUT")):
        await schedules.fire_due(hub, time.time() + seconds)
        schedule = (await client.ask(last))["schedule"]
        run = schedule["lastRun"]
        assert (run["state"], schedule["failure"]) == ("RUNNING", told[-1][1] if told else "")
        [job] = await JOBS.every(hub.records, run_id=run["runId"])
        error = JobError(code="X", message="the server is gone\nsince Tuesday") if outcome in ("FAILED", "TIMED_OUT") else None
        done = finished(job.id, job.value, cast(Outcome, outcome), error=error)
        await JOBS.replace(hub.records, job, done)
        told.append((run["runId"], (await client.ask(last))["schedule"]["failure"]))

    assert [failure for _, failure in told] == [
        f"run {told[0][0]} failed: dump:genes: the server is gone",
        "",
        f"run {told[2][0]} failed: dump:genes: the server is gone",
    ]


async def test_schedules_go_with_what_they_start(client: Client, plugin: Path) -> None:
    """Removing a source, build or API removes the schedules that name it, and no other."""
    await add_source(client, plugin)
    for document in (
        'addBuild(input: {name: "all", sources: ["genes"]})',
        'addBuild(input: {name: "other", sources: ["genes"]})',
        'addApi(input: {name: "all", build: "all"})',
    ):
        await client.ask(f"mutation {{ {document} {{ __typename }} }}")
    await add(client, name="source", source="genes")
    await add(client, name="build", build="all")
    await add(client, name="api", build="all", api="all")
    await add(client, name="other", build="other")
    left = []
    for document in (
        'removeApi(input: {name: "all"})',
        'removeBuild(input: {name: "all"})',
        'removeBuild(input: {name: "other"})',
        'removeSource(input: {name: "genes"})',
    ):
        await client.ask(f"mutation {{ {document} {{ __typename }} }}")
        left.append([each["name"] for each in (await client.ask("{ schedules { nodes { name } } }"))["schedules"]["nodes"]])

    assert left == [["source", "build", "other"], ["source", "other"], ["source"], []]


async def test_a_manifest_gets_its_schedule(client: Client, plugin: Path) -> None:
    """`dumper.schedule` makes a schedule of the source's name, once: what somebody edited stays at a reload."""
    manifest = plugin / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"dumper": {', '"dumper": {"schedule": "0 4 * * *", '))
    await add_source(client, plugin)
    made = await client.ask('{ schedule(name: "genes") { cron source } }')
    await edit(client, name="genes", cron="0 5 * * *")
    await client.ask('mutation { reloadSource(input: {name: "genes"}) { __typename } }')

    assert made["schedule"] == {"cron": "0 4 * * *", "source": "genes"}
    assert (await client.ask('{ schedule(name: "genes") { cron } }'))["schedule"]["cron"] == "0 5 * * *"
