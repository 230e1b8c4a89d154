"""Holds: a rule holds jobs back, and admits them in turn, up to a limit for each key and in total.

A job that a rule speaks of is inserted held, under a hold id. To admit it is a compare-and-set on the rule's allowance, then one on
the job, then its command is sent. A pass admits whoever's turn it is until there is no room; who asks, who ends a job, and every
reaper make one. docs/model/HOLDS.md has the rules, and what breaks without each; the names in backticks below are its names.
"""

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from functools import partial

from domain.clocks import is_over
from domain.errors import Stale, Unavailable, Unreadable
from domain.hub import Hub, Rule
from domain.jobs import presence, turns
from domain.jobs.jobs import JOBS, Hold, Job, queued, queued_at
from domain.jobs.sending import publish, send
from domain.jobs.turns import Allowance, Waiting
from domain.nouns import Stored, Table
from domain.ports.records import Kind
from events.jobs import JobQueued
from events.message import Command, new_id
from events.supervision import attempt

log = logging.getLogger(__name__)

ALLOWANCES = Table(Kind(name="allowance"), Allowance)
"""One for each rule, under its name."""


async def hold(hub: Hub, command: Command, asked_by: str) -> Hold:
    """What holds a job of this command back; empty where no rule speaks of it. The id is a new one each time (`hold`, `unique`)."""
    rule = hub.catalogue.ruling.get(type(command).__name__)
    if rule is None:
        return Hold()
    await _allowance(hub, rule.name)  # before anything is held: a version without the rule finds what is held by this record
    return Hold(rule.name, rule.key(command, asked_by), new_id(), (await rule.room(hub)).why or rule.name)


async def admit(hub: Hub, stored: Stored[Job]) -> Stored[Job]:
    """Make a pass for a job that was just held, where there is room for its key; returns its record as it is then. What fails is
    left to a reaper."""
    rule = hub.catalogue.ruling[stored.value.type]

    async def work() -> None:
        allowance = await _allowance(hub, rule.name)
        if turns.has_room(allowance.value, await rule.room(hub), stored.value.key):
            await make_pass(hub, rule)

    await attempt(f"pass of the rule {rule.name}", work)
    try:
        return await JOBS.find_one(hub.records, stored.id) or stored
    except (Unavailable, Unreadable):
        return stored


async def give_back(hub: Hub, stored: Stored[Job]) -> None:
    """For who ended a job: its place goes to the next (`after`). What fails is left to a reaper."""
    job = stored.value
    if job.hold and job.state == "FINISHED":
        await attempt(f"giving back of the rule {job.rule}", partial(_give_back, hub, job))


async def _give_back(hub: Hub, job: Job) -> None:
    await _take_out(hub, job.rule, {job.hold})
    for rule in hub.catalogue.rules:
        if rule.name == job.rule:
            await make_pass(hub, rule)


async def look(hub: Hub, rule: Rule) -> None:
    """A reaper's look at a rule: `sweep`, then a `pass` whatever it swept, since time and limits change and nobody is told."""

    async def work() -> None:
        await sweep(hub, rule)
        await make_pass(hub, rule)

    await attempt(f"look at the rule {rule.name}", work)


async def sweep(hub: Hub, rule: Rule) -> None:
    """Take the holds out whose job is FINISHED, gone, or held under another id: who ended it has died. The allowance is read before
    the jobs that it names (`order`)."""
    allowance = await _allowance(hub, rule.name)
    over = set[str]()
    for id, (job_id, _) in allowance.value.admitted.items():
        with suppress(Unreadable):  # of a newer version, which knows when it is over
            if _is_over(await JOBS.find_one(hub.records, job_id), id):
                over.add(id)
    if over:
        await _take_out(hub, rule.name, over)


async def make_pass(hub: Hub, rule: Rule) -> None:
    """Let go what is admitted and still held (`unhold`), then admit whoever's turn it is, until there is no room or nobody waits.

    The allowance is read before the held jobs are listed, and has to be the same when somebody is admitted (`cas`).
    """
    while True:
        allowance = await _allowance(hub, rule.name)
        room = await rule.room(hub)
        held = {stored.value.hold: stored for stored in await _held(hub, rule.name)}
        admitted = next((stored for id, stored in held.items() if id in allowance.value.admitted), None)
        if admitted:
            await _let_go(hub, admitted)
            continue
        waiting = [Waiting(queued_at(each.value), each.id, each.value.key, id) for id, each in held.items()]
        chosen = turns.first(allowance.value, waiting, room)
        if chosen is None:
            return
        try:
            await ALLOWANCES.replace(hub.records, allowance, turns.admitting(allowance.value, waiting, chosen))
        except Stale:
            continue
        await _let_go(hub, held[chosen.hold])


async def let_go_orphans(hub: Hub) -> None:
    """Let go what is held by rules that no process has any more. The jobs are read before what the processes say: one that has a
    new rule says so before it holds anything."""
    here = {rule.name for rule in hub.catalogue.rules}
    gone = [allowance.id for allowance in await ALLOWANCES.readable(hub.records) if allowance.id not in here]
    orphans = [stored for name in gone for stored in await _held(hub, name)]
    elsewhere = await presence.rules_elsewhere(hub) if orphans else frozenset()
    for stored in orphans:
        if stored.value.rule not in elsewhere:
            log.warning("job let go, as its rule is gone", extra={"job_id": stored.id, "rule": stored.value.rule})
            await _let_go(hub, stored)


async def _held(hub: Hub, name: str) -> list[Stored[Job]]:
    """The jobs that the rule holds, but for those that are not due."""
    found, now = await JOBS.readable(hub.records, rule=name, is_held=True), time.time()
    return [
        stored
        for stored in found
        if stored.value.state == "QUEUED" and is_over(queued_at(stored.value), stored.value.not_before, now)
    ]


async def _let_go(hub: Hub, held: Stored[Job]) -> None:
    """Let a job go under the hold with which it was read (`same`), and send it; where that hold is over, take the admission out
    again (`undo`)."""
    id = held.value.hold
    stored: Stored[Job] | None = held
    while stored is not None and stored.value.state == "QUEUED" and stored.value.is_held and stored.value.hold == id:
        event = JobQueued(seq=0, command=stored.value.type, reason="admitted")
        try:
            admitted = await JOBS.replace(hub.records, stored, queued(stored.id, stored.value, event))
        except Stale:
            stored = await JOBS.find_one(hub.records, held.id)
            continue
        await publish(hub, admitted, 1)
        await send(hub, admitted)
        return
    if _is_over(stored, id):
        await _take_out(hub, held.value.rule, {id})


def _is_over(stored: Stored[Job] | None, id: str) -> bool:
    """Is this hold over? Not while the job goes on that was let go under it (`keep`)."""
    return stored is None or stored.value.state == "FINISHED" or stored.value.hold != id


async def _allowance(hub: Hub, name: str) -> Stored[Allowance]:
    """The rule's allowance, made where it is missing."""
    while True:
        stored = await ALLOWANCES.find_one(hub.records, name)
        stored = stored or await ALLOWANCES.insert(hub.records, name, Allowance(created_at=time.time()))
        if stored:
            return stored


async def _take_out(hub: Hub, name: str, over: Collection[str]) -> None:
    """Take holds out that are over for good."""
    while True:
        stored = await _allowance(hub, name)
        left = turns.without(stored.value, over)
        if left == stored.value:
            return
        try:
            await ALLOWANCES.replace(hub.records, stored, left)
        except Stale:
            continue
        return
