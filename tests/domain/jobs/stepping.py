"""Processes of one hub that take steps in any order: each step may halt before or after any of its writes, while others go on, and
then dies or goes on late."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple, cast

from domain.data import pipelines, removals, sources
from domain.data.manifests import Manifest, Uploader
from domain.data.sources import SOURCES, Source
from domain.errors import Conflict, JobTimedOut, NotFound, Unavailable
from domain.hub import Follower, Hub, Room
from domain.jobs import control, edits, runs, settling
from domain.jobs.jobs import JOBS, Job
from domain.jobs.retries import Retry
from domain.nouns import Stored
from domain.ports.records import Records
from events.apis import MappingValidated, ValidateMapping
from events.bus import Delivery
from events.catalogue import QUEUES, command_from
from events.jobs import JobFinished
from events.message import Command, Event
from events.sources import InspectSource, SourceAdded, SourceEdited, SourceInspected, SourceRemoved, SourceUploaded, UploadSource
from tests.domain.jobs.processes import HANDLERS, Died, go_on, impatient, other, perform, registrations
from tests.domain.jobs.ruled import Limits, under_rule
from workers.running import RunningJob

ROOM = Room("one for each who asks, and two in total", each=1, total=2)
EDITS = (SourceAdded, SourceEdited, SourceRemoved)
RETRY = Retry(attempts=3, base=0.0)


def validate_edited(event: SourceAdded | SourceEdited | SourceRemoved) -> Command:
    """Each edit of a source has its mapping tried."""
    return ValidateMapping(source=event.source)


def validate_failed(event: JobFinished) -> Command | None:
    """So has each failure of an upload."""
    return ValidateMapping(source="s") if fails(event.command, event.outcome) else None


def fails(command: str, outcome: str) -> bool:
    """Is a job that ended so followed?"""
    return (command, outcome) == ("UploadSource", "FAILED")


FOLLOWERS = (
    Follower(name="edited", events=EDITS, ask=validate_edited),
    Follower(name="failed", events=(JobFinished,), ask=validate_failed),
)


class Step(NamedTuple):
    """What a process does next."""

    act: str
    pick: int = 0
    """Which job, which key, which of those that halted."""
    words: tuple[str, ...] = ()
    """What the handler does, where a job is worked on."""
    halts: int | None = None
    """Before or after which of its writes it halts; None where it comes to its end."""
    before: bool = True
    dies: bool = False
    """Where it halts, rather than goes on later."""


class Halting:
    """Records of a process that halts before or after its n-th write, until it goes on or dies."""

    def __init__(self, records: Records, step: Step) -> None:
        self.records = records
        self.left = 10**9 if step.halts is None else step.halts
        self.before = step.before
        self.halted = asyncio.Event()
        self.dead = False
        self._released = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)
        writes = name in ("insert", "replace", "delete")

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise Died
            self.left -= writes
            halts = self.left < 0 and not self._released.is_set()
            if halts and self.before:
                await self._halt()
            result = await method(kind, *args, **kwargs)
            if halts and not self.before:
                await self._halt()
            return result

        return call

    async def _halt(self) -> None:
        self.halted.set()
        await self._released.wait()
        if self.dead:
            raise Died

    def release(self, *, dies: bool) -> None:
        """Let it go on, or die."""
        self.dead = dies
        self._released.set()


class Halted(NamedTuple):
    """A process that halted."""

    records: Halting
    task: asyncio.Task[None]


async def notice(context: RunningJob) -> None:
    """Look whether the job was cancelled, or taken over, which ends the handler here."""
    await context.notice()
    await asyncio.sleep(0)


async def stop(context: RunningJob) -> None:
    """The process stops, and its grace is over."""
    context.stop("stopped")
    await asyncio.sleep(0)


def failing(error: type[Exception]) -> Callable[[RunningJob], Awaitable[None]]:
    """What raises this."""

    async def fail(context: RunningJob) -> None:
        raise error("as it was told")

    return fail


WORDS: dict[str, Callable[[RunningJob], Awaitable[object]]] = {
    "beat": lambda context: context.attempt.beat(),
    "pin": lambda context: context.pin("something.1"),
    "notice": notice,
    "stop": stop,
    "fail": failing(ValueError),
    "late": failing(JobTimedOut),
    "away": failing(Unavailable),
}
"""What a handler may do, beside its switch."""


def script(words: tuple[str, ...]) -> Callable[[Command, RunningJob], Awaitable[Event]]:
    """A handler that does these things in turn, and has found nothing to do where it does not switch."""

    async def handle(command: Command, context: RunningJob) -> Event:
        event = nothing_done(command)
        for word in words:
            if word == "switch":
                event = await HANDLERS[type(command)](command, context)
            else:
                await WORDS[word](context)
        return event

    return handle


def nothing_done(command: Command) -> Event:
    """What a handler says that found nothing to do."""
    match command:
        case UploadSource():
            return SourceUploaded(source=command.source, release="1", output="", dump="", code="", unchanged=True)
        case InspectSource():
            return SourceInspected(source=command.source, output="", upload="", unchanged=True)
    return MappingValidated(source="s", documents=0)


class World:
    """A hub, and those of its processes that halted."""

    def __init__(self, hub: Hub) -> None:
        hub = under_rule(hub, Limits(ROOM))
        self.hub = replace(hub, catalogue=replace(hub.catalogue, followers=FOLLOWERS))
        self.halted: list[Halted] = []

    async def take(self, step: Step) -> None:
        """Let a process take the step, as far as it comes."""
        if step.act in ("go on", "die"):
            if self.halted:
                await self._release(self.halted.pop(step.pick % len(self.halted)), dies=step.act == "die")
            return
        records = Halting(self.hub.records, step)
        process = other(self.hub, f"process {step.pick}", records=cast(Records, records))
        halted = Halted(records, asyncio.create_task(act(process, step)))
        halting = asyncio.create_task(records.halted.wait())
        await asyncio.wait({halted.task, halting}, return_when=asyncio.FIRST_COMPLETED)
        halting.cancel()
        if halted.task.done() or step.dies:
            await self._release(halted, dies=step.dies)
        else:
            self.halted.append(halted)

    async def _release(self, halted: Halted, *, dies: bool) -> None:
        halted.records.release(dies=dies)
        try:
            await halted.task
        except* Died:
            pass

    async def end(self) -> None:
        """Others go on until everything is quiet; then those that halted wake up, and find out what has become of them."""
        known = registrations(RETRY)
        await go_on(other(self.hub, "last"), known)
        while self.halted:
            await self._release(self.halted.pop(), dies=False)
        await go_on(other(self.hub, "last"), known)


async def act(hub: Hub, step: Step) -> None:
    """Do it in this process. What may be refused is refused."""
    try:
        if step.act in ACTS:
            await ACTS[step.act](hub, step)
        elif found := [stored for stored in await JOBS.every(hub.records) if stored.value.state in STATES.get(step.act, ANY)]:
            await TO_A_JOB[step.act](hub, found[step.pick % len(found)], step)
    except (Conflict, NotFound):
        return


async def ask(hub: Hub, step: Step) -> None:
    """Ask for an upload, under one of a few keys."""
    await runs.start_command(hub, "upload", UploadSource(source="s"), asked_by="me", key=str(step.pick))


async def start(hub: Hub, step: Step) -> None:
    """Start a run of several steps, under one of a few keys."""
    await pipelines.start_upload(hub, "s", asked_by="me", key=str(step.pick))


async def validate(hub: Hub, step: Step) -> None:
    """Ask for what a rule holds back."""
    await runs.start_command(hub, "validate", ValidateMapping(source="s"), asked_by="ab"[step.pick % 2], key=str(step.pick))


async def lose(hub: Hub, step: Step) -> None:
    """The queues lose all their messages."""

    async def drop(delivery: Delivery) -> None:
        await delivery.ack()

    for consumer in [await hub.bus.consume(queue, drop, 10**6) for queue in QUEUES]:
        await consumer.cancel()


async def edit(hub: Hub, step: Step) -> None:
    await sources.edit(hub, "s", disabled=bool(step.pick % 2))


async def remove(hub: Hub, step: Step) -> None:
    await removals.remove_source(hub, "s")


async def make_anew(hub: Hub, step: Step) -> None:
    manifest = Manifest(name="s", uploaders=(Uploader(name="s", parser="p:p"),))
    await edits.add(hub, SOURCES, "s", Source(created_at=0.0, folder="", code="", manifest=manifest), SourceAdded(source="s"))


ACTS: dict[str, Callable[[Hub, Step], Awaitable[None]]] = {
    "ask": ask,
    "start": start,
    "validate": validate,
    "edit": edit,
    "lose": lose,
    "remove": remove,
    "make anew": make_anew,
    "send due": lambda hub, _: impatient(hub).send_due(),
    "look": lambda hub, _: impatient(hub).look_at_everything(),
    "send again": lambda hub, _: impatient(hub).send_again(),
    "clean": lambda hub, _: impatient(hub).clean(),
}


async def work(hub: Hub, stored: Stored[Job], step: Step) -> None:
    """Do the job as a worker does whom its message reached, perhaps for the second time."""
    handler = script(step.words)
    known = registrations(RETRY, UploadSource=handler, InspectSource=handler, ValidateMapping=handler)
    await perform(hub, stored.id, known)


async def double(hub: Hub, stored: Stored[Job], step: Step) -> None:
    """Its message comes once more."""
    await hub.bus.send(command_from(stored.value.command))


async def settle(hub: Hub, stored: Stored[Job], step: Step) -> None:
    """Call its attempt dead, rightly or by mistake."""
    await settling.settle(hub, stored)


async def cancel(hub: Hub, stored: Stored[Job], step: Step) -> None:
    await control.cancel(hub, stored.id)


async def retry(hub: Hub, stored: Stored[Job], step: Step) -> None:
    await control.retry(hub, stored.id)


async def cancel_run(hub: Hub, stored: Stored[Job], step: Step) -> None:
    await runs.cancel(hub, stored.value.run_id)


TO_A_JOB: dict[str, Callable[[Hub, Stored[Job], Step], Awaitable[None]]] = {
    "work": work,
    "settle": settle,
    "cancel": cancel,
    "retry": retry,
    "cancel run": cancel_run,
    "double": double,
}
ANY = ("QUEUED", "RUNNING", "CANCELING", "FINISHED")
STATES = {
    "work": ("QUEUED",),
    "settle": ("RUNNING", "CANCELING"),
    "cancel": ("QUEUED", "RUNNING", "CANCELING"),
    "retry": ("FINISHED",),
}
"""Which jobs something is done to; what is done to others is refused at once."""
