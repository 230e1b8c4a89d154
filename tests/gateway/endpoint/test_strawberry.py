"""What of strawberry, and of graphql-core's execution, may change under us: gateway/endpoint is the only place that knows it."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.endpoint.socket import Socket, SocketAdapter
from gateway.endpoint.view import View
from gateway.schema import build_schema

ROOT = Path(__file__).parents[3]
FENCE = ROOT / "gateway" / "endpoint"
PUBLIC = {"strawberry", "strawberry.aiohttp.views", "strawberry.schema.config", "strawberry.tools", "graphql"}
"""Modules that strawberry's documentation and graphql-core's index tell people to import."""

SOCKET = "strawberry.subscriptions.protocols.graphql_transport_ws.handlers"
OVERRIDDEN = {
    "strawberry.aiohttp.views:GraphQLView.__call__": "self request",
    "strawberry.aiohttp.views:GraphQLView.create_response": "self response_data sub_response",
    "strawberry.aiohttp.views:GraphQLView.create_websocket_response": "self request subprotocol",
    "strawberry.aiohttp.views:GraphQLView.decode_json": "self data",
    "strawberry.aiohttp.views:GraphQLView.encode_json": "self data",
    "strawberry.aiohttp.views:GraphQLView.execute_operation": (
        "self request request_adapter request_data context root_value sub_response"
    ),
    "strawberry.aiohttp.views:GraphQLView.get_context": "self request response",
    "strawberry.aiohttp.views:GraphQLView.get_sub_response": "self request",
    "strawberry.aiohttp.views:GraphQLView.on_ws_connect": "self context",
    "strawberry.aiohttp.views:GraphQLView.parse_http_body": "self request",
    "strawberry.aiohttp.views:GraphQLView.process_result": "self request result",
    "strawberry.aiohttp.views:GraphQLView.render_graphql_ide": "self request",
    "strawberry.aiohttp.views:GraphQLView.run": "self request context root_value",
    "strawberry.aiohttp.views:GraphQLView.should_render_graphql_ide": "self request",
    f"{SOCKET}:BaseGraphQLTransportWSHandler._task_done": "self task",
    f"{SOCKET}:BaseGraphQLTransportWSHandler.handle_message": "self message",
    f"{SOCKET}:BaseGraphQLTransportWSHandler.run_operation": "self operation",
}
"""Methods that are overridden, with all their parameters: one more, and ours is called with what it does not know."""
CALLED = {
    "cross_web:HTTPException": "status_code reason",
    "graphql:create_source_event_stream": "executor",
    "graphql:execute": "schema document context_value variable_values operation_name executor_class",
    "graphql:execute_subscription_event": "executor",
    "graphql:get_operation_ast": "document_ast operation_name",
    "graphql:parse": "source max_tokens",
    "graphql:validate": "schema document_ast max_errors",
    "strawberry.aiohttp.views:AiohttpWebSocketAdapter": "view request ws",
    "strawberry.aiohttp.views:AiohttpWebSocketAdapter.close": "self code reason",
    "strawberry.aiohttp.views:GraphQLView": (
        "schema graphql_ide subscription_protocols connection_init_wait_timeout max_subscriptions_per_connection"
    ),
    "strawberry.aiohttp.views:GraphQLView.is_websocket_request": "self request",
    "strawberry.aiohttp.views:GraphQLView.parse_json": "self data",
    "strawberry.aiohttp.views:GraphQLView.parse_query_params": "self params",
    "strawberry.http:GraphQLRequestData": "query variables operation_name extensions",
    "strawberry.http.parse_content_type:parse_content_type": "content_type",
    "strawberry.schema.schema:StrawberryGraphQLCoreExecutionContext.build": (
        "schema document context_value raw_variable_values operation_name"
    ),
    "strawberry.schema.schema:StrawberryGraphQLCoreExecutionContext.build_per_event_executor": "self payload",
    "strawberry.types:ExecutionResult": "data errors",
    "strawberry.types.execution:PreExecutionError": "data errors",
    f"{SOCKET}:BaseGraphQLTransportWSHandler": "view websocket context",
    f"{SOCKET}:BaseGraphQLTransportWSHandler.handle_invalid_message": "self error_message",
    f"{SOCKET}:Operation": "id query variables operation_name",
    f"{SOCKET}:Operation.send_operation_message": "self message",
}
"""What is called or constructed, with the parameters that are given; it may have others."""
NAMED = [
    "strawberry.aiohttp.views:GraphQLView.graphql_transport_ws_handler_class",
    "strawberry.aiohttp.views:GraphQLView.websocket_adapter_class",
    "strawberry.exceptions:ConnectionRejectionError",
    "strawberry.http:GraphQLHTTPResponse",
    "strawberry.http.exceptions:WebSocketDisconnected",
    "strawberry.subscriptions:GRAPHQL_TRANSPORT_WS_PROTOCOL",
    f"{SOCKET}:Operation.completed",
]
"""What is named, and need only be there."""


def found(name: str) -> Any:
    """The object behind `module:attribute.attribute`; raises where it is gone."""
    module, _, path = name.partition(":")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    return value


def parameters(name: str) -> list[str]:
    """The names of what it takes; a bound class method's first one is not among them."""
    return list(inspect.signature(found(name)).parameters)


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_called_as_we_expect(name: str) -> None:
    """Each method that a class of ours replaces still has exactly these parameters."""
    assert parameters(name) == OVERRIDDEN[name].split()


