"""What messages promise whoever reads them."""

from typing import Any, get_args, get_origin

import msgspec
import pytest

from events import catalogue
from events.catalogue import COMMANDS, EVENTS, UndecodableMessage, decode_command, decode_event, encode
from events.message import Command, Event, Message
from events.sources import DumpSource, SourceAdded


def example(type_: Any) -> Any:
    """A value of that type that is not its default."""
    origin = get_origin(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_(**{field.name: example(field.type) for field in msgspec.structs.fields(type_)})
    if origin is dict:
        return {example(get_args(type_)[0]): example(get_args(type_)[1])}
    if origin is tuple:
        return (example(get_args(type_)[0]),)
    if get_args(type_):
        first = get_args(type_)[0]
        return first if isinstance(first, str) else example(first)
    return {str: "text", int: 7, float: 1.5, bool: True}[type_]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_round_trip(command: type[Command]) -> None:
    """Every command comes back as it was, from bytes and from plain values."""
    message = example(command)

    assert decode_command(encode(message)) == message
    assert catalogue.command_from(msgspec.to_builtins(message)) == message


@pytest.mark.parametrize("event", EVENTS)
def test_event_round_trip(event: type[Event]) -> None:
    """Every event comes back as it was, from bytes and from plain values."""
    message = example(event)

    assert decode_event(encode(message)) == message
    assert catalogue.event_from(msgspec.to_builtins(message)) == message


@pytest.mark.parametrize("message", [*COMMANDS, *EVENTS])
def test_messages_are_frozen(message: type[Message]) -> None:
    """No message can be changed once it was said."""
    said = example(message)

    with pytest.raises(AttributeError):
        said.job_id = "another"


def test_unknown_fields_are_ignored() -> None:
    """A field that a newer version added does not keep an older one from reading."""
    assert decode_command(b'{"type":"DumpSource","source":"a","id":"1","at":2.0,"news":{"deep":[1]}}') == DumpSource(
        source="a", id="1", at=2.0
    )
    assert decode_event(b'{"type":"SourceAdded","source":"a","id":"1","at":2.0,"news":1}') == SourceAdded(
        source="a", id="1", at=2.0
    )


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"type":"Nothing"}', b'{"type":"DumpSource","source":1}', b'{"type":"SourceAdded"']
)
def test_what_is_no_message(body: bytes) -> None:
    """What is no message, or none that this version knows, is told apart by a named error with the reason."""
    with pytest.raises(UndecodableMessage, match=r".+"):
        decode_command(body)
    with pytest.raises(UndecodableMessage, match=r".+"):
        decode_event(body)


def test_a_command_is_no_event() -> None:
    """An event on a queue of commands, or the other way about, is undecodable."""
    with pytest.raises(UndecodableMessage):
        decode_command(encode(SourceAdded(source="a")))
    with pytest.raises(UndecodableMessage):
        decode_event(encode(DumpSource(source="a")))


def test_every_message_is_listed() -> None:
    """Every message class with a name of its own on the wire is in the catalogue, once."""
    listed = [*COMMANDS, *EVENTS]

    def leaves(base: type[Message]) -> set[type[Message]]:
        return {leaf for child in base.__subclasses__() for leaf in leaves(child)} or {base}

    assert len(set(listed)) == len(listed)
    assert {message for message in leaves(Message) if message.__module__.startswith("events.")} == set(listed)


def test_schema_names_every_message() -> None:
    """The schema tells of every message, and of the queue that takes each command."""
    schema = catalogue.schema()

    assert set(schema["commands"]) == {command.__name__ for command in COMMANDS}
    assert set(schema["events"]) == {event.__name__ for event in EVENTS}
    assert schema["commands"]["DumpSource"]["queue"] == "dump"
