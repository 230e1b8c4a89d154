"""APIs: which build is served under which name, and the releases that can be."""

import logging
import time
from typing import Any

import msgspec

from domain.data.builds import BUILDS
from domain.errors import Invalid, LeatError, NotFound
from domain.hub import Hub
from domain.jobs import edits
from domain.names import check_name
from domain.nouns import NOUN_INDEXES, REMOVED_RANGE, Noun, Stored, Table, refuse_while_written
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


async def switch(hub: Hub, name: str, output: str) -> Stored[Api]:
    """Serve a release that is kept: roll back, or forward again. Raises Conflict while a release is being made, since that job
    would switch over it, and Invalid where the release is not kept."""

    def switched(api: Api) -> Api | None:
        if output not in {release.output for release in api.releases()}:
            raise Invalid(f"{name} keeps no release {output!r}", ("release",))
        refuse_while_written(api)
        return None if api.served == output else msgspec.structs.replace(api, served=output, edited_at=time.time())

    stored = await edits.change(hub, APIS, name, switched, ReleaseSwitched(api=name, output=output))
    await publish(hub, name)
    return stored


async def remove(hub: Hub, name: str) -> None:
    """Stop serving and remove the API; its indexes follow as garbage. Raises Conflict while a job works on it."""
    await edits.remove(hub, APIS, name, ApiRemoved(api=name), refuse_while_written)
    await publish(hub, name)


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
