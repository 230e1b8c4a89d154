"""Records of one kind as structs: what people name and edit, what jobs make outputs for, and how both are read and written."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import msgspec

from domain.errors import Conflict, Invalid, NotFound, Stale, Unreadable
from domain.ports.records import Kind, Record, Records
from events.catalogue import OUTPUTS, union
from events.message import Output

if TYPE_CHECKING:
    AnyOutput = Output
else:
    AnyOutput = union(OUTPUTS)  # decoded as whichever event the record names

log = logging.getLogger(__name__)


CHANGES = 20
"""Changes of one topic that are remembered."""
LARGEST_HISTORY = 2**20
"""Bytes that all changes of a record may take: a record is read and written whole."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What fields of a record were from a moment on."""

    number: int
    """Counts the changes of the record, from 1."""
    at: float
    """When, in Unix seconds."""
    by: str
    """Who: a caller's actor, or `job <id>`; empty where nobody remembers."""
    topic: str
    values: dict[str, Any]
    """By field, as plain values."""


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people make, edit and remove; every edit commits its event in the same write (domain.jobs.edits)."""

    HISTORY: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The fields whose changes are remembered, by topic. This line is all that a noun needs to have a history."""

    created_at: float
    deleted_at: float = 0.0
    """When it was removed, in Unix seconds; 0.0 while it is there. A removed one stays in the records, and nobody sees it, until
    its events were followed, so that what is made anew under its name goes on counting versions."""
    untold: tuple[dict[str, Any], ...] = ()
    """Events that are committed and not followed yet, as plain values, the oldest first (domain.jobs.following)."""
    is_untold: bool = False
    """Whether `untold` holds any, for the reaper's look-up."""
    history: tuple[Change, ...] = ()
    """What the fields of HISTORY were, the newest first: CHANGES of each topic, LARGEST_HISTORY bytes of all."""

    def remembering(self, before: Self | None, by: str) -> Self:
        """With what changed since `before` in its history, and with what was before where the history does not know that: an older
        Leat, or nobody, made that change."""
        history = self.history
        for topic, fields in self.HISTORY.items():
            if before is not None and all(getattr(self, name) == getattr(before, name) for name in fields):
                continue
            last = next((change for change in history if change.topic == topic), None)
            if before is not None and (last is None or last.values != before._plain(fields)):
                was = before._plain(fields)
                made_at = getattr(before, "edited_at", 0.0) or before.created_at
                history = (Change(number=_next(history), at=made_at, by="", topic=topic, values=was), *history)
            now = Change(number=_next(history), at=time.time(), by=by, topic=topic, values=self._plain(fields))
            history = (now, *history)
        return self if history is self.history else msgspec.structs.replace(self, history=_shortened(history))

    def _plain(self, names: Iterable[str]) -> dict[str, Any]:
        """These fields as a record gives them back: lists instead of tuples."""
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({name: getattr(self, name) for name in names}))
        return values

    def change(self, number: int) -> Change:
        """The change of that number. Raises Invalid where it is not remembered."""
        for change in self.history:
            if change.number == number:
                return change
        known = ", ".join(str(change.number) for change in self.history[:10]) or "none"
        raise Invalid(f"there is no change {number} in its history; there are {known}", ("change",))

    def as_of(self, change: Change) -> Self:
        """With the fields as they were after a change."""
        types = {field.name: field.type for field in msgspec.structs.fields(self)}
        values = {name: msgspec.convert(value, types[name]) for name, value in change.values.items() if name in types}
        return msgspec.structs.replace(self, **values)


def _next(history: tuple[Change, ...]) -> int:
    return history[0].number + 1 if history else 1


def _shortened(history: tuple[Change, ...]) -> tuple[Change, ...]:
    """The newest changes of each topic, as many as there is room for; the newest of all in any case."""
    kept: list[Change] = []
    size = 0
    for change in history:
        size += len(msgspec.json.encode(change))
        if kept and size > LARGEST_HISTORY:
            break
        if sum(other.topic == change.topic for other in kept) < CHANGES:
            kept.append(change)
    return tuple(kept)


