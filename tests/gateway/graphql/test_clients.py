"""Other people's clients: graphql-http's audits, the real graphql-ws and gql."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gql import Client as GqlClient
from gql import gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

from domain.hub import Hub
from domain.jobs.verdicts import Succeeded
from tests.gateway.conftest import TOKEN, Client, done, started
from tests.services import need

NODE = Path(__file__).parent / "node"


async def run_node(script: str, *arguments: str, resumed: Callable[[], Awaitable[Any]] | None = None, said: str = "resumed") -> Any:
    """What a script of the folder `node` prints, decoded; its packages are installed where they are missing. `resumed` is awaited
    once the script says on stderr that it has come back, or whatever else is to be `said`."""
    node = need("node")
    installed = NODE / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < (NODE / "package-lock.json").stat().st_mtime:
        install = await asyncio.create_subprocess_exec(need("npm"), "ci", "--no-audit", "--no-fund", cwd=NODE)
        assert await install.wait() == 0
    process = await asyncio.create_subprocess_exec(
        node, script, *arguments, cwd=NODE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    if resumed is not None:
        assert process.stderr is not None
        assert await process.stderr.readline() == f"{said}\n".encode()
        await resumed()
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_all_server_audits_are_ok(client: Client) -> None:
    """graphql-http's 61 audits of GraphQL over HTTP say ok, none of them warn."""
    results = await run_node("audits.js", f"{client.url}/graphql", TOKEN)

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61


async def test_the_graphql_ws_client_resumes(client: Client, hub: Hub) -> None:
    """The npm client runs a query, a mutation and a subscription that comes back: every event once."""
    attempt = await started(hub)

    said = await run_node(
        "client.js",
        client.url.replace("http", "ws", 1) + "/graphql",
        TOKEN,
        attempt.id,
        resumed=lambda: attempt.finish(Succeeded(done(attempt), True)),
    )

    assert len(said["queried"]["queues"]) > 3
    assert said["mutated"] == {"removeApi": {"__typename": "NotFound"}}
    assert [event["seq"] for batch in said["batches"] for event in batch["events"]] == [1, 2, 3, 4]


async def test_the_gql_client_resumes(client: Client, hub: Hub) -> None:
    """The PyPI client runs a query and a mutation over HTTP, and a subscription that comes back over a socket."""
    attempt = await started(hub)
    watch = gql("subscription ($id: ID!, $after: String) { jobEvents(jobId: $id, after: $after) { cursor events { seq } } }")
    batches = []
    http = AIOHTTPTransport(f"{client.url}/graphql", headers={"Authorization": f"Bearer {TOKEN}"})
    async with GqlClient(transport=http, fetch_schema_from_transport=True) as session:
        queried = await session.execute(gql("{ queues { name } }"))
        mutated = await session.execute(gql('mutation { removeApi(input: {name: "absent"}) { __typename } }'))
    for step in range(2):
        socket = WebsocketsTransport(
            client.url.replace("http", "ws", 1) + "/graphql",
            init_payload={"token": TOKEN},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        )
        async with GqlClient(transport=socket) as session:
            after = batches[-1]["cursor"] if batches else None
            watch.variable_values = {"id": attempt.id, "after": after}
            async for answer in session.subscribe(watch):
                batches.append(answer["jobEvents"])
                if step == 0:
                    break
                if not attempt.job.outcome:
                    await attempt.finish(Succeeded(done(attempt), True))

    assert len(queried["queues"]) > 3
    assert mutated == {"removeApi": {"__typename": "NotFound"}}
    assert [event["seq"] for batch in batches for event in batch["events"]] == [1, 2, 3, 4]
