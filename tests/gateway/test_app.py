"""The application: what is open, what needs the token, and what malformed input gets."""

import asyncio
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domain.data.apis import APIS, Api
from domain.hub import Hub
from domain.ports.documents import Document
from domain.ports.search import IndexSpec
from events.apis import ReleaseCreated
from gateway.pages import Pages
from tests.disks import leave, mounted
from tests.gateway.conftest import TOKEN, Client, serve

QUEUES = {"query": "{ queues { name depth consumers oldest } }"}


async def test_pages_and_health_are_open(client: Client) -> None:
    """A browser gets a page at / and /graphql, under a policy that fetches nothing from elsewhere; health needs no token."""
    for path in ("/", "/graphql"):
        async with client.session.get(client.url + path, headers={"Accept": "text/html,*/*"}) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert "://" not in (await response.text()).replace("http://www.w3.org", "")
    async with client.session.get(f"{client.url}/assets/page.js") as response:
        assert response.status == 200
    async with client.session.get(f"{client.url}/health/live") as response:
        assert await response.json() == {"live": True}


@pytest.mark.parametrize("path", ["/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/app.py", "/assets/nothing.js"])
async def test_assets_stay_in_their_folder(client: Client, path: str) -> None:
    """Nothing else of the package is served."""
    async with client.session.get(client.url + path) as response:
        assert response.status == 404


async def test_built_assets_take_the_place_of_the_small_page(hub: Hub, tmp_path: Any) -> None:
    """Where index.html was built, it is what browsers get."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.html").write_text("built")

    async with serve(hub, pages=Pages(tmp_path / "assets")) as client, client.session.get(client.url) as response:
        assert await response.text() == "built"


@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Bearer ", "Basic x", "Bearer tökén", TOKEN[:-1]])
async def test_data_needs_the_token(client: Client, shown: str | None) -> None:
    """401 with a code, for POST and GET, and for whatever else there may be."""
    headers = {"Authorization": shown} if shown else {}
    for method, path in (("POST", "/graphql"), ("GET", "/graphql?query={__typename}"), ("GET", "/metrics")):
        async with client.session.request(method, client.url + path, json=QUEUES, headers=headers) as response:
            assert response.status == 401
            assert (await response.json())["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("more", [{}, {"Connection": "Upgrade"}, {"Connection": "Upgrade", "Sec-WebSocket-Version": "13"}])
async def test_what_only_looks_like_a_socket_needs_the_token(client: Client, more: dict[str, str]) -> None:
    """`Upgrade` alone opens no socket, so that nobody would ask for the token any more: neither POST nor GET is executed."""
    for method, path in (("POST", "/graphql"), ("GET", "/graphql?query={__typename}")):
        json = QUEUES if method == "POST" and not more else None
        headers = {"Upgrade": "websocket"} | more
        async with client.session.request(method, client.url + path, json=json, headers=headers) as response:
            assert response.status == 401


@pytest.mark.parametrize("headers", [{"Upgrade": "websocket", "Connection": "Upgrade"}, {"Accept": "text/html"}])
async def test_metrics_need_the_token_of_everybody(client: Client, headers: dict[str, str]) -> None:
    """What opens a page or a socket at /graphql opens nothing elsewhere."""
    async with client.session.get(f"{client.url}/metrics", headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize("path", ["/favicon.ico", "/nonsense", "/health", "/graphql/x"])
async def test_nothing_there_is_said_to_be_so(client: Client, path: str) -> None:
    """404 and where something is, with and without a token."""
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
        async with client.session.get(client.url + path, headers=headers) as response:
            assert response.status == 404
            body = await response.json()
            assert body["error"] == f"there is nothing at {path}"
            assert {"/graphql", "/api/<name>/", "/health/ready"} <= set(body["routes"])


async def test_every_queue_is_listed(client: Client) -> None:
    """Queues as the bus sees them."""
    queues = (await client.ask(QUEUES["query"]))["queues"]

    assert {queue["name"] for queue in queues} >= {"dump", "upload", "build", "index"}
    assert queues[0] == {"name": queues[0]["name"], "depth": 0, "consumers": 0, "oldest": None}


async def test_a_bus_that_does_not_answer_is_said_to_be_unavailable(client: Client, hub: Hub) -> None:
    """Not an internal error: trying again later may help."""
    await hub.bus.close()  # type: ignore[attr-defined]

    assert (await client.refused(QUEUES["query"]))[0]["extensions"]["code"] == "UNAVAILABLE"


async def test_ready_pings_every_port(client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 where a port does not answer, naming it, and how long it was silent if it was."""
    monkeypatch.setattr("gateway.pinging.PATIENCE", 0.5)
    monkeypatch.setattr(hub.search, "ping", asyncio.Event().wait)
    await hub.bus.close()  # type: ignore[attr-defined]

    async with client.session.get(f"{client.url}/health/ready") as response:
        body = await response.json()

    assert response.status == 503
    assert body["ports"]["bus"] == "BusError"
    assert body["ports"]["records"] == "ok"
    assert body["ports"]["search"] == "silent for 0.5 s"


