"""What an operation may ask for."""

import time
from typing import Any

import pytest
from graphql import parse

from domain.callers import ADMINISTRATOR
from domain.hub import Hub
from gateway.endpoint.limits import Budget, Budgets, OperationLimits, measure
from gateway.endpoint.operations import NotExecuted, Operations, Request
from gateway.schema import build_schema
from tests.gateway.conftest import Client, serve


def bomb(levels: int) -> str:
    """Each fragment spreads the next one twice: the fields double with each level."""
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return f"{{ ...F0 }} {' '.join(fragments)} fragment F{levels} on Query {{ jobs {{ nodes {{ id }} }} }}"


TOO_MUCH = {
    "depth": "{ a" + " { a" * 12 + " }" * 13,
    "fields": "{ " + " ".join(["...F"] * 2) + " } fragment F on Query { " + "a { " + " ".join(["b"] * 1100) + " } }",
    "aliases": "{ " + " ".join(f"a{n}: jobs {{ nodes {{ id }} }}" for n in range(31)) + " }",
    "roots": "{ " + " ".join(["a"] * 21) + " }",
    "directives": "{ a " + "@skip(if: false) " * 51 + "}",
    "fragments": "{ a } " + " ".join(f"fragment F{n} on Query {{ a }}" for n in range(51)),
    "variables": "query (" + " ".join(f"$v{n}: Int" for n in range(51)) + ") { a }",
}


@pytest.mark.parametrize("limit", TOO_MUCH)
def test_each_limit_refuses_what_is_over_it(limit: str) -> None:
    """The error names the limit, and nothing else is refused."""
    errors = measure(parse(TOO_MUCH[limit]), OperationLimits())

    assert [error.extensions for error in errors if error.extensions["limit"] == limit] == [
        {"code": "LIMIT_EXCEEDED", "limit": limit}
    ]


async def test_fragment_bombs_are_measured_by_their_text() -> None:
    """Forty levels that would expand to 10^12 fields are refused after looking at each fragment once."""
    operations = Operations(build_schema(), OperationLimits())
    started = time.process_time()

    with pytest.raises(NotExecuted, match="fields"):
        await operations.prepare(Request(bomb(40), {}), ADMINISTRATOR)

    assert time.process_time() - started < 1.0  # expanding it would take days: this is about growth, not about speed


async def test_fragments_that_spread_themselves_end() -> None:
    """A cycle is measured once and refused by validation."""
    operations = Operations(build_schema(), OperationLimits())

    with pytest.raises(NotExecuted, match="itself"):
        await operations.prepare(Request("{ ...A } fragment A on Query { ...A }", {}), ADMINISTRATOR)


async def test_long_texts_are_cut_off_while_they_are_read(client: Client) -> None:
    """More tokens than allowed are a syntax error, whatever follows."""
    errors = await client.refused("{ " + "a " * 3000 + "}")

    assert "tokens" in errors[0]["message"]


async def test_introspection_fits(client: Client) -> None:
    """The whole schema can be asked for, as GraphiQL does."""
    from graphql import get_introspection_query  # noqa: PLC0415 - only here

    assert len((await client.ask(get_introspection_query()))["__schema"]["types"]) > 50


async def test_a_text_is_parsed_and_validated_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time, the document is known."""
    operations, calls = Operations(build_schema(), OperationLimits(operations=2)), []
    monkeypatch.setattr("gateway.endpoint.operations.parse", lambda text, **given: calls.append(text) or parse(text, **given))

    for text in ("{ jobs { nodes { id } } }", "{ runs { nodes { id } } }") * 2:
        await operations.prepare(Request(text, {}), ADMINISTRATOR)
    assert len(calls) == 2
    await operations.prepare(Request("{ queues { name } }", {}), ADMINISTRATOR)
    await operations.prepare(Request("{ jobs { nodes { id } } }", {}), ADMINISTRATOR)
    assert len(calls) == 4  # the oldest was forgotten


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ jobs { nodes { id } } }", {}, 21),
        ("{ jobs(first: 5) { nodes { run { id } } } }", {}, 11),
        ("query ($n: Int!) { jobs(first: $n) { nodes { id } } }", {"n": 50}, 51),
        ("{ ...F } fragment F on Query { queues { name } }", {}, 1),
        ('mutation { removeApi(input: {name: "a"}) { __typename } }', {}, 11),
    ],
)
async def test_costs_follow_what_is_asked_for(text: str, variables: dict[str, Any], cost: int) -> None:
    """One point an object, times `first` below a connection; a mutation ten."""
    operations = Operations(build_schema(), OperationLimits(cost=cost))

    await operations.prepare(Request(text, variables), ADMINISTRATOR)
    with pytest.raises(NotExecuted) as refused:
        await operations.prepare(Request(text, variables), ADMINISTRATOR)

    assert (refused.value.errors[0].extensions or {})["code"] == "RATE_LIMITED"


def test_a_budget_refills_evenly() -> None:
    """What is spent comes back within a minute; who asks for too much is told how long to wait."""
    now = [0.0]
    budget = Budget(60, clock=lambda: now[0])

    assert budget.spend(60) == 0
    assert budget.spend(10) == pytest.approx(10)
    now[0] = 10
    assert budget.spend(10) == 0


def test_budgets_are_kept_for_those_who_came_last() -> None:
    """Each key has its own, and the one that was not used for longest is forgotten, so it is full again."""
    budgets = Budgets(10, most=2, clock=lambda: 0.0)

    assert [budgets.spend(key, 10) for key in ("a", "b")] == [0, 0]
    assert budgets.spend("a", 1) > 0
    assert budgets.spend("c", 10) == 0  # b is forgotten
    assert budgets.spend("a", 1) > 0
    assert budgets.spend("b", 10) == 0


async def test_over_http_the_rate_limit_is_429(hub: Hub) -> None:
    """With the time to wait in the extensions."""
    async with serve(hub, limits=OperationLimits(cost=1)) as client:
        await client.post({"query": "{ queues { name } }"})
        status, body = await client.post({"query": "{ queues { name } }"})

    assert status == 429
    assert body["errors"][0]["extensions"]["retryAfter"] > 0
