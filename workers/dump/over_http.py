"""Asks web servers for a file: only if it changed, then for what is missing of it, through redirects, and doubting each answer."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from domain.reach import NETWORKS, OutOfReach, check_literal
from events.sources import File
from workers.dump.addresses import as_written, redirected
from workers.dump.connection import HEADER, HEADERS, proxy_for
from workers.dump.download import Download, Fetched, Interrupted, Version
from workers.dump.encoding import take_off, unknown
from workers.dump.errors import DumpRefused
from workers.dump.headers import Span, codings_of, moment_of, same_validator, span_of, validator_of, wait_of
from workers.dump.names import name_of

ANSWER = 300.0
"""Seconds that a server has until its headers are here, all redirects together."""
REDIRECTS = 20
PARTS = 10_000
"""Answers that one file may come in."""
_CHUNK = 2**18
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_AGAIN = frozenset({408, 425, 429})
_NEVER = frozenset({501, 505, 508, 510, 511})
"""Of the answers from 500 on, those that say what will be so tomorrow."""
_NO_SUCH_HOST = {getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA")}


class HttpTransfer:
    """Brings one file over http or https."""

    def __init__(self, session: aiohttp.ClientSession, download: Download, previous: File | None, networks: Sequence[str]) -> None:
        self.session = session
        self.networks = networks
        self.download = download
        self.previous = previous

    async def attempt(self) -> Fetched:
        """Ask, and ask on for what is missing as long as every answer brings some of it.

        Raises Interrupted, TimeoutError or aiohttp's ClientError where it is worth trying again, else DumpRefused.
        """
        for _ in range(PARTS):
            before = self.download.most
            try:
                if fetched := await self._ask():
                    return fetched
            except aiohttp.ClientError as error:
                if reason := _final(error):
                    raise DumpRefused(f"{self.download.url} can't be fetched: {reason}") from error
                raise
            if self.download.most == before:
                raise self.download.missing()
        raise DumpRefused(f"{self.download.url} can't be fetched: after {PARTS} parts it is not whole yet")

    async def _ask(self) -> Fetched | None:
        """One answer. None where it brought a part, and more is to be asked for."""
        headers = self._headers()
        async with self._answer(headers) as response:
            if response.status == 304 and self.previous and _CONDITIONS & headers.keys():
                return self.download.unchanged(self.previous)
            self._check_status(response)
            span = await self._accept(response)
            if not span and response.status == 200 and self._is_as_before(response):
                assert self.previous is not None
                return self.download.unchanged(self.previous)
            most = span.stop - span.start if span else self.download.version.total
            await self.download.take(response.content.iter_chunked(_CHUNK), most)
        if not self.download.is_whole or (span and self.download.version.total is None):
            return None
        return await self._finished()

    @asynccontextmanager
    async def _answer(self, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of all redirects, its headers read."""
        async with asyncio.timeout(ANSWER):
            response = await self._follow(headers)
        async with response:
            yield response

    async def _follow(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        address = self.download.url
        for _ in range(REDIRECTS + 1):
            url = as_written(address)
            proxy = proxy_for(url)
            NETWORKS.set(None if proxy else self.networks)
            if proxy:
                self._check_target(url.host or "")
            response = await self.session.get(
                url,
                headers=headers,
                allow_redirects=False,
                proxy=proxy,
                max_line_size=HEADER,
                max_field_size=HEADER,
                max_headers=HEADERS,
            )
            if response.status not in _ELSEWHERE:
                return response
            response.close()
            address = redirected(self.download.url, address, response.headers.get("Location", ""))
        raise DumpRefused(f"{self.download.url} can't be fetched: it sends us elsewhere more than {REDIRECTS} times")

    def _check_target(self, host: str) -> None:
        """The proxy connects, so the address that it connects to is not seen here."""
        try:
            check_literal(host, self.networks)
        except OutOfReach as error:
            raise DumpRefused(f"{self.download.url} can't be fetched: {error.strerror}") from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if self.download.have:
            if validator := self._validator():
                headers |= {"Range": f"bytes={self.download.have}-", "If-Range": validator}
        elif self.previous:
            if self.previous.etag:
                headers["If-None-Match"] = self.previous.etag
            if self.previous.last_modified:
                headers["If-Modified-Since"] = self.previous.last_modified
        return headers

    def _validator(self) -> str:
        """What If-Range takes: a strong ETag, else the date; empty where there is neither, and nothing can be resumed."""
        version = self.download.version
        if version.etag and not version.etag.startswith("W/"):
            return version.etag
        return version.last_modified if moment_of(version.last_modified) is not None else ""

    def _check_status(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in _AGAIN or (status >= 500 and status not in _NEVER):
            wait = wait_of(response.headers.get("Retry-After", ""))
            raise Interrupted(f"the server answered {status} {response.reason}", wait)
        if status not in (200, 206, 416) or (status == 416 and not self.download.have):
            raise DumpRefused(f"{self.download.url} can't be fetched: the server answered {status} {response.reason}")

    async def _accept(self, response: aiohttp.ClientResponse) -> Span | None:
        """The part that the answer brings, or None where it brings the file from its beginning to its end.

        Raises Interrupted where it can't be added to what is held, which is thrown away then.
        """
        if response.status == 200:
            await self.download.begin(_version(response, response.content_length))
            return None
        span = span_of(response.headers.get("Content-Range", "")) if response.status == 206 else None
        if span is None or span.start != self.download.have or (span.start and not self._is_same_file(response, span)):
            await self.download.begin(Version())
            raise Interrupted("the server sent another part than was asked for, or one of another file")
        if not span.start:
            await self.download.begin(_version(response, span.total))
        elif self.download.version.total is None:  # an answer in chunks tells no length, the one that completes it does
            self.download.version = msgspec.structs.replace(self.download.version, total=span.total)
        return span

    def _is_same_file(self, response: aiohttp.ClientResponse, span: Span) -> bool:
        """Is the part of the version that was begun? No size and no validator may differ, and at least one validator has to be told
        again: a part that nothing vouches for is thrown away."""
        begun, now = self.download.version, _version(response, span.total)
        if now.codings not in ((), begun.codings) or (begun.total is not None and now.total not in (None, begun.total)):
            return False
        if now.last_modified and begun.last_modified and now.last_modified != begun.last_modified:
            return False
        if begun.etag:
            return same_validator(begun.etag, now.etag)
        return bool(begun.last_modified) and now.last_modified == begun.last_modified

    def _is_as_before(self, response: aiohttp.ClientResponse) -> bool:
        """Some servers don't look at conditions: equal validators and an equal size say the same."""
        old, now = self.previous, self.download.version
        if old is None or now.total != old.size or not (now.etag or now.last_modified):
            return False
        return (now.etag, now.last_modified) == (old.etag, old.last_modified)

    async def _finished(self) -> Fetched:
        download, version = self.download, self.download.version
        name = name_of(download.url, version.disposition)
        path = download.part.with_name(f"fetched-{time.monotonic_ns()}")
        download.part.rename(path)
        path = await asyncio.to_thread(take_off, path, version.codings, name, download.limit)
        strange = unknown(version.codings)
        return Fetched(
            name=name,
            url=download.url,
            path=path,
            etag=version.etag,
            last_modified=version.last_modified,
            warnings=(f"{name} is said to be packed as {', '.join(strange)}: it is taken as it came",) if strange else (),
        )


_CONDITIONS = {"If-None-Match", "If-Modified-Since"}


def _version(response: aiohttp.ClientResponse, total: int | None) -> Version:
    headers = response.headers
    return Version(
        total=total,
        etag=validator_of(headers.get("ETag", "")),
        last_modified=validator_of(headers.get("Last-Modified", "")),
        codings=codings_of(headers.get("Content-Encoding", "")),
        disposition=headers.get("Content-Disposition", ""),
    )


def _final(error: aiohttp.ClientError) -> str:
    """Why asking again would come to the same; empty where it may not."""
    match error:
        case aiohttp.ClientOSError() if isinstance(error.__cause__, OutOfReach):
            return str(error.__cause__.strerror)
        case aiohttp.ClientHttpProxyError():
            return "" if error.status >= 500 else f"the proxy answered {error.status} {error.message}"
        case aiohttp.ClientResponseError():
            return f"its answer can't be read: {error.message}"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return f"{type(error).__name__} {error}"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted: {error.certificate_error}"
        case aiohttp.ClientConnectorSSLError() if not isinstance(error.os_error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return f"no secure connection: {error.os_error}"
        case aiohttp.ClientConnectorDNSError() if getattr(error.os_error, "errno", None) in _NO_SUCH_HOST:
            return f"there is no host {error.host}"
    return ""
