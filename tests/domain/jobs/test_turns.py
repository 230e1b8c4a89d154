"""Whose turn it is: a pure function of the allowance, of those that wait, and of the limits."""

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from domain.hub import Room
from domain.jobs import turns
from domain.jobs.turns import Allowance, Waiting

KEYS = st.sampled_from(["a", "b", "", "ü.$"])
LIMITS = st.integers(0, 4)


def allowance(*keys: str, turns: str = "") -> Allowance:
    """One that has admitted a job of each of these keys."""
    return Allowance(created_at=0.0, admitted={f"h{n}": (f"j{n}", key) for n, key in enumerate(keys)}, turns=tuple(turns))


def waiting(keys: str, begin: int = 0) -> list[Waiting]:
    """Jobs of these keys, held one after the other."""
    return [Waiting(float(n), f"w{n}", key, f"w{n}") for n, key in enumerate(keys, begin)]


def chosen(allowance: Allowance, waiting: list[Waiting], room: Room) -> str:
    """The key of the job whose turn it is, with its place among those that wait."""
    found = turns.first(allowance, waiting, room)
    return found.job if found else ""


def test_the_fewest_admitted_come_first() -> None:
    """A key with nothing admitted goes before one that has some, though that asked earlier."""
    assert chosen(allowance("a", turns="ab"), waiting("ab"), Room("", each=2)) == "w1"


def test_then_who_was_served_longest_ago() -> None:
    """Of two keys with as many admitted, the first in the order of turns."""
    assert chosen(allowance(turns="ba"), waiting("ab"), Room("")) == "w1"


def test_who_is_new_comes_behind() -> None:
    """A key that was not known comes behind one that waits already, though its clock says that it was held earlier."""
    assert turns.order(allowance(turns="b"), waiting("ab")) == ("b", "a")
    assert turns.order(allowance(turns="b"), waiting("bcadc")) == ("b", "c", "a", "d")


def test_of_a_key_who_was_held_first() -> None:
    """In the order of their holds, whatever order they are listed in."""
    assert chosen(allowance(), waiting("aaa")[::-1], Room("", each=1)) == "w0"


def test_no_room() -> None:
    """Nobody where a key has all that it may have, or all keys together have."""
    assert chosen(allowance("a"), waiting("a"), Room("", each=1)) == ""
    assert chosen(allowance("a"), waiting("b"), Room("", total=1)) == ""
    assert chosen(allowance("a"), waiting("ab"), Room("", each=1)) == "w1"
    assert chosen(allowance(), [], Room("")) == ""


def test_keys_without_jobs_drop_out() -> None:
    """The order of turns is as long as the crowd; who is served goes to its end."""
    before = allowance("c", turns="dabc")

    after = turns.admitting(before, waiting("ab"), waiting("ab")[0])

    assert after.turns == ("b", "c", "a")
    assert after.admitted == {"h0": ("j0", "c"), "w0": ("w0", "a")}


@given(st.lists(KEYS), st.lists(KEYS), LIMITS, LIMITS)
def test_has_room_says_whether_anybody_of_the_key_may_be_admitted(
    admitted: list[str], held: list[str], each: int, total: int
) -> None:
    """Who asks makes a pass exactly where its own job could be admitted in one."""
    room, before = Room("", each, total), allowance(*admitted)

    for one in (Waiting(float(n), f"w{n}", key, f"w{n}") for n, key in enumerate(held)):
        assert turns.has_room(before, room, one.key) is (turns.first(before, [one], room) == one)


class Happening(NamedTuple):
    """A job is held by a key, or the oldest or newest admitted one of a key ends."""

    key: str
    ends: bool
    newest: bool = False


HAPPENINGS = st.lists(st.builds(Happening, KEYS, st.booleans(), st.booleans()), max_size=60)


class Crowd:
    """People who ask, are admitted in turn, and end; it notes who was passed over by whom, and when."""

    def __init__(self, room: Room) -> None:
        self.room, self.allowance, self.waiting, self.clock = room, Allowance(created_at=0.0), list[Waiting](), 0
        self.passed: dict[str, set[str]] = {}
        """Key that waits → who was served with as many admitted as itself, since it began to wait or was served itself."""

    def happen(self, what: Happening) -> None:
        """Something happens, and a pass is made."""
        if what.ends:
            mine = [hold for hold, (_, key) in self.allowance.admitted.items() if key == what.key]
            self.allowance = turns.without(self.allowance, {mine[-what.newest]} if mine else ())
        else:
            self.clock += 1
            self.waiting.append(Waiting(float(self.clock), f"j{self.clock}", what.key, f"h{self.clock}"))
        while chosen := turns.first(self.allowance, self.waiting, self.room):
            self._admit(chosen)

    def _admit(self, chosen: Waiting) -> None:
        counts = Counter(key for _, key in self.allowance.admitted.values())
        keys = {each.key for each in self.waiting if counts[each.key] < self.room.each}
        assert counts[chosen.key] == min(counts[key] for key in keys)
        assert chosen == min(each for each in self.waiting if each.key == chosen.key)
        self.passed.pop(chosen.key, None)
        for key in keys - {chosen.key}:
            passed = self.passed.setdefault(key, set())
            if counts[key] == counts[chosen.key]:
                assert chosen.key not in passed
                passed.add(chosen.key)
        self.allowance = turns.admitting(self.allowance, self.waiting, chosen)
        self.waiting.remove(chosen)
        live = {each.key for each in self.waiting} | {key for _, key in self.allowance.admitted.values()}
        assert sorted(self.allowance.turns) == sorted(live)


@given(HAPPENINGS, LIMITS, LIMITS)
def test_nobody_is_passed_over_twice(happenings: list[Happening], each: int, total: int) -> None:
    """Of a key that waits and has room, each other one with as many admitted is served before it at most once, and the limits are
    never exceeded."""
    crowd = Crowd(Room("", each, total))

    for what in happenings:
        crowd.happen(what)

        counts = Counter(key for _, key in crowd.allowance.admitted.values())
        assert max(counts.values(), default=0) <= each
        assert counts.total() <= total


@given(HAPPENINGS, LIMITS.filter(bool), LIMITS.filter(bool))
def test_nobody_waits_for_ever(happenings: list[Happening], each: int, total: int) -> None:
    """When no more come and whoever was admitted ends, everybody is admitted."""
    crowd = Crowd(Room("", each, total))
    for what in happenings:
        crowd.happen(what)

    while crowd.allowance.admitted:
        crowd.happen(Happening(next(key for _, key in crowd.allowance.admitted.values()), ends=True))

    assert crowd.waiting == []


@given(st.lists(KEYS, max_size=8), st.lists(KEYS, max_size=8), st.permutations(range(8)))
def test_the_order_of_a_listing_is_all_the_same(admitted: list[str], held: list[str], shuffled: list[int]) -> None:
    """Two processes that see the same come to the same."""
    before, listed = allowance(*admitted), [Waiting(0.0, f"w{n}", key, f"w{n}") for n, key in enumerate(held)]

    again = [listed[n] for n in shuffled if n < len(listed)]

    assert turns.first(before, listed, Room("")) == turns.first(before, again, Room(""))
    assert turns.order(before, listed) == turns.order(before, again)
