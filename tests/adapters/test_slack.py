"""Slack, by slack-sdk, over a server that speaks as Slack does."""

import json

import msgspec
import pytest

from adapters.slack.messenger import SlackMessenger
from domain.errors import Unavailable
from domain.ports.messages import Message, Undeliverable
from tests.adapters.hooks import hooks

TOLD = Message(
    id="91", thread="91", subject="upload of gènes failed", text="<!channel> & *why*", html="", at=0.0, link="http://h/x"
)


async def test_a_thread_is_one_message_that_changes() -> None:
    """What was posted is told back, and changed by the next one."""
    async with hooks() as server:
        messenger = SlackMessenger((), f"{server.url}/api/")

        first = await messenger.send("#data", "xoxb-good", TOLD)
        later = msgspec.structs.replace(TOLD, id="92", text="works again")
        second = await messenger.send("#data", "xoxb-good", later, first.posted)
        await messenger.close()

        ((versions),) = server.messages.values()
        assert [each["channel"] for each in versions] == ["#data", "C0DATA"]
        assert [json.loads(json.dumps(each["blocks"]))[0]["text"]["text"] for each in versions] == [TOLD.text, "works again"]
        assert versions[0]["blocks"][0]["text"]["type"] == "plain_text"
        assert second.posted == first.posted


async def test_a_message_that_is_gone_is_posted_again() -> None:
    """Somebody deleted it in Slack."""
    async with hooks() as server:
        messenger = SlackMessenger((), f"{server.url}/api/")

        sent = await messenger.send("#data", "xoxb-good", TOLD, "C0DATA/1.999")
        await messenger.close()

        assert list(server.messages) == [sent.posted.partition("/")[2]]


@pytest.mark.parametrize(("error", "raised"), [("channel_not_found", Undeliverable), ("ratelimited", Unavailable)])
async def test_what_slack_refuses_is_told(error: str, raised: type[Exception]) -> None:
    """For good, or for now, in its word."""
    async with hooks() as server:
        server.slack_errors = [error]
        messenger = SlackMessenger((), f"{server.url}/api/")

        with pytest.raises(raised, match=error):
            await messenger.send("#data", "xoxb-good", TOLD)
        await messenger.close()


async def test_a_wrong_token_is_told() -> None:
    """And not what it was."""
    async with hooks() as server:
        messenger = SlackMessenger((), f"{server.url}/api/")

        with pytest.raises(Undeliverable, match="invalid_auth") as told:
            await messenger.send("#data", "xoxb-secret", TOLD)
        await messenger.close()

        assert "xoxb-secret" not in told.value.message


async def test_a_web_hook_posts_each() -> None:
    """It can't change what it posted."""
    async with hooks() as server:
        messenger = SlackMessenger(("private",))

        sent = await messenger.send(f"{server.url}/services/T0/B0/x", "", TOLD)
        await messenger.close()

        ((path, _, body),) = server.posted
        assert path == "/services/T0/B0/x"
        assert json.loads(body)["blocks"][0]["text"]["text"] == TOLD.text
        assert sent.posted == ""


@pytest.mark.parametrize(("status", "raised"), [(404, Undeliverable), (500, Unavailable)])
async def test_what_a_web_hook_refuses_is_told(status: int, raised: type[Exception]) -> None:
    """For good, or for now."""
    async with hooks() as server:
        server.statuses = [status]
        messenger = SlackMessenger(("private",))

        with pytest.raises(raised, match=str(status)):
            await messenger.send(f"{server.url}/services/x", "", TOLD)
        await messenger.close()


async def test_a_web_hook_at_an_internal_address_is_out_of_reach() -> None:
    """Who sets a channel must not be able to look around in the hub's network."""
    async with hooks() as server:
        messenger = SlackMessenger(())

        with pytest.raises(Undeliverable, match="LEAT_WEBHOOK_NETWORKS"):
            await messenger.send(f"{server.url}/services/x", "", TOLD)
        await messenger.close()

        assert server.posted == []
