"""Release gates: what a new release must hold up to before it is served, judged as a pure function of what two releases hold.

The gates of a build speak of its releases; those of a source add to them, and say how much its own documents and fields may lose.
"""

from collections.abc import Iterator, Mapping, Sequence, Set

import msgspec

from domain.errors import Invalid, QueryInvalid
from domain.query.parser import parse
from domain.wording import listed

LOST = 0.1
"""The share that may be lost where nobody says otherwise: a tenth."""
NAMED = 10
"""Fields or ids that one reason names."""
MOST = 100
"""Entries of a kind that gates may have: each costs a search at every release."""


class Expected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A query, and how many documents it must find."""

    query: str
    least: int = 1
    most: int | None = None
    """None: any number from `least` on."""


class Gates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What keeps a release back, of a build or of a source."""

    lost: float | None = None
    """The share of documents, and of the documents that have a mapped field, that may be lost against what is served: 0.1 is a
    tenth, 1 any. None: as the build says, and where that says nothing either, LOST."""
    field_lost: dict[str, float] = {}
    """By the path of a field: the share of its documents that may be lost, where that is another one."""
    fields: tuple[str, ...] = ()
    """Paths that some document must have."""
    ids: tuple[str, ...] = ()
    """Documents that must be there."""
    queries: tuple[Expected, ...] = ()
    """Queries, and how many documents each must find."""
    searchable: bool = True
    """Whether the mapping must find something: a release is held where documents have values and no mapped field finds any."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a release holds, as far as gates look at it."""

    count: int
    """Documents."""
    parts: Mapping[str, int] = {}
    """Documents of each part that went into it."""
    fields: Mapping[str, int] = {}
    """By the path of a mapped field: the documents that are found to have it."""
    found: Mapping[str, int | str] = {}
    """By query of a gate: the documents that it finds, or why it can't be asked."""
    missing: Sequence[str] = ()
    """Ids of the gates that are not there."""


class OfSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source whose parts are in a release."""

    gates: Gates
    parts: Mapping[str, Set[str]]
    """By part: the paths that its mapping has."""


def check(gates: Gates) -> Gates:
    """The gates, if they can be; raises Invalid naming the field."""
    if gates.lost is not None:
        _check_share(gates.lost, ("lost",))
    for path, share in gates.field_lost.items():
        _check_share(share, ("field_lost", path))
    for name in ("field_lost", "fields", "ids", "queries"):
        if len(getattr(gates, name)) > MOST:
            raise Invalid(f"gates have at most {MOST} {name.replace('_', ' ')}", (name,))
    for expected in gates.queries:
        try:
            parse(expected.query)
        except QueryInvalid as error:
            raise Invalid(f"the query {expected.query!r} can't be asked: {error.message}", ("queries",)) from error
        if expected.least < 0 or (expected.most is not None and expected.most < expected.least):
            raise Invalid(f"the counts of {expected.query!r} are a range of numbers from 0 on", ("queries",))
    return gates


def _check_share(share: float, path: tuple[str, ...]) -> None:
    if not 0 <= share <= 1:
        raise Invalid(f"what may be lost is a share between 0 (nothing) and 1 (everything), not {share:g}", path)


def judge(build: Gates, sources: Mapping[str, OfSource], new: Holding, served: Holding | None) -> list[str]:
    """Why the new release is not to be served before somebody has looked at it: a sentence each; none where it passes.

    `served` is what it would replace; without one, nothing can be lost.
    """
    reasons = [] if served is None else [*_lost_documents(build, sources, new, served), *_lost_fields(build, sources, new, served)]
    if build.searchable and new.count and new.fields and not any(new.fields.values()):
        fields = listed(sorted(new.fields), 5)
        reasons.append(f"nothing can be searched: no document is found by any of the fields that are mapped: {fields}")
    for gates in (build, *(source.gates for source in sources.values())):
        reasons += _absent(gates, new)
    return list(dict.fromkeys(reasons))


def _lost_documents(build: Gates, sources: Mapping[str, OfSource], new: Holding, served: Holding) -> Iterator[str]:
    owners = {part: source for source in sources.values() for part in source.parts}
    allowed = {part: _allowed(build, [owners[part]] if part in owners else []) for part in served.parts}
    whole, before = build.lost, sum(served.parts.values())
    if whole is None:  # as much as all parts may lose together
        whole = sum(allowed[part] * count for part, count in served.parts.items()) / before if before else LOST
    if _is_less(new.count, served.count, whole):
        yield f"documents: {_change(served.count, new.count, whole)}"
    for part, count in sorted(served.parts.items()):
        left = new.parts.get(part, 0)
        if _is_less(left, count, allowed[part]) and (left, count) != (new.count, served.count):
            yield f"documents of {part}: {_change(count, left, allowed[part])}"


def _lost_fields(build: Gates, sources: Mapping[str, OfSource], new: Holding, served: Holding) -> Iterator[str]:
    """A field's share is that of the documents of the parts that map it: so a part that is added takes none from the others."""
    for path, had in sorted(served.fields.items()):
        mapping = [source for source in sources.values() if any(path in paths for paths in source.parts.values())]
        parts = [part for source in mapping for part, paths in source.parts.items() if path in paths]
        allowed = _allowed_of(path, build, mapping)
        before, now = _documents(served, parts), _documents(new, parts)
        has = new.fields.get(path, 0)
        if had and before and (not now or _is_less(has / now, had / before, allowed)):
            was, is_ = f"{had:,} of {before:,}", f"{has:,} of {now:,}"
            yield f"field {path}: {was} documents had it, now {is_} have ({100 * allowed:.4g}% of its share may be lost)"


