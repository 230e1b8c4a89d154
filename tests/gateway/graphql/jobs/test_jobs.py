"""Jobs over GraphQL."""

from typing import Any

from domain.hub import Hub
from domain.jobs import asking
from domain.jobs.jobs import JOBS
from domain.jobs.logs import LogWriter
from domain.jobs.verdicts import Stopped, Succeeded
from events.apis import ValidateMapping
from events.message import new_id
from tests.domain.jobs.ruled import WHY, Limits, under_rule
from tests.gateway.conftest import Client, done, started


async def test_a_job_is_found_by_its_id_and_its_uuid(client: Client, hub: Hub) -> None:
    """`job`, `node` and `run` know the same job; an id of another type or of nothing is null."""
    attempt = await started(hub)
    found = await client.ask(
        "query ($id: ID!) { job(id: $id) { id jobId type state attempt worker startedAt finishedAt outcome run { id title } } }",
        id=attempt.id,
    )
    job = found["job"]

    assert (job["jobId"], job["state"], job["attempt"], job["worker"]) == (attempt.id, "RUNNING", 1, "a worker")
    assert (job["finishedAt"], job["outcome"]) == (None, None)
    same = await client.ask("query ($id: ID!, $run: ID!) { job(id: $id) { jobId } run(id: $run) { runId state } }",
                            id=job["id"], run=job["run"]["id"])  # fmt: skip
    assert same == {"job": {"jobId": attempt.id}, "run": {"runId": attempt.id, "state": "RUNNING"}}
    absent = await client.ask("query ($id: ID!, $run: ID!) { job(id: $id) { jobId } node(id: $run) { id } run(id: $id) { id } }",
                              id=new_id(), run="nonsense")  # fmt: skip
    assert absent == {"job": None, "node": None, "run": None}


async def test_a_job_is_called_the_same_everywhere(client: Client, hub: Hub) -> None:
    """A job that is a run by itself has the name of its run's one step."""
    attempt = await started(hub)

    found = await client.ask("query ($id: ID!) { job(id: $id) { step run { steps { name } } } }", id=attempt.id)

    assert found["job"] == {"step": "inspect:genes", "run": {"steps": [{"name": "inspect:genes"}]}}


async def test_jobs_are_filtered_by_what_has_an_index(client: Client, hub: Hub) -> None:
    """State, queue with state, target with state, run and outcome select; another combination is refused."""
    first, second = await started(hub, "genes"), await started(hub, "drugs")
    await second.finish(Succeeded(done(second), True))

    async def ids(filter: str) -> list[str]:
        answer = await client.ask(f"{{ jobs(filter: {{{filter}}}) {{ nodes {{ jobId }} }} }}")
        return [node["jobId"] for node in answer["jobs"]["nodes"]]

    assert await ids("") == [second.id, first.id]
    assert await ids("state: RUNNING") == await ids('target: "source/genes"') == [first.id]
    assert (
        await ids('state: FINISHED, queue: "upload"')
        == await ids(f'runId: "{second.id}"')
        == await ids("outcome: SUCCEEDED")
        == [second.id]
    )
    assert await ids("outcome: FAILED") == []
    refused = await client.refused('{ jobs(filter: {queue: "upload"}) { nodes { jobId } } }')
    assert refused[0]["extensions"]["code"] == "INVALID"


async def test_a_job_is_cancelled_and_tried_again(client: Client, hub: Hub) -> None:
    """cancelJob asks a running job to stop, retryJob opens a cancelled one; both refuse what has succeeded."""
    attempt = await started(hub)
    cancel = """mutation ($id: ID!) { cancelJob(input: {jobId: $id}) {
      ... on CancelJobSuccess { job { state } } ... on UserError { code } } }"""
    retry = """mutation ($id: ID!) { retryJob(input: {jobId: $id}) {
      ... on RetryJobSuccess { job { state } } ... on UserError { code } } }"""

    canceling = await client.ask(cancel, id=attempt.id)
    await attempt.finish(Stopped())
    queued = await client.ask(retry, id=attempt.id)
    other = await started(hub)
    await other.finish(Succeeded(done(other), True))

    assert canceling["cancelJob"]["job"]["state"] == "CANCELING"
    assert queued["retryJob"]["job"]["state"] == "QUEUED"
    assert (await client.ask(retry, id=other.id))["retryJob"] == {"code": "CONFLICT"}
    assert (await client.ask(cancel, id=new_id()))["cancelJob"] == {"code": "NOT_FOUND"}


async def test_a_log_is_read_page_by_page(client: Client, hub: Hub) -> None:
    """jobLog gives lines in order, and a cursor to go on."""
    attempt = await started(hub)
    writer = LogWriter(hub, attempt.id, attempt.id, 1)
    for number in range(5):
        writer.add(f"line {number}", "warning" if number else "info")
    await writer.flush()
    page = """query ($id: ID!, $after: String) {
                jobLog(jobId: $id, first: 3, after: $after) { cursor lines { attempt number level text } } }"""

    first = (await client.ask(page, id=attempt.id))["jobLog"]
    second = (await client.ask(page, id=attempt.id, after=first["cursor"]))["jobLog"]

    assert first["lines"][0] == {"attempt": 1, "number": 1, "level": "INFO", "text": "line 0"}
    assert [line["text"] for line in first["lines"] + second["lines"]] == [f"line {number}" for number in range(5)]


