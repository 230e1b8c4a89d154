"""SMTP: mails are handed to a server, over a few connections that are kept for a while."""

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from email.headerregistry import Address
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponse
from aiosmtplib.errors import SMTPAuthenticationError, SMTPResponseException

from adapters.mail.composing import composed
from domain.errors import Unavailable
from domain.ports.messages import Message, Messenger, Sent, Undeliverable

CONNECTIONS = 8
"""Connections at a time."""
KEPT = 20.0
"""Seconds that one is kept without use: servers close them after a minute or more."""
PATIENCE = 30.0
"""Seconds that a server may take to answer a command."""
END_OF_DATA = 600.0
"""Seconds that it may take to say that it has taken a mail (RFC 5321, 4.5.3.2.6): who waits less sends it twice."""
PORTS = {"smtp": 587, "smtps": 465}
TLS = {"": None, "tls=always": True, "tls=never": False}
"""Whether STARTTLS is wanted, by what stands behind the `?`; None: where the server offers it."""


class SmtpMessenger(Messenger):
    """A server named by `smtp://user:password@host:587` (STARTTLS where the server offers it; `?tls=never` or `?tls=always` says
    otherwise) or `smtps://`."""

    def __init__(self, url: str, sender: Address) -> None:
        parts = urlsplit(url)  # the settings have checked it
        self._host, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._at_once, self._tls = parts.scheme == "smtps", TLS[parts.query]
        self._sender = sender
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[tuple[SMTP, float]] = []
        """Open connections, and when each was used last."""

    async def send(self, address: str, secret: str, message: Message, posted: str = "") -> Sent:
        """As Messenger.send. Where the connection is lost after all of the mail was handed over, nobody knows whether it was taken:
        it is `unconfirmed`."""
        mail = composed(self._sender, address, message)
        with self._told():
            async with self._connection() as client:
                _expect(await client.mail(self._sender.addr_spec, timeout=PATIENCE), 250)
                _expect(await client.rcpt(address, timeout=PATIENCE), 250, 251)
                _expect(await client.execute_command(b"DATA", timeout=PATIENCE), 354)
                return await _hand_over(client, mail)

    async def close(self) -> None:
        """Close what is kept."""
        idle, self._idle = self._idle, []
        for client, _ in idle:
            client.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except SMTPAuthenticationError as error:
            raise Unavailable(f"the mail server refuses the name and password of LEAT_MAIL: {_words(error.message)}") from error
        except SMTPResponseException as error:
            told = f"{error.code} {_words(error.message)}"
            if 500 <= error.code < 600:
                raise Undeliverable(f"the mail server refused it: {told}") from error
            raise Unavailable(f"the mail server takes no mail now: {told}") from error
        except (SMTPException, OSError) as error:
            raise Unavailable(f"the mail server of LEAT_MAIL does not answer: {type(error).__name__}") from error

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        """One that is open, kept for the next mail unless this one fails of it."""
        async with self._slots:
            client = await self._open()
            try:
                yield client
            except BaseException:
                client.close()
                raise
            if client.is_connected:
                self._idle.append((client, time.monotonic()))

    async def _open(self) -> SMTP:
        while self._idle:
            client, used_at = self._idle.pop()
            if client.is_connected and time.monotonic() - used_at < KEPT:
                return client
            client.close()
        context = ssl.create_default_context()
        client = SMTP(
            hostname=self._host, port=self._port, timeout=PATIENCE, use_tls=self._at_once, start_tls=self._tls, tls_context=context
        )
        await client.connect()
        if self._user:
            await client.login(self._user, self._password)
        return client


def _expect(answer: SMTPResponse, *codes: int) -> None:
    if answer.code not in codes:
        raise SMTPResponseException(answer.code, answer.message)


async def _hand_over(client: SMTP, mail: bytes) -> Sent:
    """The mail itself, behind DATA. A line that begins with a dot gets another one (RFC 5321, 4.5.2)."""
    protocol = client.protocol
    if protocol is None:
        raise Unavailable("the mail server closed the connection")
    protocol.write(re.sub(rb"(?m)^\.", b"..", mail) + (b"" if mail.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    try:
        answer = await protocol.read_response(timeout=END_OF_DATA)
    except SMTPException:
        client.close()
        return Sent(unconfirmed=True)
    _expect(answer, 250)
    return Sent()


def _words(text: str) -> str:
    """What a server said, on one line."""
    return " ".join(text.split())[:300]
