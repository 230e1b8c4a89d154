"""Addresses of channels: what they may be."""

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import urlsplit

from domain.errors import Invalid

LONGEST = 2000
_SLACK = re.compile(r"#[^\s#@]{1,80}|@?[A-Z0-9]{9,13}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


def check_address(medium: str, address: str, has_secret: bool) -> str:
    """The address as it is kept; raises Invalid where it can't be one of this medium."""
    address = address.strip()
    if len(address) > LONGEST or _UNSEEN.search(address):
        raise Invalid("address is one word without blanks or line breaks", ("address",))
    match medium:
        case "EMAIL":
            return check_email(address)
        case "SLACK" if not address.startswith("http"):
            return _check_bot(address, has_secret)
        case _:
            return _check_url(address)


def check_email(address: str) -> str:
    """The address, if mail can be sent to it; raises Invalid."""
    try:
        parsed = Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise Invalid(f"{address!r} is no e-mail address such as ann@example.org", ("address",)) from error
    if not parsed.username or not parsed.domain or len(address) > 254:
        raise Invalid(f"{address!r} is no e-mail address such as ann@example.org", ("address",))
    return address


def sender_of(text: str) -> Address:
    """An address with or without a name before it, `Leat <leat@example.org>`; raises Invalid."""
    name, address = parseaddr(text) if text.isprintable() else ("", "")
    return Address(name, addr_spec=check_email(address))


def _check_bot(address: str, has_secret: bool) -> str:
    if not _SLACK.fullmatch(address):
        raise Invalid("address is a web hook's URL, a channel such as #data, or the id of a channel or person", ("address",))
    if not has_secret:
        raise Invalid("a bot needs its token as `secret`: xoxb-…", ("secret",))
    return address.removeprefix("@")


def _check_url(address: str) -> str:
    try:
        parts = urlsplit(address)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise Invalid(f"{address!r} is no URL such as https://example.org/hook", ("address",))
    return address