def _documents(holding: Holding, parts: Sequence[str]) -> int:
    """The documents of these parts; of all, where it is not known how many each has."""
    known = [holding.parts[part] for part in parts if part in holding.parts]
    return sum(known) if known else holding.count


def _absent(gates: Gates, new: Holding) -> Iterator[str]:
    for path in gates.fields:
        if not new.found.get(f"_exists_:{path}"):
            yield f"field {path}: it must be there, and no document has it"
    if absent := [id for id in gates.ids if id in set(new.missing)]:
        yield f"documents that must be there and are not: {listed(absent, NAMED)}"
    for expected in gates.queries:
        found = new.found.get(expected.query, 0)
        if isinstance(found, str):
            yield f"query {expected.query}: {found}"
        elif found < expected.least or (expected.most is not None and found > expected.most):
            yield f"query {expected.query}: it finds {found:,} documents, and must find {_range(expected)}"


def _range(expected: Expected) -> str:
    if expected.most is None:
        return f"{expected.least:,} at least"
    return f"{expected.least:,}" if expected.least == expected.most else f"{expected.least:,} to {expected.most:,}"


def _allowed(build: Gates, sources: Sequence[OfSource]) -> float:
    """The share that may be lost of what these sources give: what one of them says, and the most where several do."""
    said = [source.gates.lost for source in sources if source.gates.lost is not None]
    if said:
        return max(said)
    return LOST if build.lost is None else build.lost


def _allowed_of(path: str, build: Gates, sources: Sequence[OfSource]) -> float:
    said = [gates.field_lost[path] for gates in (build, *(each.gates for each in sources)) if path in gates.field_lost]
    return max(said) if said else _allowed(build, sources)


def _is_less(now: float, before: float, allowed: float) -> bool:
    """Whether more than the allowed share was lost; a hair's breadth, by which floats err, is no loss."""
    return before - now > allowed * before + 1e-9 * before


def _change(before: int, now: int, allowed: float) -> str:
    return f"{before:,} became {now:,} ({(before - now) / before:.1%} lost, {100 * allowed:.4g}% may be)"
