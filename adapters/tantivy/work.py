"""How long an answer may take, estimated before it is begun: by how many documents have a term, and by how large the index is.

The figures are nanoseconds that were measured for each thing that a search does, and rounded up. What takes longer than a search
may take among others is answered in a process of its own (`children.py`), which can be ended.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import tantivy

from adapters.tantivy.clauses import OneOf, Translator
from adapters.tantivy.order import Key
from adapters.tantivy.schema import name_of
from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Weighted, Words
from domain.query.mappings import Field

POSTING: Final = 5
"""For each document that has a term."""
PLACED: Final = 100
"""For each document that has a word of a phrase, whose places are compared."""
BYTE: Final = 2
"""For each byte of the terms, and of the documents that have them: a pattern may look at all of them."""
SIMPLE: Final = 1_000_000
"""To make the automaton of a pattern that has only characters and `*`, or of a term with `~`."""
BOUND: Final = 20_000_000
"""To make that of a range of words."""
INTRICATE: Final = 600_000_000
"""To make that of another pattern: there may be thousands of states."""
SCANNED: Final = 15
"""For each document of the index, where a column is looked through."""
SORTED: Final = 20
COUNTED: Final = 1000
"""For each document whose value is counted for a facet."""
FETCHED: Final = 5000
"""For each hit whose `_id` is read."""


class Estimator:
    """Estimates for one index."""

    def __init__(self, folder: Path, searcher: tantivy.Searcher, translator: Translator) -> None:
        self._searcher = searcher
        self._translator = translator
        self._whole = sum(file.stat().st_size for kind in ("term", "idx") for file in folder.glob(f"*.{kind}"))
        self._estimates: dict[type[Clause], Callable[[Any], int]] = {
            Everything: lambda _: POSTING * searcher.num_docs,
            Nothing: lambda _: 0,
            Combined: self._combined,
            Best: lambda best: sum(map(self.clause, best.clauses)),
            Weighted: lambda weighted: self.clause(weighted.clause),
            Equals: lambda equals: POSTING * self._with(equals.field, translator.folded(equals)),
            Words: self._words,
            Like: self._like,
            Near: self._near,
            Between: self._between,
            Has: lambda has: SCANNED * searcher.num_docs * len(has.paths),
            OneOf: lambda one: FETCHED * len(one.ids),
        }

    def answer(self, clauses: Sequence[Clause], keys: Sequence[Key], facets: int, reach: int) -> int:
        """Nanoseconds for a page of hits that ends at `reach`, sorted by keys, and facets. Groups of equal first keys are sorted
        one by one, and where a key is the score, all hits are."""
        count, base = self._searcher.num_docs, sum(map(self.clause, clauses))
        groups = 1 + (min(reach, count) if len(keys) > 1 else 0)
        ordered = (base + SORTED * count) * groups * len(keys)
        counted = COUNTED * count * (facets + any(key.field is None for key in keys))
        return base * (1 + 4 * facets) + ordered + counted + FETCHED * min(reach, count)

    def clause(self, clause: Clause) -> int:
        """Nanoseconds to go through all documents that a clause finds."""
        return self._estimates[type(clause)](clause)

    def _like(self, clause: Like) -> int:
        simple = all(isinstance(part, str) and part[0] in "=." and part != "." for part in clause.pattern)
        return BYTE * self._whole + (SIMPLE if simple else INTRICATE)

    def _near(self, clause: Near) -> int:
        return SIMPLE + BYTE * self._whole if clause.edits else POSTING * self._with(clause.field, clause.text)

    def _between(self, clause: Between) -> int:
        return BOUND + BYTE * self._whole if clause.field.type in ("keyword", "text") else SCANNED * self._searcher.num_docs

    def _combined(self, clause: Combined) -> int:
        return sum(map(self.clause, (*clause.must, *clause.should, *clause.must_not)))

    def _words(self, clause: Words) -> int:
        words = self._translator.split(clause.field, clause.text)
        each = POSTING if clause.slop is None or len(words) == 1 else PLACED
        return each * sum(self._with(clause.field, word) for word in words)

    def _with(self, field: Field, term: Any) -> int:
        return self._searcher.doc_freq(name_of(field.path), term)