class Noun(Entity, frozen=True, kw_only=True):
    """An entity that jobs make outputs for."""

    writer: str = ""
    """`<job>.<attempt>` that may switch outputs now; empty where nobody works on it. Mutex and fence in one (docs/protocol.md)."""
    is_written: bool = False
    """Whether `writer` names anybody, for the reaper's look-up."""
    outputs: tuple[AnyOutput, ...] = ()
    """What jobs made and is kept, the newest first; for each type, its own number is kept. The event is the description:
    `event.output` names the collection, index or folder. Where the name of a dead attempt stands here, that attempt is known to
    have switched."""

    def newest(self, kind: type["E"]) -> "E | None":
        """The current output of one type."""
        return next((event for event in self.outputs if isinstance(event, kind)), None)

    def with_output(self, event: Output, keep: int) -> Self:
        """With `event` as the newest of its type, and the `keep` newest of that type left."""
        kept, same = [event], 1
        for old in self.outputs:
            if type(old) is type(event):
                same += 1
                if same > keep:
                    continue
            kept.append(old)
        return msgspec.structs.replace(self, outputs=tuple(kept))

    def with_writer(self, name: str) -> Self:
        """With this writer, or with none."""
        return msgspec.structs.replace(self, writer=name, is_written=bool(name))


ENTITY_INDEXES = (("is_untold",),)
NOUN_INDEXES = (*ENTITY_INDEXES, ("is_written",))
REMOVED_RANGE = (((), "deleted_at"),)
"""What the reaper finds entities by; each kind declares these beside its own."""

E = TypeVar("E", bound=Output)
T = TypeVar("T", bound=msgspec.Struct)


class Stored(NamedTuple, Generic[T]):
    """A record decoded, with what a compare-and-set needs."""

    id: str
    version: int
    value: T
    rest: Mapping[str, Any] | None = None
    """Fields that this version of Leat does not know: a newer one wrote them. They are written back as they are."""
    sequence: int = 0
    """Its place among all records, where it comes from a list; see Record."""

    @property
    def place(self) -> tuple[float, str]:
        """What comes `after` it in a list."""
        return self.sequence, self.id