@pytest.mark.parametrize("name", CALLED)
def test_what_is_called_takes_what_we_give(name: str) -> None:
    """Each function and class that is called still has these parameters, in this order."""
    given = CALLED[name].split()

    assert [parameter for parameter in parameters(name) if parameter in given] == given


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name: str) -> None:
    """Each attribute that is only named exists."""
    assert found(name) is not None


def test_a_schema_has_the_schema_that_is_executed() -> None:
    """graphql-core's schema is behind `_schema`, and an executor takes strawberry's extensions as an argument of its own."""
    from graphql import GraphQLSchema, parse  # noqa: PLC0415 - what the endpoint uses, beside it

    executor = found("strawberry.schema.schema:StrawberryGraphQLCoreExecutionContext")
    schema = build_schema()._schema

    assert isinstance(schema, GraphQLSchema)
    assert executor.build(schema, parse("{ __typename }"), operation_extensions={}).operation_extensions == {}


@pytest.mark.parametrize("ours", [View, Socket, SocketAdapter])
def test_every_override_is_listed(ours: type) -> None:
    """The table above is complete: a method that strawberry has too is among those whose parameters are checked."""
    base = ours.__mro__[1]
    functions = [name for name, value in vars(ours).items() if inspect.isfunction(value) and name != "__init__"]

    listed = {name.rpartition(":")[2] for name in OVERRIDDEN}

    assert [name for name in functions if hasattr(base, name) and f"{base.__name__}.{name}" not in listed] == []


def imported(path: Path) -> list[str]:
    """The modules of strawberry and graphql that a file imports, and `module:_name` for private names."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}:{alias.name}" for alias in node.names if alias.name.startswith("_"))]
    return [module for module in modules if re.match(r"(strawberry|graphql|cross_web)\b", module)]


def test_the_fence_holds() -> None:
    """No file outside gateway/endpoint imports more of strawberry and graphql-core than what is public, or names their insides."""
    folders = ("events", "domain", "adapters", "workers", "gateway", "leat", "bench", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if FENCE not in path.parents]
    files.remove(Path(__file__))

    strange = {str(path): [module for module in imported(path) if module not in PUBLIC] for path in files}
    inside = [str(path) for path in files if re.search(r"\._schema\b|__strawberry_definition__", path.read_text())]

    assert {path: modules for path, modules in strange.items() if modules} == {}
    assert inside == []
