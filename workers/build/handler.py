"""RunBuild: merge the current uploads of a build's sources into one collection."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import orjson

from domain.data import builds
from domain.data.builds import BUILDS, Build
from domain.data.merging import in_order
from domain.data.sources import SOURCES, Source
from domain.errors import Conflict, NotReady
from domain.names import unused
from domain.ports.documents import Sealed
from domain.query import mappings
from domain.room import check_room
from events.builds import BuildFinished, RunBuild
from events.sources import SourceDumped, SourceUploaded
from workers.context import JobContext
from workers.outputs import find_collection, has_collections


class Chosen(NamedTuple):
    """A part that is merged."""

    source: str
    upload: SourceUploaded
    dump: SourceDumped | None
    """What the upload was parsed from, if it is still remembered."""
    collection: str
    mapping: dict[str, Any]
    disabled: bool
    """Whether its source is."""


async def run_build(command: RunBuild, context: JobContext) -> BuildFinished:
    """The build; `unchanged` where the newest one has the same inputs, configuration and mapping.

    Raises NotReady naming every part that was not uploaded or has no mapping, Invalid where the mappings contradict each other.
    """
    build, parts = await _look(command, context)
    inputs = {part: chosen.collection for part, chosen in parts.items()}
    mapping, notes = mappings.merge({part: chosen.mapping for part, chosen in parts.items()})
    digest = hashlib.sha256(orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    newest = build.newest(BuildFinished)
    for word in _disabled(parts):
        await context.log(word, "warning")
    named = not command.version or (newest is not None and newest.version == command.version)
    same = named and newest and (newest.inputs, newest.configuration, newest.mapping) == (inputs, build.version, digest)
    if newest and same and not command.force and await has_collections([newest.output], context):
        await context.log(f"build {newest.version} has just these inputs: nothing to do")
        return msgspec.structs.replace(newest.said_by(command), unchanged=True)
    for note in notes:
        await context.log(f"mapping: {note}", "warning")
    described = {part: await context.hub.documents.describe(name) for part, name in inputs.items()}
    await _check_room(context, newest, described)
    version = _version(command, build)
    merged = await context.child(
        "merge",
        {
            "output": context.output,
            "inputs": _ordered(build, inputs),
            "meta": {"mapping": mapping, "metadata": _metadata(build, version, parts, described)},
        },
    )
    event = BuildFinished(
        build=command.build,
        output=context.output,
        version=version,
        configuration=build.version,
        mapping=digest,
        inputs=inputs,
        counts=merged["counts"],
        count=merged["count"],
    ).said_by(command)
    await context.switch(BUILDS, command.build, lambda noun: noun.with_output(event, context.hub.limits.keep_collections))
    return event


def _version(command: RunBuild, build: Build) -> str:
    """What the build is called: unlike every other that is kept. Raises Conflict where the name that was asked for is taken."""
    taken = [event.version for event in build.outputs if isinstance(event, BuildFinished)]
    if not command.version:
        return unused(datetime.now(UTC).strftime(build.version_format), taken)
    if command.version in taken:
        raise Conflict(f"{command.build} keeps a build {command.version!r} already", ("name",))
    return command.version


def _disabled(parts: dict[str, Chosen]) -> list[str]:
    """A word for each source that was not asked for anything new."""
    found = {chosen.source: chosen.upload for chosen in parts.values() if chosen.disabled}
    return [
        f"source {source} is disabled: its upload of {_iso(upload.at)[:10]}, release {upload.called}, is merged"
        for source, upload in found.items()
    ]


async def _look(command: RunBuild, context: JobContext) -> tuple[Build, dict[str, Chosen]]:
    """The configuration and its parts, with their collections pinned: read again until what was pinned is what is current."""
    pinned: frozenset[str] = frozenset()
    while True:
        build = (await BUILDS.get(context.hub.records, command.build)).value
        parts = _choose(build, {source.id: source.value for source in await SOURCES.every(context.hub.records)})
        collections = frozenset(chosen.collection for chosen in parts.values())
        if collections <= pinned:
            return build, parts
        await context.pin(*collections)
        pinned |= collections


def _choose(build: Build, sources: dict[str, Source]) -> dict[str, Chosen]:
    owners = {part: name for name, source in sources.items() for part in source.part_names()}
    chosen: dict[str, Chosen] = {}
    missing = []
    for part in builds.resolve(build, owners):
        source = sources[owners[part]]
        upload = source.newest(SourceUploaded)
        if upload is None or part not in upload.parts:
            missing.append(f"{part} was not uploaded yet" + (", and its source is disabled" if source.disabled else ""))
        elif part not in source.mapping:
            missing.append(f"{part} has no mapping: inspect it or commit one")
        else:
            dumps = (output for output in source.outputs if isinstance(output, SourceDumped) and output.output == upload.dump)
            chosen[part] = Chosen(
                owners[part], upload, next(dumps, None), upload.parts[part].collection, source.mapping[part], source.disabled
            )
    if missing:
        raise NotReady("; ".join(missing))
    return chosen


def _ordered(build: Build, inputs: dict[str, str]) -> list[dict[str, Any]]:
    """The step's inputs, in the order of merging."""
    roots = builds.roots(build, inputs)
    if not roots:
        raise NotReady(f"none of the root sources ({', '.join(build.root)}) is among the parts: {', '.join(inputs)}")
    return [
        {"part": part, "collection": inputs[part], "root": part in roots, "deep": part in build.merge_struct}
        for part in in_order(roots, inputs)
    ]


def _metadata(build: Build, version: str, parts: dict[str, Chosen], described: dict[str, Sealed]) -> dict[str, Any]:
    """BioThings' `_meta`, without the total, which merging finds."""
    src: dict[str, dict[str, Any]] = {}
    for part, chosen in parts.items():
        about = described[part].meta.get("src_meta", {})
        source = src.setdefault(chosen.source, {**about, "version": chosen.upload.release, "stats": {}})
        source["stats"][part] = described[part].count
        source["upload_date"] = _iso(chosen.upload.at)
        if chosen.dump:
            source["download_date"] = _iso(chosen.dump.at)
    return {
        **build.metadata,
        "biothing_type": build.doc_type,
        "src": src,
        "build_version": version,
        "build_date": _iso(time.time()),
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


async def _check_room(context: JobContext, newest: BuildFinished | None, described: dict[str, Sealed]) -> None:
    """Refuse a build that the disk would not hold: twice its predecessor's size, else that of its parts."""
    free = await context.hub.documents.room()
    if free is None:
        return
    before = newest and await find_collection(newest.output, context.hub.documents)
    expected = before.size if before else sum(sealed.size for sealed in described.values())
    check_room(context.hub.collections_disk, 2 * expected, "the build", free)
