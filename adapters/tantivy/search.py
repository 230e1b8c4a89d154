"""Search on tantivy, embedded: an index is a folder, documents' bodies stay in their collection."""

import asyncio
import errno
import re
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from adapters.tantivy.children import Children
from adapters.tantivy.clauses import OneOf
from adapters.tantivy.index import SEALED, Asked, Ranked, Reader, Writer
from adapters.tantivy.phrases import reaches, replaced, sloppy
from domain.errors import Invalid, NotReady, QueryInvalid, Unavailable
from domain.ports.documents import Document, Documents
from domain.ports.search import Hit, IndexSpec, Search, SearchRequest, SearchResult
from domain.query.clauses import Clause, Words
from domain.query.plan import Fields
from domain.room import disk_full, is_full, look_at

OPEN_INDEXES = 32
"""Readers that are kept open."""
BATCH = 1000
"""Hits of a scan that are fetched at once."""
DOUBTFUL = 20_000
"""Documents that the sloppy phrases of a request may have to be looked for in one by one."""
LOOKED = 50
"""Documents that are looked into at once, in a thread where there are no more."""
TRIED = 100
"""Nanoseconds for each byte of those documents and each word of the phrase."""
SHORT, MODEST = 50_000_000, 500_000_000
"""Nanoseconds that an answer may take in a thread, by its estimate: short ones have threads of their own."""
THREADS = 4
"""Answers of each of these two kinds that are worked out at a time."""
PATIENCE = 10.0
"""Seconds that a search may take."""

DISK = re.compile(r"\b(?:io|os)\W+error", re.IGNORECASE)
"""How tantivy's errors name those of the operating system."""


