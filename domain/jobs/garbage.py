"""Garbage: what jobs wrote that nobody names any more, and the scratch folders that dead processes left."""

import asyncio
import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from domain.errors import Stale
from domain.hub import Hub
from domain.jobs.jobs import JOBS, UNFINISHED, Job
from domain.nouns import Noun, Table, owner
from domain.ports.records import Kind

log = logging.getLogger(__name__)

AGE = 3600.0
"""Seconds for which a name must have been garbage before it is dropped."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The one record of what garbage collection has seen so far."""

    created_at: float
    names: dict[str, float]
    """Garbage by name, and since when: Unix seconds."""


SEEN = Table(Kind(name="garbage"), Seen)


async def collect(hub: Hub, age: float = AGE) -> list[str]:
    """Drop what has been garbage for `age` seconds; returns the names dropped.

    Names are listed first and looked up after, nouns before pins: so what a job makes, switches to or pins meanwhile is safe.
    """
    names = await _names(hub)
    over = {name for name in names if await _has_ended(hub, name)}
    unnamed = over - _named(over, await _every_noun(hub))
    garbage = unnamed - _pinned(unnamed, await _live_pins(hub))
    since = await _note(hub, garbage)
    old = sorted(name for name in garbage if since.get(name, time.time()) + age <= time.time())
    for name in old:
        await drop(hub, name)
        log.info("garbage dropped", extra={"output": name})
    await _drop_scratch(hub)
    return old


async def drop_output(hub: Hub, output: str) -> None:
    """Drop everything that the attempt `output` = `<job>.<attempt>` has written."""
    for heap in hub.catalogue.heaps:
        for name in {output, *(name for name in await heap.names(hub) if name.startswith(f"{output}."))}:
            await heap.drop(hub, name)


async def drop(hub: Hub, name: str) -> None:
    """Drop what bears the name, wherever it lies."""
    for heap in hub.catalogue.heaps:
        await heap.drop(hub, name)


async def _names(hub: Hub) -> set[str]:
    return {name for heap in hub.catalogue.heaps for name in await heap.names(hub) if owner(name)[0]}


async def _has_ended(hub: Hub, name: str) -> bool:
    """Does the name come from a finished job or a superseded attempt? A job without a record any more has finished."""
    id, attempt = owner(name)
    stored = await JOBS.find_one(hub.records, id)
    return stored is None or ended(stored.value, attempt)


def ended(job: Job, attempt: int) -> bool:
    """Can this attempt of the job not write any more? What runs elsewhere under its name can."""
    runs = bool(job.handle) and owner(job.handle)[1] == attempt
    return job.state == "FINISHED" or (job.attempt > attempt and not runs)


async def _every_noun(hub: Hub) -> list[Noun]:
    return [stored.value for row in hub.catalogue.nouns.values() for stored in await row.table.every(hub.records)]


def _named(names: Iterable[str], nouns: Iterable[Noun]) -> set[str]:
    """Those that a noun is being written under, or that an output which it lists needs."""
    listed: set[str] = set()
    for noun in nouns:
        listed.add(noun.writer)
        listed.update(name for event in noun.outputs for name in event.needed())
    return {name for name in names if _output(name) in listed}


async def _live_pins(hub: Hub) -> set[str]:
    return {pin for state in UNFINISHED for stored in await JOBS.every(hub.records, state=state) for pin in stored.value.pins}


def _pinned(names: Iterable[str], pins: set[str]) -> set[str]:
    """A pin keeps the collection of that name, or all of the output of that name."""
    return {name for name in names if name in pins or _output(name) in pins}


def _output(name: str) -> str:
    job, attempt = owner(name)
    return f"{job}.{attempt}"


async def _note(hub: Hub, garbage: set[str]) -> Mapping[str, float]:
    """Note since when each name is garbage, for the next pass of whichever process."""
    now = time.time()
    stored = await SEEN.find_one(hub.records, "seen")
    before = stored.value.names if stored else {}
    names = {name: before.get(name, now) for name in garbage}
    if stored is None:
        await SEEN.insert(hub.records, "seen", Seen(created_at=now, names=names))
    elif names != before:
        try:
            await SEEN.replace(hub.records, stored, msgspec.structs.replace(stored.value, names=names))
        except Stale:
            log.debug("another process collects garbage too")
    return names


async def _drop_scratch(hub: Hub) -> None:
    folder = hub.scratch
    for path in await asyncio.to_thread(_folders, folder):
        if owner(path.name)[0] and await _has_ended(hub, path.name):
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
