"""One tantivy index: how it is fed, and how it answers."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import msgspec
import orjson
import tantivy
from tantivy import DocAddress, FieldType, Order
from tantivy import Query as Wanted

from adapters.refusals import refusal
from adapters.tantivy.clauses import Translator
from adapters.tantivy.documents import Flattener, Unfit
from adapters.tantivy.floats import shown
from adapters.tantivy.order import Key, Sorter
from adapters.tantivy.phrases import near
from adapters.tantivy.schema import FORMAT, ID, RANK, READABLE, build_schema, name_of, open_index
from adapters.tantivy.work import Estimator
from domain.errors import Conflict, NotReady
from domain.ports.documents import Document
from domain.ports.search import Facet, IndexSpec, SearchRequest
from domain.query.clauses import Clause, Combined, Equals, Has, Words
from domain.query.mappings import Field
from domain.query.plan import Fields, Planner, facet_field, facet_term, sort_field

HEAP = 40_000_000
"""Bytes that the writer collects before it writes a segment."""
LONGEST_ID = 512
"""Bytes of an `_id`: Elasticsearch's limit."""
SEALED = "sealed.json"
"""Written last: an index without it is no index yet."""
QUICK = 20_000
"""Documents that a query of plain terms may touch in the event loop: well below a millisecond."""
TERMS = 2**31 - 1
"""Terms that a segment may hand over for a facet: all of them, so that counts are exact."""


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept beside an index."""

    format: int
    spec: IndexSpec
    several: tuple[str, ...]
    """Fields that have several values in some document."""
    unindexed: bool = False
    """Whether it has the values of fields with `index: false`; indexes of an earlier Leat don't."""


class Ranked(NamedTuple):
    """A hit before its body is fetched."""

    id: str
    score: float | None


class Asked(NamedTuple):
    """A request, planned."""

    query: Clause
    """Query and filters."""
    filters: tuple[Clause, ...]
    post_filter: Clause | None
    keys: tuple[Key, ...]
    facets: dict[str, Field | None]
    warnings: tuple[str, ...]

    @property
    def parts(self) -> tuple[Clause, ...]:
        """Everything that is to be found."""
        return (self.query, *self.filters, *((self.post_filter,) if self.post_filter else ()))


class Answer(NamedTuple):
    """What was found, before bodies are fetched."""

    total: int
    hits: list[Ranked]
    facets: dict[str, Facet]


class Writer:
    """Fills one index, in one thread at a time."""

    def __init__(self, folder: Path, spec: IndexSpec) -> None:
        self.folder = folder
        self.spec = spec
        fields = Fields(spec.mapping)
        self._flattener = Flattener(fields)
        self._index = open_index(str(folder), build_schema(fields))
        self._writer = self._index.writer(heap_size=HEAP, num_threads=1)
        self._last = ""
        self._count = 0
        self._lock = Lock()

    def add(self, documents: Sequence[Document]) -> None:
        """Index a batch. Raises JobFailed where documents are refused, Conflict where they are not in order."""
        with self._lock:
            refused: list[tuple[str, str]] = []
            loads, dumps, add, flat = orjson.loads, orjson.dumps, self._writer.add_json, self._flattener.flat
            for id, body, _ in documents:
                if id <= self._last and self._count:  # Python compares code points, which is the order of UTF-8 bytes
                    raise Conflict(f"{id!r} comes after {self._last!r}: an index is filled in the order of _id, each once")
                try:
                    values = flat(loads(body))
                except Unfit as error:
                    refused.append((id, error.message))
                    continue
                if len(id) > LONGEST_ID // 4 and len(id.encode()) > LONGEST_ID:
                    refused.append((id, f"_id is longer than {LONGEST_ID} bytes"))
                    continue
                values[ID], values[RANK] = id, self._count
                add(dumps(values).decode())
                self._last = id
                self._count += 1
            if refused:
                raise refusal(refused, len(documents))

    def seal(self) -> int:
        """Write everything, wait until merging ends, and mark the index as whole, durably."""
        with self._lock:
            self._writer.commit()
            self._writer.wait_merging_threads()
            seal = Seal(format=FORMAT, spec=self.spec, several=tuple(sorted(self._flattener.several)), unindexed=True)
            partial = self.folder / (SEALED + ".part")
            with partial.open("wb") as file:
                file.write(msgspec.json.encode(seal))
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self.folder / SEALED)
            for folder in (self.folder, self.folder.parent):
                _sync(folder)
            return self._count

    def abandon(self) -> None:
        """Stop writing, so that the folder can go."""
        with self._lock:
            self._writer.rollback()
            self._writer.wait_merging_threads()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass
