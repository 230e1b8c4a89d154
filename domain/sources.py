"""Sources: a data plugin, its dumps, uploads and inspections, and the mapping of what it yields."""

import re
from typing import Any

from domain.manifests import Manifest, Uploader
from domain.nouns import Noun, Shelf
from domain.ports import Kind

__all__ = ["SOURCES", "Manifest", "Source", "Uploader"]

NAME = re.compile(r"^[A-Za-z_][\w-]*$")
"""Names of sources and parts: BioThings' rule `^[A-Z_][\\w\\d]+$` (case-insensitive), with hyphens and single letters as well."""


class Source(Noun, frozen=True, kw_only=True):
    """A plugin that Leat dumps and uploads."""

    folder: str
    """Where the plugin's code is read from at `reload`: a folder of the gateway's machine."""
    code: str
    """Content hash (sha256, 16 hex) of the plugin's files; they are stored as `plugins/<code>/<name>/…` in Files."""
    manifest: Manifest
    mapping: dict[str, dict[str, Any]] = {}
    """The committed mapping of each part: Elasticsearch `properties`."""
    disabled: bool = False
    """Dumps are refused; set from the manifest when it is read, and by people."""
    edited_at: float = 0.0

    def part_names(self) -> tuple[str, ...]:
        """Its parts, in the manifest's order."""
        return tuple(uploader.name for uploader in self.manifest.uploaders)


SOURCES = Shelf(Kind(name="source"), Source)
