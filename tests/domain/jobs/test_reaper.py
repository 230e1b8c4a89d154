"""The reaper: whose beat stood still, what must have been lost, what is garbage, what is old."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from domain.data import apis, pipelines, removals
from domain.data.apis import APIS
from domain.data.builds import BUILDS
from domain.data.sources import SOURCES
from domain.errors import Unavailable, Unreadable
from domain.hub import Chore, Follower, Hub, Room, Rule
from domain.jobs import control, dead_letters, garbage, logs, presence, reaper, resending, retention, sending, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import claim
from domain.jobs.jobs import JOBS, Job
from domain.jobs.logs import LogWriter
from domain.jobs.plans import RUNS, Run
from domain.jobs.presence import WORKERS, Presence
from domain.jobs.reaper import Intervals, Reaper, due_at
from domain.jobs.resending import QuietQueues
from domain.jobs.retries import Retry
from domain.jobs.settling import Pulse
from domain.jobs.verdicts import Failed
from domain.nouns import Stored
from events.apis import ReleaseCreated, ValidateMapping
from events.sources import DumpSource, SourceEdited, UploadSource
from tests.domain.jobs.processes import (
    AT_ONCE,
    BODY,
    add_api,
    get,
    go_on,
    impatient,
    other,
    perform,
    registrations,
    until,
    work_off,
)
from tests.domain.jobs.ruled import Limits as RuleLimits
from tests.domain.jobs.ruled import asked, under_rule

KNOWN = registrations()


def beating(beat: int, attempt: int = 1) -> list[Stored[Job]]:
    """One running job with this beat."""
    job = Job(run_id="j", command={}, type="", queue="", input_hash="", created_at=0.0, state="RUNNING", beat=beat, attempt=attempt)
    return [Stored("j", 1, job)]


def test_a_beat_that_stands_still_for_a_lease_is_dead() -> None:
    """By the watcher's clock, from the first look on."""
    pulse = Pulse(lease=15.0, step=6.0)
    looks = [bool(pulse.look(beating(1), now)) for now in (100.0, 103.0, 106.0, 109.0, 112.0, 115.0)]
    assert looks == [False, False, False, False, False, True]


