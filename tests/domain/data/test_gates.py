"""Release gates: what is judged, as a function of what two releases hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.data.gates import Expected, Gates, Holding, OfSource, check, judge
from domain.errors import Invalid


def of(count: int, fields: dict[str, int] | None = None, parts: dict[str, int] | None = None) -> Holding:
    """What a release holds."""
    return Holding(count=count, fields=fields or {}, parts=parts or {})


def judged(new: Holding, served: Holding | None, build: Gates | None = None, **sources: OfSource) -> list[str]:
    """What the gates say."""
    return judge(build or Gates(), sources, new, served)


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.sampled_from([0.0, 0.05, 0.1, 0.25, 1.0]))
def test_documents_may_be_lost_up_to_the_share(before: int, now: int, share: float) -> None:
    """A release is held just where more documents were lost than the share says, and never where there are more."""
    reasons = judged(of(now), of(before), Gates(lost=share))

    assert bool(reasons) == ((before - now) * 100 > round(share * 100) * before)


def test_a_tenth_may_be_lost_by_default() -> None:
    """Ninety of a hundred pass without any setting, eighty-nine are held with both numbers."""
    assert judged(of(90), of(100)) == []
    assert judged(of(89), of(100)) == ["documents: 100 became 89 (11.0% lost, 10% may be)"]


def test_a_first_release_loses_nothing() -> None:
    """There is nothing that it could be compared with."""
    assert judged(of(3, {"a": 3}), None) == []


def test_a_part_is_looked_at_by_itself() -> None:
    """A small source that breaks is seen beside a large one, and named; its own gates may allow it."""
    served, new = of(1000, parts={"large": 900, "small": 100}), of(950, parts={"large": 900, "small": 50})
    small = {"small": frozenset[str]()}

    assert judged(new, served) == ["documents of small: 100 became 50 (50.0% lost, 10% may be)"]
    assert judged(new, served, s=OfSource(gates=Gates(lost=0.6), parts=small)) == []
    assert judged(of(900, parts={"large": 900}), of(1000, parts={"large": 900, "small": 100}))


def test_a_sources_gates_are_enough_where_it_is_alone() -> None:
    """Who lets a source lose much need not say it of the build again; what the build says itself holds."""
    served, new = of(100, parts={"s": 100}), of(40, parts={"s": 40})
    source = OfSource(gates=Gates(lost=0.7), parts={"s": frozenset()})

    assert judged(new, served, s=source) == []
    assert judged(new, served, Gates(lost=0.1), s=source)


def test_a_fields_share_may_be_lost_up_to_the_share() -> None:
    """A field that fewer documents have is named, also where there are as many documents as before, or more."""
    served = of(1000, {"symbol": 1000, "rare": 10})

    assert judged(of(1000, {"symbol": 905, "rare": 9}), served) == []
    (reason,) = judged(of(2000, {"symbol": 1500, "rare": 20}), served)
    assert reason.startswith("field symbol: 1,000 of 1,000 documents had it, now 1,500 of 2,000 have")
    assert len(judged(of(1000, {"symbol": 1000}), served)) == 1


def test_a_field_may_lose_what_is_said_of_it() -> None:
    """What gates say of one field goes before what they say of all."""
    served, new = of(100, {"a": 100, "b": 100}), of(100, {"a": 10, "b": 10})

    assert [reason.split(":")[0] for reason in judged(new, served, Gates(field_lost={"a": 1.0}))] == ["field b"]
    strict = judged(of(100, {"a": 99, "b": 99}), served, Gates(field_lost={"b": 0.0}))
    assert [reason.split(":")[0] for reason in strict] == ["field b"]


def test_a_source_that_is_added_takes_no_share_from_the_others() -> None:
    """A field's share is counted among the documents of the parts that map it."""
    first = OfSource(gates=Gates(), parts={"one": frozenset({"a"})})
    second = OfSource(gates=Gates(), parts={"two": frozenset({"b"})})
    served, new = of(10, {"a": 10}, {"one": 10}), of(1000, {"a": 10, "b": 990}, {"one": 10, "two": 990})

    assert judged(new, served, first=first, second=second) == []


def test_what_must_be_there() -> None:
    """Fields, ids and queries of build and sources are asked for, and each that fails is named; also of a first release."""
    new = Holding(
        count=5,
        fields={"a": 5},
        found={"_exists_:gone": 0, "a:1": 3, "a:2": 0, "a:": "the query ends"},
        missing=["x9"],
    )
    queries = (
        Expected(query="a:1", least=4),
        Expected(query="a:1", least=0, most=2),
        Expected(query="a:1", least=3, most=3),
        Expected(query="a:2"),
    )
    source = OfSource(gates=Gates(fields=("gone",), ids=("x1", "x9")), parts={"p": frozenset({"a"})})

    reasons = judge(Gates(queries=queries), {"s": source}, new, None)

    assert reasons == [
        "query a:1: it finds 3 documents, and must find 4 at least",
        "query a:1: it finds 3 documents, and must find 0 to 2",
        "query a:2: it finds 0 documents, and must find 1 at least",
        "field gone: it must be there, and no document has it",
        "documents that must be there and are not: x9",
    ]


def test_a_mapping_must_find_something() -> None:
    """Documents of which no mapped field finds any are held, unless somebody says that this may be."""
    new = of(5, {"properties.a": 0, "properties.b": 0})

    assert "nothing can be searched" in judged(new, None)[0]
    assert judged(new, None, Gates(searchable=False)) == []
    assert judged(of(0, {"a": 0}), None) == []


@pytest.mark.parametrize(
    ("gates", "path"),
    [
        (Gates(lost=1.5), ("lost",)),
        (Gates(lost=float("nan")), ("lost",)),
        (Gates(field_lost={"a": -0.1}), ("field_lost", "a")),
        (Gates(queries=(Expected(query="a:("),)), ("queries",)),
        (Gates(queries=(Expected(query="a", least=5, most=4),)), ("queries",)),
        (Gates(ids=tuple(map(str, range(101)))), ("ids",)),
    ],
)
def test_gates_that_can_not_be_are_refused(gates: Gates, path: tuple[str, ...]) -> None:
    """The field is named."""
    with pytest.raises(Invalid) as refused:
        check(gates)

    assert refused.value.path == path
