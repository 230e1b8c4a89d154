"""Callers, and what they may see."""

import pytest

from domain.callers import ADMINISTER, ADMINISTRATOR, ANONYMOUS, Caller
from domain.errors import NotFound
from domain.ids import key_id
from domain.visibility import check, may_see
from events.jobs import JobProgressed
from events.sources import SourceAdded


def test_keys_of_before_there_were_callers_still_find_their_jobs() -> None:
    """The id of what the administrator asks for under a key is what it was, to the letter: a client may ask again tomorrow."""
    assert key_id(ADMINISTRATOR.actor, "dumpSource", "1") == "b2b194af-7720-5582-8e24-e9785787254d"


def test_keys_are_the_callers_own() -> None:
    """The same key of two callers names two requests."""
    assert key_id("user/1", "dumpSource", "1") != key_id("user/2", "dumpSource", "1")


def test_callers_share_where_all_that_decides_is_equal() -> None:
    """The budget decides nothing about what is seen; who it is, and what it may do, does."""
    one = Caller(actor="user/1", scopes=frozenset({"read"}), budget="a")

    assert one.sharing == Caller(actor="user/1", scopes=frozenset({"read"}), budget="b").sharing
    assert one.sharing != Caller(actor="user/2", scopes=frozenset({"read"}), budget="a").sharing
    assert one.sharing != Caller(actor="user/1", scopes=frozenset({"read", "write"}), budget="a").sharing


@pytest.mark.parametrize("event", [SourceAdded(source="s"), JobProgressed(job_id="j", attempt=1, done=0)])
def test_who_administers_sees_everything_and_others_nothing(event: SourceAdded | JobProgressed) -> None:
    """What is hidden is said not to be there."""
    deputy = Caller(actor="user/1", scopes=frozenset({ADMINISTER}), budget="user/1")

    assert [may_see(caller, event) for caller in (ADMINISTRATOR, deputy, ANONYMOUS)] == [True, True, False]
    check(ADMINISTRATOR, event, "job", "j")
    with pytest.raises(NotFound, match="there is no job 'j'"):
        check(ANONYMOUS, event, "job", "j")
