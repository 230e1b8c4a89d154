"""Plans: what a tree means for the fields of an index, what is warned of, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import QueryInvalid
from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Words
from domain.query.mappings import Field
from domain.query.parser import parse
from domain.query.patterns import lowered, regular, wildcard
from domain.query.plan import EVERYTHING, ID, Fields, Planner, facet_field, facet_term, sort_field
from domain.query.tree import Bool, Exists, MatchNone, Phrase, Query, Term, Wildcard
from domain.query.values import Bounds
from tests.adapters.queries import ANSWERS, DOCUMENTS, OWN_ANSWERS, PROPERTIES, REFUSALS
from tests.domain.query.naive import Naive

NOW = datetime(2026, 11, 21, 3, 4, 5, 678000, tzinfo=UTC)
FIELDS = Fields(PROPERTIES)
WIDE = Fields({"o": {"properties": {f"k{n}": {"type": "keyword"} for n in range(200)}}})
QUERIES = [query for query, *_ in (*ANSWERS, *OWN_ANSWERS, *REFUSALS)]


def plan(text: str, fields: Fields = FIELDS) -> Clause:
    """The clause of a query."""
    return Planner(fields, NOW).plan(parse(text))


def warned(query: str | Query) -> list[str]:
    """What a query is warned of."""
    planner = Planner(FIELDS, NOW)
    planner.plan(parse(query) if isinstance(query, str) else query)
    return list(planner.warnings)


@pytest.mark.parametrize(("query", "position", "reason"), REFUSALS)
def test_what_is_refused_is_refused_before_any_engine(query: str, position: int, reason: str) -> None:
    """No engine is needed to know that a query is wrong, and where."""
    with pytest.raises(QueryInvalid) as caught:
        plan(query)

    assert caught.value.position == position
    assert reason in caught.value.message
    assert caught.value.path == ("query",)


@given(st.lists(st.sampled_from(QUERIES), min_size=2, max_size=4), st.data())
@settings(max_examples=200)
def test_pieces_of_queries_are_planned_or_refused(queries: list[str], data: st.DataObject) -> None:
    """Whatever is cut out of queries and put together again has a plan, or a refusal that points into it."""
    cuts = [data.draw(st.tuples(st.integers(0, len(query)), st.integers(0, len(query)))) for query in queries]
    text = "".join(query[min(cut) : max(cut)] for query, cut in zip(queries, cuts, strict=True))

    try:
        planned: Clause | QueryInvalid = plan(text)
    except QueryInvalid as refused:
        planned = refused

    if isinstance(planned, QueryInvalid):
        assert 0 <= planned.position <= len(text)
    else:
        assert Naive(FIELDS, DOCUMENTS).found(planned) <= DOCUMENTS.keys()


@pytest.mark.parametrize(
    ("query", "warnings"),
    [
        ("nothing:x", ["nothing is not mapped: it matches nothing"]),
        ("note:x", ["note is not indexed: it matches nothing"]),
        ("cgi:x", ["cgi holds other fields: it matches nothing, cgi.\\*: looks into all of them"]),
        ("_exists_:nothing", ["nothing is not mapped: it matches nothing"]),
        ("_exists_:note", ["note is not indexed: it matches nothing"]),
        ("pos:abc", ["pos is of type long: 'abc' matches nothing"]),
        ("pos:3.5", ["pos is of type long: '3.5' matches nothing"]),
        ("rare:yes", ["rare is of type boolean: 'yes' matches nothing"]),
        ("pos:[abc TO 5]", ["pos is of type long: 'abc' is no number, so it matches nothing"]),
        ("date:>soon", ["date is of type date: 'soon' is no date, so it matches nothing"]),
        ("pos:abc OR pos:abc", ["pos is of type long: 'abc' matches nothing"]),
        ("*:[abc TO 5]", []),
        ("*:abc", []),
        ("*:2*", []),
        ("*:/2.*/", []),
        ("*:2~", []),
        ("*:true", []),
        ("pos:[10 TO 1]", []),
        ("cgi.gene:ALK", []),
    ],
)
def test_what_matches_nothing_is_said(query: str, warnings: list[str]) -> None:
    """A path or value that can't be found is warned of once; not so where it is one of many paths."""
    assert warned(query) == warnings


def test_mixed_operators_are_warned_of() -> None:
    """The warning says where the clauses without parentheses begin."""
    (warning,) = warned("pos:1 AND (pos:1 OR pos:2 AND pos:3)")

    assert warning.startswith("AND, OR and NOT stand side by side without parentheses (character 11): OR makes both")


