"""Who may ask: odd secrets, shown in odd ways, over HTTP and over a socket."""

import asyncio
import json
import urllib.parse

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from domain.hub import Hub
from gateway.app import make_app
from gateway.authentication import Token
from tests.gateway.conftest import TOKEN, Client

ANY = st.lists(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from(" \tb"), max_size=20).map("".join)
"""Texts with surrogates too: what a header's bytes that are not UTF-8 become. (A list: `text` hardly ever draws such ones.)"""


@given(ANY, ANY)
def test_only_the_token_itself_fits(token: str, shown: str) -> None:
    """Another text never does, whatever it is made of; blanks around it do not count."""
    assert Token(token).fits(f"Bearer {shown}") == (token.strip() == shown.strip() != "")


@given(ANY.filter(str.strip))
def test_the_token_fits_however_it_is_made(token: str) -> None:
    """With and without the scheme, in any case of it, and in a payload under both names."""
    known = Token(token)

    assert all(known.fits(f"{scheme} {token}") for scheme in ("Bearer", "bearer", "BEARER"))
    assert known.fits_parameters({"Authorization": f"Bearer {token}"})
    assert known.fits_parameters({"token": f"Bearer {token}"})


@pytest.mark.parametrize("token", ["", " ", "\t\n"])
@pytest.mark.parametrize("shown", ["", " ", "Bearer", "Bearer ", "Bearer  ", "bearer\t", None])
def test_nothing_is_no_secret(token: str, shown: str | None) -> None:
    """A hub whose token is empty refuses everybody, also who shows nothing; and nothing is not another hub's token."""
    for known in (Token(token), Token(TOKEN)):
        assert not known.fits(shown)
        assert not known.fits_parameters({"token": shown, "Authorization": shown})


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
    async with TestServer(make_app(hub, "")) as server:
        url = str(server.make_url(""))
        for line in (b"", b"Authorization:\r\n", b"Authorization: Bearer\r\n", b"Authorization: Bearer \r\n"):
            assert await answered(url, b"GET /metrics HTTP/1.1\r\nHost: x\r\n%bConnection: close\r\n\r\n" % line) == 401