async def test_ready_and_metrics_tell_of_what_is_served_and_gone(client: Client, hub: Hub) -> None:
    """By API; 503 where nothing that is served is there, since one API must not take the others off their balancer."""
    await release(hub, "lost", "job.1")
    await hub.search.drop("job.1")

    async def ready() -> tuple[int, dict[str, str]]:
        async with client.session.get(f"{client.url}/health/ready") as response:
            return response.status, (await response.json())["apis"]

    alone = await ready()
    await release(hub, "well", "job.2")
    both = await ready()
    async with client.session.get(f"{client.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        text = await response.text()

    assert (alone[0], list(alone[1])) == (503, ["lost"])
    assert alone[1]["lost"] != "ok"
    assert (both[0], both[1]["well"]) == (200, "ok")
    assert 'leat_api_served_there{api="lost"} 0.0' in text
    assert 'leat_api_served_there{api="well"} 1.0' in text


async def release(hub: Hub, name: str, output: str) -> None:
    """An API that serves one document."""
    one = Document("1", b'{"_id":"1"}', hashlib.sha256(b"1").digest()[:16])
    await hub.documents.create(output)
    await hub.documents.write(output, [one])
    await hub.documents.seal(output, {})
    await hub.search.create(output, IndexSpec(mapping={"n": {"type": "integer"}}, collection=output))
    await hub.search.bulk(output, [one])
    await hub.search.seal(output)
    made = ReleaseCreated(api=name, output=output, build=output, version="1", count=1)
    await APIS.insert(hub.records, name, Api(created_at=1.0, build="b", served=output, outputs=(made,)))


MALFORMED: list[bytes] = [
    b"1", b"null", b'"x"', b"true", b"[]", b"[{}]", b"{}", b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000,
    b'{"query": 1}', b'{"query": null}', b'{"query": "{a}", "variables": []}', b'{"query": "{a}", "variables": "x"}',
    b'{"query": "{a}", "operationName": 1}', b'{"query": "{a}", "extensions": []}', b'{"query": ""}', b'{"query": "{"}',
    b'{"query": "\\ud800"}', b'{"query": "{ __typename }", "operationName": "absent"}', b'{"query": "fragment F on Query { a }"}',
]  # fmt: skip


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_malformed_bodies_are_the_clients_mistake(client: Client, accept: str) -> None:
    """Errors with a code, never a 500; 4xx where the media type tells errors by status."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Accept": accept}
    for body in MALFORMED:
        async with client.session.post(f"{client.url}/graphql", data=body, headers=headers) as response:
            answer = await response.json()

        assert response.status < 500, body
        assert accept == "application/json" or response.status >= 400, body
        assert "data" not in answer, body
        assert all(error["extensions"]["code"] for error in answer["errors"]), body


@pytest.mark.parametrize("type", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", None])
async def test_other_media_types_are_refused(client: Client, type: str | None) -> None:
    """What a browser sends without asking first is not taken."""
    headers = {"Authorization": f"Bearer {TOKEN}", **({"Content-Type": type} if type else {})}
    async with client.session.post(f"{client.url}/graphql", data=json.dumps(QUEUES).encode(), headers=headers) as response:
        assert response.status == 415


async def test_get_carries_queries_only(client: Client) -> None:
    """A mutation over GET is 405, a subscription over HTTP 400, another method 405."""
    headers = {"Authorization": f"Bearer {TOKEN}"}

    async def status(method: str, query: str) -> int:
        async with client.session.request(method, f"{client.url}/graphql", params={"query": query}, headers=headers) as response:
            return response.status

    assert await status("GET", "{ __typename }") == 200
    assert await status("GET", 'mutation { removeApi(input: {name: "a"}) { __typename } }') == 405
    assert await status("GET", "subscription { workers { workers { pid } } }") == 400
    assert await status("PUT", "{ __typename }") == 405


async def test_large_bodies_are_refused(client: Client) -> None:
    """A megabyte is enough; the refusal is an answer of GraphQL's."""
    body = io.BytesIO(json.dumps({"query": "#" * 2_000_000}).encode())
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with client.session.post(f"{client.url}/graphql", data=body, headers=headers) as response:
        assert (response.status, response.content_type) == (413, "application/json")
        [error] = (await response.json())["errors"]
        assert error == {"message": "the body may have 1048576 bytes", "extensions": {"code": "TOO_LARGE"}}


async def test_bodies_that_are_not_compressed(client: Client) -> None:
    """A body that is not what its encoding says is refused."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client.session.post(f"{client.url}/graphql", data=b"{}", headers=headers) as response:
        assert (response.status, (await response.json())["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


async def test_unexpected_errors_are_masked(client: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """The client gets a code and the request id of the header, not the cause."""

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("domain.jobs.control.page", broken)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with client.session.post(
        f"{client.url}/graphql", json={"query": "{ jobs { nodes { id } } }"}, headers=headers
    ) as response:
        (error,) = (await response.json())["errors"]

    assert "hunter2" not in json.dumps(error)
    assert error["extensions"] == {"code": "INTERNAL", "requestId": response.headers["X-Request-Id"]}


async def test_a_foreign_page_gets_no_socket(client: Client) -> None:
    """The handshake of another origin is refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.session.ws_connect(
            f"{client.url}/graphql", protocols=("graphql-transport-ws",), headers={"Origin": "http://elsewhere.example"}
        )

    assert refused.value.status == 403


async def test_a_full_disk_shows_in_health_and_metrics(hub: Hub, tmp_path: Path) -> None:
    """Nearly full is told and is no reason to go; where nothing can be written the gateway is not ready. Figures have both."""
    with mounted(tmp_path / "disk", 2**20) as disk:
        (disk / "kept").write_bytes(b"kept")
        async with serve(replace(hub, data=disk)) as client:

            async def told() -> tuple[int, str, str]:
                async with client.session.get(f"{client.url}/health/ready") as ready:
                    body = await ready.json()
                headers = {"Authorization": f"Bearer {TOKEN}"}
                async with client.session.get(f"{client.url}/metrics", headers=headers) as metrics:
                    text = await metrics.text()
                return ready.status, body["disks"]["data"], text

            nearly = await told()
            leave(disk, 0)
            full = await told()

    assert (nearly[0], nearly[1].startswith("nearly full: 1,04")) == (200, True), nearly
    assert (full[0], full[1].startswith("can't be written (No space left")) == (503, True), full
    assert 'leat_disk_writable{disk="data"} 1.0' in nearly[2]
    assert 'leat_disk_writable{disk="data"} 0.0' in full[2]
    assert 'leat_disk_free_bytes{disk="data"} 0.0' in full[2]
