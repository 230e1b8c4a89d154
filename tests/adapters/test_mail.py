"""Mails: composed as RFC 5322 has them, handed to a real SMTP server, or kept as files."""

import asyncio
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import SMTP as POLICY
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.composing import composed
from adapters.mail.outbox import Outbox
from adapters.mail.smtp import SmtpMessenger
from domain.errors import Unavailable
from domain.notifications.notifications import one_line, whole
from domain.ports.messages import Message, Undeliverable
from tests.adapters.mailserver import mail_server

SENDER = Address("Hub of Zoë", addr_spec="hub@data.example")
FIRST = Message(
    id="3f1c", thread="3f1c", subject="upload of müsli failed", text="line\n.dot\n..two dots\n", html="<p>ä</p>", at=1732500000.25
)


LETTERS = st.text(st.characters(exclude_categories=()))  # halves of letters too


@given(LETTERS, LETTERS)
def test_no_text_makes_a_header_of_its_own(subject: str, text: str) -> None:
    """Whatever a title or text holds, the mail has the headers that it is meant to have, each once."""
    mail = message_from_bytes(
        composed(SENDER, "a@b.example", msgspec.structs.replace(FIRST, subject=one_line(subject), text=whole(text))), policy=POLICY
    )

    assert sorted({name.lower() for name in mail}) == sorted(
        ("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type")
    )
    assert len(mail.keys()) == 8


def test_a_later_mail_answers_the_first_of_its_thread() -> None:
    """Same subject, with the ids that mail programs thread by; and a way to end it."""
    later = msgspec.structs.replace(FIRST, id="77aa", unsubscribe="https://hub.example/notifications/unsubscribe/abc")

    first, second = (message_from_bytes(composed(SENDER, "a@b.example", each), policy=POLICY) for each in (FIRST, later))

    assert (first["Subject"], second["Subject"]) == ("upload of müsli failed", "Re: upload of müsli failed")
    assert (second["In-Reply-To"], second["References"]) == (first["Message-ID"], first["Message-ID"])
    assert second["Message-ID"] == "<77aa@data.example>"
    assert second["List-Unsubscribe"] == "<https://hub.example/notifications/unsubscribe/abc>"
    assert second["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert first["List-Unsubscribe"] is None


async def test_a_server_gets_what_was_written() -> None:
    """Text and HTML arrive as they are, lines that begin with dots too, over one connection for many mails."""
    async with mail_server() as server:
        messenger = SmtpMessenger(f"smtp://127.0.0.1:{server.port}?tls=never", SENDER)

        for number in range(3):
            await messenger.send(f"ann+{number}@lab.example", "", FIRST)
        await messenger.close()

        assert [to for to, _ in server.taken] == [f"ann+{number}@lab.example" for number in range(3)]
        assert server.greeted == 1
        plain = server.mails[0].get_body(("plain",))
        assert plain is not None
        assert plain.get_content().replace("\r\n", "\n") == FIRST.text


async def test_what_is_refused_for_good_is_told() -> None:
    """With the server's words; what it takes later may be tried again."""
    async with mail_server() as server:
        server.refused = {"gone@lab.example": "550 5.1.1 no such user", "later@lab.example": "450 mailbox busy"}
        messenger = SmtpMessenger(f"smtp://127.0.0.1:{server.port}?tls=never", SENDER)

        with pytest.raises(Undeliverable, match=r"550 5\.1\.1 no such user"):
            await messenger.send("gone@lab.example", "", FIRST)
        with pytest.raises(Unavailable, match="450 mailbox busy"):
            await messenger.send("later@lab.example", "", FIRST)
        await messenger.send("ann@lab.example", "", FIRST)
        await messenger.close()

        assert len(server.taken) == 1


async def test_a_mail_that_was_taken_without_a_word_is_unconfirmed() -> None:
    """The server had all of it: it says that nobody knows, instead of sending it twice."""
    async with mail_server() as server:
        server.silent = True
        messenger = SmtpMessenger(f"smtp://127.0.0.1:{server.port}?tls=never", SENDER)

        sent = await messenger.send("ann@lab.example", "", FIRST)

        assert sent.unconfirmed
        assert len(server.taken) == 1


async def test_a_server_that_is_away_may_come_back() -> None:
    """The error names the setting, and no address."""
    async with mail_server() as server:
        port = server.port
    with pytest.raises(Unavailable, match="LEAT_MAIL") as told:
        await SmtpMessenger(f"smtp://127.0.0.1:{port}", SENDER).send("ann@lab.example", "", FIRST)

    assert str(port) not in told.value.message


async def test_mails_of_many_tasks_share_few_connections() -> None:
    """Sent at once, each arrives once."""
    async with mail_server() as server:
        messenger = SmtpMessenger(f"smtp://127.0.0.1:{server.port}?tls=never", SENDER)

        await asyncio.gather(
            *(messenger.send("ann@lab.example", "", msgspec.structs.replace(FIRST, id=f"id{number}")) for number in range(60))
        )
        await messenger.close()

        assert sorted(mail["Message-ID"] for mail in server.mails) == sorted(f"<id{number}@data.example>" for number in range(60))
        assert server.greeted <= 8


async def test_the_outbox_keeps_mails_as_files(tmp_path: Path) -> None:
    """One a message, however often it is sent, for its owner alone."""
    outbox = Outbox(tmp_path / "outbox", SENDER)

    for _ in range(2):
        await outbox.send("ann@lab.example", "", FIRST)

    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name == "3f1c.eml"
    assert message_from_bytes(file.read_bytes(), policy=POLICY)["To"] == "ann@lab.example"
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
