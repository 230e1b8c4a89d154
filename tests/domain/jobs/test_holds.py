"""Held jobs: each rule of docs/model/HOLDS.md, in the situation in which its absence would break something; on every store."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from domain.catalogue import CATALOGUE
from domain.errors import NotFound, Unavailable
from domain.hub import Hub, Room, Rule
from domain.jobs import backlog, control, holds, presence, runs
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim
from domain.jobs.holds import ALLOWANCES
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS, Run
from domain.jobs.presence import WORKERS, Presence
from domain.jobs.reaper import void_leases
from domain.jobs.retries import Retry
from domain.jobs.sending import resend, send
from domain.jobs.verdicts import Failed, Stopped, Succeeded
from domain.ports.records import Records
from events.apis import MappingValidated, ValidateMapping
from events.embedded import EmbeddedBus
from tests.adapters.conftest import records, records_place
from tests.domain.jobs.processes import Died, Mortal, hub_over, impatient, other, perform, registrations
from tests.domain.jobs.ruled import WHY, Counting, Limits, admitted, asked, halting, held, holds_of, job, under_rule
from workers.context import JobContext

__all__ = ["records", "records_place"]

KNOWN = registrations()
CLOSED = Room("closed", each=0)
"""A window that is not open."""


@pytest.fixture
def limits() -> Limits:
    """One at once for each person."""
    return Limits()


@pytest.fixture
async def bare(records: Records, memory: Path) -> AsyncIterator[Hub]:
    """A hub over each adapter of Records, without a rule."""
    await records.prepare(CATALOGUE.kinds)
    async with hub_over(records, memory) as opened:
        yield opened


@pytest.fixture
def hub(bare: Hub, limits: Limits) -> Hub:
    """The same with the rule."""
    return under_rule(bare, limits)


async def begun(hub: Hub, id: str) -> Attempt:
    """An attempt at the job."""
    attempt = await claim(hub, id, "first", Retry())
    assert attempt
    return attempt


async def die(hub: Hub, writes: int, **asked_for: str) -> None:
    """Ask in a process that dies before its write of this number."""
    mortal = cast(Records, Mortal(hub.records, writes))
    with pytest.raises(Died):
        await asked(other(hub, "mortal", records=mortal), **asked_for)


async def find(hub: Hub, who: str) -> str:
    """The one job that somebody asked for."""
    (found,) = [stored.id for stored in await JOBS.every(hub.records) if stored.value.asked_by == who]
    return found


DONE = Succeeded(MappingValidated(source="s", documents=0), switched=False)


# -- what is held ---------------------------------------------------------------------------------------------------------


async def test_a_job_that_no_rule_speaks_of_costs_nothing(bare: Hub, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """From being asked for to its end it is read and written as in a hub without rules."""
    calls = []
    for each in (bare, under_rule(bare, Limits())):
        counting = Counting(each.records)
        process = other(each, records=cast(Records, counting))
        if each is not bare:
            rule = replace(process.catalogue.rules[0], commands=())
            process = replace(process, catalogue=replace(process.catalogue, rules=(rule,)))
        id = await asked(process, "a")
        await perform(process, id, KNOWN)
        calls.append(counting.calls)
        assert (await job(each, id)).outcome == "SUCCEEDED"

    assert calls[0] == calls[1]
    assert not [call for call in calls[0] if "allowance" in call]


async def test_without_rules_the_reaper_reads_nothing_for_them(bare: Hub) -> None:
    """No look-up of a hub without rules is for rules."""
    counting = Counting(bare.records)

    await impatient(other(bare, records=cast(Records, counting))).look_at_everything()

    assert [call for call in counting.calls if call.endswith("allowance")] == []


async def test_the_first_is_admitted_and_the_second_held(hub: Hub) -> None:
    """Who is held says why, is not sent, and waits for no time."""
    first, second = await asked(hub, "a"), await asked(hub, "a")

    there, waits = await job(hub, first), await job(hub, second)
    assert (there.is_held, there.held, there.rule, there.key) == (False, "", "people", "a")
    assert there.sent_at > 0
    assert [event["reason"] for event in there.events] == ["held", "admitted"]
    assert (waits.state, waits.is_held, waits.held, waits.sent_at, waits.due_at) == ("QUEUED", True, WHY, 0.0, 0.0)
    assert [(event["reason"], event["held"]) for event in waits.events] == [("held", WHY)]
    assert await admitted(hub) == {there.hold}


async def test_who_asked_sees_the_job_as_it_is(hub: Hub) -> None:
    """What was admitted at once is not called held."""
    answers = [await ask(hub, ValidateMapping(source="s"), asked_by="a") for _ in range(2)]

    assert [answer.job.value.is_held for answer in answers] == [False, True]


async def test_others_are_not_held(hub: Hub) -> None:
    """A limit for each key: another person's job is admitted at once."""
    ids = [await asked(hub, who) for who in "aab"]

    assert await held(hub, *ids) == [False, True, False]