def test_a_beat_that_moves_is_alive() -> None:
    """Every beat, and every new attempt, begins the lease anew."""
    pulse = Pulse(lease=15.0, step=6.0)
    for number in range(20):
        assert not pulse.look(beating(number // 4), 100.0 + 3 * number)
    for number in range(20):
        assert not pulse.look(beating(9, attempt=number // 4), 200.0 + 3 * number)


def test_a_watcher_that_slept_kills_nobody() -> None:
    """A look long after the last one counts as a short time only: the owner may have slept as well."""
    pulse = Pulse(lease=15.0, step=6.0)
    pulse.look(beating(1), 100.0)
    assert not pulse.look(beating(1), 1000.0)
    assert not pulse.look(beating(1), 1003.0)


def test_reads_that_fail_kill_nobody() -> None:
    """After a read that failed, everybody has a whole lease again."""
    pulse = Pulse(lease=15.0, step=6.0)
    for now in (100.0, 105.0, 110.0):
        pulse.look(beating(1), now)
    pulse.miss()
    assert not pulse.look(beating(1), 115.0)
    assert not pulse.look(beating(1), 120.0)


async def test_a_pass_whose_read_fails_forgets_what_it_saw(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reaper tells its pulse that it missed a look."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await claim(hub, id, "gone", Retry())
    watcher = Reaper(replace(hub, limits=replace(hub.limits, lease=1e-9)), AT_ONCE)
    watcher.pulse = Pulse(lease=1e-9, step=1.0)
    await watcher.settle_dead()

    async def unavailable(*args: Any, **kwargs: Any) -> Any:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(hub.records, "find", unavailable)
        with pytest.raises(Unavailable):
            await watcher.settle_dead()
    await watcher.settle_dead()
    assert (await get(hub, id)).attempt == 1
    await asyncio.sleep(0)
    await watcher.settle_dead()
    assert (await get(hub, id)).attempt == 2


async def test_what_was_asked_for_just_now_is_left_to_who_asked(hub: Hub) -> None:
    """Ten seconds are the asker's to send it; a job with a time of its own is due then."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    job = await get(hub, id)
    assert due_at(job, 10.0) == pytest.approx(job.created_at + 10.0, abs=1)
    assert due_at(msgspec.structs.replace(job, not_before=5.0), 10.0) == 5.0


async def test_what_was_sent_is_not_sent_again_at_once(hub: Hub) -> None:
    """Two passes, one message."""
    await ask(hub, UploadSource(source="s"))
    await impatient(hub).send_due()
    await impatient(hub).send_due()
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1


async def test_of_many_reapers_one_sends(hub: Hub) -> None:
    """The compare-and-set on `sent_at` decides."""
    asked = await ask(hub, UploadSource(source="s"), delay=1e-9)
    await asyncio.gather(*(sending.resend(hub, asked.job) for _ in range(10)))
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1


async def lose(hub: Hub) -> None:
    """Take every upload off the bus unseen."""

    async def take(delivery: Any) -> None:
        await delivery.ack()

    consumer = await hub.bus.consume("upload", take, 100)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await consumer.cancel()


async def test_a_lost_message_is_sent_again(hub: Hub) -> None:
    """Its queue is seen empty twice, some time apart; seen once, or too soon, nothing is sent."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await lose(hub)
    silence = QuietQueues(15.0)
    for now, ready in ((100.0, 0), (110.0, 0), (115.0, 1)):
        await silence.send_again(hub, now)
        [depth] = await hub.bus.depth(["upload"])
        assert depth.ready == ready
    await work_off(hub, KNOWN)
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_a_queue_that_is_not_empty_has_lost_nothing(hub: Hub) -> None:
    """While messages wait, a job's own may be among them; being seen empty begins anew afterwards."""
    await ask(hub, UploadSource(source="s"))
    await lose(hub)
    silence = QuietQueues(15.0)
    await silence.send_again(hub, 100.0)
    await ask(hub, UploadSource(source="s"))
    await silence.send_again(hub, 115.0)
    await lose(hub)
    await silence.send_again(hub, 120.0)
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 0


async def test_a_job_that_was_overtaken_is_sent_again(hub: Hub) -> None:
    """One that was sent more than a minute later is claimed, though the queue is never empty."""
    first = (await ask(hub, UploadSource(source="s"))).job
    await lose(hub)
    second = (await ask(hub, UploadSource(source="s"))).job
    await claim(hub, second.id, "w", Retry())
    await lose(hub)
    await ask(hub, UploadSource(source="s"))
    await QuietQueues(15.0).send_again(hub, 100.0)
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1
    sent = await JOBS.get(hub.records, first.id)
    await JOBS.replace(hub.records, sent, msgspec.structs.replace(sent.value, sent_at=sent.value.sent_at - 61))
    await QuietQueues(15.0).send_again(hub, 100.0)
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 2


async def test_a_hub_that_is_alone_goes_on_at_once(hub: Hub) -> None:
    """After a restart nobody waits for a lease: what ran is settled, what was queued is sent, what runs here is left."""
    ran, waits, mine = [(await ask(hub, UploadSource(source="s"))).job.id for _ in range(3)]
    await claim(hub, ran, "gone", Retry(base=100.0))
    await writers.take(hub, "source/s", ran, 1)
    await claim(hub, mine, hub.process, Retry())
    await lose(hub)
    await reaper.void_leases(hub)
    assert (await get(hub, ran)).state == "QUEUED"
    assert (await get(hub, mine)).state == "RUNNING"
    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1
    await work_off(hub, KNOWN)
    assert (await get(hub, waits)).outcome == "SUCCEEDED"


async def test_the_reaper_runs_its_passes_until_cancelled(hub: Hub) -> None:
    """A job whose worker is gone is done in the end, by the passes themselves."""
    quick = Intervals(due=0.01, beats=0.01, chains=0.01, silence=0.01, garbage=0.01, unsent=0.0, age=0.0, idle=0.01)
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await claim(hub, id, "gone", Retry(base=0.0))
    reaping = asyncio.create_task(Reaper(replace(hub, limits=replace(hub.limits, lease=0.05)), quick).run())

    async def sent() -> bool:
        job = await get(hub, id)
        return job.state == "QUEUED" and job.sent_at > 0

    await until(sent)
    reaping.cancel()
    await asyncio.gather(reaping, return_exceptions=True)
    await work_off(hub, KNOWN)
    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def collection(hub: Hub, name: str) -> None:
    """A sealed collection."""
    await hub.documents.create(name)
    await hub.documents.write(name, [BODY])
    await hub.documents.seal(name, {})


async def test_garbage_is_what_nobody_names(hub: Hub) -> None:
    """Outputs that a noun lists, a writer's, live jobs' and foreign names stay; the rest goes: parts, dumps, scratch too."""
    done = (await ask(hub, UploadSource(source="s"))).job.id
    await perform(hub, done, KNOWN)
    live = (await ask(hub, UploadSource(source="s"))).job.id
    assert await claim(hub, live, "w", Retry())
    await writers.take(hub, "source/s", "gone", 4)
    for name in (f"{done}.7", f"{live}.1", f"{live}.0.part", "gone.1", "gone.4", "foreign"):
        await collection(hub, name)
    (hub.data / "scratch" / "gone.1").mkdir(parents=True)
    (hub.data / "scratch" / f"{live}.1").mkdir(parents=True)
    assert await garbage.collect(hub, 0.0) == sorted([f"{done}.7", f"{live}.0.part", "gone.1"])
    assert sorted(await hub.documents.names()) == sorted([f"{done}.1", f"{live}.1", "gone.4", "foreign"])
    assert [path.name for path in (hub.data / "scratch").iterdir()] == [f"{live}.1"]


async def test_garbage_lies_for_an_hour(hub: Hub) -> None:
    """From when it was first seen as garbage, by whichever process; named again, its time begins anew."""
    await collection(hub, "gone.1")
    assert await garbage.collect(hub) == []
    stored = await garbage.SEEN.get(hub.records, "seen")
    since = stored.value.names["gone.1"]
    assert since == pytest.approx(time.time(), abs=60)
    old = msgspec.structs.replace(stored.value, names={"gone.1": since - 3601})
    await garbage.SEEN.replace(hub.records, stored, old)
    await writers.take(hub, "source/s", "gone", 1)
    assert await garbage.collect(other(hub)) == []
    await writers.free(hub, "source/s", "gone.1")
    assert await garbage.collect(other(hub)) == []
    stored = await garbage.SEEN.get(hub.records, "seen")
    await garbage.SEEN.replace(hub.records, stored, old)
    assert await garbage.collect(other(hub)) == ["gone.1"]


@pytest.mark.parametrize("pin", ["gone.1", "gone.1.part"])
async def test_what_a_live_job_pins_is_no_garbage(hub: Hub, pin: str) -> None:
    """By its own name or by its output's."""
    await collection(hub, "gone.1.part")
    id = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, id, "w", Retry())
    assert attempt
    await attempt.pin([pin])
    assert await garbage.collect(hub, 0.0) == []
    await attempt.finish(Failed(ValueError(), Retry(attempts=1)))
    assert await garbage.collect(hub, 0.0) == ["gone.1.part"]


async def test_nouns_are_looked_up_before_pins(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection that is pinned while it is listed, and then no longer listed, is never dropped."""
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await perform(hub, id, KNOWN)
    reading = (await ask(hub, UploadSource(source="s"))).job.id
    attempt = await claim(hub, reading, "w", Retry())
    assert attempt
    looked = 0

    async def then_moves(looking: Any, *args: Any) -> Any:
        nonlocal looked
        found = await looking(*args)
        looked += 1
        if looked == 1:
            await attempt.pin([f"{id}.1"])
            await SOURCES.change(hub.records, "s", lambda noun: msgspec.structs.replace(noun, outputs=()))
        return found

    every_noun, live_pins = garbage._every_noun, garbage._live_pins
    monkeypatch.setattr(garbage, "_every_noun", lambda hub: then_moves(every_noun, hub))
    monkeypatch.setattr(garbage, "_live_pins", lambda hub: then_moves(live_pins, hub))
    assert await garbage.collect(hub, 0.0) == []


async def test_the_documents_of_a_listed_index_stay(hub: Hub) -> None:
    """An index without source reads its bodies from the build's collection, though the build may have newer ones."""
    released = ReleaseCreated(api="a", output="gone.2", build="gone.1", version="1", count=1)
    await add_api(hub, outputs=(released,))
    await collection(hub, "gone.1")
    assert await garbage.collect(hub, 0.0) == []


async def test_old_jobs_go_with_their_logs(hub: Hub) -> None:
    """Finished longer ago than they are kept; unfinished ones stay, and so do young ones."""
    old, young, queued = [(await ask(hub, UploadSource(source="s"))).job.id for _ in range(3)]
    for id in (old, young):
        await perform(hub, id, KNOWN)
        log = LogWriter(hub, id, id, 1)
        log.add("line", "info")
        await log.flush()
    long_ago = time.time() - hub.limits.keep_jobs - 1
    for id in (old, queued):
        stored = await JOBS.get(hub.records, id)
        await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, created_at=long_ago, finished_at=long_ago))
    assert await retention.forget(hub, 100) == 1
    assert sorted(stored.id for stored in await JOBS.every(hub.records)) == sorted([young, queued])
    assert (await logs.read(hub, old)).lines == []
    assert len((await logs.read(hub, young)).lines) == 1


async def test_an_old_run_goes_as_a_whole(hub: Hub) -> None:
    """Not before its last job is old; then the run and all its jobs."""
    started = await pipelines.start_upload(hub, "s")
    await go_on(hub, KNOWN)
    long_ago = time.time() - hub.limits.keep_jobs - 1
    for number, stored in enumerate(await JOBS.every(hub.records)):
        await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, created_at=long_ago, finished_at=long_ago))
        assert await retention.forget(hub, 100) == (0 if number == 0 else 2)
    assert await JOBS.every(hub.records) == []
    assert await RUNS.find_one(hub.records, started.run_id) is None


async def test_dead_letters_are_kept(hub: Hub) -> None:
    """What nobody can decode is moved into the records, once, with the reason."""
    for _ in range(2):
        hub.bus.put("upload", b"no json")  # type: ignore[attr-defined]
    await lose(hub)
    await impatient(hub).send_again()
    [letter] = await dead_letters.page(hub)
    assert (letter.value.queue, letter.value.body) == ("upload", "no json")
    assert letter.value.reason


async def test_processes_that_are_gone_are_forgotten(hub: Hub) -> None:
    """Not shown after two leases, removed after a day."""
    said = Presence(host="h", pid=1, queues={"upload": 1}, seen_at=time.time(), created_at=0.0)
    await presence.save(hub, said)
    assert len(await presence.page(hub)) == 1
    await presence.save(hub, msgspec.structs.replace(said, seen_at=time.time() - 3 * hub.limits.lease))
    assert await presence.page(hub) == []
    await presence.forget_lost(hub)
    assert len(await WORKERS.every(hub.records)) == 1
    await presence.save(hub, msgspec.structs.replace(said, seen_at=time.time() - 1.1 * presence.DAY))
    await presence.forget_lost(hub)
    assert await WORKERS.every(hub.records) == []


async def test_aliases_are_put_right(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine does not answer, a switch is one all the same; the reaper moves the alias to what is served by then."""
    aliases: dict[str, str | None] = {}

    async def away(alias: str, name: str | None) -> None:
        raise Unavailable("no answer")

    async def publish(alias: str, name: str | None) -> None:
        if not aliases:  # somebody switches just then
            aliases[alias] = None
            await apis.switch(hub, alias, "j.1")
        aliases[alias] = name

    releases = tuple(ReleaseCreated(api="a", output=f"j.{n}", build="b.1", version="1", count=1) for n in (1, 2))
    await add_api(hub, served="j.1", outputs=releases)
    monkeypatch.setattr(hub.search, "publish", away)
    await apis.switch(hub, "a", "j.2")
    assert (await APIS.get(hub.records, "a")).value.served == "j.2"
    monkeypatch.setattr(hub.search, "publish", publish)
    await apis.publish_all(hub)

    assert aliases == {"a": "j.1"}


async def test_a_record_of_a_newer_version_ends_no_process(hub: Hub) -> None:
    """While a hub is upgraded, process by process, those of the version before go on."""
    await hub.records.insert(JOBS.kind, "new", {"created_at": 1.0, "state": "RUNNING", "sent_at": 0.0, "form": "another"})

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await Reaper(hub, AT_ONCE).run()


async def test_what_cannot_be_read_keeps_nothing_else(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Passes go on behind records of a newer version, which are logged once each; garbage waits, since nobody knows what they
    name."""
    newer = {
        "created_at": 1.0,
        "form": "another",
        "is_untold": True,
        "is_alive": True,
        "due_at": 1.0,
        "queue": "upload",
        "sent_at": 0.0,
        "run_id": "r",
    }
    for state in ("QUEUED", "RUNNING", "FINISHED"):
        await hub.records.insert(JOBS.kind, f"new-{state}", {**newer, "state": state})
    await hub.records.insert(SOURCES.kind, "new", {"created_at": 1.0, "outputs": [{"type": "SourcePainted"}]})
    await hub.records.insert(RUNS.kind, "new", {"created_at": 1.0, "pending": "ask", "steps": 1})
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await lose(hub)

    watcher = impatient(hub)
    for _ in range(2):
        for one_pass in (watcher.settle_dead, watcher.send_due, watcher.look_at_everything, watcher.send_again):
            await one_pass()
        await work_off(hub, KNOWN)

    assert (await get(hub, id)).outcome == "SUCCEEDED"
    assert [stored.id for stored in await control.page(hub, limit=1, descending=False)] == [id]
    with pytest.raises(Unreadable):
        await garbage.collect(hub, 0.0)
    told = [vars(record)["error"] for record in caplog.records if record.message == "record can't be read"]
    assert len(told) == len(set(told)) == 5


async def test_a_plan_of_a_newer_version_ends_no_process(hub: Hub) -> None:
    """A step whose command this version does not know is left to who knows it."""
    step = {"name": "paint:s", "command": {"type": "PaintSource", "source": "s"}, "after": []}
    await hub.records.insert(
        RUNS.kind, "new", {"created_at": 1.0, "pending": "ask", "title": "t", "asked_by": "me", "steps": [step]}
    )
    run = await RUNS.get(hub.records, "new")

    await Reaper(hub, AT_ONCE).look_at_everything()

    assert await RUNS.get(hub.records, "new") == run


async def test_who_goes_by_what_is_not_there_is_refused(hub: Hub) -> None:
    """A build whose API can't be read is not removed, and a run of which a job can't be read stays whole; others go."""
    await hub.records.insert(BUILDS.kind, "b", {"created_at": 1.0, "sources": [], "doc_type": "gene"})
    await hub.records.insert(APIS.kind, "new", {"created_at": 1.0, "build": "b", "outputs": [{"type": "ReleasePainted"}]})
    with pytest.raises(Unreadable):
        await removals.remove_build(hub, "b")

    body = {"state": "FINISHED", "created_at": 1.0, "finished_at": 1.0, "command": {}, "type": "", "queue": "", "input_hash": ""}
    await hub.records.insert(JOBS.kind, "first", {**body, "run_id": "r", "chained": True})
    await hub.records.insert(JOBS.kind, "new", {**body, "run_id": "r", "outcome": "PAINTED"})
    await hub.records.insert(JOBS.kind, "other", {**body, "run_id": "other", "chained": True})
    assert await retention.forget(hub, 100) == 1
    assert await JOBS.find_one(hub.records, "first")


async def test_a_pass_that_fails_of_a_bug_comes_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others, a noun's chores among them, go on meanwhile."""
    cleaned, done = asyncio.Event(), asyncio.Event()
    failed: list[str] = []

    async def clean() -> None:
        if not failed:
            failed.append("once")
            raise KeyError("bug")
        cleaned.set()

    async def chore(_: Hub) -> None:
        if failed:
            done.set()

    monkeypatch.setattr(reaper.retention, "forget", lambda *_: clean())
    catalogue = replace(hub.catalogue, chores=(Chore(name="a chore", seconds=0.01, begin=lambda: chore),))
    reaping = asyncio.create_task(Reaper(replace(hub, catalogue=catalogue), Intervals(due=0.01)).run())
    async with asyncio.timeout(20):
        await done.wait()
        await cleaned.wait()
    reaping.cancel()
    await asyncio.wait([reaping])


async def test_a_pass_that_ends_early_is_named(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """In the log, by what it does, and a noun's chore by its name."""
    done = asyncio.Event()

    async def chore(_: Hub) -> None:
        if caplog.records:
            done.set()
        raise Unavailable("away")

    catalogue = replace(hub.catalogue, chores=(Chore(name="a chore", seconds=0.01, begin=lambda: chore),))
    reaping = asyncio.create_task(Reaper(replace(hub, catalogue=catalogue)).run())
    async with asyncio.timeout(20):
        await done.wait()
    reaping.cancel()
    await asyncio.wait([reaping])

    assert {vars(record)["reaper_pass"] for record in caplog.records} == {"chore a chore"}


async def test_a_chore_is_seldom_done_while_nothing_goes_on(hub: Hub) -> None:
    """Where it says so: an idle process reads little."""
    seen: list[str] = []
    often = asyncio.Event()

    def begin(name: str) -> Any:
        async def chore(_: Hub) -> None:
            seen.append(name)
            if seen.count("often") == 5:
                often.set()

        return lambda: chore

    chores = (
        Chore(name="seldom", seconds=0.01, idle=3600.0, begin=begin("seldom")),
        Chore(name="often", seconds=0.01, begin=begin("often")),
    )
    reaping = asyncio.create_task(Reaper(replace(hub, catalogue=replace(hub.catalogue, chores=chores))).run())
    async with asyncio.timeout(20):
        await often.wait()
    reaping.cancel()
    await asyncio.wait([reaping])

    assert seen.count("seldom") == 1


async def waiting_jobs(hub: Hub, number: int, **fields: Any) -> None:
    """So many jobs, older than any other, that wait for their time."""
    id = (await ask(hub, UploadSource(source="s"), delay=3600.0)).job.id
    stored = await JOBS.get(hub.records, id)
    old = msgspec.structs.replace(stored.value, created_at=1.0, **fields)
    await asyncio.gather(*(JOBS.insert(hub.records, f"{id}-{n}", old) for n in range(number)))


async def test_a_lost_message_is_sent_again_behind_many_jobs_that_wait(hub: Hub) -> None:
    """The store is asked for what was sent: older jobs that wait for their time keep nothing back."""
    await waiting_jobs(hub, reaper.SMALL + 1)
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await lose(hub)
    watcher = impatient(hub)

    await watcher.send_again()
    await watcher.send_again()
    await work_off(hub, KNOWN)

    assert (await get(hub, id)).outcome == "SUCCEEDED"


async def test_what_is_due_is_sent_before_many_jobs_that_are_not(hub: Hub) -> None:
    """One look-up finds it, whatever waits beside it."""
    await waiting_jobs(hub, reaper.SMALL + 1)
    id = (await ask(hub, UploadSource(source="s"), delay=3600.0)).job.id
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, not_before=2.0, due_at=2.0))

    await impatient(hub).send_due()

    assert (await get(hub, id)).sent_at > 0


async def test_what_this_version_cannot_send_keeps_nothing_back(hub: Hub) -> None:
    """It is looked at again later, and others come first."""
    await waiting_jobs(hub, reaper.SMALL, not_before=2.0, due_at=2.0, command={"type": "PaintSource", "source": "s"})
    id = (await ask(hub, UploadSource(source="s"), delay=3600.0)).job.id
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, not_before=3.0, due_at=3.0))
    watcher = impatient(hub)

    await watcher.send_due()
    await watcher.send_due()

    assert (await get(hub, id)).sent_at > 0


