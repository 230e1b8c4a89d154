"""Answers that are lists of documents. Bodies are read in batches and changed and written in threads, a batch at a time, so that
neither the memory nor the event loop feels how long a list is; what is longer than a batch is streamed."""

import asyncio
import functools
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from domain.errors import LeatError, NotReady
from domain.hub import Hub
from gateway.rest import forms
from gateway.rest.answers import RequestInvalid
from gateway.rest.limits import Limits
from gateway.rest.shape import Shape, Shaper, prefixed, versioned

T = TypeVar("T")

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Documents that are read at a time before it is known how large they are."""
BATCH = 2**20
"""Bytes of documents that are read at a time, as far as that can be told beforehand."""
MOST = 5000
"""Documents of a batch, however small they are."""
QUICK = 2**16
"""Bytes of documents that are changed and written right here, which takes some milliseconds; more goes to a thread."""
_THREADS = 2
"""That write at the same time: each takes the interpreter away from the event loop for some milliseconds at a time."""
_PATIENCE = 60.0
"""Seconds that a reader may leave what it was sent lying before the answer is cut."""


class Item(NamedTuple):
    """One member of a list."""

    said: dict[str, Any]
    """What is said of the document, before its own keys; all there is to say, where there is none."""
    id: str | None = None
    body: bytes | None = None
    """The document as it is stored, where it is at hand."""


def looked_up(id: Any, said: Mapping[str, Any] = MappingProxyType({})) -> Item:
    """What an id names, as the client wrote it: null, decimals and booleans of a JSON body name no document."""
    named = isinstance(id, str | int) and not isinstance(id, bool)
    return Item({"query": id, **said}, str(id)) if named else Item({"query": id, "notfound": True})


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An answer but for its documents and bytes."""

    shape: Shape
    headers: CIMultiDict[str]
    head: dict[str, Any] = {}
    """What is said about the list; nothing: it stands alone."""
    items: Sequence[Item] | None = None
    """None where there is no place for a list."""
    index: str = ""
    """Where the documents are."""
    certain: bool = True
    """Whether every id is known to be there; else one that is not is `notfound`."""
    version: bool = False
    """Whether documents tell their version."""


class Batch(NamedTuple):
    """Members that are written."""

    content: bytes
    end: int
    """The item behind the last of them."""
    more: int
    """How many make a batch, to judge by these."""


