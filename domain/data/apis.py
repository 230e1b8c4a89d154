"""APIs: which build is served under which name, and the releases that can be."""

import logging
import time
from typing import Any

import msgspec

from domain.errors import Conflict, Invalid, LeatError, NotFound
from domain.hub import Hub
from domain.names import check_name
from domain.nouns import Noun, Stored, Table, refuse_while_written
from domain.ports.records import Kind
from events.apis import ApiAdded, ApiEdited, ApiRemoved, ReleaseCreated, ReleaseSwitched

log = logging.getLogger(__name__)


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

    def release(self) -> ReleaseCreated | None:
        """The release that is served."""
        return next((event for event in self.releases() if event.output == self.served), None)

    def releases(self) -> tuple[ReleaseCreated, ...]:
        """The releases that are kept, newest first."""
        return tuple(event for event in self.outputs if isinstance(event, ReleaseCreated))


APIS = Table(Kind(name="api", indexes=(("build",),)), Api)


async def add(hub: Hub, name: str, build: str, **values: Any) -> Stored[Api]:
    """Make an API of a build that exists. Raises Invalid, NotFound or Conflict."""
    check_name(name)
    if await hub.records.get(Kind(name="build"), build) is None:
        raise NotFound(f"there is no build {build!r}", ("build",))
    api = Api(created_at=time.time(), build=build, **values)
    if not await APIS.insert(hub.records, name, api):
        raise Conflict(f"there is an API {name!r} already", ("name",))
    await hub.announce(ApiAdded(api=name))
    return Stored(name, 1, api)


async def edit(hub: Hub, name: str, **values: Any) -> Stored[Api]:
    """Change `running`, `automatic` or `description`: start and stop are edits."""
    stored = await APIS.change(hub.records, name, lambda api: msgspec.structs.replace(api, **values, edited_at=time.time()))
    await hub.announce(ApiEdited(api=name))
    return stored


async def switch(hub: Hub, name: str, output: str) -> Stored[Api]:
    """Serve a release that is kept: roll back, or forward again. Raises Conflict while a release is being made, since that job
    would switch over it, and Invalid where the release is not kept."""

    def switched(api: Api) -> Api | None:
        if output not in {release.output for release in api.releases()}:
            raise Invalid(f"{name} keeps no release {output!r}", ("release",))
        refuse_while_written(api)
        return None if api.served == output else msgspec.structs.replace(api, served=output, edited_at=time.time())

    stored = await APIS.change(hub.records, name, switched)
    await publish(hub, name)
    await hub.announce(ReleaseSwitched(api=name, output=output))
    return stored


async def remove(hub: Hub, name: str) -> None:
    """Stop serving and remove the API; its indexes follow as garbage. Raises Conflict while a job works on it."""
    await APIS.remove(hub.records, name, refuse_while_written)
    await publish(hub, name)
    await hub.announce(ApiRemoved(api=name))


async def publish(hub: Hub, name: str) -> None:
    """Let the engine's alias name what is served: a courtesy to others, done again by the reaper where the engine can't be
    reached, or where somebody switched meanwhile."""
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
