"""What a release holds, found by asking its index, and what the gates say of it."""

from collections.abc import Iterable

from domain.data import gates
from domain.data.builds import BUILDS
from domain.data.gates import Gates, Holding, OfSource
from domain.data.sources import SOURCES
from domain.errors import NotReady, QueryInvalid
from domain.hub import Hub
from domain.ports.search import IndexSpec, SearchRequest
from domain.query.mappings import DEFAULT
from domain.query.parser import parse
from domain.query.plan import Fields
from domain.query.tree import Exists, Query
from domain.wording import listed
from events.apis import ReleaseCreated
from workers.context import JobContext


async def judge(build: str, parts: Iterable[str], index: str, served: ReleaseCreated | None, context: JobContext) -> list[str]:
    """Why the index is not to be served in place of what is; none where it passes every gate."""
    hub = context.hub
    of_build = (await BUILDS.get(hub.records, build)).value.gates
    sources = await _sources(hub, frozenset(parts))
    new = await _hold(context, index, (of_build, *(source.gates for source in sources.values())))
    if empty := sorted(path for path, count in new.fields.items() if not count):
        await context.log(f"mapped, and no document is found by it: {listed(empty, gates.NAMED)}", "warning")
    return gates.judge(of_build, sources, new, await _held_by(served, context) if served else None)


async def _sources(hub: Hub, parts: frozenset[str]) -> dict[str, OfSource]:
    """The sources of these parts, with the paths that each part maps."""
    found = {}
    for stored in await SOURCES.every(hub.records):
        source = stored.value
        mapped = {part: frozenset(Fields(source.mapping.get(part, {})).all) for part in source.part_names() if part in parts}
        if mapped:
            found[stored.id] = OfSource(gates=source.gates, parts=mapped)
    return found


async def _held_by(served: ReleaseCreated, context: JobContext) -> Holding:
    """What is served holds. Where its index is gone only its count is known."""
    try:
        return await _hold(context, served.output, ())
    except NotReady:
        await context.log(f"the index of {served.called}, which is served, is gone: fields are not compared", "warning")
        return Holding(count=served.count)


async def _hold(context: JobContext, index: str, wanted: Iterable[Gates]) -> Holding:
    search = context.hub.search
    spec, count = await search.describe(index)
    paths = [path for path in Fields(spec.mapping).named if path not in ("_id", DEFAULT)]
    fields = {}
    for number, path in enumerate(paths):
        await context.progress(number, len(paths), "fields", "looking at what is found")
        fields[path] = await _count(context.hub, index, Exists(path=path))
    ids = tuple(dict.fromkeys(id for each in wanted for id in each.ids))
    there = await search.get(index, ids) if ids else {}
    return Holding(
        count=count,
        parts=_parts(spec),
        fields=fields,
        found=await _found(context.hub, index, wanted),
        missing=[id for id in ids if id not in there],
    )


async def _found(hub: Hub, index: str, wanted: Iterable[Gates]) -> dict[str, int | str]:
    """What each query of the gates finds, or why it can't be asked of this index."""
    found: dict[str, int | str] = {}
    for each in wanted:
        for path in each.fields:
            found[f"_exists_:{path}"] = await _count(hub, index, Exists(path=path))
        for expected in each.queries:
            try:
                found[expected.query] = await _count(hub, index, parse(expected.query))
            except QueryInvalid as error:
                found[expected.query] = error.message
    return found


async def _count(hub: Hub, index: str, query: Query) -> int:
    return (await hub.search.search(index, SearchRequest(query=query, limit=0))).total


def _parts(spec: IndexSpec) -> dict[str, int]:
    """Documents of each part, as the build's metadata keeps them."""
    sources = spec.meta.get("src", {})
    return {part: count for source in sources.values() for part, count in source.get("stats", {}).items()}
