"""Manifests: what a data plugin says of itself, normalised from whichever spelling it uses."""

from typing import Any, Literal

import msgspec

Duplicates = Literal["error", "ignore", "merge"]


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
    """A plugin's manifest, normalised (BioThings reference section 1)."""

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
