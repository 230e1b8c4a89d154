"""Watching runs."""

from pathlib import Path

from domain.data import pipelines
from domain.hub import Hub
from domain.jobs import attempts, following, runs
from domain.jobs.jobs import JOBS
from domain.jobs.retries import Retry
from domain.jobs.runs import Started
from domain.jobs.verdicts import Succeeded
from events.jobs import JobProgressed
from events.message import Event
from events.sources import SourceDumped, SourceInspected, SourceUploaded
from tests.gateway.conftest import Client, serve

WATCH = """subscription ($id: ID!, $after: String) { runEvents(runId: $id, after: $after) { cursor gap
  events { step jobId event { __typename seq } } run { state steps { name job { state progress { done } } } } } }"""
TWIN = WATCH.replace("subscription", "query", 1)


async def start(client: Client, hub: Hub, plugin: Path) -> Started:
    """A dump with all that follows."""
    await client.ask("mutation ($f: String!) { addSource(input: {folder: $f}) { __typename } }", f=str(plugin))
    return await pipelines.start_dump(hub, "genes", asked_by="a test", key="k")


async def finish(hub: Hub, started: Started, step: str, event: Event) -> None:
    """A worker does a step, and the chain is looked at."""
    attempt = await attempts.claim(hub, runs.job_id(started.run_id, step), "a worker", Retry())
    assert attempt is not None
    await attempt.finish(Succeeded(event, True))
    await following.follow(hub, JOBS, attempt.stored)


DUMPED = SourceDumped(source="genes", release="1", output="a.1")
UPLOADED = SourceUploaded(source="genes", release="1", output="b.1", dump="a.1", code="c")
INSPECTED = SourceInspected(source="genes", output="c.1", upload="b.1")


async def test_a_run_is_followed_to_its_end(client: Client, hub: Hub, plugin: Path) -> None:
    """Events of each step as it comes, with the run as it stands; completes behind the last one."""
    started = await start(client, hub, plugin)
    async with client.watch(WATCH, id=started.run_id) as watch:
        first = await watch.next()
        await finish(hub, started, "dump:genes", DUMPED)
        await finish(hub, started, "upload:genes", UPLOADED)
        await finish(hub, started, "inspect:genes", INSPECTED)
        rest = await watch.rest()

    assert [(event["step"], event["event"]["__typename"]) for event in first["events"]] == [("dump:genes", "JobQueued")]
    assert [step["name"] for step in first["run"]["steps"]] == ["dump:genes", "upload:genes", "inspect:genes"]
    seen = [event for batch in (first, *rest) for event in batch["events"]]
    for step in ("dump:genes", "upload:genes", "inspect:genes"):
        assert [event["event"]["seq"] for event in seen if event["step"] == step] == [1, 2, 3, 4]
    assert rest[-1]["run"]["state"] == "SUCCEEDED"


async def test_who_comes_back_goes_on_behind_the_cursor(client: Client, hub: Hub, plugin: Path) -> None:
    """On another gateway, live or polling; a foreign cursor answers a gap and everything."""
    started = await start(client, hub, plugin)
    async with client.watch(WATCH, id=started.run_id) as watch:
        cursor = (await watch.next())["cursor"]
    await finish(hub, started, "dump:genes", DUMPED)

    async with serve(hub) as other, other.watch(WATCH, id=started.run_id, after=cursor) as watch:
        live = await watch.next()
    polled = (await client.ask(TWIN, id=started.run_id, after=cursor))["runEvents"]
    foreign = (await client.ask(TWIN, id=started.run_id, after="nonsense"))["runEvents"]

    assert live == polled
    assert [(event["step"], event["event"]["seq"]) for event in live["events"]] == [
        ("dump:genes", 2),
        ("dump:genes", 3),
        ("dump:genes", 4),
        ("upload:genes", 1),
    ]
    assert not live["gap"]
    assert foreign["gap"]
    assert len(foreign["events"]) == 5


async def test_progress_of_a_step_is_seen_in_the_run(client: Client, hub: Hub, plugin: Path) -> None:
    """Before it is saved."""
    started = await start(client, hub, plugin)
    job = runs.job_id(started.run_id, "dump:genes")
    await attempts.claim(hub, job, "a worker", Retry())
    async with client.watch(WATCH, id=started.run_id) as watch:
        await watch.next()
        await hub.announce(JobProgressed(job_id=job, run_id=started.run_id, attempt=1, done=5))
        batch = await watch.next()

    assert batch["run"]["steps"][0]["job"] == {"state": "RUNNING", "progress": {"done": 5}}
    assert batch["events"] == []


async def test_a_cancelled_run_ends(client: Client, hub: Hub, plugin: Path) -> None:
    """cancelRun cancels what waits; whoever watches sees it end."""
    started = await start(client, hub, plugin)
    async with client.watch(WATCH, id=started.run_id) as watch:
        await watch.next()
        canceled = await client.ask(
            "mutation ($id: ID!) { cancelRun(input: {runId: $id}) { ... on CancelRunSuccess { run { state canceled } } } }",
            id=started.run_id,
        )
        rest = await watch.rest()

    assert canceled["cancelRun"]["run"] == {"state": "CANCELED", "canceled": True}
    assert rest[-1]["run"]["state"] == "CANCELED"


async def test_runs_are_listed_newest_first(client: Client, hub: Hub, plugin: Path) -> None:
    """Planned ones and jobs that are runs by themselves, page by page."""
    first = await start(client, hub, plugin)
    alone = await pipelines.start_inspect(hub, "genes", asked_by="a test")
    page = """query ($after: String) { runs(first: 1, after: $after) {
                nodes { runId title askedBy } pageInfo { endCursor hasNextPage } } }"""

    newest = (await client.ask(page))["runs"]
    oldest = (await client.ask(page, after=newest["pageInfo"]["endCursor"]))["runs"]

    assert [node["runId"] for node in newest["nodes"] + oldest["nodes"]] == [alone.run_id, first.run_id]
    assert oldest["nodes"][0] == {"runId": first.run_id, "title": "dump genes", "askedBy": "a test"}
    assert (newest["pageInfo"]["hasNextPage"], oldest["pageInfo"]["hasNextPage"]) == (True, False)
