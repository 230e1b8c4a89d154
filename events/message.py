"""What every message is made of: identity, time, and what caused it."""

import time
import uuid
from typing import ClassVar, Self

import msgspec


def new_id() -> str:
    """A fresh random identifier (UUIDv4, canonical text)."""
    return str(uuid.uuid4())


def now() -> float:
    """Unix time in seconds, by the clock as it is when this is called."""
    return time.time()


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Ids and primitives only; readers ignore fields they do not know, so a writer may add one first."""

    id: str = msgspec.field(default_factory=new_id)
    """Identity of this message."""
    at: float = msgspec.field(default_factory=now)
    """When it was said: Unix time in seconds."""
    job_id: str = ""
    """The job that it is about."""
    run_id: str = ""
    """The run that the job belongs to."""
    cause_id: str = ""
    """The message or job that led to it; empty where a person or a schedule did."""


class Command(Message, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """An imperative: exactly one worker does it, and it can fail."""

    queue: ClassVar[str]
    """The queue, and so the kind of worker, that takes it."""


class Event(Message, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Past tense: anybody may watch it, nobody can refuse it."""

    def said_by(self, command: Command) -> Self:
        """The same, said now by the job that does `command`."""
        return msgspec.structs.replace(
            self, id=new_id(), at=now(), job_id=command.job_id, run_id=command.run_id, cause_id=command.id
        )
