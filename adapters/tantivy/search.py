"""Search on tantivy, embedded: an index is a folder, documents' bodies stay in their collection."""

import asyncio
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import orjson

from adapters.tantivy.clauses import OneOf
from adapters.tantivy.documents import Flattener
from adapters.tantivy.index import SEALED, Asked, Ranked, Reader, Writer
from adapters.tantivy.phrases import near, reaches, replaced, sloppy
from adapters.tantivy.schema import name_of
from domain.errors import Invalid, NotReady, QueryInvalid, Unavailable
from domain.ports.documents import Document, Documents
from domain.ports.search import Hit, IndexSpec, Search, SearchRequest, SearchResult
from domain.query.clauses import Clause, Words
from domain.query.plan import Fields

T = TypeVar("T")

OPEN_INDEXES = 32
"""Readers that are kept open."""
BATCH = 1000
"""Hits of a scan that are fetched at once."""
DOUBTFUL = 20_000
"""Documents that a sloppy phrase may have to be looked for in one by one."""

DISK = re.compile(r"\b(?:io|os)\W+error", re.IGNORECASE)
"""How tantivy's errors name those of the operating system."""


class TantivySearch(Search):
    """Indexes below one folder. Each is written by one process and, once sealed, read by any number of them."""

    def __init__(self, folder: Path, documents: Documents) -> None:
        self._folder = folder
        self._documents = documents
        self._writers: dict[str, Writer] = {}
        self._readers: OrderedDict[str, Reader] = OrderedDict()

    async def create(self, name: str, spec: IndexSpec) -> None:
        Fields(spec.mapping)
        await self.drop(name)
        folder = self._path(name)

        def make() -> Writer:
            folder.mkdir(parents=True)
            return Writer(folder, spec)

        with _written(name):
            self._writers[name] = await asyncio.to_thread(make)

    async def bulk(self, name: str, documents: Sequence[Document]) -> None:
        with _written(name):
            await asyncio.to_thread(self._writer(name).add, documents)

    async def seal(self, name: str) -> int:
        with _written(name):
            count = await asyncio.to_thread(self._writer(name).seal)
        del self._writers[name]
        return count

    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        reader = await self._reader(name)
        asked = await self._settled(reader, reader.asked(request))
        arguments = (asked, request.offset, request.limit, request.facet_size)
        if reader.quick(asked, request.offset + request.limit):
            found = reader.answer(*arguments)
        else:
            found = await asyncio.to_thread(reader.answer, *arguments)
        best = found.hits[0].score if found.hits else None
        if request.offset and not asked.keys and found.total:
            best = await asyncio.to_thread(reader.best, asked)
        hits = await self._hits(reader, found.hits, request.bodies)
        return SearchResult(total=found.total, hits=tuple(hits), max_score=best, facets=found.facets, warnings=asked.warnings)

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        # What was once open says which collection has the bodies: whether those are still there, that one looks itself.
        reader = self._readers.get(name) or await self._reader(name)
        return await self._documents.get(reader.seal.spec.collection, ids)

    async def scan(self, name: str, request: SearchRequest, after: str = "") -> AsyncIterator[list[Hit]]:
        reader = await self._reader(name)
        asked = await self._settled(reader, reader.asked(msgspec.structs.replace(request, sort=(), facets=())))
        rank = await asyncio.to_thread(reader.rank_after, after) if after else 0
        while True:
            ranked, rank = await asyncio.to_thread(reader.after, asked, rank, BATCH, request.scores)
            if ranked:
                yield await self._hits(reader, ranked, request.bodies)
            if len(ranked) < BATCH:
                return

    async def describe(self, name: str) -> tuple[IndexSpec, int]:
        reader = await self._reader(name)
        return reader.seal.spec, reader.searcher.num_docs

    async def publish(self, alias: str, name: str | None) -> None:
        """Nobody else looks into a folder of tantivy's."""

    async def names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir())

    async def drop(self, name: str) -> None:
        writer = self._writers.pop(name, None)
        self._readers.pop(name, None)
        folder = self._path(name)

        def remove() -> None:
            if writer is not None:
                writer.abandon()
            if folder.is_dir():
                (folder / SEALED).unlink(missing_ok=True)
                shutil.rmtree(folder, onerror=_unless_gone)

        await asyncio.to_thread(remove)

    async def ping(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the folder of search indexes can't be used: {error}") from error

    def _path(self, name: str) -> Path:
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise Invalid(f"{name!r} is no name of an index", ("name",))
        return self._folder / name

    def _writer(self, name: str) -> Writer:
        writer = self._writers.get(name)
        if writer is None:
            raise NotReady(f"index {name} is not being written by this process")
        return writer

    async def _reader(self, name: str) -> Reader:
        """The open index; opened anew where the folder holds another one by now."""
        reader = self._readers.get(name)
        if reader is not None:
            try:
                stat = os.stat(f"{self._folder}/{name}/{SEALED}")  # building a Path would cost more than the read of a document
            except FileNotFoundError:
                self._readers.pop(name, None)
                raise NotReady(f"there is no index {name}") from None
            if (stat.st_ino, stat.st_mtime_ns) == reader.version:
                self._readers.move_to_end(name)
                return reader
        reader = self._readers[name] = Reader.open(self._path(name))
        if len(self._readers) > OPEN_INDEXES:
            self._readers.popitem(last=False)
        return reader

    async def _hits(self, reader: Reader, ranked: Sequence[Ranked], bodies: bool) -> list[Hit]:
        if not bodies or not ranked:
            return [Hit(id, score, b"") for id, score in ranked]
        collection = reader.seal.spec.collection
        found = await self._documents.get(collection, [hit.id for hit in ranked])
        try:
            return [Hit(id, score, found[id]) for id, score in ranked]
        except KeyError as error:
            raise NotReady(f"collection {collection} lacks {error.args[0]!r}, which is indexed") from None

    async def _settled(self, reader: Reader, asked: Asked) -> Asked:
        """The request with its sloppy phrases decided, which tantivy answers otherwise than Lucene."""
        parts = (asked.query, *asked.filters, *((asked.post_filter,) if asked.post_filter else ()))
        doubtful = [phrase for part in parts for phrase in sloppy(part)]
        if not doubtful:
            return asked
        settled = {phrase: await self._decided(reader, phrase) for phrase in doubtful}
        return asked._replace(
            query=replaced(asked.query, settled),
            filters=tuple(replaced(part, settled) for part in asked.filters),
            post_filter=asked.post_filter and replaced(asked.post_filter, settled),
        )

    async def _decided(self, reader: Reader, phrase: Words) -> Clause:
        words = reader.translator.split(phrase.field, phrase.text)
        if len(words) < 2 or (len(words) == 2 and not reaches(phrase.field, reader.sorter.several)):
            return phrase
        # All that tantivy finds for two words, values aside, and for more words whatever has them all.
        candidates = phrase if len(words) == 2 else msgspec.structs.replace(phrase, slop=None)
        ids = await asyncio.to_thread(reader.ids, candidates, DOUBTFUL)
        if ids is None:
            raise QueryInvalid(f"more than {DOUBTFUL} documents may have the phrase: take ~ away, or narrow it", phrase.position)
        flattener, name = Flattener(reader.fields), name_of(phrase.field.path)
        bodies = await self._documents.get(reader.seal.spec.collection, ids)

        def within() -> tuple[str, ...]:
            return tuple(
                id
                for id, body in bodies.items()
                if any(
                    near(words, reader.translator.cut(phrase.field, value), phrase.slop or 0)
                    for value in flattener.texts(orjson.loads(body), name)
                )
            )

        return OneOf(ids=await asyncio.to_thread(within))


def _unless_gone(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Files that another process takes away at the same time are as absent as they should be."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


@contextmanager
def _written(name: str) -> Iterator[None]:
    """What the disk refuses may be tried again. tantivy says everything by ValueError, and of a thread that failed that it was the
    disk, most likely."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) or DISK.search(str(error)):
            raise Unavailable(f"index {name} can't be written: {error}") from error
        raise
