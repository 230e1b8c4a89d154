"""APIs: which build is served under which name, and the releases that can be."""

import time
from typing import Any

import msgspec

from domain.errors import Conflict, Invalid, NotFound
from domain.hub import Hub
from domain.names import check_name
from domain.nouns import Noun, Shelf, Stored, refuse_while_written
from domain.ports import Kind
from events.apis import ApiAdded, ApiEdited, ApiRemoved, ReleaseCreated, ReleaseSwitched


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


APIS = Shelf(Kind(name="api", indexes=(("build",),)), Api)


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
    await hub.search.publish(name, output)
    await hub.announce(ReleaseSwitched(api=name, output=output))
    return stored


async def remove(hub: Hub, name: str) -> None:
    """Stop serving and remove the API; its indexes follow as garbage. Raises Conflict while a job works on it."""
    await APIS.remove(hub.records, name, refuse_while_written)
    await hub.search.publish(name, None)
    await hub.announce(ApiRemoved(api=name))
