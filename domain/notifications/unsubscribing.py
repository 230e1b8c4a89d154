"""Unsubscribing (RFC 8058): a link that names a channel, and that only this hub can have made."""

import base64
import binascii
import hashlib
import hmac

from domain.errors import NotFound
from domain.hub import Hub

PATH = "notifications/unsubscribe"
SIGNED = 16
"""Bytes of the signature."""


def link_of(hub: Hub, channel: str) -> str:
    """Where the channel is ended; empty where the hub's address is not known, or it has no secret."""
    if not hub.public_url or not hub.secret:
        return ""
    return f"{hub.public_url}/{PATH}/{token_of(hub, channel)}"


def token_of(hub: Hub, channel: str) -> str:
    """Opaque text for a URL."""
    return base64.urlsafe_b64encode(_signature(hub, channel) + channel.encode()).decode().rstrip("=")


def channel_of(hub: Hub, token: str) -> str:
    """The channel that a token names; raises NotFound where this hub did not make it."""
    try:
        signed = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        channel = signed[SIGNED:].decode()
    except (binascii.Error, UnicodeError):
        channel, signed = "", b""
    if not hub.secret or not channel or not hmac.compare_digest(signed[:SIGNED], _signature(hub, channel)):
        raise NotFound("this link is not known; it may be of another hub")
    return channel


def _signature(hub: Hub, channel: str) -> bytes:
    return hmac.digest(hub.secret.encode(), b"unsubscribe\0" + channel.encode(), hashlib.sha256)[:SIGNED]
