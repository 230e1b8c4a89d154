"""Clauses as tantivy's queries."""

from collections.abc import Callable, Sequence
from typing import Any

import tantivy
from tantivy import FieldType, Occur
from tantivy import Query as Wanted

from adapters.tantivy.floats import coded, widened
from adapters.tantivy.patterns import regex_between, regex_of
from adapters.tantivy.schema import ID, PATHS, name_of
from adapters.tantivy.words import Words as Splitter
from domain.errors import QueryInvalid
from domain.query.clauses import Best, Between, Clause, Combined, Equals, Everything, Has, Like, Near, Nothing, Weighted, Words
from domain.query.mappings import Field
from domain.query.patterns import lower
from domain.query.plan import Fields


class OneOf(Clause, frozen=True, kw_only=True):
    """One of the documents with these ids."""

    ids: tuple[str, ...]


class Translator:
    """Makes queries for one schema."""

    def __init__(self, schema: tantivy.Schema, fields: Fields, *, exact: bool = True) -> None:
        self.schema = schema
        self.fields = fields
        self.exact = exact
        """Whether floats are whole numbers: not in indexes of the first format."""
        self.splitter = Splitter()
        self._makers: dict[type[Clause], Callable[[Any], Wanted]] = {
            Everything: lambda _: Wanted.all_query(),
            Nothing: lambda _: Wanted.empty_query(),
            Combined: self._combined,
            Best: lambda best: Wanted.disjunction_max_query([self.query(inner) for inner in best.clauses]),
            Weighted: lambda weighted: Wanted.boost_query(self.query(weighted.clause), weighted.factor),
            Equals: self._equals,
            Words: self._words,
            Like: lambda like: self._regex(like.field, regex_of(like.pattern), like.position),
            Near: self._near,
            Between: self._between,
            Has: lambda has: self.having(has.paths),
            OneOf: lambda one: Wanted.term_set_query(schema, ID, list(one.ids)),
        }

    def query(self, clause: Clause) -> Wanted:
        """The query of a clause. Raises QueryInvalid where it is too complex."""
        made: Wanted = self._makers[type(clause)](clause)
        return made

    def term(self, field: Field, value: Any) -> Wanted:
        """Documents with one value."""
        return Wanted.term_query(self.schema, name_of(field.path), value, "basic" if field.type == "keyword" else "position")

    def split(self, field: Field, text: str) -> list[str]:
        """A query's text as the words that the field has."""
        return self.cut(field, self.splitter.spaced(text) if field.analyzer == "standard" else text)

    def cut(self, field: Field, flat: str) -> list[str]:
        """The words of a value, as it was flattened."""
        return [lower(flat)] if field.analyzer == "string_lowercase" else lower(flat).split()

    def having(self, paths: Sequence[str]) -> Wanted:
        """Documents with a value in one of these fields, all with the same score."""
        texts = [name_of(path) for path in paths if path in self.fields.texts]
        parts = [Wanted.exists_query(name_of(path)) for path in paths if path not in self.fields.texts]
        parts += [Wanted.term_set_query(self.schema, PATHS, texts)] if texts else []
        return Wanted.const_score_query(Wanted.boolean_query([(Occur.Should, part) for part in parts]), 1.0)

    def folded(self, clause: Equals) -> str:
        """A keyword as the field has it."""
        return clause.value if clause.field.case_sensitive else lower(clause.value)

    def _equals(self, clause: Equals) -> Wanted:
        return self.term(clause.field, self.folded(clause))

    def _combined(self, clause: Combined) -> Wanted:
        parts = [(Occur.Must, self.query(inner)) for inner in clause.must]
        parts += [(Occur.Should, self.query(inner)) for inner in clause.should]
        if not parts:  # tantivy finds nothing where there are only exclusions
            parts = [(Occur.Must, Wanted.all_query())]
        parts += [(Occur.MustNot, self.query(inner)) for inner in clause.must_not]
        return Wanted.boolean_query(parts)

    def _words(self, clause: Words) -> Wanted:
        words = self.split(clause.field, clause.text)
        if not words:
            return Wanted.empty_query()
        if len(words) == 1 or clause.slop is None:
            terms = [self.term(clause.field, word) for word in dict.fromkeys(words)]
            occur = Occur.Should if clause.either else Occur.Must
            return terms[0] if len(terms) == 1 else Wanted.boolean_query([(occur, term) for term in terms])
        return Wanted.phrase_query(self.schema, name_of(clause.field.path), list(words), clause.slop)

    def _regex(self, field: Field, regex: str, position: int, what: str = "the pattern is too complex") -> Wanted:
        try:
            return Wanted.regex_query(self.schema, name_of(field.path), regex)
        except ValueError as error:
            raise QueryInvalid(what, position) from error

    def _near(self, clause: Near) -> Wanted:
        if not clause.edits:
            return self.term(clause.field, clause.text)
        return Wanted.fuzzy_term_query(self.schema, name_of(clause.field.path), clause.text, clause.edits)

    def _between(self, clause: Between) -> Wanted:
        field, bounds = clause.field, clause.bounds
        if field.type in ("keyword", "text"):
            regex = regex_between(bounds)
            too_long = "the bounds of the range are too long"
            if regex is None:
                raise QueryInvalid(too_long, clause.position)
            return self._regex(field, regex, clause.position, too_long)
        kind = FieldType.Integer
        if field.type in ("float", "double"):
            kind = FieldType.Integer if self.exact else FieldType.Float
            bounds = coded(field, bounds) if self.exact else widened(bounds)
        if bounds.lower is not None and bounds.lower == bounds.upper:
            return self.term(field, bounds.lower)
        return Wanted.range_query(self.schema, name_of(field.path), kind, *bounds)
