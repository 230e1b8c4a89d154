"""Which release an API serves right now: looked up once a second at most, so that a request costs no record."""

import asyncio
import time
from email.utils import formatdate
from typing import Any

import msgspec

from domain.data.apis import APIS, Api
from domain.errors import NotReady, Unavailable
from domain.hub import Hub
from domain.ports.search import IndexSpec
from domain.query.plan import Fields
from gateway.rest.answers import SINCE, headers
from gateway.rest.kept import Kept
from gateway.rest.stored import head_of

AGE = 1.0
"""Seconds for which a look at the records holds: a switch, a start or a stop may go unnoticed for that long."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """An API and the release behind it."""

    name: str
    api: Api
    index: str
    """Name of the index that is served."""
    doc_type: str
    spec: IndexSpec
    fields: Fields
    """Those of the mapping."""
    count: int
    head: bytes
    """What goes before a document that leaves as it is stored; made with every look, for its date."""
    etag: str
    """Every GET of one release has the same: the URL says the rest. Weak, since `took` differs."""
    since: str = ""
    """The HTTP date of the last word of the records, while they do not answer."""
    licenses: dict[str, str]
    """Root key → address of the license of the source of that name: BioThings says it in every document."""

    @property
    def meta(self) -> dict[str, Any]:
        """The build's `_meta`."""
        return self.spec.meta


class NotRunning(Exception):
    """The API is stopped, or has no release yet; the text says which."""


class Registry:
    """The APIs of a hub by name, as of a second ago at most, or as the records said last."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.found: dict[str, tuple[float, Served | str | None]] = {}
        self.asking: dict[str, asyncio.Task[Served | str | None]] = {}
        self.listed: tuple[float, list[tuple[str, Api]] | None] = (-AGE, None)
        self.kept = Kept(hub)

    async def get(self, name: str, *, fresh: bool = False) -> Served | None:
        """What is served under `name`; None where there is no such API. Raises NotRunning, and Unavailable where neither the
        records nor this machine can tell."""
        at, state = self.found.get(name, (-AGE, None))
        if fresh or time.monotonic() - at >= AGE:
            try:
                state = await asyncio.shield(self._look(name))
            except Unavailable:
                state = await self._last_known(name, state)
        if isinstance(state, str):
            raise NotRunning(state)
        return state

    async def _last_known(self, name: str, before: Served | str | None) -> Served | str:
        """What the records said last, to this process or to one before it, and since when that is so; made once. Raises
        Unavailable."""
        if before is None:
            api = await self.kept.read(name)
            if api is None:
                raise Unavailable("the records do not answer")
            before = await self._serve(name, api)
        if isinstance(before, str) or before.since:
            return before
        since = formatdate(self.kept.told_at[name], usegmt=True)
        said = headers(before.etag)
        said[SINCE] = since
        marked = msgspec.structs.replace(before, since=since, head=head_of(said))
        self.found[name] = (-AGE, marked)
        return marked

    async def names(self) -> list[tuple[str, Api]]:
        """Every API by its name, as of a second ago at most, or as the records said last. Raises Unavailable."""
        at, known = self.listed
        if known is None or time.monotonic() - at >= AGE:
            try:
                stored = await APIS.readable(self.hub.records)
            except Unavailable:
                if known is None:
                    raise
                return known
            known = sorted(((one.id, one.value) for one in stored), key=lambda one: one[0])
            self.listed = time.monotonic(), known
        return known

    def _look(self, name: str) -> "asyncio.Task[Served | str | None]":
        """Read the records, once for all who ask at the same time."""
        task = self.asking.get(name)
        if task is None:
            task = asyncio.create_task(self._read(name))
            self.asking[name] = task
            task.add_done_callback(lambda done: self._looked(name, done))
        return task

    def _looked(self, name: str, done: "asyncio.Task[Served | str | None]") -> None:
        """Forget it; an error is for those who wait."""
        self.asking.pop(name)
        if not done.cancelled():
            done.exception()

    async def _read(self, name: str) -> Served | str | None:
        stored = await APIS.find_one(self.hub.records, name)
        await self.kept.note(name, None if stored is None else stored.value)
        state = None if stored is None else await self._serve(name, stored.value)
        if state is None:
            self.found.pop(name, None)  # whoever tries names must not fill the memory
        else:
            self.found[name] = (time.monotonic(), state)
        return state

    async def _serve(self, name: str, api: Api) -> Served | str:
        if not api.running:
            return f"the API {name} is stopped"
        if not api.served:
            return f"the API {name} has no release yet"
        before = self.found.get(name, (0.0, None))[1]
        if isinstance(before, Served) and before.index == api.served:
            return msgspec.structs.replace(before, api=api, since="", head=head_of(headers(before.etag)))
        try:
            spec, count = await self.hub.search.describe(api.served)
        except NotReady:
            return f"the release {api.served} of the API {name} is not there"
        etag = f'W/"{api.served}"'
        return Served(
            name=name,
            api=api,
            index=api.served,
            doc_type=str(spec.meta.get("biothing_type") or "doc"),
            spec=spec,
            fields=Fields(spec.mapping),
            count=count,
            etag=etag,
            head=head_of(headers(etag)),
            licenses=_licenses(spec),
        )


def _licenses(spec: IndexSpec) -> dict[str, str]:
    """Of the sources that have a root key of their name, by the convention of BioThings; others' documents leave as they are."""
    found = {}
    for name, about in spec.meta.get("src", {}).items():
        url = about.get("license_url_short") or about.get("license_url")
        if isinstance(url, str) and url and "properties" in spec.mapping.get(name, {}):
            found[name] = url
    return found
