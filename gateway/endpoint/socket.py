"""graphql-transport-ws: strawberry's handler of the protocol, strict about what comes in, with operations of our own."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

from graphql import GraphQLError, OperationType
from strawberry.aiohttp.views import AiohttpWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as Subscription

from domain.errors import LeatError
from gateway.context import Context
from gateway.endpoint.operations import NotExecuted, Operations, Request, encode
from gateway.errors import present

log = logging.getLogger(__name__)

ANSWERS = 2
"""Answers of queries that one socket may have under way: a client that takes nothing gets no more of them ready."""


class SocketAdapter(AiohttpWebSocketAdapter):
    """Sends text that is encoded already."""

    async def send_text(self, text: str) -> None:
        """Send one frame; waits while the client's buffer is full, so a slow reader slows its own operations only."""
        try:
            await self.ws.send_str(text)
        except (RuntimeError, ConnectionError) as error:
            raise WebSocketDisconnected from error


class Socket(BaseGraphQLTransportWSHandler[Context, None]):
    """One client's socket."""

    endpoint: Operations
    websocket: SocketAdapter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answering = asyncio.Semaphore(ANSWERS)

    def _task_done(self, task: "asyncio.Task[Any]") -> None:
        """A task that fails unexpectedly is a bug of ours: log it, and let the client come back."""
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), WebSocketDisconnected):
            log.error("socket operation failed", exc_info=task.exception(), extra={"request_id": self.context.request_id})
            self._closing = asyncio.ensure_future(self.websocket.close(1011, "internal error"))

    async def handle_message(self, message: Any) -> None:
        """Close with 4400 what is no message of the protocol, and nothing else."""
        if not isinstance(message, dict) or not _is_valid(message):
            await self.handle_invalid_message("that is no message of graphql-transport-ws")
            return
        await super().handle_message(message)  # type: ignore[arg-type]

    async def run_operation(self, operation: "Subscription[Context, None]") -> None:
        """Answer one `subscribe` message until it is done, complete or refused."""
        request = Request(operation.query, operation.variables or {}, operation.operation_name)
        try:
            prepared = await self.endpoint.prepare(request, self.context.caller)
            if prepared.type is OperationType.SUBSCRIPTION:
                async with aclosing(self.endpoint.subscribe(prepared, self.context)) as answers:
                    async for answer in answers:
                        await self._next(operation, answer)
            else:
                async with self._answering:
                    done = await self.endpoint.execute(prepared, self.context)
                    await self._next(operation, encode(done.data, done.errors, self.context.request_id))
        except NotExecuted as refused:
            await self._refuse(operation, refused.errors)
        except LeatError as error:
            await self._refuse(operation, [GraphQLError(error.message, original_error=error)])
        else:
            await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _next(self, operation: "Subscription[Context, None]", answer: str) -> None:
        if not operation.completed:
            id = self.view.encode_json(operation.id)
            await self.websocket.send_text(f'{{"id":{id!s},"type":"next","payload":{answer}}}')

    async def _refuse(self, operation: "Subscription[Context, None]", errors: list[GraphQLError]) -> None:
        payload = [present(error, self.context.request_id) for error in errors]
        await operation.send_operation_message({"id": operation.id, "type": "error", "payload": payload})


def _is_valid(message: dict[str, Any]) -> bool:
    if message.get("type") in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return False
    if message.get("type") != "subscribe":
        return isinstance(message.get("type"), str)
    payload = message.get("payload")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return False
    name, variables = payload.get("operationName"), payload.get("variables")
    return isinstance(name, str | None) and isinstance(variables, dict | None)
