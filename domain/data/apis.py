"""APIs: which build is served under which name, and the releases that can be."""

import asyncio
import logging
import time
from typing import Any

import msgspec

from domain.data.builds import BUILDS
from domain.errors import Invalid, LeatError, NotFound, NotReady
from domain.hub import Hub
from domain.jobs import edits
from domain.names import check_name
from domain.nouns import NOUN_INDEXES, REMOVED_RANGE, Noun, Stored, Table
from domain.ports.records import Kind
from domain.ports.search import SearchRequest
from domain.query.tree import MatchAll
from domain.wording import listed
from events.apis import ApiAdded, ApiEdited, ReleaseAccepted, ReleaseCreated, ReleaseSwitched

log = logging.getLogger(__name__)


RETIRED = 30
"""Releases that were served and are remembered by name: more than are made before the garbage takes the index of the first."""


class Api(Noun, frozen=True, kw_only=True):
    """A published API, `/api/<name>/`."""

    build: str
    """The build whose releases it serves."""
    served: str = ""
    """`output` of the release that is served; empty before the first."""
    running: bool = True
    """False: it answers 503."""
    automatic: bool = False
    """Release whenever its build has a new output."""
    description: str = ""
    edited_at: float = 0.0

    retired: tuple[str, ...] = ()
    """`output` of releases that were served and are not kept any more, the newest first: who began to read one to its end goes on
    for as long as its index lies there."""

    def release(self) -> ReleaseCreated | None:
        """The release that is served."""
        return next((event for event in self.releases() if event.output == self.served), None)

    def releases(self) -> tuple[ReleaseCreated, ...]:
        """The releases that are kept, newest first."""
        return tuple(event for event in self.outputs if isinstance(event, ReleaseCreated))

    def held(self) -> ReleaseCreated | None:
        """The release that waits for somebody to accept it: one at most, since a newer one replaces it."""
        return next((event for event in self.releases() if event.held), None)

    def with_release(self, event: ReleaseCreated, keep: int) -> "Api":
        """With a new release: served, unless it is held. It replaces one that is held."""
        kept = tuple(each for each in self.outputs if not (isinstance(each, ReleaseCreated) and each.held))
        return msgspec.structs.replace(self, outputs=(event, *kept)).serving(self.served if event.held else event.output, keep)

    def serving(self, output: str, keep: int) -> "Api":
        """Serving this one of its releases. Beside it are kept: a held one, what was served before it, and of the others the
        newest, `keep` without the held one."""
        ranked = sorted(
            (event for event in self.releases() if not event.held),
            key=lambda event: (event.output != output, event.output != self.served),
        )
        dropped = {event.output for event in ranked[keep:]}
        retired = (*(event.output for event in ranked[keep:]), *self.retired)[:RETIRED]
        kept = tuple(event for event in self.outputs if event.output not in dropped)
        return msgspec.structs.replace(self, outputs=kept, served=output, retired=retired)


APIS = Table(Kind(name="api", indexes=(("build",), *NOUN_INDEXES), ranges=REMOVED_RANGE), Api, word="API")


async def add(hub: Hub, name: str, build: str, **values: Any) -> Stored[Api]:
    """Make an API of a build that exists. Raises Invalid, NotFound or Conflict."""
    check_name(name)
    if await BUILDS.find_one(hub.records, build) is None:
        raise NotFound(f"there is no build {build!r}", ("build",))
    return await edits.add(hub, APIS, name, Api(created_at=time.time(), build=build, **values), ApiAdded(api=name))


async def edit(hub: Hub, name: str, **values: Any) -> Stored[Api]:
    """Change `running`, `automatic` or `description`: start and stop are edits."""

    def edited(api: Api) -> Api:
        return msgspec.structs.replace(api, **values, edited_at=time.time())

    return await edits.change(hub, APIS, name, edited, ApiEdited(api=name))


async def find_release(hub: Hub, name: str, release: str) -> ReleaseCreated:
    """A release that the API keeps, by its name or its output. Raises Invalid where there is none, or several are called so."""
    return _release(name, (await APIS.get(hub.records, name)).value, release)


