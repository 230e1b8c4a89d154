"""Removals: what goes with a noun, and what can't go because something else is made of it."""

from collections import Counter
from typing import TypeVar

from domain.data import apis, schedules
from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.schedules import SCHEDULES
from domain.data.sources import SOURCES
from domain.errors import Conflict
from domain.hub import Hub
from domain.jobs import edits
from domain.nouns import Noun, Table, refuse_while_written
from domain.wording import counted
from events.apis import ApiRemoved
from events.builds import BuildRemoved
from events.message import Event
from events.sources import SourceRemoved

N = TypeVar("N", bound=Noun)

MADE = {
    "SourceDumped": "dumps",
    "SourceUploaded": "uploads",
    "SourceInspected": "inspections",
    "BuildFinished": "built collections",
    "ReleaseCreated": "releases",
}
"""What the outputs of a noun are called in sentences, by the event that describes one."""


async def remove_source(hub: Hub, name: str, *, dry_run: bool = False) -> list[str]:
    """Remove the source with its schedules; its files and documents follow as garbage. Returns what goes with it, in words, and
    removes nothing in a dry run.

    Raises Conflict while a job works on it or a build names one of its parts.
    """
    source = await SOURCES.get(hub.records, name)
    for build in await BUILDS.every(hub.records):
        if used := set(source.value.part_names()) & set(build.value.sources):
            raise Conflict(f"the build {build.id!r} merges {', '.join(sorted(used))}; edit or remove that first")
    return await _remove(hub, SOURCES, name, SourceRemoved(source=name), dry_run)


async def remove_build(hub: Hub, name: str, *, dry_run: bool = False) -> list[str]:
    """Remove a build configuration with its schedules; its collections follow as garbage. Returns what `remove_source` does.

    Raises Conflict while an API serves it or a job works on it.
    """
    serving = await APIS.every(hub.records, build=name)
    if serving:
        raise Conflict(f"the API {serving[0].id!r} serves it; remove that first")
    return await _remove(hub, BUILDS, name, BuildRemoved(build=name), dry_run)


async def remove_api(hub: Hub, name: str, *, dry_run: bool = False) -> list[str]:
    """Stop serving and remove the API with its schedules; its indexes follow as garbage. Returns what `remove_source` does.

    Raises Conflict while a job works on it.
    """
    gone = await _remove(hub, APIS, name, ApiRemoved(api=name), dry_run)
    if not dry_run:
        await apis.publish(hub, name)
    return gone


async def _remove(hub: Hub, table: Table[N], name: str, event: Event, dry_run: bool) -> list[str]:
    noun = (await table.get(hub.records, name)).value
    refuse_while_written(noun)
    made = Counter(type(output).__name__ for output in noun.outputs)
    gone = [counted(count, MADE.get(kind, "outputs")) for kind, count in made.items()]
    kind = table.kind.name
    gone += [f"the schedule {each.id}" for each in await SCHEDULES.readable(hub.records) if getattr(each.value, kind) == name]
    if not dry_run:
        await edits.remove(hub, table, name, event, refuse_while_written)
        await schedules.remove_those_of(hub, **{kind: name})
    return gone
