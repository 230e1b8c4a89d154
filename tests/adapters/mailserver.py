"""A real mail server on loopback that keeps what it is given, and may be told to misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from typing import Any, cast

from aiosmtpd.smtp import SMTP


class MailServer:
    """What it has taken, and what it answers."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[tuple[str, bytes]] = []
        """(recipient, mail), in order."""
        self.refused: dict[str, str] = {}
        """By recipient: the answer to RCPT."""
        self.silent = False
        """Take the mail, and never say so."""
        self.busy = 0
        """So many mails are answered with 451 first."""
        self.greeted = 0
        """Connections."""

    @property
    def mails(self) -> list[EmailMessage]:
        """What it has taken, parsed."""
        return [cast(EmailMessage, message_from_bytes(mail, policy=POLICY)) for _, mail in self.taken]

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> list[str]:
        self.greeted += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.busy:
            self.busy -= 1
            return "451 try again later"
        self.taken.append((envelope.rcpt_tos[0], envelope.original_content))
        if self.silent:
            cast(asyncio.WriteTransport, server.transport).abort()
        return "250 taken"


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A server within the block."""
    kept = MailServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(kept, enable_SMTPUTF8=True, decode_data=False), "127.0.0.1", 0
    )
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()
