"""Sources: a data plugin whose files are dumped, uploaded and inspected."""

from typing import ClassVar

import msgspec

from events.message import Command, Event, Failure, Output


class DumpSource(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Fetch the source's files where they are newer than the stored release."""

    queue: ClassVar[str] = "dump"
    noun: ClassVar[str] = "source"
    verb: ClassVar[str] = "dump"
    exclusive: ClassVar[bool] = True
    source: str
    force: bool = False
    """Fetch even what seems unchanged."""


class UploadSource(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Parse the newest dump with the plugin and store its documents."""

    queue: ClassVar[str] = "upload"
    noun: ClassVar[str] = "source"
    verb: ClassVar[str] = "upload"
    exclusive: ClassVar[bool] = True
    source: str
    force: bool = False
    """Parse again even if this dump was uploaded with this code already."""


class InspectSource(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Look at every document of the newest upload: types, counts, ranges, samples, a suggested mapping."""

    queue: ClassVar[str] = "upload"
    noun: ClassVar[str] = "source"
    verb: ClassVar[str] = "inspect"
    exclusive: ClassVar[bool] = True
    source: str
    force: bool = False


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file of a dump."""

    name: str
    """Path below the dump's folder, with `/`."""
    size: int
    """Bytes."""
    sha256: str = ""
    url: str = ""
    """Where it came from; empty for a file unpacked from another."""
    etag: str = ""
    last_modified: str = ""


class SourceDumped(Output, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The files of a release are stored."""

    source: str
    release: str
    output: str
    """The dump, `<job>.<attempt>`; its files lie below `dumps/<output>/<source>/<release>`."""
    files: tuple[File, ...] = ()
    size: int = 0
    """Bytes of all files."""
    name: str = ""
    """What people call it: its release, with `.2` and so on behind it where a dump of that release is kept already."""

    @property
    def called(self) -> str:
        """Its name, also where an earlier Leat gave it none."""
        return self.name or self.release

    def made(self) -> tuple[int, str]:
        """Its files."""
        return len(self.files), "files"


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The collection that one uploader of a source filled."""

    collection: str
    """`<job>.<attempt>.<part>`."""
    count: int
    """Documents in it."""
    duplicates: int = 0
    """Documents that shared their `_id` with another one and were ignored or merged."""
    skipped: int = 0
    """Documents whose `_id` is longer than the 512 bytes that an index takes."""


class SourceUploaded(Output, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The documents of a release are stored and current."""

    source: str
    release: str
    dump: str
    """The dump they were parsed from."""
    code: str
    """Content hash of the plugin's code."""
    parts: dict[str, Part] = {}
    """By uploader name; one named like the source where the manifest has a single uploader."""
    name: str = ""
    """What people call it: its release, with `.2` and so on behind it where an upload of that release is kept already."""
    failed: dict[str, Failure] = {}
    """Parts whose uploader failed: in `parts` they are what they were in the upload before, if they were there."""

    @property
    def called(self) -> str:
        """Its name, also where an earlier Leat gave it none."""
        return self.name or self.release

    @property
    def failure(self) -> Failure | None:
        """Of the first part that failed, with what became of the others."""
        if not self.failed:
            return None
        part, first = next(iter(self.failed.items()))
        others = "".join(f"; part {name}: {why.message}" for name, why in self.failed.items() if name != part)
        stored = ", ".join(sorted(self.parts.keys() - self.failed.keys()))
        message = f"part {part}: {first.message}{others}; stored nevertheless: {stored}"
        return Failure(code=first.code, message=message, detail=first.detail)

    def made(self) -> tuple[int, str]:
        """The documents of the parts that were parsed."""
        return sum(part.count for name, part in self.parts.items() if name not in self.failed), "documents"

    def needed(self) -> tuple[str, ...]:
        """This output, and those that the parts which failed were taken from."""
        return tuple({self.output, *(part.collection.removesuffix(f".{name}") for name, part in self.parts.items())})


class Inspected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the inspection of one part is kept: a collection with one document per path."""

    collection: str
    paths: int
    documents: int
    warnings: int = 0


class SourceInspected(Output, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """The newest upload was looked at; its suggested mapping is committed unless somebody wrote the part's."""

    source: str
    upload: str
    """The upload that was inspected."""
    parts: dict[str, Inspected] = {}

    def made(self) -> tuple[int, str]:
        """The documents that were looked at."""
        return sum(part.documents for part in self.parts.values()), "documents"


class SourceAdded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A plugin became a source."""

    source: str


class SourceEdited(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A source's settings or mapping changed."""

    source: str


class SourceReloaded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A source's plugin code was read again."""

    source: str
    code: str


class SourceRemoved(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A source was removed; its files and documents follow as garbage."""

    source: str
