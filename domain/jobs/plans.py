"""Plans: the steps of a run, worked out from the nouns as they are when it starts."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from domain.data import builds
from domain.data.apis import Api
from domain.data.builds import Build
from domain.data.sources import Source
from domain.errors import Invalid
from domain.nouns import Table
from domain.ports.records import Kind
from events.apis import CreateRelease, ValidateMapping
from events.builds import RunBuild
from events.message import Command
from events.sources import DumpSource, InspectSource, SourceUploaded, UploadSource


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One planned job of a run."""

    name: str
    """Such as `upload:clinvar`; unique in the run, and the job's id is derived from it."""
    command: dict[str, Any]
    """The command as plain values."""
    after: tuple[str, ...] = ()
    """Steps that must have SUCCEEDED before this one is asked for."""
    delay: float = 0.0
    """Seconds that the job waits before it is due (the quiet minute of an automatic build)."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Several planned steps that are seen, and cancelled, as one thing. A job without followers is a run by itself and has no
    record of this kind."""

    title: str
    """What it does, in words: `pipeline of mygene`."""
    asked_by: str = ""
    input_hash: str = ""
    """Of what was asked for; another input under the same id is a Conflict."""
    created_at: float
    steps: tuple[Step, ...] = ()
    cancelled: bool = False
    cancelled_at: float = 0.0
    pending: Literal["", "ask", "cancel"] = "ask"
    """What is left to do for the run itself, and a reaper does where its process died: ask for the first steps, or cancel what is
    unfinished."""


RUNS = Table(Kind(name="run", indexes=(("pending",), ("asked_by",))), Run)


def step(command: Command, after: Iterable[str] = (), delay: float = 0.0) -> Step:
    """A step named for its command and target."""
    return Step(name=name_of(command), command=msgspec.to_builtins(command), after=tuple(after), delay=delay)


def name_of(command: Command) -> str:
    """`dump:<source>`, `upload:<source>`, `inspect:<source>`, `build:<build>`, `release:<api>`, `validate:<source>`."""
    match command:
        case DumpSource():
            return f"dump:{command.source}"
        case UploadSource():
            return f"upload:{command.source}"
        case InspectSource():
            return f"inspect:{command.source}"
        case RunBuild():
            return f"build:{command.build}"
        case CreateRelease():
            return f"release:{command.api}"
        case ValidateMapping():
            return f"validate:{command.source}"
    return type(command).__name__


def load(source: str, *, dump: bool, force: bool) -> list[Step]:
    """[dump →] upload → inspect of one source."""
    steps = [step(DumpSource(source=source, force=force))] if dump else []
    steps.append(step(UploadSource(source=source, force=force), after=[s.name for s in steps[-1:]]))
    steps.append(step(InspectSource(source=source, force=force), after=[steps[-1].name]))
    return steps


def build(name: str, apis: Mapping[str, Api], *, force: bool = False, after: Iterable[str] = (), delay: float = 0.0) -> list[Step]:
    """build → a release of each API that follows it by itself."""
    built = step(RunBuild(build=name, force=force), after, delay)
    following = sorted(api for api, value in apis.items() if value.build == name and value.automatic)
    return [built, *(step(CreateRelease(api=api), [built.name]) for api in following)]


def followed_load(
    source: str,
    sources: Mapping[str, Source],
    all_builds: Mapping[str, Build],
    apis: Mapping[str, Api],
    *,
    dump: bool,
    force: bool,
    quiet: float,
) -> list[Step]:
    """load → the automatic builds that merge the source, after a quiet time → their automatic releases."""
    steps = load(source, dump=dump, force=force)
    last = steps[-1].name
    for name in sorted(all_builds):
        if all_builds[name].automatic and source in _complete(all_builds[name], sources, source):
            steps += build(name, apis, after=[last], delay=quiet)
    return steps


def pipeline(name: str, value: Build, sources: Mapping[str, Source], api: str, *, force: bool) -> list[Step]:
    """Load every source that the build merges → build → release. Raises Invalid where an entry of the build fits no part."""
    steps: list[Step] = []
    ends: list[str] = []
    for source in sorted(merged_sources(value, sources)):
        steps += load(source, dump=True, force=force)
        ends.append(steps[-1].name)
    steps.append(step(RunBuild(build=name, force=force), after=ends))
    steps.append(step(CreateRelease(api=api, force=force), after=[steps[-1].name]))
    return steps


def merged_sources(value: Build, sources: Mapping[str, Source]) -> frozenset[str]:
    """The sources whose parts the build merges."""
    owners = {part: source for source, record in sources.items() for part in record.part_names()}
    return frozenset(owners[part] for part in builds.resolve(value, owners))


def _complete(value: Build, sources: Mapping[str, Source], loading: str) -> frozenset[str]:
    """The sources that the build merges, if all of them but `loading` have an upload already; else none."""
    try:
        merged = merged_sources(value, sources)
    except Invalid:
        return frozenset()
    uploaded = all(name == loading or sources[name].newest(SourceUploaded) for name in merged)
    return merged if uploaded else frozenset()
