"""Mails: a message as RFC 5322 has it, threaded by its ids, with text and HTML, and a way to unsubscribe."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from domain.ports.messages import Message

POLICY = SMTP.clone(max_line_length=998)
"""What a line may have (RFC 5322, 2.1.1): a URL in a header is not put on a line of its own."""


def composed(sender: Address, to: str, message: Message) -> bytes:
    """The mail as it is sent, with CRLF at the end of lines."""
    mail, domain = EmailMessage(policy=POLICY), sender.domain or "localhost"
    is_first = message.thread == message.id
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = message.subject if is_first else f"Re: {message.subject}"
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if not is_first:
        mail["In-Reply-To"] = mail["References"] = f"<{message.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    if message.unsubscribe:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail.as_bytes(policy=POLICY)
