"""Web hooks, verified by the package that receivers use."""

import base64
import json
import os

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapters.webhook.messenger import WebhookMessenger
from domain.errors import Unavailable
from domain.ports.messages import Message, Undeliverable
from tests.adapters.hooks import hooks

SECRET = "whsec_" + base64.b64encode(os.urandom(24)).decode()
TOLD = Message(
    id="5b0e", thread="5b0e", subject="s", text="t", html="h", at=0.0, body={"type": "notice", "data": {"title": "Zoë 1/3"}}
)


async def test_a_receiver_can_verify_it() -> None:
    """The signature holds for the body as it was sent, and for no other secret."""
    async with hooks() as server:
        messenger = WebhookMessenger(("private",))

        await messenger.send(f"{server.url}/in?to=a", SECRET, TOLD)
        await messenger.close()

        ((path, headers, body),) = server.posted
        assert path == "/in"
        assert Webhook(SECRET).verify(body, headers) == TOLD.body
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + base64.b64encode(b"another one, as long as it").decode()).verify(body, headers)


async def test_each_try_is_signed_anew_under_one_id() -> None:
    """So a receiver knows that it is the same, and that it is not an old one played again."""
    async with hooks() as server:
        server.statuses = [503]
        messenger = WebhookMessenger(("private",))

        with pytest.raises(Unavailable, match="503"):
            await messenger.send(server.url, SECRET, TOLD)
        await messenger.send(server.url, SECRET, TOLD)
        await messenger.close()

        assert [headers["webhook-id"] for _, headers, _ in server.posted] == ["5b0e", "5b0e"]
        for _, headers, body in server.posted:
            Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_what_is_refused_is_not_tried_again(status: int) -> None:
    """The receiver said that it does not want it."""
    async with hooks() as server:
        server.statuses = [status]
        messenger = WebhookMessenger(("private",))

        with pytest.raises(Undeliverable, match=str(status)):
            await messenger.send(server.url, "", TOLD)
        await messenger.close()


async def test_it_is_not_sent_elsewhere() -> None:
    """A redirect could lead into the network that the hub stands in."""
    async with hooks() as server:
        server.statuses = [307]
        messenger = WebhookMessenger(("private",))

        with pytest.raises(Unavailable, match="307"):
            await messenger.send(f"{server.url}/in", "", TOLD)
        await messenger.close()

        assert [path for path, _, _ in server.posted] == ["/in"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_internal_addresses_are_out_of_reach(host: str) -> None:
    """However they are spelt, unless a setting allows them."""
    async with hooks() as server:
        messenger = WebhookMessenger(())
        port = server.url.rpartition(":")[2]

        with pytest.raises(Undeliverable, match="LEAT_WEBHOOK_NETWORKS"):
            await messenger.send(f"http://{host}:{port}/in", "", msgspec.structs.replace(TOLD))
        await messenger.close()

        assert server.posted == []


async def test_the_body_is_json() -> None:
    """For programs."""
    async with hooks() as server:
        messenger = WebhookMessenger(("private",))

        await messenger.send(server.url, "", TOLD)
        await messenger.close()

        ((_, headers, body),) = server.posted
        assert headers["content-type"] == "application/json"
        assert "webhook-signature" not in headers
        assert json.loads(body) == TOLD.body