async def test_asking_twice_makes_one_hold(hub: Hub) -> None:
    """What was asked for is found there, as it is."""
    first, second = await asked(hub, "a", "one"), await asked(hub, "a", "one")

    assert first == second
    assert await admitted(hub) == await holds_of(hub, "one")


async def test_the_end_of_one_admits_the_next(hub: Hub) -> None:
    """By whoever ends it, without a reaper; the last one leaves the allowance empty."""
    ids = [await asked(hub, "a") for _ in range(3)]
    for number, id in enumerate(ids):
        assert await held(hub, *ids[number:]) == [False, *[True] * (2 - number)]
        await perform(hub, id, KNOWN)

    assert await admitted(hub) == set()
    assert {(await job(hub, id)).outcome for id in ids} == {"SUCCEEDED"}


async def test_a_held_job_is_not_counted_in_the_backlog(hub: Hub) -> None:
    """Neither as work that waits for a worker nor by its age."""
    first = await asked(hub, "a")
    await asked(hub, "a")
    before = {each.queue: each for each in await backlog.read(hub)}[ValidateMapping.queue]
    await begun(hub, first)

    after = {each.queue: each for each in await backlog.read(hub)}[ValidateMapping.queue]

    assert before.depth == 1
    assert before.oldest is not None
    assert after.oldest is None


async def test_a_job_that_is_not_due_is_passed_over(hub: Hub) -> None:
    """It takes nobody's place while it waits for its time, and is admitted when that has come."""
    late = (await ask(hub, ValidateMapping(source="s"), asked_by="a", delay=60.0)).job
    soon = await asked(hub, "a")
    assert await held(hub, late.id, soon) == [True, False]
    await perform(hub, soon, KNOWN)
    assert await held(hub, late.id) == [True]
    await JOBS.replace(hub.records, late, msgspec.structs.replace(late.value, not_before=time.time()))

    await impatient(hub).look_at_everything()

    assert await held(hub, late.id) == [False]
    assert (await job(hub, late.id)).sent_at > 0


# -- admitting ------------------------------------------------------------------------------------------------------------


async def test_record_then_allowance_then_job(hub: Hub) -> None:
    """`record`: the job is there, held, before it is admitted, and sent last."""
    mortal = Mortal(hub.records)

    await asked(other(hub, records=cast(Records, mortal)), "a")

    assert mortal.written == ["insert allowance", "insert job", "replace allowance", "replace job", "replace job"]


async def test_cas_of_two_that_see_room_for_one(hub: Hub, limits: Limits) -> None:
    """`cas`: a pass that read the allowance before another one admitted somebody begins again."""
    limits.room = Room("one", total=1)
    slow, halted = halting(hub, "replace allowance")
    asking = asyncio.create_task(asked(slow, "a"))
    await halted.reached.wait()
    second = await asked(hub, "b")
    first = await find(hub, "a")
    assert await held(hub, first, second) == [False, True]  # who comes second admits whoever's turn it is
    await perform(hub, first, KNOWN)
    halted.go_on.set()
    await asking

    assert await held(hub, second) == [False]
    assert await admitted(hub) == await holds_of(hub, second)


