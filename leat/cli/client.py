"""The gateway as the command line sees it: queries, mutations, and subscriptions that come back by themselves."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp

from leat.cli.exits import Ended, Exit
from leat.tls import trusted
from leat.urls import Address

PROTOCOL = "graphql-transport-ws"
TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
PAGE = 100
"""Nodes of one page of a connection at most."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to come back to a subscription; after the last one the command gives up."""


class Gateway:
    """An open session with one gateway."""

    def __init__(self, session: aiohttp.ClientSession, address: Address) -> None:
        self._session = session
        self._address = address
        self.url = address.url
        self.told = address.told

    async def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of a query or a mutation. Raises Ended."""
        body = {"query": document, "variables": dict(variables or {})}
        try:
            async with self._session.post("/graphql", json=body) as answer:
                if answer.status == 401:
                    raise Ended(Exit.UNAUTHENTICATED, f"the token does not fit the hub at {self.url}")
                if answer.content_type not in ("application/json", "application/graphql-response+json"):
                    raise Ended(Exit.UNREACHABLE, f"{self.url} answers HTTP {answer.status}: that is no Leat hub")
                return data_of(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Ended(Exit.UNREACHABLE, self._unreachable(error)) from error

    def _unreachable(self, error: Exception) -> str:
        if isinstance(error, aiohttp.ClientSSLError):
            return f"the certificate at {self.url} is not trusted; SSL_CERT_FILE names who signed it ({error})"
        if not isinstance(error, aiohttp.ClientConnectorError):
            return f"the hub at {self.url} can't be reached: {error or type(error).__name__}"
        here = f" (data folder {self._address.folder})" if self._address.folder else ""
        return f"no hub runs at {self.url}{here}: start it with `leat up`, or name where it is with --url or LEAT_DATA"

    async def mutate(self, name: str, selection: str, /, **values: Any) -> dict[str, Any]:
        """What a mutation's success carries; None values are left out of the input. Raises Ended where it is refused."""
        type = name[0].upper() + name[1:]
        document = (
            f"mutation {type}($input: {type}Input!) {{ {name}(input: $input) {{ __typename "
            f"... on UserError {{ message code path }} ... on {type}Success {{ {selection} }} }} }}"
        )
        given = {key: value for key, value in values.items() if value is not None}
        done: dict[str, Any] = (await self.execute(document, {"input": given}))[name]
        if "code" in done and "message" in done:
            told = not done["path"] or done["path"][-1] in done["message"]  # a manifest's error begins with file and key
            where = "" if told else f" ({'.'.join(done['path'])})"
            raise Ended(Exit.REFUSED, f"{done['message']}{where}", done["code"])
        return done

    async def every(self, document: str, field: str, **variables: Any) -> list[dict[str, Any]]:
        """All nodes of a connection, page by page; `document` takes `$after`."""
        nodes: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = (await self.execute(document, {**variables, "after": after}))[field]
            nodes += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return nodes

    async def some(
        self,
        document: str,
        path: Sequence[str],
        limit: int,
        after: str | None,
        wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
        **variables: Any,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """(Up to `limit` wanted nodes of the connection that lies there, behind `after`; the `after` of those behind them, None at
        the end)."""
        nodes: list[dict[str, Any]] = []
        while True:
            page: Any = await self.execute(document, {**variables, "after": after, "first": min(limit - len(nodes), PAGE)})
            for field in path:
                page = page[field]
            nodes += filter(wanted, page["nodes"])
            after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
            if after is None or len(nodes) >= limit:
                return nodes, after

    async def subscribe(self, document: str, field: str, variables: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Batches of a subscription with `after`, `cursor`; comes back after a lost connection where it was. Ends with it."""
        known = dict(variables)
        for pause in itertools.chain(PAUSES, [None]):
            try:
                async for batch in self._batches(document, known):
                    known["after"] = batch[field].get("cursor") or known.get("after")
                    yield batch[field]
                return
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                if pause is None:
                    raise Ended(Exit.UNREACHABLE, f"the connection was lost: {self._unreachable(error)}") from error
                await asyncio.sleep(pause)

    async def _batches(self, document: str, variables: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        async with self._session.ws_connect("/graphql", protocols=(PROTOCOL,), heartbeat=30, max_msg_size=0) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._address.token}"}})
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                said = message.json()
                match said["type"]:
                    case "connection_ack":
                        await socket.send_json(
                            {"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}}
                        )
                    case "ping":
                        await socket.send_json({"type": "pong"})
                    case "next":
                        yield data_of(said["payload"])
                    case "error":
                        data_of({"errors": said["payload"]})
                    case "complete":
                        return
            if socket.close_code in (4401, 4403):
                raise Ended(Exit.UNAUTHENTICATED, f"the token does not fit the hub at {self.url}")
            raise ConnectionError(f"the socket was closed with {socket.close_code}")


def data_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's data; raises Ended by its first error."""
    errors = answer.get("errors")
    if not errors:
        data: dict[str, Any] = answer["data"]
        return data
    message, extensions = errors[0]["message"], errors[0].get("extensions") or {}
    match extensions.get("code"):
        case "UNAUTHENTICATED":
            raise Ended(Exit.UNAUTHENTICATED, message)
        case "NOT_FOUND" | "CONFLICT" | "INVALID" | "QUERY_INVALID" | "NOT_READY" | "RATE_LIMITED":
            raise Ended(Exit.REFUSED, message)
        case "GRAPHQL_INVALID":
            raise Ended(Exit.UNREACHABLE, f"the hub does not understand this; is it another version of Leat? {message}")
    request = extensions.get("requestId")
    raise Ended(Exit.UNREACHABLE, f"the hub could not answer: {message}" + (f" (request {request})" if request else ""))


@contextlib.asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Gateway]:
    """A session with the gateway at that address."""
    headers = {"Authorization": f"Bearer {address.token}"}
    connector = aiohttp.TCPConnector(ssl=trusted(address.fingerprint))
    async with aiohttp.ClientSession(address.url, headers=headers, timeout=TIMEOUT, connector=connector) as session:
        yield Gateway(session, address)