async def switch(hub: Hub, name: str, release: str) -> Stored[Api]:
    """Serve a release that is kept, by its name or its output: roll back, or forward again. At any moment: a release that is being
    made is served when it is done.

    Raises Invalid where it is not kept or is held, and NotReady where its index is gone.
    """
    chosen = await find_release(hub, name, release)
    if reason := await why_gone(hub, chosen):
        raise NotReady(f"{name} can't serve {chosen.called}: {reason}; what is served stays")

    def switched(api: Api) -> Api | None:
        event = _release(name, api, chosen.output)
        if event.held:
            raise Invalid(f"{name} holds {event.called} back: `leat release accept {name}` serves it all the same", ("release",))
        if api.served == event.output:
            return None
        return msgspec.structs.replace(api, served=event.output, edited_at=time.time())

    stored = await edits.change(hub, APIS, name, switched, ReleaseSwitched(api=name, output=chosen.output))
    await publish(hub, name)
    return stored


async def accept(hub: Hub, name: str, release: str = "", *, by: str) -> Stored[Api]:
    """Serve the release that is held, or just this one, because somebody says so. A second time it changes nothing.

    Raises Invalid where it is not kept, or none is held, and NotReady where its index is gone.
    """
    api = (await APIS.get(hub.records, name)).value
    chosen = _release(name, api, release) if release else api.held()
    if chosen is None:
        raise Invalid(f"{name} holds no release back", ("release",))
    if reason := await why_gone(hub, chosen):
        raise NotReady(f"{name} can't serve {chosen.called}: {reason}; what is served stays")

    def accepted(api: Api) -> Api | None:
        event = _release(name, api, chosen.output)
        if not event.held:
            if event.accepted_at:
                return None
            raise Invalid(f"{name} does not hold {event.called} back; `leat release rollback` serves it", ("release",))
        now = time.time()
        passed = msgspec.structs.replace(event, held=(), accepted_by=by, accepted_at=now, accepted_despite=event.held)
        outputs = tuple(passed if each is event else each for each in api.outputs)
        changed = msgspec.structs.replace(api, outputs=outputs, edited_at=now)
        return changed.serving(event.output, hub.limits.keep_indexes)

    event = ReleaseAccepted(api=name, output=chosen.output, by=by, despite=chosen.held)
    stored = await edits.change(hub, APIS, name, accepted, event)
    await publish(hub, name)
    return stored


def _release(name: str, api: Api, release: str) -> ReleaseCreated:
    fits = [event for event in api.releases() if event.output == release] or [
        event for event in api.releases() if event.called == release
    ]
    if len(fits) == 1:
        return fits[0]
    if fits:
        outputs = listed([event.output for event in fits], 5)
        raise Invalid(f"{name} keeps {len(fits)} releases {release!r}: name one by its output, {outputs}", ("release",))
    kept = listed([event.called for event in api.releases()], 5) or "none"
    raise Invalid(f"{name} keeps no release {release!r}; it keeps {kept}", ("release",))


async def why_gone(hub: Hub, release: ReleaseCreated) -> str:
    """Why a release can't be served: its index, or documents that it answers with, are not there. Empty where it can. Raises
    Unavailable where the engine does not answer."""
    try:
        _, count = await hub.search.describe(release.output)
        found = await hub.search.search(release.output, SearchRequest(query=MatchAll(), limit=1))
    except NotReady as error:
        return error.message
    return "" if found.hits or not count else f"its index has {count:,} documents and finds none"


async def gone(hub: Hub) -> dict[str, str]:
    """By the name of each API that should answer: why what it serves is not there; empty where it is. Raises Unavailable."""
    served = [
        (stored.id, stored.value) for stored in await APIS.readable(hub.records) if stored.value.running and stored.value.served
    ]
    return dict(zip((name for name, _ in served), await asyncio.gather(*(_why_gone(hub, api) for _, api in served)), strict=True))


async def _why_gone(hub: Hub, api: Api) -> str:
    release = api.release()
    return await why_gone(hub, release) if release else f"the release {api.served} is not kept"


async def publish(hub: Hub, name: str) -> None:
    """Let the engine's alias name what is served. It is a courtesy to other clients. The reaper does it again where the engine
    can't be reached, or where somebody switched meanwhile."""
    published: str | None = ""
    try:
        while True:
            stored = await APIS.find_one(hub.records, name)
            served = stored.value.served or None if stored else None
            if served == published:
                return
            await hub.search.publish(name, served)
            published = served
    except LeatError as error:
        log.warning("alias not moved yet", extra={"api": name, "error": error.message})


async def publish_all(hub: Hub) -> None:
    """Put every alias right."""
    for stored in await APIS.readable(hub.records):
        await publish(hub, stored.id)
