"""APIs: a build's newest release, indexed and served."""

from typing import ClassVar

import msgspec

from events.message import Command, Event, Output


class CreateRelease(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Index the newest output of the API's build beside what is served, check it by the gates, and switch."""

    queue: ClassVar[str] = "index"
    noun: ClassVar[str] = "api"
    verb: ClassVar[str] = "release"
    exclusive: ClassVar[bool] = True
    api: str
    force: bool = False
    """Index again even if this output is served already."""


class ValidateMapping(Command, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Try a source's mapping on a scratch index with some of its documents."""

    queue: ClassVar[str] = "index"
    noun: ClassVar[str] = "source"
    verb: ClassVar[str] = "validate"
    source: str
    draft: bool = False
    """Try the drafts, where parts have one."""


class ReleaseCreated(Output, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A release was made. It is served, unless `held` says what keeps it back."""

    api: str
    output: str
    """The index, `<job>.<attempt>`."""
    build: str
    """The build's output that it indexes, `<job>.<attempt>`."""
    version: str
    count: int
    """Documents in it."""
    name: str = ""
    """What people call it: the build's version, with `.2` and so on behind it where that was released before. Empty in what an
    earlier Leat made (`called`)."""
    accepted_by: str = ""
    """Who let it be served although it was held; empty where nobody had to."""
    accepted_at: float = 0.0
    """When: Unix seconds."""
    accepted_despite: tuple[str, ...] = ()
    """Why it was held until then."""

    @property
    def called(self) -> str:
        """Its name, also where an earlier Leat gave it none."""
        return self.name or self.version

    def made(self) -> tuple[int, str]:
        """The documents that were indexed."""
        return self.count, "documents"

    def needed(self) -> tuple[str, ...]:
        """The index, and the collection that it reads its documents from."""
        return (self.output, self.build)


class ReleaseSwitched(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """An API was rolled back, or forward, to a release that is kept."""

    api: str
    output: str


class ReleaseAccepted(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A held release is served, because somebody accepted it."""

    api: str
    output: str
    by: str
    """Who."""
    despite: tuple[str, ...] = ()
    """Why it was held."""


class Tried(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A path of the documents that a mapping was tried with."""

    part: str
    path: str
    documents: int
    """Documents tried that have a value there."""
    found: int = 0
    """Documents that are found to have one."""
    type: str = ""
    """Of its field; empty where it is not mapped."""


class MappingValidated(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """A mapping was tried; `problems` says what the engine or the documents refuse."""

    source: str
    documents: int
    problems: tuple[str, ...] = ()
    paths: tuple[Tried, ...] = ()
    """What is found of each path, those that lose most first."""

    def made(self) -> tuple[int, str]:
        """The documents that were tried."""
        return self.documents, "documents"


class ApiAdded(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """An API was made."""

    api: str


class ApiEdited(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """An API was edited, started or stopped."""

    api: str


class ApiRemoved(Event, frozen=True, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """An API was removed; its indexes follow as garbage."""

    api: str
