"""Trees that are made in code."""

from domain.query.tree import Bool, MatchAll, MatchNone, Term, all_of, any_of, match_all, multi_match, negation

A, B = (Term(path=path, text="x") for path in "ab")


def test_builders_make_trees() -> None:
    """Code asks by nodes: no text is put together, and nothing is a special character."""
    assert all_of([]) == match_all() == MatchAll()
    assert any_of([]) == MatchNone()
    assert all_of([A]) == any_of([A]) == A
    assert all_of([A, B]) == Bool(must=(A, B))
    assert any_of([A, B]) == Bool(should=(A, B))
    assert negation(A) == Bool(must_not=(A,))
    assert multi_match('x"*', ["_id", "a.*"]) == Bool(should=(Term(path="_id", text='x"*'), Term(path="a.*", text='x"*')))
