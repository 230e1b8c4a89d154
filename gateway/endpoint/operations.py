"""Operations: each text parsed, measured and validated once, then executed, alone or live for many."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, NamedTuple

import orjson
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    create_source_event_stream,
    execute,
    execute_subscription_event,
    get_operation_ast,
    parse,
    validate,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as Executor

from domain.callers import Caller
from gateway.context import Context
from gateway.endpoint.limits import Budgets, Measure, OperationLimits, Refusal, measure
from gateway.errors import present
from gateway.live.stream import Shareable

SHORT = 1000
"""Characters of a text that is validated at once: up to 10 ms, where it is written to take long."""


class NotExecuted(Exception):
    """The operation can't be executed at all; `errors` say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


class Request(NamedTuple):
    """What a client sent."""

    text: str
    variables: dict[str, Any]
    name: str | None = None


@dataclass
class Known:
    """What is known of a text."""

    document: DocumentNode
    errors: list[GraphQLError]
    measured: Measure
    costs: dict[str | None, int] = field(default_factory=dict)
    """Of operations without variables."""


class Operation(NamedTuple):
    """A request that may be executed."""

    request: Request
    document: DocumentNode
    node: OperationDefinitionNode

    @property
    def type(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation


class Operations:
    """Every operation of the endpoint goes through here, whatever carried it."""

    def __init__(self, schema: strawberry.Schema, limits: OperationLimits) -> None:
        self._schema = schema._schema
        self._limits = limits
        self._budgets = Budgets(limits.cost)
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._validating = asyncio.Semaphore(1)
        self._executing = asyncio.Lock()

    async def prepare(self, request: Request, caller: Caller) -> Operation:
        """The operation that is asked for, paid from the caller's budget of the minute. Raises NotExecuted."""
        known = self._known.get(request.text) or await self._learn(request.text)
        self._known[request.text] = known
        self._known.move_to_end(request.text)
        while len(self._known) > self._limits.operations:
            self._known.popitem(last=False)
        if known.errors:
            raise NotExecuted(known.errors)
        node = get_operation_ast(known.document, request.name)
        if node is None:
            raise NotExecuted([GraphQLError("say which operation to execute in `operationName`")])
        wait = self._budgets.spend(caller.budget, self._cost(known, node, request))
        if wait:
            raise NotExecuted([Refusal("too much was asked for in the last minute", "RATE_LIMITED", retryAfter=round(wait, 1))])
        return Operation(request, known.document, node)

    async def _learn(self, text: str) -> Known:
        """What takes long is validated in a thread, one text at a time."""
        if len(text) <= SHORT:
            return self._read(text)
        async with self._validating:
            known = self._known.get(text)  # by another, while this one waited
            return known if known is not None else await asyncio.to_thread(self._read, text)

    def _read(self, text: str) -> Known:
        try:
            document = parse(text, max_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            raise NotExecuted([error]) from error
        errors = measure(document, self._limits) or validate(self._schema, document, max_errors=5)
        return Known(document, errors, Measure(document))

    def _cost(self, known: Known, node: OperationDefinitionNode, request: Request) -> int:
        if request.name in known.costs:
            return known.costs[request.name]
        cost = known.measured.operation_cost(node, request.variables)
        if not node.variable_definitions:
            known.costs[request.name] = cost
        return cost

    async def execute(self, operation: Operation, context: Context) -> ExecutionResult:
        """Do a query or a mutation. Raises NotExecuted where a variable does not fit its type."""
        async with self._executing:  # of many that come at once one is executed in each turn of the loop, so that others get theirs
            await asyncio.sleep(0)
            result = execute(
                self._schema,
                operation.document,
                context_value=context,
                variable_values=operation.request.variables,
                operation_name=operation.request.name,
                executor_class=Executor,
                operation_extensions={},
            )
        done = await result if isawaitable(result) else result
        if done.data is None and done.errors and not any(error.path for error in done.errors):
            raise NotExecuted(done.errors)
        return done

    async def subscribe(self, operation: Operation, context: Context) -> AsyncGenerator[str, None]:
        """Encoded answers of a live operation. An item that goes to many is executed and encoded once for all who asked the
        same."""
        executor = Executor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=operation.request.variables,
            operation_name=operation.request.name,
            operation_extensions={},
        )
        if isinstance(executor, list):
            raise NotExecuted(executor)
        created = create_source_event_stream(executor)
        stream = await created if isawaitable(created) else created
        if isinstance(stream, ExecutionResult):
            raise NotExecuted(stream.errors or [])
        key = (operation.request.text, operation.request.name, _shared_variables(operation), context.caller.sharing)
        try:
            async for item in _items(stream):
                yield await _answer(executor, item, key, context.request_id)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]


def _items(stream: AsyncIterable[Any]) -> AsyncIterable[Any]:
    return stream


async def _answer(executor: Any, item: Any, key: Any, request_id: str) -> str:
    if not isinstance(item, Shareable):
        return await _execute_event(executor, item, request_id)
    answers = item.answers()
    if key not in answers:
        answers[key] = asyncio.ensure_future(_execute_event(executor, item, request_id))
    return await asyncio.shield(answers[key])


async def _execute_event(executor: Any, item: Any, request_id: str) -> str:
    result = execute_subscription_event(executor.build_per_event_executor(item))
    done = await result if isawaitable(result) else result
    return encode(done.data, done.errors, request_id)


def encode(data: Any, errors: list[GraphQLError] | None, request_id: str) -> str:
    """A response as text, at most five errors in it."""
    body: dict[str, Any] = {"data": data}
    if errors:
        body["errors"] = [present(error, request_id) for error in errors[:5]]
    return orjson.dumps(body).decode()


def _shared_variables(operation: Operation) -> bytes:
    """The variables that an answer may depend on: all but the one that the root field takes as `after` and that nothing else
    uses."""
    kept = dict(operation.request.variables)
    for field_node in operation.node.selection_set.selections:
        for argument in (field_node.arguments or ()) if isinstance(field_node, FieldNode) else ():
            if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                name = argument.value.name.value
                if len(re.findall(rf"\${name}\b", operation.request.text)) == 2:  # where it is declared, and here
                    kept.pop(name, None)
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