async def test_hold_and_unique_of_a_job_that_is_opened_again_at_once(hub: Hub) -> None:
    """`hold`: its place of before is still counted when it is opened again; that is taken out, and the job is admitted anew."""
    id = await asked(hub, "a")
    before = await holds_of(hub, id)
    await (await begun(hub, id)).finish(Failed(ValueError(), Retry(attempts=1)))
    assert await admitted(hub) == before

    await control.retry(hub, id)

    assert await held(hub, id) == [True]
    await impatient(hub).look_at_everything()
    assert await held(hub, id) == [False]
    assert await admitted(hub) == await holds_of(hub, id) != before


async def test_unique_of_a_job_that_was_forgotten(hub: Hub) -> None:
    """`unique`: asked for anew under the same id, it has another hold than the one that its dead owner left in the allowance."""
    await asked(hub, "a", "one")
    before = await holds_of(hub, "one")
    await hub.records.delete(JOBS.kind, "one")

    await asked(hub, "a", "one")

    assert await held(hub, "one") == [True]
    assert await admitted(hub) == before != await holds_of(hub, "one")


async def test_same_of_a_job_that_was_opened_again_meanwhile(hub: Hub, limits: Limits) -> None:
    """`same`: who admitted a hold that is over by now does not let the next hold of the job go."""
    slow, halted = halting(hub, "replace job")
    asking = asyncio.create_task(asked(slow, "a", "one"))
    await halted.reached.wait()
    await control.cancel(hub, "one")
    await impatient(hub).look_at_everything()
    limits.room = CLOSED
    await control.retry(hub, "one")
    halted.go_on.set()
    await asking

    assert await held(hub, "one") == [True]
    assert await admitted(hub) == set()


async def test_unhold_of_who_was_admitted_by_one_that_died(hub: Hub) -> None:
    """`unhold`: admitted, and still held: a reaper lets it go."""
    await asked(hub, "b")  # makes the allowance
    await die(hub, 2, who="a")
    id = await find(hub, "a")
    assert await held(hub, id) == [True]
    assert await holds_of(hub, id) < await admitted(hub)

    await impatient(hub).look_at_everything()

    assert await held(hub, id) == [False]
    assert (await job(hub, id)).sent_at > 0


async def test_undo_of_who_was_cancelled_meanwhile(hub: Hub) -> None:
    """`undo`: who admitted it finds it CANCELED, takes it out again, and admits the next, without a reaper."""
    slow, halted = halting(hub, "replace job")
    asking = asyncio.create_task(asked(slow, "a", "one"))
    await halted.reached.wait()
    next = await asked(hub, "a")
    await control.cancel(hub, "one")
    assert await held(hub, next) == [True]
    halted.go_on.set()
    await asking

    assert await held(hub, next) == [False]
    assert await admitted(hub) == await holds_of(hub, next)


async def test_undo_of_who_is_gone(hub: Hub) -> None:
    """The same where the record is forgotten by then."""
    slow, halted = halting(hub, "replace job")
    asking = asyncio.create_task(asked(slow, "a", "one"))
    await halted.reached.wait()
    await hub.records.delete(JOBS.kind, "one")
    halted.go_on.set()
    await asking

    assert await admitted(hub) == set()


async def test_claim_of_a_held_job(hub: Hub) -> None:
    """`claim`: a message of another life is dropped, and nothing is sent of a held job by whoever should have."""
    await asked(hub, "a")
    id = await asked(hub, "a")
    stored = await JOBS.get(hub.records, id)
    await hub.bus.send(ValidateMapping(source="s", job_id=id, run_id=id))

    assert await claim(hub, id, "first", Retry()) is None
    await send(hub, stored)
    assert await resend(hub, stored) is False
    await impatient(hub).send_due()
    await impatient(hub).send_again()
    await void_leases(hub)

    assert await JOBS.get(hub.records, id) == stored


