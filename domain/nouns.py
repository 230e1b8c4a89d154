"""What sources, builds and APIs have in common: outputs that jobs make, and one writer at a time."""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, NamedTuple, Self, TypeVar

import msgspec

from domain.errors import Conflict, NotFound, Stale, Unreadable
from domain.ports.records import Kind, Record, Records
from events.apis import ReleaseCreated
from events.builds import BuildFinished
from events.sources import SourceDumped, SourceInspected, SourceUploaded

log = logging.getLogger(__name__)

OutputEvent = SourceDumped | SourceUploaded | SourceInspected | BuildFinished | ReleaseCreated


class Noun(msgspec.Struct, frozen=True, kw_only=True):
    """A record that jobs write outputs for."""

    created_at: float
    writer: str = ""
    """`<job>.<attempt>` that may switch outputs now; empty where nobody works on it. Mutex and fence in one (DESIGN section 2)."""
    outputs: tuple[OutputEvent, ...] = ()
    """What jobs made and is kept, newest first, of each type its own number. The event is the description: `event.output` names
    collection, index or folder, and a dead attempt is known to have switched where its name stands here."""

    def newest(self, kind: type["E"]) -> "E | None":
        """The current output of one type."""
        return next((event for event in self.outputs if isinstance(event, kind)), None)

    def with_output(self, event: OutputEvent, keep: int) -> Self:
        """With `event` as the newest of its type, and the `keep` newest of that type left."""
        kept, same = [event], 1
        for old in self.outputs:
            if type(old) is type(event):
                same += 1
                if same > keep:
                    continue
            kept.append(old)
        return msgspec.structs.replace(self, outputs=tuple(kept))


E = TypeVar("E", SourceDumped, SourceUploaded, SourceInspected, BuildFinished, ReleaseCreated)
T = TypeVar("T", bound=msgspec.Struct)


class Stored(NamedTuple, Generic[T]):
    """A record decoded, with what a compare-and-set needs."""

    id: str
    version: int
    value: T


class Table(Generic[T]):
    """The records of one kind, as structs: reading and writing with versions, over whichever Records adapter."""

    def __init__(self, kind: Kind, type: type[T]) -> None:
        self.kind = kind
        self.type = type
        self._told: set[str] = set()
        """Ids of records that this process can't read, and has logged."""

    def decode(self, record: Record) -> Stored[T]:
        """The struct of a record; raises Unreadable, which is logged once for each record."""
        try:
            return Stored(record.id, record.version, msgspec.convert(record.body, self.type))
        except msgspec.ValidationError as error:
            unreadable = Unreadable(f"{self.kind.name} {record.id!r} is of another version of Leat: {error}")
            if record.id not in self._told:
                self._told.add(record.id)
                log.error("record can't be read", extra={"error": unreadable.message})
            raise unreadable from error

    async def find_one(self, records: Records, id: str) -> Stored[T] | None:
        """The record, or None."""
        record = await records.get(self.kind, id)
        return record and self.decode(record)

    async def get(self, records: Records, id: str) -> Stored[T]:
        """The record; raises NotFound naming kind and id."""
        stored = await self.find_one(records, id)
        if stored is None:
            raise NotFound(f"there is no {self.kind.name} {id!r}")
        return stored

    async def insert(self, records: Records, id: str, value: T) -> bool:
        """Insert if absent; False where the id exists."""
        return await records.insert(self.kind, id, msgspec.to_builtins(value))

    async def replace(self, records: Records, old: Stored[T], value: T) -> Stored[T]:
        """Compare-and-set; raises Stale."""
        version = await records.replace(self.kind, old.id, msgspec.to_builtins(value), old.version)
        return Stored(old.id, version, value)

    async def find(
        self,
        records: Records,
        *,
        order: str = "created_at",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        least: float | None = None,
        below: float | None = None,
        limit: int = 100,
        **equals: object,
    ) -> list[Stored[T]]:
        """Records whose declared fields equal these; see Records.find. What can't be read is passed over: fewer than `limit`
        are the last ones all the same."""
        found: list[Stored[T]] = []
        while True:
            wanted = limit - len(found)
            page = await records.find(
                self.kind, equals, order=order, descending=descending, after=after, least=least, below=below, limit=wanted
            )
            found += self._readable(page)
            if len(page) < wanted or len(found) == limit:
                return found
            after = (page[-1].body[order], page[-1].id)

    async def every(
        self,
        records: Records,
        *,
        order: str = "created_at",
        least: float | None = None,
        below: float | None = None,
        **equals: object,
    ) -> list[Stored[T]]:
        """All records of the kind, or of a range as in Records.find: for kinds of which there are tens, not millions. Raises
        Unreadable rather than leave one out, for whoever goes by what is not there."""
        return [self.decode(record) for record in await self._all(records, equals, order, least, below)]

    async def readable(self, records: Records, **equals: object) -> list[Stored[T]]:
        """As `every`, without what can't be read: for whoever looks at each by itself."""
        return self._readable(await self._all(records, equals))

    async def _all(
        self,
        records: Records,
        equals: dict[str, object],
        order: str = "created_at",
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
            after = (page[-1].body[order], page[-1].id)

    def _readable(self, page: Iterable[Record]) -> list[Stored[T]]:
        found: list[Stored[T]] = []
        for record in page:
            with suppress(Unreadable):  # `decode` logs it
                found.append(self.decode(record))
        return found

    async def change(self, records: Records, id: str, changed: Callable[[T], T | None]) -> Stored[T]:
        """Read, change and compare-and-set until nobody came in between; `changed` may raise, or return None to leave it be."""
        while True:
            stored = await self.get(records, id)
            value = changed(stored.value)
            if value is None:
                return stored
            try:
                return await self.replace(records, stored, value)
            except Stale:
                continue

    async def remove(self, records: Records, id: str, refuse: Callable[[T], None]) -> None:
        """Delete the record as it was when `refuse` looked at it and did not raise."""
        while True:
            stored = await self.get(records, id)
            refuse(stored.value)
            try:
                await records.delete(self.kind, id, stored.version)
                return
            except Stale:
                continue


def refuse_while_written(noun: Noun) -> None:
    """Raises Conflict while a job works on the noun."""
    if noun.writer:
        raise Conflict(f"the job {owner(noun.writer)[0]} works on it; wait for that or cancel it first")


def owner(name: str) -> tuple[str, int]:
    """(job, attempt) of a collection, index or folder `<job>.<attempt>[.<part>]`; ('', 0) where it is named otherwise."""
    parts = name.split(".", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        return "", 0
    return parts[0], int(parts[1])


def named_by(nouns: Iterable[Noun]) -> frozenset[str]:
    """`<job>.<attempt>` of every output that these nouns list or are writing."""
    return frozenset(event.output for noun in nouns for event in noun.outputs) | frozenset(
        noun.writer for noun in nouns if noun.writer
    )
