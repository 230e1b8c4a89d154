"""Sources: a data plugin, its dumps, uploads and inspections, and the mapping of what it yields."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec

from domain.data import gates as release_gates
from domain.data import pasted, plugins, shared_modules
from domain.data.gates import Gates
from domain.data.manifests import Manifest, Uploader
from domain.errors import Conflict, Invalid, NotReady
from domain.hub import Hub
from domain.jobs import edits
from domain.names import check_name
from domain.nouns import NOUN_INDEXES, REMOVED_RANGE, Noun, Stored, Table
from domain.ports.records import Kind, Records
from domain.query import mappings
from events.sources import SourceAdded, SourceEdited, SourceInspected, SourceReloaded

__all__ = ["SOURCES", "Manifest", "Source", "Uploader"]


Derivation = Literal["inspection", "plugin"]
"""Where a mapping can come from that nobody wrote: the newest inspection's suggestion, or the plugin's mapping function."""


class Source(Noun, frozen=True, kw_only=True):
    """A plugin that Leat dumps and uploads."""

    HISTORY: ClassVar[Mapping[str, tuple[str, ...]]] = {"mapping": ("mapping",), "gates": ("gates",)}

    folder: str
    """Where the plugin's code is read from at `reload`: a folder of the gateway's machine."""
    code: str
    """Content hash (sha256, 16 hex) of the plugin's files; they are stored as `plugins/<code>/<name>/…` in Files."""
    manifest: Manifest
    mapping: dict[str, dict[str, Any]] = {}
    """The committed mapping of each part: Elasticsearch `properties`."""
    derived: dict[str, Derivation] = {}
    """Where the mapping of a part comes from; the next one from there replaces it. Parts that are not in here have a mapping that
    somebody committed or edited, and that is never overwritten."""
    gates: Gates = Gates()
    """What keeps back releases of builds that merge it (domain.data.gates)."""
    disabled: bool = False
    """Dumps are refused; set from the manifest when it is read, and by people."""
    edited_at: float = 0.0
    drafts: dict[str, dict[str, Any]] = {}
    """Mappings of parts that are worked on, and not committed yet."""

    def part_names(self) -> tuple[str, ...]:
        """Its parts, in the manifest's order."""
        return tuple(uploader.name for uploader in self.manifest.uploaders)

    def takes(self, part: str, derivation: Derivation) -> bool:
        """Whether a mapping from there may become the part's: nobody edited the part's mapping, and a plugin's mapping goes before
        a suggestion for as long as the plugin has a mapping function."""
        origin = self.derived.get(part)
        if origin == "plugin" and not any(uploader.mapping for uploader in self.manifest.uploaders if uploader.name == part):
            origin = "inspection"
        return part not in self.mapping or origin in ("inspection", derivation)

    def with_derived(self, found: Mapping[str, dict[str, Any]], derivation: Derivation) -> Self:
        """With these mappings for the parts that take them."""
        taken = {part: properties for part, properties in found.items() if self.takes(part, derivation)}
        return msgspec.structs.replace(
            self, mapping={**self.mapping, **taken}, derived={**self.derived, **dict.fromkeys(taken, derivation)}
        )

    def with_edited(self, part: str, properties: dict[str, Any]) -> Self:
        """With a mapping of the part that somebody wrote."""
        derived = {other: derivation for other, derivation in self.derived.items() if other != part}
        return msgspec.structs.replace(self, mapping={**self.mapping, part: properties}, derived=derived, edited_at=time.time())

    def with_draft(self, part: str, properties: dict[str, Any] | None) -> Self:
        """With a draft of the part's mapping, or without one."""
        others = {other: draft for other, draft in self.drafts.items() if other != part}
        drafts = others if properties is None else {**others, part: properties}
        return msgspec.structs.replace(self, drafts=drafts, edited_at=time.time())


SOURCES = Table(Kind(name="source", indexes=NOUN_INDEXES, ranges=REMOVED_RANGE), Source)


async def parts(records: Records) -> dict[str, Stored[Source]]:
    """The source of every part there is, by part name."""
    return {part: source for source in await SOURCES.every(records) for part in source.value.part_names()}