async def test_resend_of_who_was_let_go_by_one_that_died(hub: Hub) -> None:
    """`resend`: let go and not sent, it is sent as every other one."""
    await asked(hub, "b")  # makes the allowance
    await die(hub, 3, who="a")
    id = await find(hub, "a")
    there = await job(hub, id)
    assert (there.is_held, there.sent_at) == (False, 0.0)

    await impatient(hub).send_due()

    assert (await job(hub, id)).sent_at > 0


# -- giving a place back --------------------------------------------------------------------------------------------------


async def test_keep_while_it_is_tried_again(hub: Hub) -> None:
    """`keep`: put back, it keeps its place, whatever is swept; the next one is admitted when it has finished."""

    async def fail(command: ValidateMapping, context: JobContext) -> Any:
        raise ValueError("this time")

    first, second = await asked(hub, "a"), await asked(hub, "a")
    await perform(hub, first, registrations(Retry(base=60.0), ValidateMapping=fail))
    assert (await job(hub, first)).failures == 1
    assert await held(hub, first, second) == [False, True]
    await impatient(hub).look_at_everything()
    assert await held(hub, first, second) == [False, True]
    await control.cancel(hub, first)

    assert await held(hub, second) == [False]


async def test_keep_while_it_is_stopped(hub: Hub) -> None:
    """Its process stops: it is put back, sent again, and not held."""
    first, second = await asked(hub, "a"), await asked(hub, "a")
    await (await begun(hub, first)).finish(Stopped())
    await impatient(hub).send_due()

    assert (await job(hub, first)).sent_at > 0
    assert await held(hub, first, second) == [False, True]


async def test_after_who_ends_takes_it_out_first(hub: Hub, limits: Limits) -> None:
    """`after`: when the pass of who ends a job looks for room, its place is free already, so one that comes just then is seen."""
    first = await asked(hub, "a")
    seen: list[set[str]] = []

    async def look() -> None:
        seen.append(await admitted(hub))

    limits.asked = look
    await perform(hub, first, KNOWN)

    assert seen == [set()]


async def test_sweep_of_whose_owner_died(hub: Hub) -> None:
    """`sweep`: FINISHED, and nobody took it out: a reaper does, and admits the next."""
    first, second = await asked(hub, "a"), await asked(hub, "a")
    await (await begun(hub, first)).finish(DONE)
    assert await held(hub, second) == [True]

    await impatient(hub).look_at_everything()

    assert await held(hub, second) == [False]
    assert await admitted(hub) == await holds_of(hub, second)


async def test_order_of_a_sweep(hub: Hub) -> None:
    """`order`: who is admitted while a sweep reads the jobs stays in the allowance."""
    over = await asked(hub, "a")
    await (await begun(hub, over)).finish(DONE)
    counting = Counting(hub.records)
    await holds.sweep(other(hub, records=cast(Records, counting)), hub.catalogue.rules[0])
    assert counting.calls[:2] == ["get allowance", "get job"]
    over = await asked(hub, "a")
    await (await begun(hub, over)).finish(DONE)
    slow, halted = halting(hub, "get job")
    sweeping = asyncio.create_task(holds.sweep(slow, slow.catalogue.rules[0]))
    await halted.reached.wait()
    ids = [await asked(hub, "b"), await asked(hub, "c")]
    halted.go_on.set()
    await sweeping

    assert await admitted(hub) == await holds_of(hub, *ids)


async def test_pass_when_a_window_opens(hub: Hub, limits: Limits) -> None:
    """`pass`: nobody is told that there is room; a reaper finds it, and as many as may go are let go, in turn."""
    limits.room = CLOSED
    ids = [await asked(hub, who) for who in "aab"]
    assert {(await job(hub, id)).held for id in ids} == {"closed"}
    limits.room = Room("two", total=2)

    await impatient(hub).look_at_everything()

    assert await held(hub, *ids) == [False, True, False]


