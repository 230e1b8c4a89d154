"""Sloppy phrases, decided value by value.

tantivy leaves one place between two values of a list (Elasticsearch a hundred), and counts moves of three words and more otherwise.
"""

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
    """Whether a phrase is among words when each may move, all moves together by `slop` places at most, as Lucene counts them."""
    places = [[at - n for at, word in enumerate(words) if word == wanted[n]] for n in range(len(wanted))]
    return _fits(wanted, places, 0, (), slop)


def _fits(wanted: Sequence[str], places: list[list[int]], n: int, chosen: tuple[int, ...], slop: int) -> bool:
    if n == len(wanted):
        return True
    for place in places[n]:
        taken = any(place + n == other + m and wanted[n] == wanted[m] for m, other in enumerate(chosen))
        if (
            not taken
            and max((*chosen, place)) - min((*chosen, place)) <= slop
            and _fits(wanted, places, n + 1, (*chosen, place), slop)
        ):
            return True
    return False


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