@pytest.mark.parametrize(
    ("query", "clause"),
    [
        ("cgi.protein:T315I", Equals(field=FIELDS.named["cgi.protein"], value="T315I")),
        ("cgi.text:a\\ b", Words(field=FIELDS.named["cgi.text"], text="a b", position=9)),
        ('cgi.text:"a b"', Words(field=FIELDS.named["cgi.text"], text="a b", slop=0, position=9)),
        ("cgi.protein:T*", Like(field=FIELDS.named["cgi.protein"], pattern=wildcard("T*"), position=12)),
        ("cgi.gene:T*", Like(field=FIELDS.named["cgi.gene"], pattern=wildcard("t*"), position=9)),
        ("cgi.text:/[T]./", Like(field=FIELDS.named["cgi.text"], pattern=lowered(regular("[T].", 9)), position=9)),
        ("cgi.protein:TT~", Near(field=FIELDS.named["cgi.protein"], text="TT", edits=0)),
        ("cgi.protein:TTT~", Near(field=FIELDS.named["cgi.protein"], text="TTT", edits=1)),
        ("cgi.gene:TTTTT~", Near(field=FIELDS.named["cgi.gene"], text="ttttt", edits=1)),
        ("cgi.text:TTTTTT~", Near(field=FIELDS.named["cgi.text"], text="tttttt", edits=2)),
        ("pos:>4", Between(field=FIELDS.named["pos"], bounds=Bounds(5, 2**63 - 1), position=5)),
        ("pos:4", Between(field=FIELDS.named["pos"], bounds=Bounds(4, 4), position=4)),
        ("pos:[* TO *]", Has(paths=("pos",))),
        ("rare:[* TO *]", Has(paths=("rare",))),
        ("_id:[* TO *]", Everything()),
        ("_exists_:nothing", Nothing()),
        ("_exists_:cgi.assoc", Has(paths=("cgi.assoc.disease", "cgi.assoc.score", "cgi.assoc.year"))),
        ("nothing:[1 TO 2]", Nothing()),
        ("abl1", Best(clauses=(Equals(field=ID, value="abl1"), Words(field=EVERYTHING, text="abl1")))),
    ],
)
def test_clauses_are_about_one_field(query: str, clause: Clause) -> None:
    """Values, cases and places as the engines are told them."""
    assert plan(query) == clause


@pytest.mark.parametrize("query", ["*:[false TO true]", "*:t*", "*:/t/", "*:t~"])
def test_fields_that_can_not_have_it_are_left_out(query: str) -> None:
    """Among many paths, those whose type has no such values, order or words say nothing."""
    planned = plan(query)

    assert isinstance(planned, Best)
    assert {clause.field.type for clause in planned.clauses if isinstance(clause, Between | Like | Near)} == {"keyword", "text"}
    assert len(planned.clauses) == sum(field.type in ("keyword", "text") for field in FIELDS.named.values()) - 1


def test_a_tree_can_be_made_in_code() -> None:
    """Nodes that no text has are planned too: what has no part matches nothing, and a path alone is no word."""
    assert Planner(FIELDS).plan(Bool()) == Planner(FIELDS).plan(MatchNone()) == Nothing()
    assert Planner(FIELDS, NOW).plan(Bool(must_not=(MatchNone(),))) == Combined(must_not=(Nothing(),))
    assert Planner(FIELDS, NOW).plan(Phrase(path="pos", text="5", slop=2)) == Between(
        field=FIELDS.named["pos"], bounds=Bounds(5, 5)
    )
    with pytest.raises(TypeError, match="is no node"):
        Planner(FIELDS).plan(Query())


def test_now_is_the_time_of_the_plan() -> None:
    """Without a time of its own a plan takes the clock's, in UTC."""
    assert plan("date:>=now") == Between(field=FIELDS.named["date"], bounds=Bounds(1795230245678, 10**18), position=7)
    before = datetime.now(UTC)

    clause = Planner(FIELDS).plan(parse("date:>=now"))

    assert isinstance(clause, Between)
    assert isinstance(clause.bounds.lower, int)
    assert before.timestamp() * 1000 - 1 <= clause.bounds.lower <= datetime.now(UTC).timestamp() * 1000


def test_without_fields_searched_by_default_words_are_ids() -> None:
    """Where nothing is searched by default, a word can only be an `_id`, and there is no field `all`."""
    assert plan("x", WIDE) == Equals(field=ID, value="x")
    assert plan("all:x", WIDE) == Nothing()
    assert WIDE.texts == frozenset()
    assert FIELDS.texts == {"all", "cgi.text", "words", "title"}