async def test_pass_when_who_asked_has_died(hub: Hub) -> None:
    """The same where only the record was inserted."""
    await die(hub, 2, who="a")
    id = await find(hub, "a")
    assert await admitted(hub) == set()

    await impatient(hub).look_at_everything()

    assert await held(hub, id) == [False]


async def test_a_lower_limit_takes_nobodys_place(hub: Hub, limits: Limits) -> None:
    """Until enough have ended, nobody is admitted."""
    limits.room = Room("two", total=2)
    ids = [await asked(hub, "a") for _ in range(3)]
    limits.room = Room("one", total=1)
    await impatient(hub).look_at_everything()
    assert await held(hub, *ids) == [False, False, True]

    await perform(hub, ids[0], KNOWN)
    assert await held(hub, *ids) == [False, False, True]
    await perform(hub, ids[1], KNOWN)
    assert await held(hub, *ids) == [False, False, False]


async def test_again_is_held_again_behind_the_others(hub: Hub) -> None:
    """`again`: what is opened again gets a new hold, and comes behind what was held before."""
    first, second, third = [await asked(hub, "a") for _ in range(3)]
    before = await holds_of(hub, first)
    await control.cancel(hub, first)
    opened = (await control.retry(hub, first)).value

    assert (opened.is_held, opened.held, opened.outcome) == (True, WHY, None)
    assert {opened.hold} != before
    assert await held(hub, second, third, first) == [False, True, True]
    await control.cancel(hub, second)
    assert await held(hub, third, first) == [False, True]
    await control.cancel(hub, third)
    assert await held(hub, first) == [False]


async def test_again_where_there_is_room(hub: Hub) -> None:
    """Opened again, it is admitted at once."""
    id = await asked(hub, "a")
    await control.cancel(hub, id)

    assert not (await control.retry(hub, id)).value.is_held
    assert (await job(hub, id)).sent_at > 0


async def test_a_held_job_is_cancelled_at_once(hub: Hub) -> None:
    """It had no place to give back: the allowance is not even read."""
    first, second = await asked(hub, "a"), await asked(hub, "a")
    counting = Counting(hub.records)

    await control.cancel(other(hub, records=cast(Records, counting)), second)

    there = await job(hub, second)
    assert (there.outcome, there.is_held, there.held) == ("CANCELED", False, "")
    assert await admitted(hub) == await holds_of(hub, first)
    assert [call for call in counting.calls if "allowance" in call] == []


async def test_a_job_of_a_cancelled_run_gives_its_place_back(hub: Hub) -> None:
    """Whoever claims it cancels it, and admits the next."""
    await RUNS.insert(hub.records, "run", Run(title="", input_hash="", created_at=0.0, steps=(), cancelled=True))
    first = (await ask(hub, ValidateMapping(source="s"), run_id="run", step="validate:s", asked_by="a")).job.id
    second = await asked(hub, "a")
    assert await claim(hub, first, "first", Retry()) is None

    assert (await job(hub, first)).outcome == "CANCELED"
    assert await held(hub, second) == [False]


async def test_a_run_with_a_held_job_is_running(hub: Hub) -> None:
    """It is cancelled as any other."""
    await asked(hub, "a")
    started = await runs.start_command(hub, "validateMapping", ValidateMapping(source="s"), asked_by="a")
    assert started.job.value.is_held

    await runs.cancel(hub, started.run_id)

    assert (await job(hub, started.run_id)).outcome == "CANCELED"


# -- rules that are gone, wrong, or in each other's way -------------------------------------------------------------------


class SharedBus(EmbeddedBus):
    """A bus beside which there may be other processes."""

    shared = True


