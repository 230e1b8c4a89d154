"""Channels and the inbox over GraphQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.fernet import FernetSeal
from domain.hub import Hub
from domain.notifications import inboxes
from domain.notifications.notifications import Notification
from tests.gateway.conftest import Client, serve

ADD = """mutation Add($input: AddChannelInput!) { addChannel(input: $input) { __typename ... on UserError { message path }
  ... on AddChannelSuccess { channel { name medium address hasSecret kinds chosen window paused } } } }"""
EDIT = """mutation Edit($input: EditChannelInput!) { editChannel(input: $input) { __typename ... on UserError { message path }
  ... on EditChannelSuccess { channel { address hasSecret kinds chosen window paused } } } }"""
INBOX = "query { inbox { unread total rows { thread title read count } } }"
LIVE = "subscription Live($after: String) { inbox(after: $after) { unread rows { thread title read } cursor gap } }"
READ = "mutation Read($input: MarkReadInput!) { markRead(input: $input) { ... on MarkReadSuccess { inbox { unread } } } }"


@pytest.fixture
async def client(hub: Hub) -> AsyncIterator[Client]:
    """A gateway of a hub that can send."""
    able = replace(hub, media=frozenset(("EMAIL", "SLACK", "WEBHOOK")), seal=FernetSeal("a secret"), secret="a secret")
    async with serve(able) as served:
        yield served


async def put(hub: Hub, id: str, title: str, kind: str = "notice") -> None:
    """Put something into the administrator's inbox."""
    told = Notification(kind=kind, subject="s", thread=id, headline=title, title=title, at=2.5, created_at=2.5)
    await inboxes.put(hub, "administrator", id, told)


async def test_a_channel_is_shown_without_its_secrets(client: Client) -> None:
    """Neither the secret nor the path of a URL comes back."""
    input = {"name": "ops", "medium": "WEBHOOK", "address": "https://x.example:8443/services/T0/Zq", "secret": "whsec_abc"}
    added = (await client.ask(ADD, input=input))["addChannel"]["channel"]

    assert (added["address"], added["hasSecret"], added["window"]) == ("https://x.example:8443/…", True, 0.0)
    assert added["chosen"] is False
    assert "source.failed" in added["kinds"]


async def test_an_edit_keeps_what_is_left_out(client: Client) -> None:
    """And a null for the kinds goes back to the default."""
    await client.ask(ADD, input={"name": "ops", "medium": "WEBHOOK", "address": "https://x.example/a", "secret": "s"})

    chosen = (await client.ask(EDIT, input={"name": "ops", "kinds": ["release.held"], "window": 2.5}))["editChannel"]["channel"]
    again = (await client.ask(EDIT, input={"name": "ops", "kinds": None, "paused": True}))["editChannel"]["channel"]

    assert (chosen["kinds"], chosen["chosen"], chosen["window"], chosen["hasSecret"]) == (["release.held"], True, 2.5, True)
    assert (again["chosen"], again["window"], again["paused"], again["address"]) == (False, 2.5, True, "https://x.example/…")


@pytest.mark.parametrize(
    ("input", "path"),
    [
        ({"name": "a b", "medium": "EMAIL", "address": "a@b.example"}, ["name"]),
        ({"name": "x", "medium": "EMAIL", "address": "nobody"}, ["address"]),
        ({"name": "x", "medium": "SLACK", "address": "#data"}, ["secret"]),
        ({"name": "x", "medium": "WEBHOOK", "address": "https://x.example", "kinds": ["source.faild"]}, ["kinds"]),
        ({"name": "x", "medium": "WEBHOOK", "address": "https://x.example", "window": -0.5}, ["window"]),
    ],
)
async def test_a_wrong_channel_is_refused(client: Client, input: dict[str, Any], path: list[str]) -> None:
    """Naming the field."""
    refused = (await client.ask(ADD, input=input))["addChannel"]

    assert (refused["__typename"], refused["path"]) == ("ValidationFailed", path)


async def test_the_inbox_counts_what_is_unread(client: Client, hub: Hub) -> None:
    """What was read stays, and is not counted."""
    await put(hub, "a", "first")
    await put(hub, "b", "second")

    await client.ask(READ, input={"threads": ["a", "gone"]})
    inbox = (await client.ask(INBOX))["inbox"]

    assert [(row["title"], row["read"]) for row in inbox["rows"]] == [("second", False), ("first", True)]
    assert inbox["unread"] == 1


async def test_the_inbox_is_live_and_resumes(client: Client, hub: Hub) -> None:
    """What is there first, then what comes; whoever comes back sees what changed meanwhile, and nothing twice."""
    await put(hub, "a", "first")
    async with client.watch(LIVE) as watch:
        there = await watch.next()
        await put(hub, "b", "second")
        came = await watch.next()
    await put(hub, "c", "third")
    async with client.watch(LIVE, after=came["cursor"]) as watch:
        missed = await watch.next()
    async with client.watch(LIVE, after="nonsense") as watch:
        lost = await watch.next()

    assert [[row["title"] for row in batch["rows"]] for batch in (there, came, missed)] == [["first"], ["second"], ["third"]]
    assert [batch["unread"] for batch in (there, came, missed)] == [1, 2, 3]
    assert [batch["gap"] for batch in (there, came, missed, lost)] == [False, False, False, True]
    assert len(lost["rows"]) == 3
