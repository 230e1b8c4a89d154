"""Who may ask: odd secrets, shown in odd ways, over HTTP and over a socket."""

import asyncio
import json
import urllib.parse

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from domain.callers import ADMINISTRATOR, ANONYMOUS
from domain.hub import Hub
from gateway.app import make_app
from gateway.authentication import PAYLOAD, Authentication
from tests.gateway.conftest import KNOWN, TOKEN, Client

ANY = st.lists(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from(" \tb"), max_size=20).map("".join)
"""Texts with surrogates too: what a header's bytes that are not UTF-8 become. (A list: `text` hardly ever draws such ones.)"""


HEADER = st.sampled_from(["Authorization", "authorization", "AUTHORIZATION"])


@given(ANY, ANY, HEADER)
def test_only_the_secret_itself_fits(secret: str, shown: str, header: str) -> None:
    """Another text never does, whatever it is made of; blanks around it do not count."""
    caller = Authentication({secret: ADMINISTRATOR}).caller_of({header: f"Bearer {shown}"})

    assert (caller == ADMINISTRATOR) == (secret.strip() == shown.strip() != "")
    assert caller in (ADMINISTRATOR, ANONYMOUS)


@given(ANY.filter(str.strip), HEADER)
def test_the_secret_fits_however_it_is_made(secret: str, header: str) -> None:
    """With the scheme in any case of it, and in a payload under both names; `token` is the name of no header."""
    known = Authentication({secret: ADMINISTRATOR})

    assert all(known.caller_of({header: f"{scheme} {secret}"}) == ADMINISTRATOR for scheme in ("Bearer", "bearer", "BEARER"))
    assert known.caller_of({header: f"Bearer {secret}"}, PAYLOAD) == ADMINISTRATOR
    assert known.caller_of({"token": f"Bearer {secret}"}, PAYLOAD) == ADMINISTRATOR
    assert known.caller_of({"token": f"Bearer {secret}"}) == ANONYMOUS


@given(st.dictionaries(ANY, st.none() | st.integers() | ANY | st.lists(ANY) | st.binary()))
def test_what_nobody_knows_is_anonymous(shown: dict[str, object]) -> None:
    """Payloads hold anything."""
    assert Authentication({TOKEN: ADMINISTRATOR, "": ADMINISTRATOR}).caller_of(shown, PAYLOAD) == ANONYMOUS


@pytest.mark.parametrize("secret", ["", " ", "\t\n"])
@pytest.mark.parametrize("shown", ["", " ", "Bearer", "Bearer ", "Bearer  ", "bearer\t", None])
def test_nothing_is_no_secret(secret: str, shown: str | None) -> None:
    """A hub whose token is empty refuses everybody, also who shows nothing; and nothing is not another hub's token."""
    for known in (Authentication({secret: ADMINISTRATOR}), KNOWN, Authentication({})):
        assert known.caller_of({"token": shown, "Authorization": shown}, PAYLOAD) == ANONYMOUS


async def answered(url: str, request: bytes) -> int:
    """The status of the answer to a request that is sent as it is."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request)
    try:
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "value", [b"Bearer \xff", b"\xff\xfe", b"Bearer \xed\xb0\x80", b"Bearer t\xf6ken", b"Bearer", b"Bearer \t"]
)
async def test_bytes_that_are_no_text_are_refused(client: Client, value: bytes) -> None:
    """401 for every route that needs the token, never a 500."""
    head = b"Host: x\r\nAuthorization: %b\r\nConnection: close\r\n" % value
    body = b'{"query": "{ __typename }"}'
    post = b"POST /graphql HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)

    for request in (post, b"GET /graphql?query={__typename} HTTP/1.1\r\n%b\r\n" % head, b"GET /metrics HTTP/1.1\r\n%b\r\n" % head):
        assert await answered(client.url, request) == 401


async def test_a_handshake_with_such_bytes_may_show_the_token_later(client: Client) -> None:
    """The socket opens, as for anybody."""
    handshake = (
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )

    assert await answered(client.url, handshake) == 101


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"token": ""}, 4403),
        ({"Authorization": "Bearer "}, 4403),
        ({"token": "t\u00f6\u0000"}, 4403),
        ({"token": "\udcff"}, 4400),
    ],
)
async def test_odd_payloads_are_refused(client: Client, payload: dict[str, str], code: int) -> None:
    """4403; and 4400 for half a character, with which JSON is none."""
    async with client.socket() as socket:
        await socket.send_str(json.dumps({"type": "connection_init", "payload": payload}))
        await socket.receive(timeout=10)

    assert socket.close_code == code


async def test_an_empty_token_refuses_everybody(hub: Hub) -> None:
    """Also those who show nothing, in each of the ways to do so."""
    async with TestServer(make_app(hub, Authentication({"": ADMINISTRATOR}))) as server:
        url = str(server.make_url(""))
        for line in (b"", b"Authorization:\r\n", b"Authorization: Bearer\r\n", b"Authorization: Bearer \r\n"):
            assert await answered(url, b"GET /metrics HTTP/1.1\r\nHost: x\r\n%bConnection: close\r\n\r\n" % line) == 401
