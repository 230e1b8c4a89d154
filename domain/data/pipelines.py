"""Pipelines: the runs of the data path, their steps worked out from the nouns as they are when a run starts."""

from collections.abc import Iterable, Mapping
from typing import Any

from domain.data import builds
from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.data.sources import SOURCES, Source
from domain.errors import Conflict, Invalid
from domain.hub import Hub
from domain.jobs import runs
from domain.jobs.plans import Step, step
from domain.jobs.runs import Started
from domain.names import check_version
from domain.nouns import Table
from events.apis import CreateRelease, ValidateMapping
from events.builds import RunBuild
from events.sources import DumpSource, InspectSource, SourceUploaded, UploadSource

# -- starting -------------------------------------------------------------------------------------------------------------


async def start_dump(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """dump → upload → inspect → automatic builds → automatic releases. Raises NotFound, or Conflict for a key used otherwise."""
    return await _start_load(hub, "dumpSource", source, dump=True, force=force, asked_by=asked_by, key=key)


async def start_upload(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """upload → inspect → automatic builds → automatic releases."""
    return await _start_load(hub, "uploadSource", source, dump=False, force=force, asked_by=asked_by, key=key)


async def start_inspect(hub: Hub, source: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """Inspect the newest upload."""
    await SOURCES.get(hub.records, source)
    return await runs.start_command(hub, "inspectSource", InspectSource(source=source, force=force), asked_by=asked_by, key=key)


async def start_validate(hub: Hub, source: str, *, draft: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """Try the source's mapping on a scratch index, or its drafts where there are some."""
    await SOURCES.get(hub.records, source)
    command = ValidateMapping(source=source, draft=draft)
    return await runs.start_command(hub, "validateMapping", command, asked_by=asked_by, key=key)


async def start_build(
    hub: Hub, build: str, *, version: str = "", force: bool = False, asked_by: str = "", key: str | None = None
) -> Started:
    """build → automatic releases. Raises Invalid where `version`, what the build is to be called, can't be a name."""
    await BUILDS.get(hub.records, build)
    if version:
        check_version(version)
    steps = planned_build(build, await _all(hub, APIS), version=version, force=force)
    title = f"build {build}"
    given: dict[str, Any] = {"build": build, "force": force} | ({"version": version} if version else {})
    return await runs.start(hub, "runBuild", title, steps, given, asked_by=asked_by, key=key)


async def start_release(hub: Hub, api: str, *, force: bool = False, asked_by: str = "", key: str | None = None) -> Started:
    """Release the build's newest output."""
    await APIS.get(hub.records, api)
    return await runs.start_command(hub, "createRelease", CreateRelease(api=api, force=force), asked_by=asked_by, key=key)


async def start_pipeline(
    hub: Hub, build: str, api: str, *, force: bool = False, asked_by: str = "", key: str | None = None
) -> Started:
    """Every source of the build: dump → upload → inspect; then build → release. Raises Conflict if the API serves another build."""
    value = (await BUILDS.get(hub.records, build)).value
    served = (await APIS.get(hub.records, api)).value
    if served.build != build:
        raise Conflict(f"the API {api!r} serves the build {served.build!r}", ("api",))
    steps = planned_pipeline(build, value, await _all(hub, SOURCES), api, force=force)
    given = {"build": build, "api": api, "force": force}
    return await runs.start(hub, "runPipeline", f"pipeline of {api}", steps, given, asked_by=asked_by, key=key)


async def _start_load(hub: Hub, mutation: str, source: str, *, dump: bool, force: bool, asked_by: str, key: str | None) -> Started:
    await SOURCES.get(hub.records, source)
    nouns = await _all(hub, SOURCES), await _all(hub, BUILDS), await _all(hub, APIS)
    steps = planned_load(source, *nouns, dump=dump, force=force, quiet=hub.limits.quiet)
    title = f"{'dump' if dump else 'upload'} {source}"
    return await runs.start(hub, mutation, title, steps, {"source": source, "force": force}, asked_by=asked_by, key=key)


async def _all(hub: Hub, table: Table[Any]) -> dict[str, Any]:
    return {stored.id: stored.value for stored in await table.every(hub.records)}


# -- planning -------------------------------------------------------------------------------------------------------------


def _load(source: str, *, dump: bool, force: bool) -> list[Step]:
    """[dump →] upload → inspect of one source."""
    steps = [step(DumpSource(source=source, force=force))] if dump else []
    steps.append(step(UploadSource(source=source, force=force), after=[s.name for s in steps[-1:]]))
    steps.append(step(InspectSource(source=source, force=force), after=[steps[-1].name]))
    return steps


def planned_build(
    name: str, apis: Mapping[str, Api], *, version: str = "", force: bool = False, after: Iterable[str] = (), delay: float = 0.0
) -> list[Step]:
    """build → a release of each API that follows it by itself."""
    built = step(RunBuild(build=name, force=force, version=version), after, delay)
    following = sorted(api for api, value in apis.items() if value.build == name and value.automatic)
    return [built, *(step(CreateRelease(api=api), [built.name]) for api in following)]


def planned_load(
    source: str,
    sources: Mapping[str, Source],
    all_builds: Mapping[str, Build],
    apis: Mapping[str, Api],
    *,
    dump: bool,
    force: bool,
    quiet: float,
) -> list[Step]:
    """load → the automatic builds that merge the source, after a quiet time → their automatic releases."""
    steps = _load(source, dump=dump, force=force)
    last = steps[-1].name
    for name in sorted(all_builds):
        if all_builds[name].automatic and source in _complete(all_builds[name], sources, source):
            steps += planned_build(name, apis, after=[last], delay=quiet)
    return steps


def planned_pipeline(name: str, value: Build, sources: Mapping[str, Source], api: str, *, force: bool) -> list[Step]:
    """Load every source that the build merges → build → release. One that is disabled gives its last upload, where it has one.
    Raises Invalid where an entry of the build fits no part."""
    steps: list[Step] = []
    ends: list[str] = []
    for source in sorted(merged_sources(value, sources)):
        if sources[source].disabled and sources[source].newest(SourceUploaded):
            continue
        steps += _load(source, dump=True, force=force)
        ends.append(steps[-1].name)
    steps.append(step(RunBuild(build=name, force=force), after=ends))
    steps.append(step(CreateRelease(api=api, force=force), after=[steps[-1].name]))
    return steps


def merged_sources(value: Build, sources: Mapping[str, Source]) -> frozenset[str]:
    """The sources whose parts the build merges."""
    owners = {part: source for source, record in sources.items() for part in record.part_names()}
    return frozenset(owners[part] for part in builds.resolve(value, owners))


def _complete(value: Build, sources: Mapping[str, Source], loading: str) -> frozenset[str]:
    """The sources that the build merges, if all of them but `loading` have an upload already; else none."""
    try:
        merged = merged_sources(value, sources)
    except Invalid:
        return frozenset()
    uploaded = all(name == loading or sources[name].newest(SourceUploaded) for name in merged)
    return merged if uploaded else frozenset()
