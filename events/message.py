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
    trace: str = ""
    """The span within which it was said, as W3C's `traceparent`; empty where nobody traces (events.tracing)."""


class Command(Message, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """An imperative: exactly one worker does it, and it can fail."""

    queue: ClassVar[str]
    """The queue, and so the kind of worker, that takes it."""
    noun: ClassVar[str] = ""
    """The kind of thing that it works on, which is also the name of the field that names it; empty where it works on none."""
    verb: ClassVar[str]
    """What it does, in a word: with the noun's name it names the step of a run, `dump:clinvar`."""
    exclusive: ClassVar[bool] = False
    """Whether it switches an output of its noun, and so is done one at a time for that."""

    @property
    def name(self) -> str:
        """The name of what it works on."""
        return str(getattr(self, self.noun)) if self.noun else ""

    @property
    def target(self) -> str:
        """`kind/name` of what it works on, such as `source/clinvar`; empty where it works on nothing."""
        return f"{self.noun}/{self.name}" if self.noun else ""

    @property
    def step(self) -> str:
        """What it is called in a run, such as `dump:clinvar`."""
        return f"{self.verb}:{self.name}" if self.noun else self.verb


class Event(Message, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Past tense: anybody may watch it, nobody can refuse it."""

    def said_by(self, command: Command) -> Self:
        """The same, said now by the job that does `command`."""
        return msgspec.structs.replace(
            self, id=new_id(), at=now(), job_id=command.job_id, run_id=command.run_id, cause_id=command.id
        )

    def made(self) -> tuple[int, str]:
        """How much its job has done of what, in the plural: `(3, "files")`; `(0, "")` where nothing is counted."""
        return 0, ""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why something failed, as its error told."""

    code: str
    message: str
    detail: str = ""


class Output(Event, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """An event that describes what a job made: it is kept in the list of the job's noun (docs/adr/0001)."""

    output: str
    """`<job>.<attempt>`, the name of whatever was made; of what was there already, where `unchanged`."""
    unchanged: bool = False
    """True where nothing had to be made."""
    held: tuple[str, ...] = ()
    """Why it was made and yet kept back, a sentence each: a person decides. Empty where nothing keeps it back. Its job has
    SUCCEEDED, and its run is HELD."""

    @property
    def failure(self) -> Failure | None:
        """Why its job has FAILED though this was made, and is listed; None where all of it went well."""
        return None

    def needed(self) -> tuple[str, ...]:
        """The names of everything that has to be there for as long as this output is listed."""
        return (self.output,)
