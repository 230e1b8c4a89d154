"""Records: small JSON with optimistic versions, the truth about everything that Leat knows."""

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of record, and what may be asked of it."""

    name: str
    """Lower-case singular, such as `job`."""
    indexes: tuple[tuple[str, ...], ...] = ()
    """Combinations of top-level fields that `find` and `count` may compare for equality."""
    order: tuple[str, ...] = ()
    """Top-level number fields that `find` may order by, beside the order in which the records were inserted."""
    ranges: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Further orders, each for one combination of fields: (fields, number field)."""

    def check(self, equals: Mapping[str, Any], order: str, *bounds: float | None) -> None:
        """For adapters: raise ValueError where `find` is asked for what is not declared, which would read every record, for a range
        of no field, or for one with NaN as a bound, which nothing is in nor out of."""
        known = [(set(fields), by) for fields, by in self.lookups()]
        if (set(equals), order) not in known:
            on = f" on {', '.join(sorted(equals))}" if equals else ""
            raise ValueError(f"{self.name} records have no index{on} in the order of {order or 'their insertion'}")
        if not order and any(bound is not None for bound in bounds):
            raise ValueError("a range is one of a field: name it as the order")
        if any(bound is not None and math.isnan(bound) for bound in bounds):
            raise ValueError("NaN is no bound of a range")

    def lookups(self) -> Iterable[tuple[tuple[str, ...], str]]:
        """For adapters: every (fields, order) that `find` may be asked for, and so every index that is needed. The order of
        insertion is named by no field."""
        yield from ((fields, by) for by in ("", *self.order) for fields in ((), *self.indexes))
        yield from self.ranges


class Record(NamedTuple):
    """A record as it was read."""

    id: str
    version: int
    """1 when inserted, one more with each replace."""
    body: dict[str, Any]
    """Plain JSON values: str, int (64 bits), float, bool, None, list, dict with string keys (any characters). Without `id`."""
    sequence: int = 0
    """Its place among all records of all kinds, as `find` and `snapshot` tell it: what is inserted after another insert returned
    has the larger number, whatever the clocks of the processes say. Negative for what an earlier version wrote; 0 where it is not
    told."""

    def place(self, order: str = "") -> tuple[float, str]:
        """What `find` is told to go on behind this record in that order."""
        return (self.body[order] if order else self.sequence), self.id


class RecordsWriter(ABC):
    """How records are written."""

    @abstractmethod
    async def prepare(self, kinds: Iterable[Kind]) -> None:
        """Make tables and indexes for these kinds where they are missing; called once at start, by several processes at a time."""

    @abstractmethod
    async def insert(self, kind: Kind, id: str, body: Mapping[str, Any], version: int = 1, sequence: int = 0) -> bool:
        """Insert with version 1 and the next number of the sequence, or with those that it had where it comes from a copy; False,
        and nothing changed, where the id exists."""

    @abstractmethod
    async def replace(self, kind: Kind, id: str, body: Mapping[str, Any], version: int) -> int:
        """Replace the body if the record still has `version`; returns the new version, raises Stale otherwise (absent included)."""

    @abstractmethod
    async def delete(self, kind: Kind, id: str, version: int | None = None) -> bool:
        """Remove it if it has this version, or whatever its version where None is given; False if it was absent. Raises Stale if it
        has another version."""


class RecordsReader(ABC):
    """How records are read."""

    @abstractmethod
    async def get(self, kind: Kind, id: str) -> Record | None:
        """The record without its sequence, or None."""

    @abstractmethod
    async def find(
        self,
        kind: Kind,
        equals: Mapping[str, Any] | None = None,
        *,
        order: str = "",
        descending: bool = False,
        after: tuple[float, str] | None = None,
        least: float | None = None,
        below: float | None = None,
        limit: int = 100,
    ) -> list[Record]:
        """Up to `limit` records whose fields equal these, in the order in which they were inserted, or by the field `order`, then
        by id (both descending if asked), behind `after`: the `place` of a record. `equals` is one of the kind's declared indexes,
        or empty.

        With `least` or `below`, those whose value of `order` is a number in [least, below): half open, so that ranges join without
        gap or overlap; infinity is a bound too. Raises ValueError for NaN.
        """

    @abstractmethod
    async def count(self, kind: Kind, equals: Mapping[str, Any] | None = None) -> int:
        """How many records `find` would give without a limit."""

    @abstractmethod
    def snapshot(self, kinds: Iterable[Kind]) -> AsyncIterator[tuple[Kind, Record]]:
        """Every record of these kinds, as all of them were at one moment while others write. Raises Unavailable where a server
        can't tell, because they never held still."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if it answers; raises Unavailable."""


class Records(RecordsWriter, RecordsReader):
    """The truth about sources, builds, APIs, jobs, runs: small JSON records with optimistic versions.

    Every write is durable (survives a power cut) once the call returns, and seen by every later read of any process.
    Driver errors become Unavailable.
    """