async def test_an_idle_process_looks_for_one_thing_at_a_time(hub: Hub) -> None:
    """Everything in turn, so that in the end nothing is left out."""
    looked: list[str] = []
    find = hub.records.find

    async def counted(kind: Any, *args: Any, **kwargs: Any) -> Any:
        looked.append(kind.name)
        return await find(kind, *args, **kwargs)

    catalogue = replace(hub.catalogue, rules=())
    idle = Reaper(replace(hub, records=cast(Any, SimpleNamespace(find=counted)), catalogue=catalogue))
    for _ in idle._every_look():
        before = len(looked)
        await idle.go_on()
        assert len(looked) == before + 1

    assert set(looked) == {table.kind.name for table in (*catalogue.entities, JOBS, RUNS)}


async def test_a_waiter_is_looked_at_often_and_written_seldom(hub: Hub) -> None:
    """While the noun is being written, a pass leaves the waiter's record as it is, once it has put it off."""
    holder = (await ask(hub, UploadSource(source="s"))).job.id
    await claim(hub, holder, "w", Retry())
    await writers.take(hub, "source/s", holder, 1)
    waiter = (await ask(hub, UploadSource(source="s"))).job.id
    await perform(hub, waiter, KNOWN)
    watcher = impatient(hub)
    await watcher.send_due()
    before = await JOBS.get(hub.records, waiter)

    await watcher.send_due()
    after = await JOBS.get(hub.records, waiter)
    await writers.free(hub, "source/s", f"{holder}.1")
    await watcher.send_due()

    assert before.value.waiting_for == holder
    assert after.version == before.version
    assert (await get(hub, waiter)).sent_at > 0


