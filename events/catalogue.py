"""Every message by name: how a body becomes a message, and the JSON Schema of them all."""

from typing import Any, TypeVar

import msgspec

from events import apis, builds, jobs, runs, schedules, sources
from events.message import Command, Event

T = TypeVar("T")

COMMANDS: tuple[type[Command], ...] = (
    sources.DumpSource,
    sources.UploadSource,
    sources.InspectSource,
    builds.RunBuild,
    apis.CreateRelease,
    apis.ValidateMapping,
)

EVENTS: tuple[type[Event], ...] = (
    jobs.JobQueued,
    jobs.JobStarted,
    jobs.JobCanceling,
    jobs.JobFinished,
    jobs.JobProgressed,
    jobs.LogWritten,
    runs.RunStarted,
    runs.RunCanceled,
    sources.SourceDumped,
    sources.SourceUploaded,
    sources.SourceInspected,
    sources.SourceAdded,
    sources.SourceEdited,
    sources.SourceReloaded,
    sources.SourceRemoved,
    builds.BuildFinished,
    builds.BuildAdded,
    builds.BuildEdited,
    builds.BuildRemoved,
    apis.ReleaseCreated,
    apis.ReleaseSwitched,
    apis.MappingValidated,
    apis.ApiAdded,
    apis.ApiEdited,
    apis.ApiRemoved,
    schedules.ScheduleAdded,
    schedules.ScheduleEdited,
    schedules.ScheduleRemoved,
    schedules.ScheduleFired,
)

QUEUES: tuple[str, ...] = tuple(sorted({command.queue for command in COMMANDS}))


class UndecodableMessage(Exception):
    """The body is no message that this version knows."""


def _union(types: tuple[type[Any], ...]) -> Any:
    union = types[0]
    for other in types[1:]:
        union = union | other  # type: ignore[assignment]
    return union


_COMMAND = msgspec.json.Decoder(_union(COMMANDS))
_EVENT = msgspec.json.Decoder(_union(EVENTS))
_ENCODER = msgspec.json.Encoder()
# Plain values are converted to the class that they name: msgspec would look at every member of a union at each call.
_COMMAND_CLASSES = {command.__name__: command for command in COMMANDS}
_EVENT_CLASSES = {event.__name__: event for event in EVENTS}


def encode(message: Command | Event) -> bytes:
    """The message as JSON, its class name under `type`."""
    return _ENCODER.encode(message)


def decode_command(body: bytes, queue: str = "") -> Command:
    """The command in `body`; raises UndecodableMessage with the reason, also where it came from a queue that is not its own: there
    nobody can do it."""
    try:
        command: Command = _COMMAND.decode(body)
    except msgspec.DecodeError as error:
        raise UndecodableMessage(str(error)) from error
    if queue and command.queue != queue:
        raise UndecodableMessage(f"a {type(command).__name__} belongs in the queue {command.queue}, not in {queue}")
    return command


def decode_event(body: bytes) -> Event:
    """The event in `body`; raises UndecodableMessage with the reason."""
    try:
        event: Event = _EVENT.decode(body)
    except msgspec.DecodeError as error:
        raise UndecodableMessage(str(error)) from error
    return event


def command_from(record: dict[str, Any]) -> Command:
    """The command that a job's record keeps as plain values; raises msgspec.ValidationError where this version knows none such."""
    return msgspec.convert(record, _class_of(record, _COMMAND_CLASSES))


def event_from(record: dict[str, Any]) -> Event:
    """The event that a record keeps as plain values; raises msgspec.ValidationError where this version knows none such."""
    return msgspec.convert(record, _class_of(record, _EVENT_CLASSES))


def _class_of(record: dict[str, Any], classes: dict[str, type[T]]) -> type[T]:
    name = record.get("type", "")
    if name not in classes:
        raise msgspec.ValidationError(f"there is no {name!r} in this version")
    return classes[name]


def schema() -> dict[str, Any]:
    """JSON Schema of every command and event: the content of `messages.json`."""
    _, components = msgspec.json.schema_components((*COMMANDS, *EVENTS), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Leat's commands and events",
        "commands": {command.__name__: {"queue": command.queue, "$ref": f"#/$defs/{command.__name__}"} for command in COMMANDS},
        "events": {event.__name__: {"$ref": f"#/$defs/{event.__name__}"} for event in EVENTS},
        "$defs": dict(sorted(components.items())),
    }
