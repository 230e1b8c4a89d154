"""Every message by name: how a body becomes a message, and the JSON Schema of them all."""

import functools
import operator
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from events import apis, builds, jobs, notifications, runs, schedules, sources
from events.message import Command, Event, Output

T = TypeVar("T")

NOUNS: tuple[ModuleType, ...] = (
    jobs,
    runs,
    sources,
    builds,
    apis,
    schedules,
    notifications,
)
"""Where messages are declared, one module a noun: whatever is declared there is known."""


def _declared(kind: type[T]) -> tuple[type[T], ...]:
    """The messages of a kind, in the order of their declaration; without the classes that others are made of, such as JobEvent."""
    classes = (value for module in NOUNS for value in vars(module).values() if isinstance(value, type))
    return tuple(declared for declared in classes if issubclass(declared, kind) and _is_whole(declared))


def _is_whole(declared: type[Any]) -> bool:
    return declared.__module__ in _MODULES and not declared.__subclasses__()


_MODULES = frozenset(module.__name__ for module in NOUNS)
COMMANDS: tuple[type[Command], ...] = _declared(Command)
EVENTS: tuple[type[Event], ...] = _declared(Event)
OUTPUTS: tuple[type[Output], ...] = _declared(Output)
QUEUES: tuple[str, ...] = tuple(sorted({command.queue for command in COMMANDS}))


class UndecodableMessage(Exception):
    """The body is no message that this version knows."""


def union(types: tuple[type[Any], ...]) -> Any:
    """A type that msgspec decodes as whichever of these types the tag names."""
    return functools.reduce(operator.or_, types)


_COMMAND = msgspec.json.Decoder(union(COMMANDS))
_EVENT = msgspec.json.Decoder(union(EVENTS))
_ENCODER = msgspec.json.Encoder()
# Plain values are converted to the class that they name: msgspec would look at every member of a union at each call.
_COMMAND_CLASSES = {command.__name__: command for command in COMMANDS}
_EVENT_CLASSES = {event.__name__: event for event in EVENTS}


def encode(message: Command | Event) -> bytes:
    """The message as JSON, its class name under `type`."""
    return _ENCODER.encode(message)


def decode_command(body: bytes, queue: str = "") -> Command:
    """The command in `body`. Raises UndecodableMessage with the reason, also where the command came from a queue that is not its
    own: nobody there can do it."""
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
    """The command that a job's record keeps as plain values; raises msgspec.ValidationError where this version does not know it."""
    return msgspec.convert(record, _class_of(record, _COMMAND_CLASSES))


def event_from(record: dict[str, Any]) -> Event:
    """The event that a record keeps as plain values; raises msgspec.ValidationError where this version does not know it."""
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
