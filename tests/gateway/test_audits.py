"""Other people's clients: graphql-http's audits, the real graphql-ws and gql."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.gateway.conftest import TOKEN, Client
from tests.services import need

NODE = Path(__file__).parent / "node"


async def run_node(script: str, *arguments: str) -> Any:
    """What a script of tests/gateway/node prints, decoded; its packages are installed where they are missing."""
    node = need("node")
    if not (NODE / "node_modules").is_dir():
        install = await asyncio.create_subprocess_exec(need("npm"), "ci", "--no-audit", "--no-fund", cwd=NODE)
        assert await install.wait() == 0
    process = await asyncio.create_subprocess_exec(
        node, script, *arguments, cwd=NODE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_all_server_audits_are_ok(client: Client) -> None:
    """graphql-http's 61 audits of GraphQL over HTTP say ok, none of them warn."""
    results = await run_node("audits.js", f"{client.url}/graphql", TOKEN)

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
