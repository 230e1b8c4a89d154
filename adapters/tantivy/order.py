"""Pages of sorted hits: several keys, several values, ties by `_id`, which tantivy's one sort field does not do."""

from heapq import merge
from itertools import groupby, islice
from typing import Any, NamedTuple

from tantivy import DocAddress, Occur, Order, Query, Searcher

from adapters.tantivy.clauses import Translator
from adapters.tantivy.schema import RANK, largest, least, name_of
from domain.errors import QueryInvalid
from domain.query.mappings import Field

SCORED = 1_000_000
"""Hits that are ranked one by one where a sort has `_score` among its keys."""


class Key(NamedTuple):
    """One sort key: a field, or the score where there is none."""

    field: Field | None
    descending: bool


Found = tuple[Any, DocAddress]


class Sorter:
    """Sorts the hits of one index."""

    def __init__(self, searcher: Searcher, translator: Translator, several: frozenset[str]) -> None:
        self.searcher = searcher
        self.translator = translator
        self.several = several

    def page(self, query: Query, keys: tuple[Key, ...], skip: int, count: int) -> list[DocAddress]:
        """The hits from `skip` on, `count` at most, by these keys and then by `_id`.

        Hits with the same value of the first key are a group; only the groups that the page touches are sorted further, each by a
        query of its own for that value.
        """
        count = min(count, self.searcher.num_docs - skip)
        if count <= 0:
            return []
        if not keys or (keys[0].field is not None and keys[0].field.path == "_id"):
            order = Order.Desc if keys and keys[0].descending else Order.Asc
            return [address for _, address in self._ordered(query, RANK, order, skip + count, skip)]
        key, rest = keys[0], keys[1:]
        found = self._first(query, key, skip + count)
        page: list[DocAddress] = []
        start = 0
        for value, group in groupby(found, lambda hit: hit[0]):
            addresses = [address for _, address in group]
            end = start + len(addresses)
            if end > skip and len(page) < count:
                whole = end < len(found) or len(found) < skip + count
                inside, wanted = max(skip - start, 0), count - len(page)
                if whole and (not rest or len(addresses) == 1):
                    page += self._by_id(addresses)[inside : inside + wanted]
                else:
                    page += self.page(self._within(query, key, value, addresses), rest, inside, wanted)
            start = end
        return page[:count]

    def _first(self, query: Query, key: Key, limit: int) -> list[Found]:
        """The first hits by one key, with its values; None, last, for those without."""
        field = key.field
        if field is None:
            return self._scored(query, key.descending)
        order, name = (Order.Desc if key.descending else Order.Asc), name_of(field.path)
        if not key.descending or name not in self.several:  # the first value of a field is its smallest
            return self._ordered(query, name, order, limit)
        several = Query.exists_query(largest(field.path))
        many = self._ordered(_both(query, several), largest(field.path), order, limit)
        single = self._ordered(_without(query, several), name, order, limit)
        known = [hit for hit in single if hit[0] is not None]
        return [*islice(merge(many, known, key=lambda hit: hit[0], reverse=True), limit), *single[len(known) :]][:limit]

    def _scored(self, query: Query, descending: bool) -> list[Found]:
        result = self.searcher.search(query, limit=min(self.searcher.num_docs, SCORED), count=True)
        if result.count > SCORED:  # type: ignore[attr-defined]  # the stubs lack it
            raise QueryInvalid(f"sort: more than {SCORED} documents can't be sorted by _score", path=("sort", "_score"))
        return result.hits if descending else sorted(result.hits, key=lambda hit: float(hit[0]))

    def _ordered(self, query: Query, name: str, order: Order, limit: int, offset: int = 0) -> list[Found]:
        found = self.searcher.search(query, limit=limit - offset, offset=offset, order_by_field=name, order=order, count=False)
        return found.hits

    def _within(self, query: Query, key: Key, value: Any, addresses: list[DocAddress]) -> Query:
        """The hits that have this value as their first one."""
        schema = self.translator.schema
        if key.field is None:
            ranks = self.searcher.fast_field_values(RANK, addresses)
            return _both(query, Query.term_set_query(schema, RANK, ranks))
        name = name_of(key.field.path)
        if value is None:
            return _without(query, self.translator.having([key.field.path]))
        same = self.translator.term(key.field, value)
        if name not in self.several:
            return _both(query, same)
        column = largest(key.field.path) if key.descending else least(key.field.path)
        among = Query.term_query(schema, column, value, "basic" if key.field.type == "keyword" else "position")
        return _both(
            query, Query.boolean_query([(Occur.Should, among), (Occur.Should, _without(same, Query.exists_query(column)))])
        )

    def _by_id(self, addresses: list[DocAddress]) -> list[DocAddress]:
        if len(addresses) == 1:
            return addresses
        ranks = self.searcher.fast_field_values(RANK, addresses)
        return [address for _, address in sorted(zip(ranks, addresses, strict=True), key=lambda pair: pair[0] or 0)]


def _both(query: Query, condition: Query) -> Query:
    """Those of `query`, with its scores, that meet a condition."""
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(condition, 0.0))])


def _without(query: Query, condition: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.MustNot, condition)])