class Table(Generic[T]):
    """The records of one kind, as structs: reading and writing with versions, over whichever Records adapter."""

    def __init__(self, kind: Kind, type: type[T], word: str = "") -> None:
        self.kind = kind
        self.type = type
        self.word = word or kind.name
        """What one of them is called in sentences, where the kind's name is no word."""
        self._fields = frozenset(type.__struct_fields__)
        self._unread: set[str] = set()
        """Ids of records that this process can't read, and has logged."""

    def decode(self, record: Record) -> Stored[T]:
        """The struct of a record; raises Unreadable, which is logged once for each record."""
        rest = {name: record.body[name] for name in record.body.keys() - self._fields}
        try:
            value = msgspec.convert(record.body, self.type)
            return Stored(record.id, record.version, value, rest or None, record.sequence)
        except msgspec.ValidationError as error:
            unreadable = Unreadable(f"{self.word} {record.id!r} is of another version of Leat: {error}")
            if record.id not in self._unread:
                self._unread.add(record.id)
                log.error("record can't be read", extra={"error": unreadable.message})
            raise unreadable from error

    async def find_one(self, records: Records, id: str) -> Stored[T] | None:
        """The record, or None."""
        stored = await self.find_even_removed(records, id)
        return None if stored is None or _is_removed(stored.value) else stored

    async def find_even_removed(self, records: Records, id: str) -> Stored[T] | None:
        """The record, or None. What is left of something that was removed is found too."""
        record = await records.get(self.kind, id)
        return record and self.decode(record)

    async def get(self, records: Records, id: str) -> Stored[T]:
        """The record; raises NotFound naming kind and id."""
        stored = await self.find_one(records, id)
        if stored is None:
            raise NotFound(f"there is no {self.word} {id!r}")
        return stored

    async def insert(self, records: Records, id: str, value: T) -> Stored[T] | None:
        """Insert if absent; None where the id exists."""
        if await records.insert(self.kind, id, msgspec.to_builtins(value)):
            return Stored(id, 1, value)
        return None

    async def replace(self, records: Records, old: Stored[T], value: T) -> Stored[T]:
        """Compare-and-set; raises Stale."""
        body = msgspec.to_builtins(value)
        if old.rest:
            body = {**old.rest, **body}
        return Stored(old.id, await records.replace(self.kind, old.id, body, old.version), value, old.rest, old.sequence)

    async def find(
        self,
        records: Records,
        *,
        order: str = "",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        least: float | None = None,
        below: float | None = None,
        limit: int = 100,
        removed: bool = False,
        **equals: object,
    ) -> list[Stored[T]]:
        """Records whose declared fields equal these; see Records.find. Those that can't be read are passed over, and so are removed
        ones, unless `removed` asks for them. Where fewer than `limit` come back, there are no more."""
        found: list[Stored[T]] = []
        while True:
            wanted = limit - len(found)
            page = await records.find(
                self.kind, equals, order=order, descending=descending, after=after, least=least, below=below, limit=wanted
            )
            found += self._readable(page, removed)
            if len(page) < wanted or len(found) == limit:
                return found
            after = page[-1].place(order)

    async def every(
        self,
        records: Records,
        *,
        order: str = "",
        least: float | None = None,
        below: float | None = None,
        **equals: object,
    ) -> list[Stored[T]]:
        """All records of the kind, or of a range as in Records.find: for kinds of which there are tens, not millions. Raises
        Unreadable rather than leave one out, since callers rely on what is not in the list."""
        stored = [self.decode(record) for record in await self._all(records, equals, order, least, below)]
        return [each for each in stored if not _is_removed(each.value)]

    async def readable(self, records: Records, **equals: object) -> list[Stored[T]]:
        """As `every`, without the records that can't be read: for callers who look at each record by itself."""
        return self._readable(await self._all(records, equals))

    async def _all(
        self,
        records: Records,
        equals: dict[str, object],
        order: str = "",
        least: float | None = None,
        below: float | None = None,
    ) -> list[Record]:
        found: list[Record] = []
        after: tuple[float, str] | None = None
        while True:
            page = await records.find(self.kind, equals, order=order, after=after, least=least, below=below, limit=500)
            found += page
            if len(page) < 500:
                return found
            after = page[-1].place(order)

    def _readable(self, page: Iterable[Record], removed: bool = False) -> list[Stored[T]]:
        found: list[Stored[T]] = []
        for record in page:
            with suppress(Unreadable):  # `decode` logs it
                stored = self.decode(record)
                if removed or not _is_removed(stored.value):
                    found.append(stored)
        return found

    async def change(self, records: Records, id: str, changed: Callable[[T], T | None]) -> Stored[T]:
        """Read, change and compare-and-set; again where somebody else changed the record in between. `changed` may raise, or return
        None to leave the record as it is."""
        while True:
            stored = await self.get(records, id)
            value = changed(stored.value)
            if value is None:
                return stored
            try:
                return await self.replace(records, stored, value)
            except Stale:
                continue

    async def change_or_make(self, records: Records, id: str, make: Callable[[], T], changed: Callable[[T], T | None]) -> Stored[T]:
        """As `change`, of a record that is made where there is none."""
        while True:
            try:
                return await self.change(records, id, changed)
            except NotFound:
                await self.insert(records, id, make())


def _is_removed(value: msgspec.Struct) -> bool:
    return isinstance(value, Entity) and value.deleted_at > 0


def refuse_while_written(noun: Noun) -> None:
    """Raises Conflict while a job works on the noun."""
    if noun.writer:
        raise Conflict(f"the job {owner(noun.writer)[0]} works on it; wait for that or cancel it first")


def owner(name: str) -> tuple[str, int]:
    """(job, attempt) of a collection, index or folder `<job>.<attempt>[.<part>]`; ('', 0) where it is named otherwise."""
    parts = name.split(".", 2)
    if len(parts) < 2 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 19):
        return "", 0
    return parts[0], int(parts[1])
