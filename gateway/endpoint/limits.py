"""What an operation may ask for: measured linearly in its text, before it is validated."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

PAGE = 20
"""Items that a connection gives where `first` is not said."""
ROOT_COST = {OperationType.QUERY: 0, OperationType.MUTATION: 10, OperationType.SUBSCRIPTION: 5}


@dataclass(frozen=True, kw_only=True)
class OperationLimits:
    """What one operation, and one caller's minute, may ask for."""

    tokens: int = 2000
    depth: int = 12
    fields: int = 2000
    """Fields after every fragment is written out."""
    aliases: int = 30
    roots: int = 20
    """Fields of the operation's root, fragments written out."""
    directives: int = 50
    fragments: int = 50
    variables: int = 50
    cost: int = 600_000
    """Points a minute of one budget: one for each object asked for, `first` times what is below a connection, 10 for a mutation,
    5 for a subscription."""
    operations: int = 1000
    """Parsed and validated operations that are kept by their text."""
    subscriptions: int = 100
    """Operations under way on one socket."""


class _Size(NamedTuple):
    depth: int
    fields: int
    roots: int


class Refusal(GraphQLError):
    """The operation asks for too much; `extensions.code` says of what kind."""

    def __init__(self, message: str, code: str = "LIMIT_EXCEEDED", **extensions: Any) -> None:
        super().__init__(message, extensions={"code": code, **extensions})


class Measure:
    """Sizes and costs of selection sets; each fragment is looked at once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._sizes: dict[str, _Size] = {}
        self._costs: dict[str, int] = {}

    def size(self, selections: SelectionSetNode | None) -> _Size:
        """Depth and expanded fields below a node. Introspection counts fields but no depth: graphql-core bounds its recursion."""
        depth = fields = roots = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                below = self.size(node.selection_set)
                depth = max(depth, 1 if node.name.value.startswith("__") else 1 + below.depth)
                fields, roots = fields + 1 + below.fields, roots + 1
            else:
                below = self._spread(node.name.value) if isinstance(node, FragmentSpreadNode) else self.size(_inline(node))
                depth, fields, roots = max(depth, below.depth), fields + below.fields, roots + below.roots
        return _Size(depth, fields, roots)

    def _spread(self, name: str) -> _Size:
        if name not in self._sizes:
            self._sizes[name] = _Size(0, 0, 0)  # a cycle adds nothing more; validation refuses it
            fragment = self.fragments.get(name)
            if fragment is not None:
                self._sizes[name] = self.size(fragment.selection_set)
        return self._sizes[name]

    def operation_cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """Points of a whole operation."""
        self._costs.clear()
        roots = len(operation.selection_set.selections)
        return roots * ROOT_COST[operation.operation] + self.cost(operation.selection_set, variables)

    def cost(self, selections: SelectionSetNode | None, variables: Mapping[str, Any]) -> int:
        """Points of what is below a node."""
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                if node.selection_set:
                    total += 1 + _times(node, variables) * self.cost(node.selection_set, variables)
            elif isinstance(node, FragmentSpreadNode):
                total += self._spread_cost(node.name.value, variables)
            else:
                total += self.cost(_inline(node), variables)
        return total

    def _spread_cost(self, name: str, variables: Mapping[str, Any]) -> int:
        if name not in self._costs:
            self._costs[name] = 0
            fragment = self.fragments.get(name)
            if fragment is not None:
                self._costs[name] = self.cost(fragment.selection_set, variables)
        return self._costs[name]


def _times(node: FieldNode, variables: Mapping[str, Any]) -> int:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value: Any = None
            if isinstance(argument.value, IntValueNode):
                value = int(argument.value.value) if len(argument.value.value) < 9 else None
            elif isinstance(argument.value, VariableNode):
                value = variables.get(argument.value.name.value)
            return min(max(value, 1), 100) if isinstance(value, int) else PAGE
    connection = any(isinstance(below, FieldNode) and below.name.value in ("edges", "nodes") for below in _selections(node))
    return PAGE if connection else 1


def _inline(node: SelectionNode) -> SelectionSetNode:
    assert isinstance(node, InlineFragmentNode)
    return node.selection_set


def _selections(node: FieldNode) -> tuple[Any, ...]:
    return tuple(node.selection_set.selections) if node.selection_set else ()


def measure(document: DocumentNode, limits: OperationLimits) -> list[GraphQLError]:
    """What the document has too much of; nothing where it may be validated."""
    measured = Measure(document)
    counts = dict.fromkeys(("directives", "aliases", "fragments", "variables"), 0)
    counts["fragments"] = len(measured.fragments)
    for node in _every(document):
        counts["directives"] += len(getattr(node, "directives", None) or ())
        counts["aliases"] += isinstance(node, FieldNode) and node.alias is not None
        if isinstance(node, OperationDefinitionNode):
            counts["variables"] += len(node.variable_definitions or ())
    sizes = [measured.size(node.selection_set) for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    counts["depth"] = max((size.depth for size in sizes), default=0)
    counts["fields"] = sum(size.fields for size in sizes)
    counts["roots"] = max((size.roots for size in sizes), default=0)
    return [
        Refusal(f"the operation has {min(count, 10**9)} {name}; {getattr(limits, name)} are allowed", limit=name)
        for name, count in counts.items()
        if count > getattr(limits, name)
    ]


def _every(document: DocumentNode) -> Iterator[Any]:
    stack: list[Any] = list(document.definitions)
    while stack:
        node = stack.pop()
        yield node
        selections = getattr(node, "selection_set", None)
        if selections is not None:
            stack.extend(selections.selections)


class Budget:
    """Points that refill evenly: at most `per_minute` saved up."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at = clock()

    def spend(self, points: int) -> float:
        """Take points; the seconds to wait where there are not enough, and then nothing is taken."""
        now = self._clock()
        self._left = min(self._per_minute, self._left + (now - self._at) * self._per_minute / 60)
        self._at = now
        if points > self._left:
            return (min(points, self._per_minute) - self._left) * 60 / self._per_minute or 1.0
        self._left -= points
        return 0.0


class Budgets:
    """One budget for each key, the most recently used ones: one that nobody used for a minute is full, so it need not be kept."""

    def __init__(self, per_minute: int, most: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[str, Budget] = OrderedDict()

    def spend(self, key: str, points: int) -> float:
        """As Budget.spend, from the budget of this key."""
        budget = self._kept.get(key)
        if budget is None:
            budget = self._kept[key] = Budget(self._per_minute, self._clock)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return budget.spend(points)
