"""Fetches one URL over http(s): only if it changed, resumed after a cut, tried again, limited and measured."""

import asyncio
import email.utils
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec

from events.sources import File
from workers.dump.errors import DownloadFailed, DumpRefused
from workers.dump.names import name_of

Advance = Callable[[int, int | None], Awaitable[None]]
"""Called with the number of new bytes, negative after a fresh start; and with the bytes of the whole file once, when they become
known."""

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHUNK = 2**18


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was found at its URL."""

    name: str
    url: str
    path: Path | None
    """Where it lies now; None where it did not change since `previous`."""
    previous: File | None = None
    etag: str = ""
    last_modified: str = ""


class _Cut(Exception):
    """The transfer ended early, or the server asks to wait: `wait` seconds at least."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Fetcher:
    """Fetches files into a folder.

    `limit`: bytes that a file may have. `attempts`: failures in a row, without a new byte, that end it. `pause`: seconds before the
    second attempt, doubled for each further one.
    """

    def __init__(self, session: aiohttp.ClientSession, folder: Path, limit: int, *, attempts: int = 5, pause: float = 1.0) -> None:
        self.session = session
        self.folder = folder
        self.limit = limit
        self.attempts = attempts
        self.pause = pause

    async def fetch(self, url: str, previous: File | None, advance: Advance) -> Fetched:
        """The file behind `url`, not transferred where it is known to equal `previous`.

        Raises DownloadFailed where the server can't be reached or breaks off too often, DumpRefused where
        trying again is of no use.
        """
        download = _Download(self, url, previous, advance)
        failures = 0
        while True:
            before = download.have
            try:
                return await download.attempt()
            except (_Cut, aiohttp.ClientError, TimeoutError) as error:
                failures = 1 if download.have > before else failures + 1
                if failures >= self.attempts:
                    reason = str(error) or type(error).__name__
                    raise DownloadFailed(f"{url} could not be fetched: {reason} ({failures} attempts)") from error
                wait = error.wait if isinstance(error, _Cut) else 0.0
                await asyncio.sleep(max(wait, self.pause * 2 ** (failures - 1)))


class _Download:
    """One file on its way: what has arrived, and the validators that say whether the rest may be added."""

    def __init__(self, fetcher: Fetcher, url: str, previous: File | None, advance: Advance) -> None:
        self.fetcher = fetcher
        self.url = url
        self.previous = previous
        self.advance = advance
        self.part = fetcher.folder / "part"
        self.have = 0
        self.etag = ""
        self.last_modified = ""
        self.announced = False

    async def attempt(self) -> Fetched:
        """Ask once, and read to the end."""
        try:
            async with self.fetcher.session.get(self.url, headers=self._headers()) as response:
                return await self._take(response)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.TooManyRedirects) as error:
            raise DumpRefused(f"{self.url} can't be fetched: {type(error).__name__} {error}") from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        validator = self._validator()
        if self.have and validator:
            headers |= {"Range": f"bytes={self.have}-", "If-Range": validator}
        elif self.previous and not self.have:
            if self.previous.etag:
                headers["If-None-Match"] = self.previous.etag
            if self.previous.last_modified:
                headers["If-Modified-Since"] = self.previous.last_modified
        return headers

    def _validator(self) -> str:
        """What If-Range takes: a strong ETag, else the date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified

    async def _take(self, response: aiohttp.ClientResponse) -> Fetched:
        if response.status == 304 and self.previous:
            return self._unchanged()
        if response.status in _AGAIN:
            raise _Cut(f"the server answered {response.status} {response.reason}", _retry_after(response))
        if response.status == 416 and self.have:
            await self._restart()
            raise _Cut("the server could not resume")
        if response.status not in (200, 206):
            raise DumpRefused(f"{self.url} can't be fetched: the server answered {response.status} {response.reason}")
        start = _start(response)
        if start not in (0, self.have) or (start and response.headers.get("ETag", self.etag) != self.etag):
            await self._restart()
            raise _Cut("the server resumed another file, or elsewhere")
        if start == 0:
            await self._restart()
            self.etag = response.headers.get("ETag", "")
            self.last_modified = response.headers.get("Last-Modified", "")
            if self._same_as_before(response):
                return self._unchanged()
        total = None if response.content_length is None else start + response.content_length
        await self._read(response, total)
        return await self._finished(response)

    def _same_as_before(self, response: aiohttp.ClientResponse) -> bool:
        """Some servers don't look at conditions: equal validators and an equal size say the same."""
        old = self.previous
        if old is None or response.content_length != old.size or not (self.etag or self.last_modified):
            return False
        return (self.etag, self.last_modified) == (old.etag, old.last_modified)

    def _unchanged(self) -> Fetched:
        assert self.previous is not None
        old = self.previous
        return Fetched(name=old.name, url=self.url, path=None, previous=old, etag=old.etag, last_modified=old.last_modified)

    async def _restart(self) -> None:
        if self.have:
            await self.advance(-self.have, None)
        self.have = 0
        self.part.write_bytes(b"")

    async def _read(self, response: aiohttp.ClientResponse, total: int | None) -> None:
        self._check_size(total or 0)
        if total is not None and not self.announced:
            self.announced = True
            await self.advance(0, total)
        with self.part.open("ab", buffering=0) as file:
            async for chunk in response.content.iter_chunked(_CHUNK):
                self._check_size(self.have + len(chunk))
                file.write(chunk)
                self.have += len(chunk)
                await self.advance(len(chunk), None)
        if total is not None and self.have != total:
            raise _Cut(f"{self.have} of {total} bytes arrived")

    def _check_size(self, size: int) -> None:
        if size > self.fetcher.limit:
            raise DumpRefused(f"{self.url} is larger than the limit of {self.fetcher.limit} bytes")

    async def _finished(self, response: aiohttp.ClientResponse) -> Fetched:
        name = name_of(self.url, response.headers.get("Content-Disposition", ""))
        path = self.fetcher.folder / f"fetched-{time.monotonic_ns()}"
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("gzip", "x-gzip") and not name.lower().endswith((".gz", ".tgz")):
            await asyncio.to_thread(_gunzip, self.part, path, self.fetcher.limit)
        elif encoding in ("identity", "gzip", "x-gzip"):
            self.part.rename(path)
        else:
            raise DumpRefused(f"{self.url} comes in an encoding that was not asked for: {encoding}")
        return Fetched(name=name, url=self.url, path=path, etag=self.etag, last_modified=self.last_modified)


def _start(response: aiohttp.ClientResponse) -> int:
    """The first byte that this answer carries."""
    if response.status != 206:
        return 0
    first = response.headers.get("Content-Range", "").removeprefix("bytes").strip().split("-", 1)[0]
    return int(first) if first.isdigit() else -1


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds that the server asks for, one minute at most."""
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return min(float(value), 60.0)
    when = email.utils.parsedate_tz(value)
    return min(max(email.utils.mktime_tz(when) - time.time(), 0.0), 60.0) if when else 0.0


def _gunzip(packed: Path, path: Path, limit: int) -> None:
    """Undo a transfer encoding that the server added to a file that is not packed itself."""
    try:
        with gzip.open(packed, "rb") as source, path.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                if target.tell() > limit:
                    raise DumpRefused(f"the file is larger than the limit of {limit} bytes")
    except (EOFError, OSError, zlib.error) as error:
        raise DumpRefused(f"the server says that it packed the file, but it can't be unpacked: {error}") from error
    packed.unlink()


__all__ = ["TIMEOUT", "Advance", "Fetched", "Fetcher"]
