"""A search engine in a few lines that looks into every document: what clauses mean, with no index to doubt."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Weighted, Words
from domain.query.dates import stored_instant
from domain.query.mappings import DEFAULT, Field
from domain.query.patterns import Characters, Pattern, lower
from domain.query.plan import Fields
from domain.query.values import Bounds, single

WORD = re.compile(r"[\u4e00-\u9fff]|\w+(?:['.]\w+)*")
"""The words of Unicode Standard Annex 29, as far as the tests' texts have them."""
BEFORE_THE_NEXT_VALUE = 100


class Naive:
    """Answers clauses from documents as they are."""

    def __init__(self, fields: Fields, documents: Mapping[str, dict[str, Any]]) -> None:
        self.fields = fields
        self.documents = documents

    def found(self, clause: Clause) -> set[str]:
        """The ids of the documents for which a clause is true."""
        return {id for id, document in self.documents.items() if self._true(clause, {"_id": id, **document})}

    def _true(self, clause: Clause, document: dict[str, Any]) -> bool:
        match clause:
            case Everything():
                return True
            case Nothing():
                return False
            case Weighted(clause=inner):
                return self._true(inner, document)
            case Best(clauses=clauses):
                return any(self._true(each, document) for each in clauses)
            case Combined(must=must, should=should, must_not=must_not):
                required, optional, excluded = ([self._true(each, document) for each in part] for part in (must, should, must_not))
                return all(required) and (bool(must) or not should or any(optional)) and not any(excluded)
        return self._found_in_a_field(clause, document)

    def _found_in_a_field(self, clause: Clause, document: dict[str, Any]) -> bool:
        match clause:
            case Has(paths=paths):
                return any(self._values(self.fields.named[path], document) for path in paths)
            case Words(field=field, text=text, either=True):
                return bool({*_words(field, text)} & {*self._terms(field, document)})
            case Words(field=field, text=text, slop=slop):
                return self._has_words(field, text, slop, document)
            case Equals(field=field, value=value):
                return _case(field, value) in self._terms(field, document)
            case Like(field=field, pattern=pattern):
                return any(re.fullmatch(python_of(pattern), term, re.DOTALL) for term in self._terms(field, document))
            case Near(field=field, text=text, edits=edits):
                return any(distance(text, term) <= edits for term in self._terms(field, document))
            case Between(field=field, bounds=bounds):
                return any(inside(value, bounds) for value in self._terms(field, document))
        raise TypeError(clause)

    def _has_words(self, field: Field, text: str, slop: int | None, document: dict[str, Any]) -> bool:
        values = [_words(field, value) for value in self._values(field, document)]
        places = [
            (word, BEFORE_THE_NEXT_VALUE * number + at) for number, words in enumerate(values) for at, word in enumerate(words)
        ]
        wanted = _words(field, text)
        if slop is None:
            return bool(wanted) and set(wanted) <= {word for word, _ in places}
        # Each word of the phrase takes a place of its own; what they are moved by is how far apart the moves are.
        moves: list[tuple[frozenset[int], int, int]] = [(frozenset(), 10**9, -(10**9))]
        for number, word in enumerate(wanted):
            moves = [
                (taken | {at}, min(least, at - number), max(most, at - number))
                for taken, least, most in moves
                for found, at in places
                if found == word and at not in taken
            ]
        return bool(wanted) and any(most - least <= slop for _, least, most in moves)

    def _terms(self, field: Field, document: dict[str, Any]) -> list[Any]:
        values = self._values(field, document)
        if field.type == "text":
            return [word for value in values for word in _words(field, value)]
        return [_case(field, value) if field.type == "keyword" else value for value in values]

    def _values(self, field: Field, document: dict[str, Any]) -> list[Any]:
        paths = [each for each in self.fields.all.values() if each.searched_by_default] if field.path == DEFAULT else [field]
        found = [value for each in paths for value in _at(document, each.path.split("."))]
        return [value for each in found if (value := _stored(field, each)) is not None]


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _at(item, path)
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            yield from _at(value.get(".".join(path[:length])), path[length:])
    elif not path and value is not None:
        yield value


def _stored(field: Field, value: Any) -> Any:
    written = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    match field.type:
        case "integer" | "long":
            return math.trunc(float(value)) if isinstance(value, str | float) else value
        case "float":
            return single(float(value))
        case "double":
            return float(value)
        case "boolean":
            return int(written == "true")
        case "date":
            return stored_instant(written)
        case "keyword" if field.ignore_above and len(written) > field.ignore_above:
            return None
    return written


def _case(field: Field, text: str) -> str:
    return text if field.case_sensitive else lower(text)


def _words(field: Field, text: str) -> list[str]:
    if field.analyzer == "standard":
        return WORD.findall(lower(text))
    return [lower(text)] if field.analyzer == "string_lowercase" else lower(text).split()


def inside(value: Any, bounds: Bounds) -> bool:
    """Whether a value lies between bounds, where -0.0 is smaller than 0.0, as both engines have it."""
    lower, upper, at = (_ordered(each) for each in (bounds.lower, bounds.upper, value))
    over = lower is None or (at >= lower if bounds.include_lower else at > lower)
    return bool(over and (upper is None or (at <= upper if bounds.include_upper else at < upper)))


def _ordered(value: Any) -> Any:
    return (value, math.copysign(1, value)) if isinstance(value, float | int) else value


def python_of(pattern: Pattern) -> str:
    """The pattern as a regular expression of Python's."""
    return "".join(_class(part) if isinstance(part, Characters) else _part(part) for part in pattern)


def _part(part: str) -> str:
    return re.escape(part[1:]) if part.startswith("=") else part


def _class(part: Characters) -> str:
    return f"[{'^' if part.negated else ''}{''.join(f'{re.escape(first)}-{re.escape(last)}' for first, last in part.ranges)}]"


def distance(one: str, other: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours that make one text of the other."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
