"""The end of a channel by a link, and what came back, over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.fernet import FernetSeal
from domain.hub import Hub
from domain.notifications import channels
from domain.notifications.channels import CHANNELS
from domain.notifications.unsubscribing import token_of
from tests.gateway.conftest import TOKEN, Client, serve


@pytest.fixture
async def able(hub: Hub) -> Hub:
    """A hub with a channel of mail."""
    made = replace(hub, media=frozenset(("EMAIL",)), seal=FernetSeal("x"), secret="x", public_url="https://hub.example")
    await channels.add(made, "ops", "EMAIL", "Ann@lab.example")
    return made


@pytest.fixture
async def client(able: Hub) -> AsyncIterator[Client]:
    """Its gateway."""
    async with serve(able) as served:
        yield served


async def test_a_link_that_is_followed_changes_nothing(able: Hub, client: Client) -> None:
    """Mail scanners follow every link, by GET and HEAD; only the button, or the mail program's POST, ends the channel."""
    url = f"{client.url}/notifications/unsubscribe/{token_of(able, 'ops')}"

    for _ in range(2):
        async with client.session.get(url) as page:
            assert page.status == 200
            assert '<form method="post">' in await page.text()
    followed = (await CHANNELS.get(able.records, "ops")).value.paused
    async with client.session.post(url, data={"List-Unsubscribe": "One-Click"}) as done:
        assert done.status == 200

    assert (followed, (await CHANNELS.get(able.records, "ops")).value.paused) == (False, True)


@pytest.mark.parametrize("token", ["", "b3Bz", "!!", "AAAAAAAAAAAAAAAAAAAAAG9wcw"])
async def test_a_link_of_somebody_else_is_not_known(able: Hub, client: Client, token: str) -> None:
    """A name alone, or another signature, ends nothing."""
    async with client.session.post(f"{client.url}/notifications/unsubscribe/{token}") as done:
        assert done.status == 404
    async with client.session.post(f"{client.url}/notifications/unsubscribe/{token_of(replace(able, secret='y'), 'ops')}") as done:
        assert done.status == 404

    assert not (await CHANNELS.get(able.records, "ops")).value.paused


async def test_what_came_back_is_told(able: Hub, client: Client) -> None:
    """By a caller with the token: the address gets no more, however its letters are written."""
    told = {"address": "ann@LAB.example", "reason": "552 mailbox full"}
    async with client.session.post(f"{client.url}/notifications/bounces", json=told) as refused:
        assert refused.status == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with client.session.post(f"{client.url}/notifications/bounces", json=told, headers=headers) as done:
        assert await done.json() == {"channels": ["ops"]}
    async with client.session.post(f"{client.url}/notifications/bounces", json={"address": 7}, headers=headers) as wrong:
        assert wrong.status == 400

    assert (await CHANNELS.get(able.records, "ops")).value.bounced == "552 mailbox full"
