"""Slack, by `slack-sdk`: a web hook posts each message; a bot keeps one message for a thread, and changes it."""

import ssl
from collections.abc import Sequence

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from domain.errors import Unavailable
from domain.ports.messages import Message, Messenger, Sent, Undeliverable
from domain.reach import NETWORKS, is_out_of_reach, open_socket

TIMEOUT = 20
"""Seconds that Slack may take to answer."""
LATER = (
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
)
"""What Slack says where trying again may help."""
LONGEST = 3000
"""Characters that a block of Slack's takes."""


class SlackMessenger(Messenger):
    """Posts to Slack, or to a server at `base_url` that speaks as it does. Web hooks of other servers go to addresses that
    `networks` allow."""

    def __init__(self, networks: Sequence[str], base_url: str = "https://slack.com/api/") -> None:
        self._networks = networks
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None

    async def send(self, address: str, secret: str, message: Message, posted: str = "") -> Sent:
        """As Messenger.send; `posted` is `<channel>/<time stamp>`, by which Slack knows a message."""
        NETWORKS.set(self._networks if address.startswith("http") else None)
        try:
            if address.startswith("http"):
                return await self._by_web_hook(address, message)
            return await self._by_bot(address, secret, message, posted)
        except SlackApiError as error:
            reason = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
            if reason in LATER or getattr(error.response, "status_code", 200) >= 429:
                raise Unavailable(f"Slack takes no message now: {reason}") from error
            raise Undeliverable(f"Slack refused it: {reason or 'it did not say why'}") from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            if is_out_of_reach(error):
                raise Undeliverable("the web hook's address is an internal one; LEAT_WEBHOOK_NETWORKS can allow it") from error
            raise Unavailable(f"Slack does not answer: {type(error).__name__}") from error

    async def _by_web_hook(self, url: str, message: Message) -> Sent:
        client = AsyncWebhookClient(url, timeout=TIMEOUT, session=self._open(), retry_handlers=[])
        answer = await client.send(text=message.subject, blocks=_blocks(message))
        if answer.status_code == 200:
            return Sent()
        if answer.status_code in (400, 403, 404, 410):
            raise Undeliverable(f"Slack's web hook refused it with status {answer.status_code}")
        raise Unavailable(f"Slack's web hook answered with status {answer.status_code}")

    async def _by_bot(self, channel: str, token: str, message: Message, posted: str) -> Sent:
        client = AsyncWebClient(token, base_url=self._base_url, timeout=TIMEOUT, session=self._open(), retry_handlers=[])
        if posted:
            where, _, at = posted.partition("/")
            try:
                await client.chat_update(channel=where, ts=at, text=message.subject, blocks=_blocks(message))
                return Sent(posted=posted)
            except SlackApiError as error:
                if error.response.get("error") not in ("message_not_found", "cant_update_message", "edit_window_closed"):
                    raise
        answer = await client.chat_postMessage(channel=channel, text=message.subject, blocks=_blocks(message))
        return Sent(posted=f"{answer['channel']}/{answer['ts']}")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=16, socket_factory=open_socket)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        return self._session

    async def close(self) -> None:
        """Close what is kept."""
        if self._session is not None:
            await self._session.close()


def _blocks(message: Message) -> list[dict[str, object]]:
    """The text as it is, no word of it taken for markup, and a link where there is one."""
    text = {"type": "plain_text", "text": message.text[:LONGEST], "emoji": False}
    blocks: list[dict[str, object]] = [{"type": "section", "text": text}]
    if message.link:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{message.link}|{message.link}>"}]})
    return blocks