class Encoder:
    """Writes the answers of the published APIs of one hub."""

    def __init__(self, hub: Hub, limits: Limits) -> None:
        self.hub = hub
        self.limits = limits
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="answers")

    async def away(self, heft: float, function: Callable[..., T], *arguments: Any) -> T:
        """Call it: right here where it takes as long as a few bytes of JSON, by its `heft`, else in a thread. These threads are for
        this alone, so that who asks for much never takes those that search."""
        if heft <= QUICK:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(function, *arguments))

    async def encode(self, listing: Listing) -> web.StreamResponse:
        """The response, with its bytes as far as they make one batch. Raises RequestInvalid where these are too many, and what
        reading raises; what happens later can only cut the answer."""
        head, items, form = listing.head, listing.items, listing.shape.form
        terms = sum(len(facet["terms"]) for facet in head["facets"].values()) if "facets" in head else 0
        heft = forms.HEFT[form] * 64 * (1 + terms)
        if items is None:
            return web.Response(body=await self.away(heft, forms.encode, head, form), headers=listing.headers)
        shaper = listing.shape.shaper()
        if listing.shape.heft(_at_hand(items)) + heft <= QUICK:  # as most are: nothing is to be read, or to be waited for
            content = forms.opening(head, len(items), form) + _written(listing, shaper, items, {})
            return web.Response(body=self._checked(content) + forms.closing(head, form), headers=listing.headers)
        begun = await self.away(heft, forms.opening, head, len(items), form)
        first = await self._batch(listing, items, shaper, 0, AT_ONCE)
        content = self._checked(begun + first.content)
        if first.end == len(items):
            return web.Response(body=content + forms.closing(head, form), headers=listing.headers)
        return Streamed(content, self._rest(listing, items, shaper, first, len(content)), listing.headers)

    def _checked(self, content: bytes) -> bytes:
        if len(content) > self.limits.bytes:
            reason = "The answer is too large: ask for fewer documents, or for fewer of their fields."
            raise RequestInvalid(reason, max=self.limits.bytes)
        return content

    async def _rest(
        self, listing: Listing, items: Sequence[Item], shaper: Shaper, before: Batch, size: int
    ) -> AsyncIterator[bytes]:
        """The batches behind the first one, and the end of the list."""
        form = listing.shape.form
        while before.end < len(items):
            before = await self._batch(listing, items, shaper, before.end, before.more)
            size += len(before.content)
            if size > self.limits.bytes:
                raise LeatError(f"an answer of more than {self.limits.bytes} bytes")
            yield forms.BETWEEN[form] + before.content
        yield forms.closing(listing.head, form)

    async def _batch(self, listing: Listing, items: Sequence[Item], shaper: Shaper, start: int, count: int) -> Batch:
        if start or _at_hand(items) == sys.maxsize:
            items = items[start : start + count]
        wanted = {id: None for _, id, body in items if body is None and id is not None}
        found: dict[Any, bytes] = await self.hub.search.get(listing.index, list(wanted)) if wanted else {}
        size = sum(map(len, found.values())) + sum([64 + len(body) if body else 64 for _, _, body in items])
        content = await self.away(listing.shape.heft(size), _written, listing, shaper, items, found)
        return Batch(content, start + len(items), max(1, min(MOST, BATCH * len(items) // max(size, 1))))


def _at_hand(items: Sequence[Item]) -> int:
    """The bytes of all documents; more than can be, where some have to be read."""
    size = 0
    for _, id, body in items:
        if body is not None:
            size += len(body)
        elif id is not None:
            return sys.maxsize
    return size + 64 * len(items)


def _written(listing: Listing, shaper: Shaper, items: Sequence[Item], found: Mapping[str | None, bytes]) -> bytes:
    form, plain, version, members = listing.shape.form, listing.shape.plain, listing.version, []
    written = forms.MEMBER[form]
    for said, id, body in items:
        body = body or found.get(id)
        if body is None:
            members.append(written(_absent(listing, said, id)))
        elif plain:
            body = versioned(body) if version else body
            members.append(prefixed(said, body) if said else body)
        else:
            shaped = {**said, **shaper.document(body)}
            members.append(written(shaped | {"_version": 1} if version else shaped))
    return forms.BETWEEN[form].join(members)


def _absent(listing: Listing, said: dict[str, Any], id: str | None) -> dict[str, Any]:
    """What is said where there is no document."""
    if id is None:
        return said
    if listing.certain:
        raise NotReady(f"the release {listing.index} lacks {id!r}, which it found")
    return {"query": said["query"], "notfound": True}


class Streamed(web.StreamResponse):
    """200 with a body that is made while it is sent, in chunks."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes], headers: CIMultiDict[str]) -> None:
        super().__init__(headers=headers)
        self._first = first
        self._parts = rest

    async def write_eof(self, data: bytes = b"") -> None:
        """Send it all. Whatever hinders that cuts the connection within the body: so nobody takes a part for the whole."""
        if not self._must_be_empty_body:
            try:
                await self._send(self._first)
                async for part in self._parts:
                    await self._send(part)
            except (LeatError, TimeoutError) as error:
                log.warning("answer cut", extra={"error": str(error) or f"not read for {_PATIENCE:g} s"})
                if self._req is not None and self._req.transport is not None:
                    self._req.transport.abort()  # to close it would wait for whoever does not read
                raise ConnectionResetError from error
        await super().write_eof(data)

    async def _send(self, part: bytes) -> None:
        async with asyncio.timeout(_PATIENCE):
            await self.write(part)
