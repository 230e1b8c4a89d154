"""Callers of several kinds at one gateway, known by their secrets: what each may see, spend and share."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.callers import ADMINISTRATOR, Caller
from domain.hub import Hub
from domain.jobs import presence
from domain.jobs.presence import Presence
from events.sources import SourceAdded
from gateway.authentication import Authentication
from gateway.endpoint.limits import OperationLimits
from tests.gateway.conftest import TOKEN, Client, serve, started

GUEST = Caller(actor="guest", scopes=frozenset({"look"}), budget="guest")
"""Somebody who is known and may see nothing: a third kind beside the administrator and nobody."""
KNOWN = Authentication({TOKEN: ADMINISTRATOR, "a guest's secret": GUEST})
EVENTS = "subscription ($after: String) { hubEvents(after: $after) { cursor events { kind } } }"
WORKERS = "subscription { workers { workers { process } } }"
JOB = "subscription ($id: ID!) { jobEvents(jobId: $id) { events { seq } } }"


@pytest.fixture
async def administrator(hub: Hub) -> AsyncIterator[Client]:
    """The administrator's client, at a gateway that knows the guest as well."""
    async with serve(hub, KNOWN) as client:
        yield client


@pytest.fixture
def guest(administrator: Client) -> Client:
    """The guest's client, at the same gateway."""
    return replace(administrator, token="a guest's secret")


async def test_hub_events_hide_what_a_caller_may_not_see(administrator: Client, guest: Client, hub: Hub) -> None:
    """The guest hears nothing of what the administrator does, though both ask the same at the same place of the same ring."""
    async with guest.watch(EVENTS) as hidden, administrator.watch(EVENTS) as shown:
        first = [await hidden.next(), await shown.next()]
        await hub.announce(SourceAdded(source="secret"))
        heard = await shown.next()
        async with guest.watch(EVENTS, after=first[0]["cursor"]) as again:
            missed = await again.next()

    assert [batch["events"] for batch in first] == [[], []]
    assert heard["events"] == [{"kind": "SOURCE_ADDED"}]
    assert missed["events"] == []


async def test_callers_with_different_scopes_never_share_an_answer(administrator: Client, guest: Client, hub: Hub) -> None:
    """Both follow one feed with one text: each batch is encoded for each of them."""
    said = Presence(host="h", pid=1, queues={"dump": 2}, seen_at=time.time(), created_at=time.time())
    async with administrator.watch(WORKERS) as shown, guest.watch(WORKERS) as hidden:
        assert [(await watch.next())["workers"] for watch in (shown, hidden)] == [[], []]
        await presence.save(replace(hub, process="p"), said)
        await hub.announce(SourceAdded(source="a"))
        found = [(await watch.next())["workers"] for watch in (shown, hidden)]

    assert found == [[{"process": "p"}], []]
    assert (await administrator.ask("{ workers { process } }"))["workers"] == [{"process": "p"}]
    assert (await guest.ask("{ workers { process } }"))["workers"] == []


@pytest.mark.parametrize("kind", ["job", "run"])
async def test_hidden_jobs_and_runs_are_not_there(administrator: Client, guest: Client, hub: Hub, kind: str) -> None:
    """Watched or polled, and in the same words as those that are not there, though the administrator follows the same feed."""
    id = (await started(hub)).id
    text = JOB if kind == "job" else JOB.replace("jobEvents(jobId", "runEvents(runId").replace("seq", "jobId")
    missing = {"message": f"there is no {kind} {id!r}", "code": "NOT_FOUND"}

    async with administrator.watch(text, id=id) as shown, guest.watch(text, id=id) as hidden:
        assert (await shown.next())["events"]
        refused: dict[str, Any] = await hidden.message()
        polled = await guest.refused(text.replace("subscription", "query"), id=id)

    for error in (refused["payload"][0], polled[0]):
        assert {"message": error["message"], "code": error["extensions"]["code"]} == missing


async def test_a_hidden_jobs_log_is_not_there(guest: Client, hub: Hub) -> None:
    """As the job."""
    id = (await started(hub)).id

    assert "there is no job" in (await guest.refused("query ($id: ID!) { jobLog(jobId: $id) { cursor } }", id=id))[0]["message"]


async def test_each_caller_has_a_budget(hub: Hub) -> None:
    """What one spent is not missing to the other, over HTTP and over sockets."""
    query = "{ queues { name } }"
    async with serve(hub, KNOWN, limits=OperationLimits(cost=1)) as client:
        guest = replace(client, token="a guest's secret")
        first = [(await each.post({"query": query}))[0] for each in (client, client, guest, guest)]
        async with guest.watch(query) as watch:
            spent = await watch.message()

    assert first == [200, 429, 200, 429]
    assert spent["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_who_asked_is_the_caller(administrator: Client, guest: Client) -> None:
    """Jobs and runs name the actor, and an idempotency key is the caller's own."""
    await administrator.ask('mutation { addBuild(input: {name: "b", sources: ["s"]}) { __typename ... on UserError { message } } }')
    text = """mutation { runBuild(input: {build: "b", idempotencyKey: "1"}) {
      ... on RunBuildSuccess { replayed job { askedBy } run { askedBy } } ... on UserError { message } } }"""

    answers = [(await each.ask(text))["runBuild"] for each in (administrator, guest, guest)]

    assert [each["job"]["askedBy"] for each in answers] == ["administrator", "guest", "guest"]
    assert [each["run"]["askedBy"] for each in answers] == ["administrator", "guest", "guest"]
    assert [each["replayed"] for each in answers] == [False, False, True]
