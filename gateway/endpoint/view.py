"""The GraphQL endpoint: strawberry's view, made strict about what comes in and exact about what goes out."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import orjson
import strawberry
from aiohttp import WSCloseCode, web
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import OperationType
from strawberry.aiohttp.views import GraphQLView
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.parse_content_type import parse_content_type
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from domain.callers import ANONYMOUS
from domain.hub import Hub
from gateway.authentication import PAYLOAD, Authentication, is_page
from gateway.context import Context
from gateway.endpoint.limits import OperationLimits, Refusal
from gateway.endpoint.operations import NotExecuted, Operations, Request
from gateway.endpoint.socket import Socket, SocketAdapter
from gateway.errors import present
from gateway.live.stream import Watching
from gateway.pages import Pages

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
TIMEOUT = 30.0
"""Seconds that a query or mutation may take."""
FRAME = 256 * 1024
"""Bytes that a socket's message may have."""


def negotiated(accept: str) -> str:
    """The response's media type: what is listed first of the two, and JSON where anything will do."""
    for item in accept.split(","):
        media = item.split(";", 1)[0].strip().lower()
        if media in (JSON, GRAPHQL):
            return media
    return JSON


class View(GraphQLView[Context, None]):
    """One endpoint for queries and mutations over HTTP, and for everything over graphql-transport-ws."""

    websocket_adapter_class = SocketAdapter

    def __init__(
        self,
        schema: strawberry.Schema,
        hub: Hub,
        watching: Watching,
        authentication: Authentication,
        limits: OperationLimits,
        pages: Pages,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql",
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=10),
            max_subscriptions_per_connection=limits.subscriptions,
        )
        self._hub = hub
        self._watching = watching
        self._authentication = authentication
        self._pages = pages
        self._operations = Operations(schema, limits)
        self.graphql_transport_ws_handler_class = type("BoundSocket", (Socket,), {"endpoint": self._operations})
        self.sockets: set[web.WebSocketResponse] = set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer; what can't be understood is a 4xx with `errors`, never a 500."""
        try:
            response: web.StreamResponse = await self.run(request=request)
            return response
        except HTTPException as error:
            return self._refused(request, error.status_code, error.reason)
        except web.RequestPayloadError:
            return self._refused(request, 400, "the body is not in the encoding that it says")
        except web.HTTPRequestEntityTooLarge:
            return self._refused(request, 413, f"the body may have {request.client_max_size} bytes", "TOO_LARGE")

    def _refused(self, request: web.Request, status: int, reason: str, code: str = "BAD_REQUEST") -> web.Response:
        body = {"errors": [{"message": reason, "extensions": {"code": code}}]}
        headers = {"Allow": "GET, POST"} if status == 405 else {}
        media = negotiated(request.headers.get("Accept", ""))
        return web.Response(text=self.encode_json(body), status=status, content_type=media, charset="utf-8", headers=headers)

    def encode_json(self, data: object) -> str:
        """Text, since bytes would go out as binary frames."""
        return orjson.dumps(data).decode()

    def decode_json(self, data: str | bytes) -> object:
        """Raises json.JSONDecodeError for invalid UTF-8 and too deep nesting as well."""
        decoded: object = orjson.loads(data)
        return decoded

    async def get_context(self, request: web.Request, response: web.Response | web.WebSocketResponse) -> Context:
        """Who asks, by the headers; a socket may show its token later."""
        caller = self._authentication.caller_of(request.headers)
        context = Context(hub=self._hub, watching=self._watching, caller=caller)
        if isinstance(response, web.Response):
            response.headers["X-Request-Id"] = context.request_id
            request[REQUEST_ID] = context.request_id
        return context

    async def get_sub_response(self, request: web.Request) -> web.Response:
        """The response to be filled, which knows what media type is wanted."""
        response = web.Response()
        response.content_type = negotiated(request.headers.get("Accept", ""))
        return response

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Only for browsers: a program that accepts anything gets data."""
        return request.method == "GET" and "query" not in request.query_params and "text/html" in request.headers.get("Accept", "")

    async def render_graphql_ide(self, request: web.Request) -> web.Response:
        """GraphiQL where it was built, else our own page."""
        return self._pages.explorer()

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The request's four parameters, each of its type; anything else is refused with a 4xx."""
        if request.method == "GET":
            data: Any = self.parse_query_params(request.query_params)
        else:
            media, parameters = parse_content_type(request.content_type or "")
            if media != JSON:
                raise HTTPException(415, "the body must be application/json")
            if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
                raise HTTPException(415, "the body must be UTF-8")
            data = self.parse_json(await request.get_body())
        if not isinstance(data, dict):
            raise HTTPException(400, "the body must be one JSON object; batches are not taken")
        return GraphQLRequestData(
            query=_typed(data, "query", str, required=True),
            variables=_typed(data, "variables", dict),
            operation_name=_typed(data, "operationName", str),
            extensions=_typed(data, "extensions", dict),
        )

    async def execute_operation(self, **given: Any) -> ExecutionResult:  # type: ignore[override]
        """Execute a query or mutation within the time it may take. Raises HTTPException for what GET, or HTTP, can't carry."""
        data: GraphQLRequestData = given["request_data"]
        request: web.Request = given["request"]
        try:
            asked = Request(data.query or "", data.variables or {}, data.operation_name)
            operation = await self._operations.prepare(asked, given["context"].caller)
            if operation.type is OperationType.SUBSCRIPTION:
                raise HTTPException(400, "subscriptions go over graphql-transport-ws")
            if request.method == "GET" and operation.type is OperationType.MUTATION:
                raise HTTPException(405, "mutations are POSTed")
            async with asyncio.timeout(TIMEOUT):
                done = await self._operations.execute(operation, given["context"])
        except NotExecuted as refused:
            return PreExecutionError(data=None, errors=refused.errors)
        except TimeoutError:
            return ExecutionResult(data=None, errors=[Refusal(f"it took longer than {TIMEOUT:.0f} s", "TIMEOUT")])
        return ExecutionResult(data=done.data, errors=done.errors)

    async def process_result(self, request: web.Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The response's body; without `data` where nothing was executed."""
        request_id = request[REQUEST_ID]
        body: dict[str, Any] = {} if isinstance(result, PreExecutionError) else {"data": result.data}
        if result.errors:
            body["errors"] = [present(error, request_id) for error in result.errors[:5]]
        return cast("GraphQLHTTPResponse", body)

    def create_response(self, response_data: Any, sub_response: web.Response) -> web.Response:
        """The encoded body, with the status that the media type asks for."""
        media = sub_response.content_type
        executed = "data" in response_data
        sub_response.set_status(200 if executed or media == JSON else 400)
        codes = {error.get("extensions", {}).get("code") for error in response_data.get("errors", ())}
        if "RATE_LIMITED" in codes:
            sub_response.set_status(429)
        sub_response.text = self.encode_json(response_data)
        sub_response.content_type = media
        sub_response.charset = "utf-8"
        return sub_response

    async def create_websocket_response(self, request: web.Request, subprotocol: str | None) -> web.WebSocketResponse:
        """A socket with server pings, without compression (it costs 100 KB each), known until it is gone."""
        protocols = [subprotocol] if subprotocol else []
        socket = web.WebSocketResponse(protocols=protocols, heartbeat=30.0, compress=False, max_msg_size=FRAME)
        await socket.prepare(request)
        self.sockets.add(socket)
        return socket

    def asks_later(self, request: web.Request) -> bool:
        """Whether the token may be shown later: a socket shows it after the handshake, and a page asks for it. This looks at what
        `run` looks at; otherwise a request that only looks like a socket would be executed without a token."""
        return is_page(request) or self.is_websocket_request(request)

    async def run(self, request: web.Request, *args: Any, **kwargs: Any) -> Any:
        """As strawberry's; a socket is forgotten when it is gone."""
        if is_page(request):
            return await self.render_graphql_ide(request)
        response = await super().run(request, *args, **kwargs)
        if isinstance(response, web.WebSocketResponse):
            self.sockets.discard(response)
        return response

    async def on_ws_connect(self, context: Context) -> Any:
        """4403 unless the token was shown, in a header or in `connection_init`."""
        if context.caller == ANONYMOUS:
            context.caller = self._authentication.caller_of(context.connection_params, PAYLOAD)
        if context.caller == ANONYMOUS:
            raise ConnectionRejectionError
        return strawberry.UNSET

    async def close_sockets(self) -> None:
        """Tell every client to come back: 1001."""
        closing = [socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down") for socket in list(self.sockets)]
        await asyncio.gather(*closing, return_exceptions=True)


def _typed(data: Mapping[str, Any], name: str, type: type, required: bool = False) -> Any:
    value = data.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, type):
        raise HTTPException(400, f"`{name}` must be {'a string' if type is str else 'an object'}")
    return value