def test_paths_with_asterisks_are_whole() -> None:
    """`*` stands for any characters, line ends and dots too; the rest of a path is what it is, and `_id` is never meant."""
    fields = Fields({"a+b": {"type": "keyword"}, "aab": {"type": "keyword"}, "a\nb": {"type": "keyword"}, "xab": {"type": "long"}})

    assert [field.path for field in fields.matching("a*b")] == ["a+b", "aab", "a\nb"]
    assert [field.path for field in fields.matching("a+*")] == ["a+b"]
    assert [field.path for field in fields.matching("*")] == ["a+b", "aab", "a\nb", "xab"]
    assert fields.below("a*") == ("a+b", "aab", "a\nb")
    assert WIDE.below("o.k1") == ("o.k1",)
    assert len(WIDE.below("o")) == 200


@pytest.mark.parametrize(("term", "position"), [("o.*:x", 4), ("_exists_:o", 9), ("o.*:[a TO b]", 4)])
def test_asterisks_in_paths_can_not_explode(term: str, position: int) -> None:
    """A short query that means thousands of clauses is refused, with the place; just as many as Elasticsearch takes are not."""
    assert isinstance(plan(" OR ".join([term] * 5 + ["o.k1:x"] * 24), WIDE), Combined)
    with pytest.raises(QueryInvalid, match="more than 1024 things") as caught:
        plan(" OR ".join([term] * 5 + ["o.k1:x"] * 25), WIDE)
    assert caught.value.position == len(f"{term} OR " * 5 + "o.k1:x OR " * 24 + "o.k1:")
    with pytest.raises(QueryInvalid, match="more than 1024 things") as caught:
        plan(" OR ".join([term] * 6), WIDE)
    assert caught.value.position == len(f"{term} OR " * 5) + position


def test_wildcards_have_a_length() -> None:
    """A term with wildcards of a thousand characters is planned, a longer one refused."""
    assert isinstance(plan("cgi.gene:" + "a" * 999 + "*"), Like)
    with pytest.raises(QueryInvalid, match="longer than 1000 characters") as caught:
        plan("cgi.gene:" + "a" * 1000 + "*")
    assert caught.value.position == 9


def test_sorting_takes_a_field_with_an_order() -> None:
    """A keyword, number, date or `_id` has an order; text has none, and neither has what is not there."""
    assert sort_field(FIELDS, "pos").path == "pos"
    assert sort_field(FIELDS, "_id") == ID
    for path, reason in (("words", "is text, which has no order"), ("note", "is not indexed"), ("x", "is not mapped")):
        with pytest.raises(QueryInvalid, match=f"^sort: {path} {reason}") as caught:
            sort_field(FIELDS, path)
        assert caught.value.path == ("sort", path)


def test_facets_take_a_field_with_terms() -> None:
    """Terms of keywords, numbers and dates are counted; text, `_id` and all that is searched by default are refused."""
    assert facet_field(FIELDS, "cgi.gene") == FIELDS.named["cgi.gene"]
    assert facet_field(FIELDS, "nothing") is None
    assert facet_field(FIELDS, "note") is None
    for path, reason in (("words", "is text, whose words are not counted"), ("_id", "has no terms"), ("all", "has no terms")):
        with pytest.raises(QueryInvalid, match=f"^facets: {path} {reason}") as caught:
            facet_field(FIELDS, path)
        assert caught.value.path == ("facets", path)


@pytest.mark.parametrize(
    ("type", "value", "term"),
    [
        ("date", 1.5566688e12, "2019-05-01T00:00:00.000Z"),
        ("date", 1e18, "1000000000000000000"),
        ("boolean", 1, True),
        ("boolean", 0.0, False),
        ("float", 0.10000000149011612, 0.1),
        ("double", 0.10000000149011612, 0.10000000149011612),
        ("integer", 5.0, 5),
        ("long", 5.0, 5),
        ("keyword", "5.0", "5.0"),
    ],
)
def test_terms_of_facets_are_as_they_were_written(type: str, value: Any, term: Any) -> None:
    """Engines count numbers; the client sees dates, booleans, and floats without the digits that 32 bits can't hold."""
    shown = facet_term(Field(path="a", type=type), value)

    assert (shown, shown.__class__) == (term, term.__class__)


def test_terms_and_patterns_of_code_are_taken_as_they_are() -> None:
    """A term out of code has no special characters; a pattern has those of wildcards."""
    planner = Planner(FIELDS, NOW)

    assert planner.plan(Term(path="cgi.drug", text="a*\\")) == Equals(field=FIELDS.named["cgi.drug"], value="a*\\")
    assert planner.plan(Wildcard(path="cgi.drug", pattern="A\\*")) == Like(field=FIELDS.named["cgi.drug"], pattern=("=a", "=*"))
    assert planner.plan(Exists(path="*")) == Everything()