async def test_who_is_held_by_a_rule_that_is_gone_is_let_go(bare: Hub, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """After an upgrade: by the reaper of a hub without the rule, with a warning; its end is as that of any other."""
    ids = [await asked(hub, "a") for _ in range(3)]

    await impatient(bare).clean()

    assert await held(hub, *ids) == [False, False, False]
    assert [record.message for record in caplog.records] == ["job let go, as its rule is gone"] * 2
    for id in ids:
        await perform(bare, id, KNOWN)
    assert await admitted(hub) == set()


async def test_a_rule_that_another_process_has_is_not_gone(bare: Hub, hub: Hub) -> None:
    """An older process leaves alone what a rule of a newer one holds, until that was not seen for two leases."""
    await asked(hub, "a")
    id = await asked(hub, "a")
    said = Presence(host="", pid=1, queues={}, rules=("people",), seen_at=time.time(), created_at=0.0)
    await presence.save(other(hub, "newer"), said)
    async with SharedBus() as bus:
        older = other(bare, bus=bus)
        await holds.let_go_orphans(older)
        assert await held(hub, id) == [True]
        long_ago = time.time() - 2 * hub.limits.lease - 1
        await WORKERS.change(hub.records, "newer", lambda said: msgspec.structs.replace(said, seen_at=long_ago))
        await holds.let_go_orphans(older)

    assert await held(hub, id) == [False]


async def test_the_allowance_is_there_before_anybody_is_held(hub: Hub, bare: Hub) -> None:
    """By it a version without the rule finds who is held, also where who asked has died."""
    await die(hub, 2, who="a")

    await impatient(bare).clean()

    assert await held(hub, await find(hub, "a")) == [False]


async def test_opened_again_without_its_rule(bare: Hub, hub: Hub) -> None:
    """It is not held; its old hold is swept out by who has the rule."""
    id = await asked(hub, "a")
    await (await begun(hub, id)).finish(Failed(ValueError(), Retry(attempts=1)))

    opened = (await control.retry(bare, id)).value

    assert (opened.rule, opened.key, opened.hold, opened.is_held) == ("", "", "", False)
    assert opened.events[-1]["reason"] == "retried"
    await impatient(hub).look_at_everything()
    assert await admitted(hub) == set()


@pytest.mark.parametrize("error", [Unavailable("away"), ZeroDivisionError("a mistake")])
async def test_a_rule_that_fails_stops_nobodys_end(hub: Hub, limits: Limits, error: Exception) -> None:
    """Who can't say how much room there is costs neither the job that ends nor the reaper's other look-ups; a later look makes it
    good."""
    first, second = await asked(hub, "a"), await asked(hub, "a")

    async def fail() -> None:
        raise error

    limits.asked = fail
    await perform(hub, first, KNOWN)
    await impatient(hub).look_at_everything()
    assert (await job(hub, first)).outcome == "SUCCEEDED"
    assert await held(hub, second) == [True]
    limits.asked = None
    await impatient(hub).look_at_everything()

    assert await held(hub, second) == [False]


async def test_words_are_never_missing(hub: Hub, limits: Limits) -> None:
    """A rule that says nothing is named: a job that is held has words for it."""
    limits.room = Room("", each=0)

    assert (await job(hub, await asked(hub, "a"))).held == "people"


def test_of_a_command_one_rule_speaks_at_most() -> None:
    """A catalogue with a second one, or with two of a name, is refused."""
    rule = Rule(name="people", commands=(ValidateMapping,), key=lambda _, who: who, room=Limits().say)

    with pytest.raises(ValueError, match="ValidateMapping"):
        replace(CATALOGUE, rules=(rule, replace(rule, name="others")))
    with pytest.raises(ValueError, match="people"):
        replace(CATALOGUE, rules=(rule, replace(rule, commands=())))


async def test_an_allowance_of_a_rule_without_jobs_is_empty(hub: Hub) -> None:
    """The reaper's look makes it, once, and then writes nothing."""
    with pytest.raises(NotFound):
        await ALLOWANCES.get(hub.records, "people")

    for _ in range(2):
        await impatient(hub).look_at_everything()

    stored = await ALLOWANCES.get(hub.records, "people")
    assert (stored.version, stored.value.admitted, stored.value.turns) == (1, {}, ())
