"""Builds: a configuration that says which parts are merged, and the collections it made."""

from typing import Any

from domain.nouns import Noun, Shelf
from domain.ports import Kind


class Build(Noun, frozen=True, kw_only=True):
    """A build configuration (BioThings: src_build_config) and what it built."""

    version: int = 1
    """Raised by every edit; part of a build's inputs."""
    sources: tuple[str, ...]
    """Part names, or regular expressions that match whole part names."""
    root: tuple[str, ...] = ()
    """Parts whose documents define the id space: the others only add to those. Empty: all. `!x`: all but x."""
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
    edited_at: float = 0.0


BUILDS = Shelf(Kind(name="build"), Build)