class TantivySearch(Search):
    """Indexes below one folder. Each is written by one process and, once sealed, read by any number of them."""

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, documents: Documents) -> AsyncIterator["TantivySearch"]:
        """The indexes below a folder, until the block is left."""
        search = cls(folder, documents)
        try:
            yield search
        finally:
            await search.close()

    def __init__(self, folder: Path, documents: Documents) -> None:
        self._folder = folder
        self._documents = documents
        self._writers: dict[str, Writer] = {}
        self._readers: OrderedDict[str, Reader] = OrderedDict()
        self._threads = {most: ThreadPoolExecutor(THREADS, "search") for most in (SHORT, MODEST)}
        self._children = Children(folder)

    async def close(self) -> None:
        """End the processes and threads that search. What these are at ends by itself soon."""
        for threads in self._threads.values():
            threads.shutdown(wait=False)
        await self._children.close()

    async def create(self, name: str, spec: IndexSpec) -> None:
        Fields(spec.mapping)
        await self.drop(name)
        folder = self._path(name)

        def make() -> Writer:
            folder.mkdir(parents=True)
            return Writer(folder, spec)

        with _written(self._folder / name):
            self._writers[name] = await asyncio.to_thread(make)

    async def bulk(self, name: str, documents: Sequence[Document]) -> None:
        with _written(self._folder / name):
            await asyncio.to_thread(self._writer(name).add, documents)

    async def seal(self, name: str) -> int:
        with _written(self._folder / name):
            count = await asyncio.to_thread(self._writer(name).seal)
        del self._writers[name]
        return count

    async def search(self, name: str, request: SearchRequest) -> SearchResult:
        reader, reach = await self._reader(name), request.offset + request.limit
        async with _in_time():
            asked = await self._settled(reader, reader.asked(request))
            arguments = (asked, request.offset, request.limit, request.facet_size)
            if reader.quick(asked, reach):
                found = reader.answer(*arguments)
            else:
                found = await self._ask(reader.work(asked, reach), reader, "answer", *arguments)
            best = found.hits[0].score if found.hits else None
            if request.offset and not asked.keys and found.total:
                best = await self._ask(reader.work(asked, 1), reader, "best", asked)
        hits = await self._hits(reader, found.hits, request.bodies)
        return SearchResult(total=found.total, hits=tuple(hits), max_score=best, facets=found.facets, warnings=asked.warnings)

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, bytes]:
        # What was once open says which collection has the bodies: whether those are still there, that one looks itself.
        reader = self._readers.get(name) or await self._reader(name)
        return await self._documents.get(reader.seal.spec.collection, ids)

    async def scan(self, name: str, request: SearchRequest, after: str = "") -> AsyncIterator[list[Hit]]:
        reader = await self._reader(name)
        async with _in_time():
            asked = await self._settled(reader, reader.asked(msgspec.structs.replace(request, sort=(), facets=())))
        work = reader.work(asked, BATCH)
        rank = await self._ask(0, reader, "rank_after", after) if after else 0
        while True:
            async with _in_time():
                ranked, rank = await self._ask(work, reader, "after", asked, rank, BATCH, request.scores)
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
                _remove(folder)

        await asyncio.to_thread(remove)

    async def ping(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the folder of search indexes can't be used: {error}") from error
        await self._documents.ping()  # it keeps no source: without them it answers nothing

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
        known = self._readers.pop(name, None)
        reader = self._readers[name] = Reader.current(known.folder if known else self._path(name), known)
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
        doubtful = dict.fromkeys(phrase for part in asked.parts for phrase in sloppy(part))
        if not doubtful:
            return asked
        settled: dict[Words, Clause] = {}
        most = DOUBTFUL
        for phrase in doubtful:
            settled[phrase], looked = await self._decided(reader, phrase, most)
            most -= looked
        return asked._replace(
            query=replaced(asked.query, settled),
            filters=tuple(replaced(part, settled) for part in asked.filters),
            post_filter=asked.post_filter and replaced(asked.post_filter, settled),
        )

    async def _decided(self, reader: Reader, phrase: Words, most: int) -> tuple[Clause, int]:
        """What the phrase means, and how many documents were looked into for that, which are `most` at most."""
        words = reader.translator.split(phrase.field, phrase.text)
        if len(words) < 2 or (len(words) == 2 and not reaches(phrase.field, reader.sorter.several)):
            return phrase, 0
        # All that tantivy finds for two words, values aside, and for more words whatever has them all.
        candidates = phrase if len(words) == 2 else msgspec.structs.replace(phrase, slop=None)
        work = reader.estimator.answer((candidates,), (), 0, most)
        ids: list[str] | None = await self._ask(work, reader, "ids", candidates, most)
        if ids is None:
            told = f"more than {DOUBTFUL} documents may have the phrases with ~: take ~ away, or narrow them"
            raise QueryInvalid(told, phrase.position)
        found: list[str] = []
        for start in range(0, len(ids), LOOKED):
            bodies = list((await self._documents.get(reader.seal.spec.collection, ids[start : start + LOOKED])).items())
            work = TRIED * len(words) * sum(len(body) for _, body in bodies)
            apart = len(ids) > LOOKED or work > SHORT  # Python's own work would hold up the event loop
            found += await self._ask(MODEST + 1 if apart else work, reader, "within", phrase, bodies)
        return OneOf(ids=tuple(found)), len(ids)

    async def _ask(self, work: int, reader: Reader, method: str, *arguments: Any) -> Any:
        """Let a reader answer: in a thread what is done in time, in a process that can be ended what may take longer."""
        for most, threads in self._threads.items():
            if work <= most:
                return await asyncio.get_running_loop().run_in_executor(threads, partial(getattr(reader, method), *arguments))
        return await self._children.ask(reader.folder.name, method, *arguments)


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """What takes too long is ended, and the query refused: it would take as long again."""
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise QueryInvalid(f"the query takes longer than {PATIENCE:g} s: narrow it, or ask for less at once") from None


def _remove(folder: Path) -> None:
    """Remove an index that nobody begins to read any more. Who was just opening it may put tantivy's lock file there meanwhile, so
    a folder that is not empty at the end is emptied again, but not for ever: network file systems have files that stay."""
    for _ in range(20):
        try:
            shutil.rmtree(folder, onerror=_unless_gone)
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
    shutil.rmtree(folder, onerror=_unless_gone)


def _unless_gone(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Files that another process takes away at the same time are as absent as they should be."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """What the disk refuses may be tried again. tantivy says everything by ValueError, and of a thread that failed that it was the
    disk, most likely: so whether that is full is found by a small write."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) or DISK.search(str(error)):
            if is_full(error) or look_at(folder.parent, 0).failure:
                raise disk_full(folder.parent, str(error)) from error
            raise Unavailable(f"index {folder.name} can't be written: {error}") from error
        raise
