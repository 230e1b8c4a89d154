"""Builds: sources merged by `_id` into one collection."""

from typing import ClassVar

from events.message import Command, Event, Output


class RunBuild(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Merge the current uploads of a build's sources."""

    queue: ClassVar[str] = "build"
    noun: ClassVar[str] = "build"
    verb: ClassVar[str] = "build"
    exclusive: ClassVar[bool] = True
    build: str
    force: bool = False
    """Build even if the newest output has just these inputs."""
    version: str = ""
    """What the build is called; empty: as the configuration's version_format says."""


class BuildFinished(Output, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The merged collection is sealed and current; its mapping, metadata and statistics are sealed with it."""

    build: str
    version: str
    """The build version, such as 20261121; the next one of that day is 20261121.2."""
    configuration: int
    """The version of the build configuration that was used."""
    mapping: str = ""
    """Digest of the merged mapping: another one is built anew."""
    inputs: dict[str, str] = {}
    """The collection merged for each part."""
    counts: dict[str, int] = {}
    """Documents read of each part."""
    count: int = 0
    """Documents written."""

    def made(self) -> tuple[int, str]:
        """The documents that were written."""
        return self.count, "documents"


class BuildAdded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A build configuration was made."""

    build: str


class BuildEdited(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A build configuration changed."""

    build: str


class BuildRemoved(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A build configuration was removed; its collections follow as garbage."""

    build: str
