"""Scrolls: where the reading of all hits stands, which clients carry from page to page."""

import base64
import binascii

import msgspec

from domain.data.apis import Api
from gateway.rest.answers import RequestInvalid

END = "\U0010ffff"
"""Behind every id: what `after` is where there was nothing."""


class Scroll(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a scroll stands: all that is needed to go on, so that nothing is kept here between two pages."""

    index: str
    q: str | None
    filter: str | None
    post_filter: str | None
    total: int
    after: str
    best: float | None = None
    """The best score of all."""

    def encode(self) -> str:
        """The `_scroll_id` that clients come back with."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).rstrip(b"=").decode()


def decode(text: str, api: Api) -> Scroll:
    """The scroll behind an id. Only releases that this API keeps and does not hold back, or has served lately, can be read with
    one: for as long as their index lies there. Raises RequestInvalid."""
    try:
        scroll = msgspec.msgpack.decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True), type=Scroll)
    except (binascii.Error, ValueError) as error:
        raise stale() from error
    if scroll.index not in {*(release.output for release in api.releases() if not release.held), *api.retired}:
        raise stale()
    return scroll


def stale() -> RequestInvalid:
    """A scroll id that is none, or whose release is gone."""
    return RequestInvalid("", error="ValueError", details="Invalid or stale scroll_id.")
