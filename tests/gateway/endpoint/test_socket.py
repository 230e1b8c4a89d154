"""graphql-transport-ws: the protocol, its refusals, and the end of the process."""

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from domain.hub import Hub
from events.sources import SourceAdded
from gateway.app import make_app
from tests.gateway.conftest import KNOWN, TOKEN, Client

INIT = {"type": "connection_init", "payload": {"token": TOKEN}}


def subscribe(query: str, id: str = "1", **payload: Any) -> dict[str, Any]:
    """A subscribe message."""
    return {"id": id, "type": "subscribe", "payload": {"query": query, **payload}}


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code that the server closes with."""
    while (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
        pass
    return socket.close_code


@pytest.mark.parametrize(
    "payload",
    [{"token": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, {"authorization": TOKEN}],
    ids=["token", "header", "lower"],
)
async def test_the_token_is_shown_at_the_start(client: Client, payload: Any) -> None:
    """As `token` or `Authorization`; queries and mutations are carried as well."""
    async with client.socket() as socket:
        await socket.send_json({"type": "connection_init", "payload": payload})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json(subscribe("{ queues { name } }"))
        assert len((await socket.receive_json())["payload"]["data"]["queues"]) > 3
        assert (await socket.receive_json())["type"] == "complete"
        await socket.send_json(subscribe('mutation { removeApi(input: {name: "a"}) { __typename } }'))
        assert (await socket.receive_json())["payload"]["data"] == {"removeApi": {"__typename": "NotFound"}}


async def test_a_header_of_the_handshake_will_do(client: Client) -> None:
    """For clients that can set one."""
    async with client.socket(headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json())["type"] == "connection_ack"


@pytest.mark.parametrize("payload", [{}, {"token": "wrong"}, {"token": 1}, {"Authorization": ["x"]}])
async def test_without_the_token_it_is_4403(client: Client, payload: Any) -> None:
    """So that clients come back with a fresh one."""
    async with client.socket() as socket:
        await socket.send_json({"type": "connection_init", "payload": payload})
        assert await closed(socket) == 4403


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["[]"], 4400),
        (["null"], 4400),
        (["1"], 4400),
        (["{"], 4400),
        (['{"type": 1}'], 4400),
        (['{"type": "nonsense"}'], 4400),
        (['{"type": "connection_init", "payload": []}'], 4400),
        (['{"id": "1", "type": "subscribe", "payload": {"query": "{ a }"}}'], 4401),
        (["INIT", "INIT"], 4429),
        (["INIT", '{"id": 1, "type": "subscribe", "payload": {"query": "{ a }"}}'], 4400),
        (["INIT", '{"id": "1", "type": "subscribe", "payload": []}'], 4400),
        (["INIT", '{"id": "1", "type": "subscribe", "payload": {"query": 1}}'], 4400),
        (["INIT", '{"id": "1", "type": "subscribe", "payload": {"query": "{ a }", "variables": []}}'], 4400),
        (["INIT", "LIVE", "LIVE"], 4409),
    ],
)
async def test_what_is_not_the_protocol_closes_with_its_code(client: Client, messages: list[str], code: int) -> None:
    """Never 1006, and never an error of the server's own."""
    async with client.socket() as socket:
        for message in messages:
            if message == "INIT":
                await socket.send_json(INIT)
            elif message == "LIVE":
                await socket.send_json(subscribe("subscription { hubEvents { cursor } }"))
            else:
                await socket.send_str(message)
        assert await closed(socket) == code


async def test_another_protocol_is_not_spoken(client: Client) -> None:
    """The legacy graphql-ws is refused at once."""
    async with client.session.ws_connect(f"{client.url}/graphql", protocols=("graphql-ws",)) as socket:
        assert await closed(socket) == 4406


@pytest.mark.parametrize("query", ["{", "{ absent }", "subscription { absent }", "query ($a: Int!) { job(id: $a) { id } }"])
async def test_a_wrong_operation_ends_alone(client: Client, query: str) -> None:
    """With an error that has a code; the socket goes on."""
    async with client.socket() as socket:
        await socket.send_json(INIT)
        await socket.receive_json()
        await socket.send_json(subscribe(query))
        error = await socket.receive_json()
        await socket.send_json({"type": "ping"})

        assert (error["type"], error["id"]) == ("error", "1")
        assert error["payload"][0]["extensions"]["code"]
        assert (await socket.receive_json())["type"] == "pong"


async def test_a_completed_operation_is_forgotten(client: Client) -> None:
    """Its id can be used again, and its feed is gone."""
    async with client.socket() as socket:
        await socket.send_json(INIT)
        await socket.receive_json()
        for _ in range(3):
            await socket.send_json(subscribe("subscription { hubEvents { cursor } }"))
            assert (await socket.receive_json())["type"] == "next"
            await socket.send_json({"id": "1", "type": "complete"})


async def test_sockets_are_closed_with_1001_at_shutdown(hub: Hub) -> None:
    """Live ones do not hold up the end of the process, and their clients know that they may come back."""
    server = TestServer(make_app(hub, KNOWN))
    await server.start_server()
    async with aiohttp.ClientSession() as session, Client(str(server.make_url("")).rstrip("/"), session).socket() as socket:
        await socket.send_json(INIT)
        await socket.receive_json()
        await socket.send_json(subscribe("subscription { hubEvents { cursor } }"))
        await socket.receive_json()
        code, _ = await asyncio.wait_for(asyncio.gather(closed(socket), server.close()), timeout=20)

    assert code == 1001


def small_window(address: Any) -> socket.socket:
    """A TCP socket that takes little before it is read."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    return made


async def test_a_reader_that_does_not_read_costs_no_memory(hub: Hub) -> None:
    """What it does not take stays unsent, while another gets each event; when it reads on it has missed nothing."""
    query, sources = "subscription { hubEvents { events { event } } }", [f"{number:02}" + "x" * 100_000 for number in range(70)]
    waiting: list[int] = []
    async with (
        TestServer(make_app(hub, KNOWN)) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=small_window)) as narrow,
        aiohttp.ClientSession() as session,
    ):
        url = str(server.make_url("")).rstrip("/")
        async with Client(url, narrow).watch(query) as slow, Client(url, session).watch(query) as quick:
            assert [await slow.next(), await quick.next()] == [{"events": []}] * 2
            for source in sources:
                await hub.announce(SourceAdded(source=source))
                assert [event["event"]["source"] for event in (await quick.next())["events"]] == [source]
                connections = server.runner.server.connections
                waiting.append(max(each.transport.get_write_buffer_size() for each in connections if each.transport))
            seen: list[str] = []
            while len(seen) < len(sources):
                seen += [event["event"]["source"] for event in (await slow.next())["events"]]

    assert seen == sources
    assert 0 < max(waiting) < 500_000
