"""Sloppy phrases: what is near, compared with trying everything."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from adapters.tantivy.phrases import near

WORDS = st.sampled_from("abc")


def tried(wanted: Sequence[str], words: Sequence[str], slop: int) -> bool:
    """The same by every choice of places, no place taken twice."""
    for places in itertools.permutations(range(len(words)), len(wanted)):
        if all(words[at] == word for at, word in zip(places, wanted, strict=True)):
            moved = [at - n for n, at in enumerate(places)]
            if max(moved) - min(moved) <= slop:
                return True
    return False


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=7), st.integers(0, 6))
def test_near_is_what_trying_every_choice_finds(wanted: list[str], words: list[str], slop: int) -> None:
    """Words that the phrase has once or several times, among words that stand once or several times, in any order."""
    assert near(wanted, words, slop) == tried(wanted, words, slop)


@given(st.lists(WORDS, min_size=1, max_size=40), st.data())
def test_a_phrase_is_near_itself_however_long(words: list[str], data: st.DataObject) -> None:
    """A piece of a text is found in it without room, with room, and, where two neighbours differ, swapped with room for two."""
    start = data.draw(st.integers(0, len(words) - 1))
    piece = words[start : data.draw(st.integers(start + 1, len(words)))]
    swapped = [*piece[1::-1], *piece[2:]]

    assert near(piece, words, 0)
    assert near(piece, words, 99)
    assert near(swapped, words, 2)
