"""Several gateways of one hub, on the three servers: any of them answers anything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.gateway.conftest import TOKEN, Client
from tests.leat.hubs import Line, plugin
from tests.leat.servers import on_servers

EVENTS = """subscription ($job: ID!, $after: String) { jobEvents(jobId: $job, after: $after) {
  cursor gap events { __typename seq } lines { attempt number text } } }"""
DUMP = """mutation ($source: String!, $key: ID!) { dumpSource(input: {source: $source, idempotencyKey: $key}) {
  ... on DumpSourceSuccess { replayed job { jobId runId } } ... on UserError { message } } }"""
RUN = "query ($id: ID!) { run(id: $id) { state steps { name job { jobId state outcome } } } }"
FIRED = "subscription { hubEvents(kinds: [SCHEDULE_FIRED]) { events { event } } }"


class Hub(NamedTuple):
    """A hub with two gateways and one process of workers."""

    line: Line
    first: Client
    second: Client


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, list[str]]]:
    """Two gateway processes, each with a data folder of its own, and workers: the command line, and the gateways' URLs."""
    folder = tmp_path_factory.mktemp("hub")
    with asyncio.Runner() as runner, ExitStack() as stack:
        place = on_servers(folder, LEAT_TOKEN=TOKEN, LEAT_LEASE="3", LEAT_PLUGIN_SANDBOX="off")  # a plugin waits for a file outside
        line = runner.run(place.__aenter__())
        stack.callback(lambda: runner.run(place.__aexit__(None, None, None)))
        urls = []
        for name in ("first", "second"):
            gateway = Line(folder, **{**line.environment, "LEAT_DATA": str(folder / name)})
            stack.enter_context(gateway.up("--no-workers"))
            urls.append((folder / name / "url").read_text().strip())
        stack.enter_context(line.up("dump", "upload", command="work"))
        line.environment["LEAT_URL"] = urls[0]
        yield line, urls


@pytest.fixture
async def hub(processes: tuple[Line, list[str]]) -> AsyncIterator[Hub]:
    """The hub, with a session to each of its gateways."""
    line, urls = processes
    async with aiohttp.ClientSession() as session:
        yield Hub(line, *(Client(url, session) for url in urls))


class Seen(NamedTuple):
    """What a subscription told of a job, and the cursor behind it."""

    events: list[Any]
    lines: list[Any]
    cursor: str | None


async def followed(client: Client, job: str, after: str | None = None, *, until_lines: bool = False) -> Seen:
    """A job behind a cursor, to its end, or as far as the first line of its log."""
    seen = Seen([], [], after)
    async with client.watch(EVENTS, job=job, after=after) as watch:
        while (message := await watch.message())["type"] == "next":
            batch = message["payload"]["data"]["jobEvents"]
            assert batch["gap"] is False
            seen = Seen([*seen.events, *batch["events"]], [*seen.lines, *batch["lines"]], batch["cursor"])
            if until_lines and seen.lines:
                break
    return seen


async def told(command: Callable[..., Any], *words: str) -> Any:
    """What a command says, which has an event loop of its own."""
    return await asyncio.to_thread(command, *words)


async def job_of(client: Client, run: str, step: str) -> str:
    """The job of a planned step, once it was asked for."""
    async with asyncio.timeout(60):
        while True:
            steps = {each["name"]: each["job"] for each in (await client.ask(RUN, id=run))["run"]["steps"]}
            if steps[step]:
                return str(steps[step]["jobId"])
            await asyncio.sleep(0.1)


async def finished(client: Client, run: str) -> Any:
    """The run, once it has ended."""
    async with asyncio.timeout(60):
        while (found := (await client.ask(RUN, id=run))["run"])["state"] == "RUNNING":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return found


async def test_any_gateway_answers_anything(hub: Hub, tmp_path: Path) -> None:
    """What was asked for through one is seen, repeated and followed through the other: no event is missing or comes twice."""
    line, first, second = hub
    gate = tmp_path / "gate"
    body = (
        f"    import time\n    print('waits')\n    while not os.path.exists({str(gate)!r}): time.sleep(0.02)\n    print('goes on')"
    )
    await told(line.done, "source", "add", str(plugin(tmp_path, "one", body=body)))
    assert (await second.ask("{ sources { nodes { name } } }"))["sources"]["nodes"] == [{"name": "one"}]

    asked = (await first.ask(DUMP, source="one", key="k"))["dumpSource"]
    again = (await second.ask(DUMP, source="one", key="k"))["dumpSource"]
    assert (asked["replayed"], again["replayed"]) == (False, True)
    assert asked["job"] == again["job"]
    await followed(second, asked["job"]["jobId"])
    upload = await job_of(second, asked["job"]["runId"], "upload:one")

    begun = await followed(first, upload, until_lines=True)
    gate.touch()
    rest = await followed(second, upload, begun.cursor)
    whole = await followed(first, upload)

    assert [event["seq"] for event in begun.events] == list(range(1, len(begun.events) + 1))
    assert begun.events + rest.events == whole.events
    assert begun.lines + rest.lines == whole.lines
    assert {"waits", "goes on"} <= {line["text"] for line in whole.lines}
    assert whole.events[-1]["__typename"] == "JobFinished"
    assert (await finished(second, asked["job"]["runId"]))["state"] == "SUCCEEDED"
    rates = [
        {each["name"]: each["rate"] for each in (await each.ask("{ queues { name rate } }"))["queues"]} for each in (first, second)
    ]
    assert rates[0] == rates[1]
    assert len((await second.ask("{ workers { process } }"))["workers"]) == 1


async def test_a_schedule_fires_once_whoever_does_it(hub: Hub, tmp_path: Path) -> None:
    """Every second, with three processes that look: each time that came started just one run."""
    line, first, second = hub
    await told(line.done, "source", "add", str(plugin(tmp_path, "often")))
    due: list[float] = []
    async with second.watch(FIRED) as fired:
        await fired.next()
        await told(line.done, "schedule", "add", "often", "* * * * * *", "--source", "often")
        while len(due) < 3:
            due += [event["event"]["due_at"] for event in (await fired.next())["events"]]
        await told(line.done, "schedule", "pause", "often")

    document = '{ schedule(name: "often") { paused failure runs(first: 100) { nodes { runId steps { job { jobId } } } } } }'
    found = (await second.ask(document))["schedule"]
    runs = found["runs"]["nodes"]
    assert (found["paused"], found["failure"]) == (True, "")
    assert len(due) == len(set(due))
    assert len(due) <= len(runs) <= len(due) + 2  # it may have fired while it was being paused
    assert all(run["steps"][0]["job"] for run in runs)
    shown = await told(line.json, "schedule", "list")
    assert [(each["name"], each["paused"], each["source"]) for each in shown] == [("often", True, "often")]
    await told(line.done, "schedule", "resume", "often")
    await told(line.done, "schedule", "edit", "often", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin")
    await told(line.done, "schedule", "remove", "often")
    assert await told(line.json, "schedule", "list") == []
    assert (await first.ask("{ schedules { nodes { name } } }"))["schedules"]["nodes"] == []