async def test_a_lost_message_is_sent_again_behind_many_that_wait_in_another_queue(hub: Hub) -> None:
    """A queue that nobody takes from, and that is full, hides nothing of the others."""
    first = (await ask(hub, DumpSource(source="s"))).job
    stored = await JOBS.get(hub.records, first.id)
    await asyncio.gather(*(JOBS.insert(hub.records, f"{first.id}-{n}", stored.value) for n in range(resending.SMALL)))
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await lose(hub)
    queues = QuietQueues(15.0)

    await queues.send_again(hub, 100.0)
    await queues.send_again(hub, 115.0)

    [depth] = await hub.bus.depth(["upload"])
    assert depth.ready == 1
    assert (await get(hub, id)).state == "QUEUED"


async def test_a_first_look_that_fails_of_a_bug_keeps_no_pass(hub: Hub) -> None:
    """Nor does it fail for ever: what is due is sent meanwhile."""
    sent = asyncio.Event()

    def broken(_: Any, __: str) -> str:
        raise KeyError("a mistake in a rule")

    async def room(_: Hub) -> Room:
        return Room("never")

    async def due(_: Hub) -> None:
        sent.set()

    rule = Rule(name="broken", commands=(ValidateMapping,), key=broken, room=room)
    follower = Follower(name="x", events=(SourceEdited,), ask=lambda event: ValidateMapping(source=event.source))
    chore = Chore(name="a chore", seconds=0.01, begin=lambda: due)
    catalogue = replace(hub.catalogue, rules=(rule,), followers=(follower,), chores=(chore,))
    stored = await SOURCES.get(hub.records, "s")
    untold = (msgspec.to_builtins(SourceEdited(source="s", at=1.0)),)
    await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=untold, is_untold=True))

    reaping = asyncio.create_task(Reaper(replace(hub, catalogue=catalogue)).run())
    async with asyncio.timeout(5):
        await sent.wait()
    reaping.cancel()
    await asyncio.wait([reaping])


