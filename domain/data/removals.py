"""Removals: what can't go because something else is made of it."""

from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.errors import Conflict
from domain.hub import Hub
from domain.jobs import edits
from domain.nouns import refuse_while_written
from events.builds import BuildRemoved
from events.sources import SourceRemoved


async def remove_source(hub: Hub, name: str) -> None:
    """Remove the source; its files and documents follow as garbage.

    Raises Conflict while a job works on it or a build names one of its parts.
    """
    source = await SOURCES.get(hub.records, name)
    for build in await BUILDS.every(hub.records):
        if used := set(source.value.part_names()) & set(build.value.sources):
            raise Conflict(f"the build {build.id!r} merges {', '.join(sorted(used))}; edit or remove that first")
    await edits.remove(hub, SOURCES, name, SourceRemoved(source=name), refuse_while_written)


async def remove_build(hub: Hub, name: str) -> None:
    """Remove a build configuration; its collections follow as garbage.

    Raises Conflict while an API serves it or a job works on it.
    """
    serving = await APIS.every(hub.records, build=name)
    if serving:
        raise Conflict(f"the API {serving[0].id!r} serves it; remove that first")
    await edits.remove(hub, BUILDS, name, BuildRemoved(build=name), refuse_while_written)
