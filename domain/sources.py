"""Sources: a data plugin, its dumps, uploads and inspections, and the mapping of what it yields."""

import re
from typing import Any, Literal

import msgspec

from domain.nouns import Noun, Shelf
from domain.ports import Kind

Duplicates = Literal["error", "ignore", "merge"]
NAME = re.compile(r"^[A-Za-z_][\w-]*$")
"""Names of sources and parts: BioThings' rule `^[A-Z_][\\w\\d]+$` (case-insensitive), with hyphens and single letters as well."""


class Uploader(msgspec.Struct, frozen=True, kw_only=True):
    """One uploader of a manifest: it fills one part, a collection of its own."""

    name: str
    """The part's name; the source's where the manifest has a single uploader."""
    parser: str
    """`module:function`."""
    parser_kwargs: dict[str, Any] = {}
    mapping: str = ""
    """`module:function` that returns Elasticsearch properties."""
    on_duplicates: Duplicates = "error"
    parallelizer: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's manifest, normalised: `workers.plugin` reads it from the folder (BioThings reference section 1)."""

    name: str = ""
    version: str = ""
    display_name: str = ""
    biothing_type: str = ""
    metadata: dict[str, Any] = {}
    """`__metadata__`: url, license, license_url, description and whatever else."""
    requires: tuple[str, ...] = ()
    data_url: tuple[str, ...] = ()
    uncompress: bool = False
    release: str = ""
    """`module:function` that returns the release; empty: Last-Modified, ETag or content decide."""
    schedule: str = ""
    disabled: bool = False
    uploaders: tuple[Uploader, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the manifest has that is not in the specification, and how it was taken."""


class Source(Noun, frozen=True, kw_only=True):
    """A plugin that Leat dumps and uploads."""

    folder: str
    """Where the plugin's code is read from at `reload`: a folder of the gateway's machine."""
    code: str
    """Content hash (sha256, 16 hex) of the plugin's files; they are stored as `plugins/<code>/<name>/…` in Files."""
    manifest: Manifest
    mapping: dict[str, dict[str, Any]] = {}
    """The committed mapping of each part: Elasticsearch `properties`."""
    edited_at: float = 0.0

    def part_names(self) -> tuple[str, ...]:
        """Its parts, in the manifest's order."""
        return tuple(uploader.name for uploader in self.manifest.uploaders)


SOURCES = Shelf(Kind(name="source"), Source)
