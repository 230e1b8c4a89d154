"""Web hooks, signed as Standard Webhooks 1.0 describes it: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence

import aiohttp
import orjson

from domain.errors import Unavailable
from domain.ports.messages import Message, Messenger, Sent, Undeliverable
from domain.reach import NETWORKS, is_out_of_reach, open_socket

TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=10)
GONE = (400, 401, 403, 404, 405, 410, 413, 415, 422)
"""Statuses that say that trying again can't help."""
PREFIX = "whsec_"


class WebhookMessenger(Messenger):
    """Posts the message as JSON, to addresses that `networks` allow beside public ones."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = networks
        self._session: aiohttp.ClientSession | None = None

    async def send(self, address: str, secret: str, message: Message, posted: str = "") -> Sent:
        """As Messenger.send. The id is that of the message at each try; time and signature are of this one."""
        body, now = orjson.dumps(message.body), str(int(time.time()))
        headers = {"content-type": "application/json", "webhook-id": message.id, "webhook-timestamp": now}
        if secret:
            headers["webhook-signature"] = signature(secret, message.id, now, body)
        NETWORKS.set(self._networks)
        try:
            async with self._open().post(address, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if is_out_of_reach(error):
                raise Undeliverable("the web hook's address is an internal one; LEAT_WEBHOOK_NETWORKS can allow it") from error
            raise Unavailable(f"the web hook does not answer: {type(error).__name__}") from error
        if 200 <= status < 300:
            return Sent()
        if status in GONE:
            raise Undeliverable(f"the web hook refused it with status {status}")
        raise Unavailable(f"the web hook answered with status {status}")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=32, limit_per_host=16, socket_factory=open_socket)
            self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, headers={"User-Agent": "leat"})
        return self._session

    async def close(self) -> None:
        """Close what is kept."""
        if self._session is not None:
            await self._session.close()


def signature(secret: str, id: str, at: str, body: bytes) -> str:
    """`v1,` and HMAC-SHA256 over id, time and body. A secret `whsec_…` is base64, any other one is taken as its bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else secret.encode()
    except binascii.Error:
        key = secret.encode()
    mac = hmac.digest(key, b".".join((id.encode(), at.encode(), body)), hashlib.sha256)
    return "v1," + base64.b64encode(mac).decode()