async def add(hub: Hub, folder: str, name: str = "") -> Stored[Source]:
    """Make a source of the plugin in `folder`. It is called `name` where that is given, else as its manifest says, else as the
    folder.

    Raises Invalid naming what is wrong in the manifest, and Conflict where the source or one of its parts exists.
    """
    path = _folder(folder)
    manifest = await asyncio.to_thread(plugins.read, path, name)
    name = check_name(manifest.name)
    await _refuse_taken_parts(hub.records, name, manifest)
    code = await _keep_code(hub, path, manifest)
    source = Source(created_at=time.time(), folder=str(path), code=code, manifest=manifest, disabled=manifest.disabled)
    return await edits.add(hub, SOURCES, name, source, SourceAdded(source=name))


async def _keep_code(hub: Hub, path: Path, manifest: Manifest) -> str:
    """Store the plugin's code, with the modules that it shares with others; returns its content hash."""
    shared = shared_modules.folder_of(path, manifest.modules, hub.limits.plugin_modules)
    return await plugins.snapshot(hub.files, path, manifest.name, shared)


async def reload(hub: Hub, name: str) -> Stored[Source]:
    """Read the plugin's code and manifest again; what it dumped and uploaded stays until the next jobs."""
    path = _folder((await SOURCES.get(hub.records, name)).value.folder)
    manifest = await asyncio.to_thread(plugins.read, path, name)
    await _refuse_taken_parts(hub.records, name, manifest)
    code = await _keep_code(hub, path, manifest)

    def reloaded(source: Source) -> Source:
        return msgspec.structs.replace(source, manifest=manifest, code=code, edited_at=time.time())

    return await edits.change(hub, SOURCES, name, reloaded, SourceReloaded(source=name, code=code))


async def edit(hub: Hub, name: str, *, folder: str | None = None, disabled: bool | None = None) -> Stored[Source]:
    """Change where the code is read from at the next reload, or whether it may be dumped."""
    changes: dict[str, Any] = {} if disabled is None else {"disabled": disabled}
    if folder is not None:
        changes["folder"] = str(_folder(folder))

    def edited(source: Source) -> Source:
        return msgspec.structs.replace(source, **changes, edited_at=time.time())

    return await edits.change(hub, SOURCES, name, edited, SourceEdited(source=name))


async def set_gates(hub: Hub, name: str, gates: Gates, *, by: str = "") -> Stored[Source]:
    """Let these gates judge the releases that it is part of, from now on. Raises Invalid naming the field."""
    release_gates.check(gates)

    def changed(source: Source) -> Source:
        return msgspec.structs.replace(source, gates=gates, edited_at=time.time())

    return await edits.change(hub, SOURCES, name, changed, SourceEdited(source=name), by=by)


async def set_mapping(
    hub: Hub, name: str, part: str, properties: dict[str, Any], *, draft: bool = False, by: str = ""
) -> Stored[Source]:
    """Commit the mapping of one part, or save it as a draft: Elasticsearch `properties`, with whatever Elasticsearch prints around
    them. Raises Invalid naming the path that is wrong, or where documents were inspected and none has any of the fields."""
    known = await _known(hub, name, part)
    properties = await asyncio.to_thread(_read_mapping, part, properties, known)  # it may have tens of thousands of fields

    def mapped(source: Source) -> Source:
        _check_part(name, source, part)
        return source.with_draft(part, properties) if draft else source.with_edited(part, properties)

    return await edits.change(hub, SOURCES, name, mapped, SourceEdited(source=name), by=by)


