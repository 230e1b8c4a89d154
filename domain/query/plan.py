"""Turns the tree of a query into clauses about the fields of an index: what is true on one engine is true on the other."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from domain.errors import QueryInvalid
from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Weighted, Words
from domain.query.dates import iso
from domain.query.mappings import DEFAULT, KEPT, Field, Properties, flatten
from domain.query.patterns import LONGEST, glob, lower, lowered, regular, wildcard
from domain.query.tree import Bool, Boost, Exists, Fuzzy, Leaf, MatchAll, MatchNone, Phrase, Query, Range, Regex, Term, Wildcard
from domain.query.values import between, equal, shortest

MOST = 1024
"""Clauses after `*` in paths is written out: what every Elasticsearch allows, however small."""

MOST_NEAR = 64
"""Words of a phrase that leaves room between them, each of which is tried at each of its places."""
LONGEST_NEAR = 256
"""Characters of a term with `~`: the automaton of a long one takes megabytes."""
WORD = re.compile(r"[^\W\u2e80-\U0003ffff]+|[\u2e80-\U0003ffff]")
"""At least what any analyzer takes for a word: of Chinese and its neighbours each sign, and emoji."""

ID = Field(path="_id", type="keyword", case_sensitive=True)
EVERYTHING = Field(path=DEFAULT, type="text")


class Fields:
    """The fields of an index that queries can look at.

    Under `index: false` that is all but texts, since engines have the values for sorting: BioThings' users find them on
    Elasticsearch. `unindexed` is false for an index of an earlier Leat, which has no such values.
    """

    def __init__(self, properties: Properties, *, unindexed: bool = True) -> None:
        fields = flatten(properties)
        self.all = {field.path: field for field in fields}
        self.indexed = {field.path: field for field in fields if field.indexed or (unindexed and field.type not in ("text", KEPT))}
        self.searched_by_default = any(field.searched_by_default for field in fields)
        self.named = {**self.indexed, ID.path: ID}
        if self.searched_by_default:
            self.named[DEFAULT] = EVERYTHING
        self.texts = frozenset(path for path, field in self.named.items() if field.type == "text")

    def matching(self, path: str) -> tuple[Field, ...]:
        """The fields that a path means: one, those that fit its `*`, those searched by default for an empty one."""
        if not path:
            return (ID, EVERYTHING) if self.searched_by_default else (ID,)
        if "*" not in path:
            return (self.named[path],) if path in self.named else ()
        fits = _glob(path)
        return tuple(field for name, field in self.named.items() if fits.fullmatch(name) and name != ID.path)

    def below(self, path: str) -> tuple[str, ...]:
        """The paths of the fields at or below a path."""
        fits = re.compile(_glob(path).pattern + r"(\..*)?", re.DOTALL)
        return tuple(name for name in self.named if fits.fullmatch(name))

    def unknown(self, path: str) -> str:
        """Why a path has no field."""
        if path in self.all:
            return f"{path} is not indexed: it matches nothing"
        if self.below(path):
            return f"{path} holds other fields: it matches nothing, {path}.\\*: looks into all of them"
        return f"{path} is not mapped: it matches nothing"


def _glob(path: str) -> re.Pattern[str]:
    return re.compile(glob(path), re.DOTALL)


class Planner:
    """Turns trees into clauses, and collects what deserves a warning."""

    def __init__(self, fields: Fields, now: datetime | None = None) -> None:
        self.fields = fields
        self.now = now or datetime.now(UTC)
        self.warnings: dict[str, None] = {}
        self.count = 0

    def conditions(self, filters: Iterable[Query], post_filter: Query | None) -> tuple[tuple[Clause, ...], Clause | None]:
        """The clauses of what narrows a search. Raises QueryInvalid that names which of the two is wrong."""
        try:
            name, narrowed = "filter", tuple(map(self.plan, filters))
            name = "post_filter"
            return narrowed, None if post_filter is None else self.plan(post_filter)
        except QueryInvalid as error:
            raise QueryInvalid(error.message, error.position, (name,)) from error

    def plan(self, query: Query) -> Clause:
        """The clause that a tree means. Raises QueryInvalid where it asks for what a field can't answer."""
        match query:
            case MatchAll():
                return Everything()
            case MatchNone():
                return Nothing()
            case Boost(query=inner, factor=factor):
                return Weighted(clause=self.plan(inner), factor=factor)
            case Bool():
                return self._combined(query)
            case Exists(path=path):
                return self._has(path, query.position)
            case Leaf():
                return self._leaf(query)
        raise TypeError(f"{query!r} is no node of a query")

    def _combined(self, query: Bool) -> Clause:
        if query.mixed:
            self.warnings[
                f"AND, OR and NOT stand side by side without parentheses (character {query.position}): "
                "OR makes both its neighbours optional beside what AND requires"
            ] = None
        must, should, must_not = (tuple(map(self.plan, part)) for part in (query.must, query.should, query.must_not))
        if must or should or must_not:
            return Combined(must=must, should=should, must_not=must_not)
        return Nothing()

    def _has(self, path: str, position: int) -> Clause:
        paths = self.fields.below(path)
        self._counted(len(paths), position)
        if not paths:
            self.warnings[self.fields.unknown(path)] = None
            return Nothing()
        return Everything() if ID.path in paths else Has(paths=paths)

    def _leaf(self, query: Leaf) -> Clause:
        fields = self.fields.matching(query.path)
        self._counted(len(fields), query.position)
        if not fields:
            self.warnings[self.fields.unknown(query.path)] = None
        elif not query.path and not self.fields.searched_by_default:
            self.warnings["no field is searched by default: a word without a field before it is looked for in _id only"] = None
        if isinstance(query, Term | Phrase):
            self._count_words(query, fields)
        if not query.path and isinstance(query, Range):
            raise QueryInvalid("a range needs a field before it: field:[a TO b]", query.position)
        alone = len(fields) == 1
        clauses = tuple(clause for field in fields if (clause := self._field(query, field, alone)))
        if not clauses:
            return Nothing()
        return clauses[0] if len(clauses) == 1 else Best(clauses=clauses)

    def _count_words(self, query: Term | Phrase, fields: tuple[Field, ...]) -> None:
        """Each word of a text is a thing that is asked for, but the first, which was counted with its field."""
        texts = sum(field.type == "text" for field in fields)
        if not texts or len(query.text) < 2:
            return
        words = len(WORD.findall(query.text))
        if words > MOST_NEAR and isinstance(query, Phrase) and query.slop:
            raise QueryInvalid(f"a phrase with ~ has more than {MOST_NEAR} words", query.position)
        self._counted(texts * max(words - 1, 0), query.position)

    def _counted(self, more: int, position: int) -> None:
        self.count += more
        if self.count > MOST:
            raise QueryInvalid(
                f"the query asks for more than {MOST} things, each word counted, and * in paths written out", position
            )

    def _field(self, query: Leaf, field: Field, alone: bool) -> Clause | None:
        """The clause for one field; None where nothing of its type matches. Said so where it is the only one."""
        words = field.type in ("keyword", "text")
        match query:
            case Range():
                return self._between(query, field, alone)
            case Term() | Phrase() if words:
                return _text(query, field)
            case Term(text=text) | Phrase(text=text):
                return self._value(text, query.position, field, alone)
            case Wildcard() | Regex() | Fuzzy() if words:
                return _loose(query, field)
        if alone:
            raise QueryInvalid(
                f"{field.path} is of type {field.type}: no wildcards, regular expressions or ~ there", query.position
            )
        return None

    def _value(self, text: str, position: int, field: Field, alone: bool) -> Clause | None:
        try:
            bounds = equal(field, text, self.now)
        except ValueError:
            bounds = None
        if bounds is not None:
            return Between(field=field, bounds=bounds, position=position)
        if alone:
            self.warnings[f"{field.path} is of type {field.type}: {text!r} matches nothing"] = None
        return None

    def _between(self, query: Range, field: Field, alone: bool) -> Clause | None:
        if query.lower is None and query.upper is None:
            return Everything() if field is ID else Has(paths=(field.path,))
        if field.type == "boolean":
            if alone:
                raise QueryInvalid(f"{field.path} is a boolean: it has no ranges", query.position)
            return None
        try:
            bounds = between(field, query.lower, query.upper, query.include_lower, query.include_upper, self.now)
        except ValueError as error:
            if alone:
                self.warnings[f"{field.path} is of type {field.type}: {error}, so it matches nothing"] = None
            return None
        return None if bounds is None else Between(field=field, bounds=bounds, position=query.position)


