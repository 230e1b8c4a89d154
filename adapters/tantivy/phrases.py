"""Sloppy phrases, decided value by value.

tantivy leaves one place between two values of a list (Elasticsearch a hundred), and counts moves of three words and more otherwise.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from adapters.tantivy.schema import name_of
from domain.query.clauses import Best, Clause, Combined, Weighted, Words
from domain.query.mappings import DEFAULT, Field


def sloppy(clause: Clause) -> list[Words]:
    """The phrases within a clause that leave room between words."""
    match clause:
        case Words(slop=slop):
            return [clause] if slop else []
        case Combined(must=must, should=should, must_not=must_not):
            return [phrase for inner in (*must, *should, *must_not) for phrase in sloppy(inner)]
        case Best(clauses=clauses):
            return [phrase for inner in clauses for phrase in sloppy(inner)]
        case Weighted(clause=inner):
            return sloppy(inner)
    return []


def reaches(field: Field, several: frozenset[str]) -> bool:
    """Whether a sloppy phrase could reach from one value of a document into the next."""
    return field.path == DEFAULT or name_of(field.path) in several


def near(wanted: Sequence[str], words: Sequence[str], slop: int) -> bool:
    """Whether a phrase is among words when each may move, all moves together by `slop` places at most, as Lucene counts them.

    A word's place is where it stands, less where it stands in the phrase: all of them lie within `slop` from the first. So each
    place is tried as the first one, which takes time by the words times those of the phrase. A word that the phrase has twice has
    to stand twice. Its places are given away in order: who may go furthest comes last.
    """
    standing: dict[str, list[int]] = {word: [] for word in wanted}
    for at, word in enumerate(words):
        if word in standing:
            standing[word].append(at)
    if not all(standing.values()):
        return False
    firsts = {at - n for n, word in enumerate(wanted) for at in standing[word]}
    return any(_fits(wanted, standing, first, slop) for first in sorted(firsts))


def _fits(wanted: Sequence[str], standing: Mapping[str, list[int]], first: int, slop: int) -> bool:
    """Whether each word has a place of its own from `first` to `first + slop`."""
    free: dict[str, int] = {}
    for n, word in enumerate(wanted):
        places = standing[word]
        chosen = bisect_left(places, first + n, free.get(word, 0))
        if chosen == len(places) or places[chosen] > first + n + slop:
            return False
        free[word] = chosen + 1
    return True


def replaced(clause: Clause, settled: Mapping[Words, Clause]) -> Clause:
    """The clause with what its sloppy phrases were found to mean."""
    match clause:
        case Words():
            return settled.get(clause, clause)
        case Combined(must=must, should=should, must_not=must_not):
            parts = (tuple(replaced(inner, settled) for inner in part) for part in (must, should, must_not))
            return Combined(**dict(zip(("must", "should", "must_not"), parts, strict=True)))
        case Best(clauses=clauses):
            return Best(clauses=tuple(replaced(inner, settled) for inner in clauses))
        case Weighted(clause=inner, factor=factor):
            return Weighted(clause=replaced(inner, settled), factor=factor)
    return clause
