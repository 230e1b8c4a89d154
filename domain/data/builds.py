"""Builds: a configuration that says which parts are merged, and the collections it made."""

import re
import time
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

import msgspec

from domain.data import gates as release_gates
from domain.data.gates import Gates
from domain.errors import Invalid
from domain.hub import Hub
from domain.jobs import edits
from domain.names import NAME, RESERVED_TYPES, check_name
from domain.nouns import NOUN_INDEXES, REMOVED_RANGE, Noun, Stored, Table
from domain.ports.records import Kind
from events.builds import BuildAdded, BuildEdited

CONFIGURATION = (
    "sources",
    "root",
    "merge_struct",
    "doc_type",
    "version_format",
    "metadata",
    "automatic",
    "shards",
    "replicas",
)
"""The fields that say how is built."""


class Build(Noun, frozen=True, kw_only=True):
    """A build configuration (BioThings: src_build_config) and what it built."""

    HISTORY: ClassVar[Mapping[str, tuple[str, ...]]] = {"configuration": CONFIGURATION, "gates": ("gates",)}

    version: int = 1
    """Raised by every edit; part of a build's inputs."""
    sources: tuple[str, ...]
    """Part names, or regular expressions that match whole part names."""
    root: tuple[str, ...] = ()
    """Parts whose documents define the id space: the others only add to those. Empty: all. `!x`: all but x."""
    merge_struct: tuple[str, ...] = ()
    """Parts that are merged key by key into the documents of those before them, instead of replacing top-level keys."""
    doc_type: str = "doc"
    """The document type, BioThings' biothing_type: `gene`, `variant` …"""
    version_format: str = "%Y%m%d"
    """strftime pattern of the build version, in UTC; no dots."""
    metadata: dict[str, Any] = {}
    """Merged into the build's `_meta`."""
    automatic: bool = False
    """Build, after a quiet minute, whenever one of its sources was uploaded."""
    shards: int = 1
    replicas: int = 0
    gates: Gates = Gates()
    """What keeps its releases back (domain.data.gates). Editing these raises no version: what was built stays as it is."""
    edited_at: float = 0.0


BUILDS = Table(Kind(name="build", indexes=NOUN_INDEXES, ranges=REMOVED_RANGE), Build)


def resolve(build: Build, parts: Iterable[str]) -> tuple[str, ...]:
    """Those of `parts` that the build merges, by name: each that is listed, or wholly matched by a listed regular expression.

    Raises Invalid naming an entry that fits no part.
    """
    known, chosen = sorted(parts), set()
    for entry in build.sources:
        fitting = _fitting(entry, known)
        if not fitting:
            raise Invalid(f"{entry!r} is no part of any source; there are: {', '.join(known) or 'none'}", ("sources",))
        chosen.update(fitting)
    return tuple(sorted(chosen))


def warnings(build: Build, owners: Mapping[str, str]) -> list[str]:
    """What is wrong, at present, with the parts that a build names: a sentence for each. `owners` has the source of every part.

    A source may be added after its build, so nothing is refused for this. But until then a build of it fails, or does without what
    `root` and `merge_struct` name.
    """
    known = sorted(owners)
    names = [entry.removeprefix("!") for entry in (*build.root, *build.merge_struct)]
    wrong = [entry for entry in build.sources if not _fitting(entry, known)] + [name for name in names if name not in owners]
    return [f"{entry!r} is no part of any source{_meant(entry, owners)}" for entry in dict.fromkeys(wrong)]


def _fitting(entry: str, known: Iterable[str]) -> list[str]:
    return [part for part in known if part == entry] or [part for part in known if re.fullmatch(entry, part)]


def _meant(entry: str, owners: Mapping[str, str]) -> str:
    if parts := sorted(part for part, source in owners.items() if source == entry):
        return f"; the source of that name has the parts {', '.join(parts)}"
    if close := get_close_matches(entry, sorted(owners), n=1):
        return f"; did you mean {close[0]}?"
    return f"; there are: {', '.join(sorted(owners)) or 'none yet'}"


def roots(build: Build, parts: Iterable[str]) -> frozenset[str]:
    """The parts whose documents define the id space."""
    chosen = frozenset(parts)
    if not build.root:
        return chosen
    if build.root[0].startswith("!"):
        return chosen - {entry[1:] for entry in build.root}
    return chosen & frozenset(build.root)


def _check(build: Build) -> Build:
    if not build.sources:
        raise Invalid("a build needs at least one source", ("sources",))
    for entry in build.sources:
        try:
            re.compile(entry)
        except re.error as error:
            raise Invalid(f"{entry!r} is neither a name nor a regular expression: {error}", ("sources",)) from None
    negated = [entry.startswith("!") for entry in build.root]
    if any(negated) and not all(negated):
        raise Invalid("either every entry is negated with '!' or none is", ("root",))
    if not NAME.match(build.doc_type) or build.doc_type in RESERVED_TYPES:
        raise Invalid(
            f"{build.doc_type!r} can't be a document type: letters, digits, _ and -, not {', '.join(sorted(RESERVED_TYPES))}",
            ("docType",),
        )
    if "." in build.version_format or not build.version_format:
        raise Invalid("a version has no dots and is not empty", ("versionFormat",))
    for name, value, least in (("shards", build.shards, 1), ("replicas", build.replicas, 0)):
        if value < least:
            raise Invalid(f"{name} is at least {least}", (name,))
    return build


async def add(hub: Hub, name: str, *, by: str = "", **values: Any) -> Stored[Build]:
    """Make a build configuration; `values` are fields of Build. Raises Invalid or Conflict."""
    check_name(name)
    build = _check(Build(created_at=time.time(), **values))
    return await edits.add(hub, BUILDS, name, build, BuildAdded(build=name), by=by)


async def edit(hub: Hub, name: str, *, by: str = "", **values: Any) -> Stored[Build]:
    """Change fields of a build configuration and raise its version, so that the next build is made anew."""

    def edited(build: Build) -> Build:
        changed = msgspec.structs.replace(build, **values)
        return _check(msgspec.structs.replace(changed, version=build.version + 1, edited_at=time.time()))

    return await edits.change(hub, BUILDS, name, edited, BuildEdited(build=name), by=by)


async def set_gates(hub: Hub, name: str, gates: Gates, *, by: str = "") -> Stored[Build]:
    """Let these gates judge its releases from now on. Raises Invalid naming the field."""
    release_gates.check(gates)

    def changed(build: Build) -> Build:
        return msgspec.structs.replace(build, gates=gates, edited_at=time.time())

    return await edits.change(hub, BUILDS, name, changed, BuildEdited(build=name), by=by)


async def restore(hub: Hub, name: str, number: int, *, by: str = "") -> Stored[Build]:
    """Let its configuration, or its gates, be again what a change of its history made of them. That is a change too, and a
    configuration gets a new version. Raises Invalid where the change is not remembered, or not valid today."""

    def restored(build: Build) -> Build:
        change = build.change(number)
        version = build.version + (change.topic == "configuration")
        changed = msgspec.structs.replace(build.as_of(change), version=version, edited_at=time.time())
        release_gates.check(changed.gates)
        return _check(changed)

    return await edits.change(hub, BUILDS, name, restored, BuildEdited(build=name), by=by)