def _read_mapping(part: str, given: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    properties = pasted.unwrapped(given, known)
    mappings.check(properties)
    pasted.check_seen(part, properties, known)
    return properties


async def edit_mapping(
    hub: Hub, name: str, part: str, changes_of: Mapping[str, Mapping[str, Any]], *, draft: bool = False, by: str = ""
) -> Stored[Source]:
    """Change fields of a part's committed mapping, or add some: by path, what `mappings.edit` takes. Of its draft instead, which
    begins as what is committed. Raises Invalid naming the path."""

    def edited(source: Source) -> Source:
        _check_part(name, source, part)
        properties = (source.drafts if draft else {}).get(part, source.mapping.get(part))
        if properties is None:
            raise Invalid(f"{part} has no mapping yet: its first inspection commits one, or commit a whole one", ("part",))
        for path, changes in changes_of.items():
            properties = mappings.edit(properties, path, **changes)
        return source.with_draft(part, properties) if draft else source.with_edited(part, properties)

    return await edits.change(hub, SOURCES, name, edited, SourceEdited(source=name), by=by)


async def end_draft(hub: Hub, name: str, part: str, *, commit: bool, by: str = "") -> Stored[Source]:
    """Commit the draft of a part's mapping, or discard it. Raises NotReady where there is none."""

    def ended(source: Source) -> Source:
        _check_part(name, source, part)
        if part not in source.drafts:
            raise NotReady(f"{part} has no draft of a mapping")
        draft = source.drafts[part]
        return source.with_edited(part, draft).with_draft(part, None) if commit else source.with_draft(part, None)

    return await edits.change(hub, SOURCES, name, ended, SourceEdited(source=name), by=by)


async def restore(hub: Hub, name: str, number: int, *, by: str = "") -> Stored[Source]:
    """Let the mappings, or the gates, be again what a change of the source's history made of them. That is a change too, and a
    mapping that it changes follows inspections no longer. Raises Invalid where the change is not remembered, or not valid today."""

    def restored(source: Source) -> Source:
        then = source.as_of(source.change(number))
        release_gates.check(then.gates)
        for properties in then.mapping.values():
            mappings.check(properties)
        derived = {part: origin for part, origin in source.derived.items() if then.mapping.get(part) == source.mapping.get(part)}
        return msgspec.structs.replace(then, derived=derived, edited_at=time.time())

    return await edits.change(hub, SOURCES, name, restored, SourceEdited(source=name), by=by)


async def follow_inspections(hub: Hub, name: str, part: str, *, by: str = "") -> Stored[Source]:
    """Commit what the newest inspection suggests, and let later suggestions replace it. Raises NotReady before the first one."""
    inspection = (await SOURCES.get(hub.records, name)).value.newest(SourceInspected)
    inspected = inspection and inspection.parts.get(part)
    suggested = (await hub.documents.describe(inspected.collection)).meta["mapping"] if inspected else None

    def following(source: Source) -> Source:
        _check_part(name, source, part)
        if suggested is None:
            raise NotReady(f"{part} was not inspected yet")
        mapping, derived = {**source.mapping, part: suggested}, {**source.derived, part: "inspection"}
        return msgspec.structs.replace(source, mapping=mapping, derived=derived, edited_at=time.time())

    return await edits.change(hub, SOURCES, name, following, SourceEdited(source=name), by=by)


async def _known(hub: Hub, name: str, part: str) -> frozenset[str]:
    """The paths that the newest inspection saw in the part; none before the first."""
    inspection = (await SOURCES.get(hub.records, name)).value.newest(SourceInspected)
    inspected = inspection and inspection.parts.get(part)
    if not inspected:
        return frozenset()
    return frozenset([row.id async for batch in hub.documents.scan(inspected.collection, bodies=False) for row in batch])


def _check_part(name: str, source: Source, part: str) -> None:
    if part not in source.part_names():
        raise Invalid(f"{name} has no part {part!r}; it has {', '.join(source.part_names()) or 'none'}", ("part",))


def _folder(folder: str) -> Path:
    path = Path(folder).expanduser().resolve()
    if not path.is_dir():
        raise Invalid(f"{folder} is no folder on the gateway's machine", ("folder",))
    return path


async def _refuse_taken_parts(records: Records, name: str, manifest: Manifest) -> None:
    taken = await parts(records)
    for uploader in manifest.uploaders:
        check_name(uploader.name)
        if uploader.name in taken and taken[uploader.name].id != name:
            raise Conflict(f"the source {taken[uploader.name].id!r} has a part {uploader.name!r} already", ("folder",))
