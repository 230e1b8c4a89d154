"""Files in an S3-compatible object store."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from adapters.files.lending import Copies
from adapters.files.paths import path_parts
from domain.errors import Conflict, NotFound, Unavailable
from domain.ports.files import Files, StoredFile

CHUNK = 2**20
"""Bytes that `open` gives at a time, or more."""
FETCHED_TOGETHER = 8
"""Files of a folder that are fetched at the same time."""
PART = 24 * 2**20
"""Bytes of one part of an upload: stores take 10,000 of them, and a dump's file may have 200 GiB."""
PARTS_TOGETHER = 3
"""Parts that are sent at the same time, each held in memory."""
PATIENCE = timedelta(seconds=20)
"""How long a request is tried again."""


class S3Files(Files):
    """Files below `<prefix>/<hub>/` of a bucket, which must exist: `async with S3Files.connect(url, hub, cache) as files`.

    What is lent is a copy below `cache`, made anew only where the content changed.
    """

    def __init__(self, store: S3Store, cache: Path) -> None:
        self._store = store
        self._copies = Copies(cache)

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, hub: str, cache: Path) -> AsyncIterator[Self]:
        """`url` is s3://bucket[/prefix][?endpoint=http://…&region=…], with any S3 setting of obstore as a parameter; what it
        doesn't tell, keys above all, is read from the usual AWS_* variables. Raises Unavailable where nothing answers."""
        parts = urlsplit(url)
        config: Any = {f"aws_{name.removeprefix('aws_')}": value for name, value in parse_qsl(parts.query)}
        store = S3Store(
            parts.netloc,
            prefix=f"{parts.path.strip('/')}/{hub}".lstrip("/"),
            config=config,
            client_options={"allow_http": True},
            retry_config={"max_retries": 5, "retry_timeout": PATIENCE},
        )
        files = cls(store, cache)
        await files.ping()
        yield files

    async def put(self, path: str, source: Path | bytes | AsyncIterator[bytes], *, stored: int = 0) -> None:
        path_parts(path)
        with _translated(path):
            await obstore.put_async(self._store, path, source, chunk_size=PART, max_concurrency=PARTS_TOGETHER)

    async def create(self, path: str, content: bytes) -> bool:
        path_parts(path)
        try:
            with _translated(path):
                await obstore.put_async(self._store, path, content, mode="create")
        except Conflict:
            return False
        return True

    async def open(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        path_parts(path)
        with _translated(path):
            if start == 0 and end is None:
                whole = await obstore.get_async(self._store, path)
                async for chunk in whole.stream(CHUNK):
                    yield bytes(chunk)
                return
            meta = await obstore.head_async(self._store, path)
            end = meta["size"] if end is None else min(end, meta["size"])
            if start >= end:
                return
            found = await obstore.get_async(self._store, path, options={"range": (start, end), "if_match": meta["e_tag"]})
            async for chunk in found.stream(CHUNK):
                yield bytes(chunk)

    @asynccontextmanager
    async def local(self, prefix: str) -> AsyncIterator[Path]:
        name = path_parts(prefix)[-1]
        objects = await self._list(prefix)
        if not objects:
            raise NotFound(f"there is no file {prefix}")
        content = hashlib.sha256(repr([(found["path"], found["e_tag"], found["size"]) for found in objects]).encode())

        async def fetch(path: Path) -> None:
            limit = asyncio.Semaphore(FETCHED_TOGETHER)
            targets = {one["path"]: path.joinpath(one["path"].removeprefix(prefix).lstrip("/")) for one in objects}
            try:
                async with asyncio.TaskGroup() as group:
                    for stored, target in targets.items():
                        group.create_task(self._fetch(stored, target, limit))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from errors

        async with self._copies.lend(name, f"{prefix}\0{content.hexdigest()}", fetch) as path:
            yield path

    async def find(self, prefix: str = "") -> list[StoredFile]:
        if prefix:
            path_parts(prefix)
        found = await self._list(prefix)
        return [StoredFile(one["path"], one["size"], one["last_modified"].timestamp()) for one in found]

    async def folders(self, prefix: str = "") -> list[str]:
        if prefix:
            path_parts(prefix)
        with _translated(prefix):
            listed = await obstore.list_with_delimiter_async(self._store, prefix or None)
        paths = [*listed["common_prefixes"], *(found["path"] for found in listed["objects"])]
        return sorted({path.rsplit("/", 1)[-1] for path in paths})

    async def delete(self, prefix: str) -> None:
        path_parts(prefix)
        paths = [found["path"] for found in await self._list(prefix)]
        if paths:
            with _translated(prefix):
                await obstore.delete_async(self._store, paths)

    async def ping(self) -> None:
        with _translated("(all)"):
            await obstore.list_with_delimiter_async(self._store, "ping")

    async def _list(self, prefix: str) -> "list[obstore.ObjectMeta]":
        """The object of this path and those below, in order; a store may well have both."""
        found: list[obstore.ObjectMeta] = []
        with _translated(prefix):
            async for batch in obstore.list(self._store, prefix or None):
                found += batch
            if prefix:
                with suppress(FileNotFoundError):
                    found.append(await obstore.head_async(self._store, prefix))
        return sorted(found, key=lambda one: one["path"])

    async def _fetch(self, path: str, target: Path, limit: asyncio.Semaphore) -> None:
        async with limit:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                async for chunk in self.open(path):
                    await asyncio.to_thread(file.write, chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except AlreadyExistsError as error:
        raise Conflict(f"there is a file {path}") from error
    except BaseError as error:
        raise Unavailable("the object store can't be used", str(error).splitlines()[0]) from error
