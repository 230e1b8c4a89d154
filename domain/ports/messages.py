"""Messages: what leaves the hub to tell a person, and the port behind which each sort of channel stands."""

from abc import ABC, abstractmethod

import msgspec

from domain.errors import JobFailed


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, in every form that a channel may need. Titles and subjects have no line breaks."""

    id: str
    """A UUID that the receiver sees, the same whenever it is sent again."""
    thread: str
    """The id of the first message of its thread; its own where it begins one."""
    subject: str
    """The same in the whole thread."""
    text: str
    html: str
    at: float
    """When what it tells happened: Unix seconds."""
    link: str = ""
    unsubscribe: str = ""
    """A URL: POST to it ends this channel (RFC 8058); empty where nobody can unsubscribe."""
    body: dict[str, object] = {}
    """The same for programs, as plain values."""


class Undeliverable(JobFailed):
    """The receiver refused it for good."""

    code = "UNDELIVERABLE"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    posted: str = ""
    """How the receiver knows what was posted, where it can be changed afterwards."""
    unconfirmed: bool = False
    """True where the receiver had taken all of it, and never said so: nobody knows, so it must not be sent again."""


class Messenger(ABC):
    """One sort of channel."""

    @abstractmethod
    async def send(self, address: str, secret: str, message: Message, posted: str = "") -> Sent:
        """Send it, or change what was `posted` of its thread where the receiver can do that.

        Returns within a minute, or where the standard wants more patience. Raises Undeliverable where trying again can't help, and
        Unavailable where it may.
        """

    async def close(self) -> None:  # noqa: B027 -- nothing to close is an answer too
        """Close what is kept open."""