async def test_a_log_is_read_from_its_end_by_attempt_and_by_what_it_says(client: Client, hub: Hub) -> None:
    """`last`, `attempt` and `search`; what goes on says `more`, and the cursor of one way is one of the others'."""
    attempt = await started(hub)
    for number in (1, 2):
        writer = LogWriter(hub, attempt.id, attempt.id, number)
        for line in ("Parsed", "stored", "parsed again"):
            writer.add(line, "info")
        await writer.flush()
    page = """query ($id: ID!, $after: String, $first: Int! = 1000, $last: Int, $attempt: Int, $search: String) {
      jobLog(jobId: $id, after: $after, first: $first, last: $last, attempt: $attempt, search: $search) {
        cursor more lines { attempt number } } }"""

    async def found(**chosen: Any) -> tuple[list[tuple[int, int]], bool, str]:
        log = (await client.ask(page, id=attempt.id, **chosen))["jobLog"]
        return [(line["attempt"], line["number"]) for line in log["lines"]], log["more"], log["cursor"]

    whole, more, end = await found()
    assert (len(whole), more) == (6, False)
    assert await found(last=2) == ([(2, 2), (2, 3)], False, end)
    assert (await found(last=9, attempt=1))[0] == [(1, 1), (1, 2), (1, 3)]
    assert await found(search="PARSED") == ([(1, 1), (1, 3), (2, 1), (2, 3)], False, end)
    assert await found(search="nothing") == ([], False, end)
    some, more, cursor = await found(search="parsed", first=3)
    assert (some[-1], more) == ((2, 1), True)
    assert (await found(search="parsed", after=cursor))[0] == [(2, 3)]
    assert (await found(after=cursor))[0] == [(2, 2), (2, 3)]
    assert (await found(attempt=7))[0] == []


async def test_what_can_t_be_asked_of_a_log_is_refused(client: Client, hub: Hub) -> None:
    """A text of no length, or a very long one; the end beside a cursor or a text."""
    attempt = await started(hub)
    ask = "query ($id: ID!, $after: String, $last: Int, $search: String) { jobLog(jobId: $id, after: $after, last: $last, search: $search) { cursor } }"  # fmt: skip # noqa: E501

    for wrong in ({"search": ""}, {"search": "x" * 1001}, {"last": 5, "search": "x"}, {"last": 5, "after": "Mi4wLjA"}):
        [error] = await client.refused(ask, id=attempt.id, **wrong)
        assert error["extensions"]["code"] == "INVALID"


async def test_lists_go_past_what_a_newer_version_wrote(client: Client, hub: Hub) -> None:
    """Jobs and runs of this version are listed, page by page; one that can't be read is refused as such, and a job whose command
    nobody knows here bears that command's name."""
    body = {"type": "PaintSource", "queue": "paint", "input_hash": "", "command": {"type": "PaintSource"}}
    await hub.records.insert(JOBS.kind, "painted", {**body, "run_id": "painted", "step": "", "created_at": 1.0})
    old = await started(hub)
    await hub.records.insert(JOBS.kind, "new", {"created_at": 2e9, "run_id": "new", "step": "", "form": "another"})

    found = await client.ask(
        "{ jobs(first: 1) { nodes { jobId } pageInfo { hasNextPage } } runs { nodes { runId steps { name } } } }"
    )

    assert found["jobs"] == {"nodes": [{"jobId": old.id}], "pageInfo": {"hasNextPage": True}}
    assert [(run["runId"], run["steps"][0]["name"]) for run in found["runs"]["nodes"]] == [
        (old.id, "inspect:genes"),
        ("painted", "PaintSource"),
    ]
    refused = await client.refused('{ job(id: "new") { jobId } }')
    assert refused[0]["extensions"]["code"] == "UNREADABLE"


async def test_a_held_job_says_why(client: Client, hub: Hub) -> None:
    """In the record, and in the event; a job that is not held says nothing."""
    ids = [(await asking.ask(under_rule(hub, Limits()), ValidateMapping(source="s"), asked_by="me")).job.id for _ in range(2)]

    found = [
        await client.ask(
            """query ($id: ID!) { job(id: $id) { state held }
            jobEvents(jobId: $id) { events { ... on JobQueued { reason held } } } }""",
            id=id,
        )
        for id in ids
    ]

    first, second = [(each["job"], each["jobEvents"]["events"]) for each in found]
    asked = {"reason": "held", "held": WHY}
    assert first == ({"state": "QUEUED", "held": ""}, [asked, {"reason": "admitted", "held": ""}])
    assert second == ({"state": "QUEUED", "held": WHY}, [asked])