def _text(query: Term | Phrase, field: Field) -> Clause:
    if field.type == "keyword":
        return Equals(field=field, value=query.text)
    if isinstance(query, Phrase):
        return Words(field=field, text=query.text, slop=query.slop, position=query.position)
    return Words(field=field, text=query.text, either=query.either, position=query.position)


def _loose(query: Wildcard | Regex | Fuzzy, field: Field) -> Clause:
    folded = not field.case_sensitive
    if isinstance(query, Fuzzy):
        if len(query.text) > LONGEST_NEAR:
            raise QueryInvalid(f"the term with ~ is longer than {LONGEST_NEAR} characters", query.position)
        edits = query.edits if query.edits is not None else sum(len(query.text) > length for length in (2, 5))
        return Near(field=field, text=lower(query.text) if folded else query.text, edits=edits)
    if isinstance(query, Regex):
        pattern = regular(query.pattern, query.position)
    elif len(query.pattern) > LONGEST:
        raise QueryInvalid(f"the term with wildcards is longer than {LONGEST} characters", query.position)
    else:
        pattern = wildcard(query.pattern)
    return Like(field=field, pattern=lowered(pattern) if folded else pattern, position=query.position)


def sort_field(fields: Fields, path: str) -> Field:
    """The field to sort by. Raises QueryInvalid where it has no order, or none is indexed."""
    field = fields.named.get(path)
    if field is None:
        raise QueryInvalid(f"sort: {fields.unknown(path)}", path=("sort", path))
    if field.type == "text":
        raise QueryInvalid(f"sort: {path} is text, which has no order; sort by a keyword", path=("sort", path))
    return field


def facet_field(fields: Fields, path: str) -> Field | None:
    """The field whose terms are counted, None where it is not mapped. Raises QueryInvalid where it has no terms of its own."""
    field = fields.indexed.get(path)
    if field is None and path in fields.named:
        raise QueryInvalid(f"facets: {path} has no terms that can be counted", path=("facets", path))
    if field is not None and field.type == "text":
        raise QueryInvalid(f"facets: {path} is text, whose words are not counted; use a keyword", path=("facets", path))
    return field


def facet_term(field: Field, value: Any) -> Any:
    """A term as the client sees it: dates as ISO 8601, booleans as such, floats as short as they were written."""
    if field.type == "date":
        return iso(int(value))
    if field.type == "boolean":
        return bool(value)
    if field.type == "float":
        return shortest(value)
    return int(value) if field.type in ("integer", "long") else value