class Reader:
    """Answers from one sealed index; every method is quick or meant for a thread."""

    folder: Path
    seal: Seal
    version: tuple[int, int]
    """Which file the seal was read from."""
    index: tantivy.Index
    fields: Fields
    searcher: tantivy.Searcher = field(init=False)
    translator: Translator = field(init=False)
    sorter: Sorter = field(init=False)
    estimator: Estimator = field(init=False)

    def __post_init__(self) -> None:
        self.searcher = self.index.searcher()
        self.translator = Translator(self.index.schema, self.fields, exact=self.seal.format > 1)
        self.sorter = Sorter(self.searcher, self.translator, frozenset(self.seal.several))
        self.estimator = Estimator(self.folder, self.searcher, self.translator)

    @classmethod
    def current(cls, folder: Path, known: "Reader | None") -> "Reader":
        """The one that is known, or another where the folder holds another index by now. Raises NotReady where it holds none."""
        if known is not None:
            try:
                stat = os.stat(f"{folder}/{SEALED}")  # building a Path would cost more than the read of a document
            except FileNotFoundError:
                raise NotReady(f"there is no index {folder.name}") from None
            if (stat.st_ino, stat.st_mtime_ns) == known.version:
                return known
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "Reader":
        """Raises NotReady where there is no sealed index."""
        absent = NotReady(f"there is no index {folder.name}")
        try:
            with (folder / SEALED).open("rb") as file:
                stat = os.fstat(file.fileno())
                seal = msgspec.json.decode(file.read(), type=Seal)
        except FileNotFoundError:
            raise absent from None
        if seal.format not in READABLE:
            raise NotReady(f"index {folder.name} was made by another version of Leat: make the release again")
        try:
            index = open_index(str(folder))
            index.config_reader("manual")
            index.reload()
        except (ValueError, OSError):
            if (folder / SEALED).exists():
                raise
            raise absent from None  # dropped since the seal was read: the seal goes first
        fields = Fields(seal.spec.mapping, unindexed=seal.unindexed)
        return cls(folder, seal, (stat.st_ino, stat.st_mtime_ns), index, fields)

    def asked(self, request: SearchRequest) -> Asked:
        """The request's clauses. Raises QueryInvalid where it can't be answered."""
        planner = Planner(self.fields, datetime.now(UTC))
        query = planner.plan(request.query)
        filters, post_filter = planner.conditions(request.filters, request.post_filter)
        keys = tuple(
            Key(None if key.path == "_score" else sort_field(self.fields, key.path), key.descending) for key in request.sort
        )
        facets = {path: facet_field(self.fields, path) for path in request.facets}
        unmapped = tuple(f"facets: {self.fields.unknown(path)}" for path, found in facets.items() if found is None)
        return Asked(query, filters, post_filter, keys, facets, (*planner.warnings, *unmapped))

    def quick(self, asked: Asked, reach: int) -> bool:
        """Whether the answer surely takes less than a millisecond."""
        if asked.keys or asked.facets or reach > 100:
            return False
        terms = [term for part in asked.parts for term in _terms(part)]
        return None not in terms and sum(self._frequency(term) for term in terms if term) < QUICK

    def _frequency(self, term: Equals) -> int:
        return self.searcher.doc_freq(name_of(term.field.path), self.translator.folded(term))

    def work(self, asked: Asked, reach: int) -> int:
        """Nanoseconds that an answer may take whose page ends at `reach`."""
        return self.estimator.answer(asked.parts, asked.keys, len(asked.facets), reach)

    def answer(self, asked: Asked, offset: int, limit: int, facet_size: int) -> Answer:
        """Totals, the page of ids, and the facets."""
        base = self._query(asked)
        query = base if asked.post_filter is None else self._narrowed(base, asked.post_filter)
        facets = {path: self._facet(base, field, facet_size) for path, field in asked.facets.items()}
        if asked.keys and limit:
            addresses = self.sorter.page(query, asked.keys, offset, limit)
            return Answer(self._count(query), [Ranked(self._id(address), None) for address in addresses], facets)
        reach = min(limit, max(self.searcher.num_docs - offset, 0))
        if not reach:
            return Answer(self._count(query), [], facets)
        found = self.searcher.search(query, limit=reach, offset=offset, count=True)
        hits = [Ranked(self._id(address), score) for score, address in found.hits]
        return Answer(found.count, hits, facets)  # type: ignore[attr-defined]  # the stubs lack it

    def best(self, asked: Asked) -> float | None:
        """The best score."""
        query = self._query(asked)
        query = query if asked.post_filter is None else self._narrowed(query, asked.post_filter)
        hits = self.searcher.search(query, limit=1, count=False).hits
        return hits[0][0] if hits else None

    def after(self, asked: Asked, rank: int, limit: int, scores: bool) -> tuple[list[Ranked], int]:
        """The next hits in the order of `_id`, from a rank on, and the rank behind them."""
        query = self._query(asked)
        if asked.post_filter is not None:
            query = self._narrowed(query, asked.post_filter)
        found = self.searcher.search(
            self._between(query, rank, None), limit=limit, order_by_field=RANK, order=Order.Asc, count=False
        ).hits
        if not found:
            return [], rank
        last = found[-1][0]
        known: dict[Any, float] = {}
        if scores:  # tantivy tells the values that it sorts by, or the scores: the same hits are asked for again
            scored = self.searcher.search(self._between(query, rank, last), limit=len(found), count=False).hits
            ranks = self.searcher.fast_field_values(RANK, [address for _, address in scored])
            known = {at: score for at, (score, _) in zip(ranks, scored, strict=True)}
        return [Ranked(self._id(address), known.get(at)) for at, address in found], last + 1

    def _between(self, query: Wanted, rank: int, last: int | None) -> Wanted:
        """The hits from a rank on, up to a last one, with the scores of `query`."""
        inside = Wanted.range_query(self.translator.schema, RANK, FieldType.Unsigned, rank, last)
        return Wanted.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, Wanted.const_score_query(inside, 0.0))])

    def rank_after(self, id: str) -> int:
        """How many documents have an `_id` up to this one: the rank of the first behind it."""
        low, high = 0, self.searcher.num_docs
        while low < high:
            middle = (low + high) // 2
            hit = self.searcher.search(Wanted.term_query(self.translator.schema, RANK, middle), limit=1, count=False).hits[0]
            low, high = (middle + 1, high) if self._id(hit[1]) <= id else (low, middle)
        return low

    def ids(self, clause: Clause, most: int) -> list[str] | None:
        """The ids of what matches; None where there are more than `most`."""
        query = self.translator.query(clause)
        if self._count(query) > most:
            return None
        return [self._id(address) for _, address in self.searcher.search(query, limit=most, count=False).hits]

    def within(self, phrase: Words, bodies: Sequence[tuple[str, bytes]]) -> list[str]:
        """The ids of those documents in which a sloppy phrase is, value by value."""
        words, name = self.translator.split(phrase.field, phrase.text), name_of(phrase.field.path)
        flattener, cut, slop = Flattener(self.fields), self.translator.cut, phrase.slop or 0
        return [
            id
            for id, body in bodies
            if any(near(words, cut(phrase.field, value), slop) for value in flattener.texts(orjson.loads(body), name))
        ]

    def _query(self, asked: Asked) -> Wanted:
        query = self.translator.query(asked.query)
        for condition in asked.filters:
            query = self._narrowed(query, condition)
        return query

    def _narrowed(self, query: Wanted, clause: Clause) -> Wanted:
        condition = Wanted.const_score_query(self.translator.query(clause), 0.0)
        return Wanted.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, condition)])

    def _count(self, query: Wanted) -> int:
        count: int = self.searcher.search(query, limit=1, count=True).count  # type: ignore[attr-defined]  # the stubs lack it
        return count

    def _id(self, address: DocAddress) -> str:
        id: str = self.searcher.doc(address)[ID][0]
        return id

    def _facet(self, query: Wanted, field: Field | None, size: int) -> Facet:
        if field is None:
            return Facet(terms=(), other=0, missing=self._count(query))
        terms = {"field": name_of(field.path), "size": max(size, 1), "segment_size": TERMS}
        found: dict[str, Any] = self.searcher.aggregate(query, {"terms": {"terms": terms}})["terms"]
        with_value = self._narrowed(query, Has(paths=(field.path,)))
        shown, hidden = found["buckets"][:size], found["buckets"][size:]
        return Facet(
            terms=tuple((facet_term(field, self._value(field, bucket["key"])), bucket["doc_count"]) for bucket in shown),
            other=found["sum_other_doc_count"] + sum(bucket["doc_count"] for bucket in hidden),
            missing=self._count(query) - self._count(with_value),
        )

    def _value(self, field: Field, key: Any) -> Any:
        return shown(field, key, exact=self.translator.exact) if field.type in ("float", "double") else key


def _terms(clause: Clause) -> Iterator[Equals | None]:
    """The plain terms of a clause; None for each other part."""
    if isinstance(clause, Combined):
        for inner in (*clause.must, *clause.should, *clause.must_not):
            yield from _terms(inner)
        if not (clause.must or clause.should):
            yield None
    else:
        yield clause if isinstance(clause, Equals) else None