async def test_what_a_process_finds_undone_at_its_start_is_looked_at_again_soon(hub: Hub) -> None:
    """It may be too young for others to do it: until then the passes come often, though nothing else goes on."""
    stored = await SOURCES.get(hub.records, "s")
    untold = (msgspec.to_builtins(SourceEdited(source="s")),)
    await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=untold, is_untold=True))
    await RUNS.insert(hub.records, "r", Run(title="", created_at=time.time()))
    watchers = [Reaper(hub), Reaper(hub)]

    await watchers[0]._follow(SOURCES)
    await watchers[1]._ask_first_steps()

    assert [watcher._is_busy() for watcher in watchers] == [True, True]


async def test_while_jobs_are_held_the_passes_come_often(hub: Hub) -> None:
    """Whether there is room again only a look shows."""
    under = under_rule(hub, RuleLimits(Room("a maintenance window", total=0)))
    watcher = Reaper(under)
    [look] = [look for look in watcher._every_look() if under.catalogue.rules[0] in getattr(look, "args", ())]
    await look()
    idle = not watcher._is_busy()
    await asked(under, "ann")

    await look()

    assert (idle, watcher._is_busy()) == (True, True)


async def test_old_jobs_that_have_to_stay_do_not_hide_those_that_can_go(hub: Hub) -> None:
    """More of them than one page has are passed over."""
    await waiting_jobs(
        hub, 11, state="FINISHED", outcome="FAILED", finished_at=1.0, untold=({"id": "e", "at": 1.0},), is_untold=True
    )
    id = (await ask(hub, UploadSource(source="s"))).job.id
    await work_off(hub, KNOWN)
    stored = await JOBS.get(hub.records, id)
    await JOBS.replace(hub.records, stored, msgspec.structs.replace(stored.value, created_at=2.0, finished_at=2.0))

    assert await retention.forget(hub, 10) == 1
