"""The outbox: mails of a hub that has no mail server, as files that mail programs open."""

import asyncio
import os
from email.headerregistry import Address
from pathlib import Path

from adapters.mail.composing import composed
from domain.ports.messages import Message, Messenger, Sent


class Outbox(Messenger):
    """Writes `<message id>.eml` into a folder."""

    def __init__(self, folder: Path, sender: Address) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, address: str, secret: str, message: Message, posted: str = "") -> Sent:
        """Whole or not at all; again, it replaces the file with the same."""
        await asyncio.to_thread(self._write, f"{message.id}.eml", composed(self._sender, address, message))
        return Sent()

    def _write(self, name: str, mail: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._folder / f".{name}.{os.getpid()}"
        made.write_bytes(mail)
        made.replace(self._folder / name)
