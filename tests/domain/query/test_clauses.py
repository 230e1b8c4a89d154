"""Clauses: what they say of documents, without an engine."""

from datetime import UTC, datetime

import pytest

from domain.query.clauses import Best, Combined, Everything, Nothing, Weighted
from domain.query.parser import parse
from domain.query.plan import Fields, Planner
from tests.adapters.queries import ANSWERS, DOCUMENTS, OWN_ANSWERS, PROPERTIES, answer
from tests.domain.query.naive import Naive

NAIVE = Naive(Fields(PROPERTIES), DOCUMENTS)


@pytest.mark.parametrize(("query", "letters"), [*ANSWERS, *OWN_ANSWERS])
def test_the_shared_table_is_true_of_the_documents(query: str, letters: str) -> None:
    """What both engines answer is what the clauses say already, whatever looks for it."""
    clause = Planner(NAIVE.fields, datetime(2026, 11, 21, tzinfo=UTC)).plan(parse(query))

    assert NAIVE.found(clause) == answer(letters)


def test_a_combination_without_must_needs_one_of_should() -> None:
    """Optional clauses matter only where nothing is required; what is excluded always is."""
    everything = set(DOCUMENTS)

    assert NAIVE.found(Combined(should=(Nothing(), Everything()))) == everything
    assert NAIVE.found(Combined(should=(Nothing(),))) == set()
    assert NAIVE.found(Combined(must=(Everything(),), should=(Nothing(),))) == everything
    assert NAIVE.found(Combined(must=(Everything(),), must_not=(Nothing(), Everything()))) == set()
    assert NAIVE.found(Best(clauses=(Nothing(), Weighted(clause=Everything(), factor=0.5)))) == everything
