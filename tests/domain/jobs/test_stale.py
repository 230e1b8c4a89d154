"""Each compare-and-set where somebody else writes the record just before: it reads again and goes on, or theirs stands."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from domain.data import pipelines, removals, sources
from domain.data.sources import SOURCES
from domain.hub import Hub
from domain.jobs import control, edits, following, garbage, holds, retention, runs, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim, seize
from domain.jobs.garbage import SEEN
from domain.jobs.jobs import JOBS
from domain.jobs.plans import RUNS
from domain.jobs.retries import Retry
from domain.jobs.sending import postpone, resend
from domain.jobs.verdicts import Failed
from domain.nouns import Stored
from domain.ports.records import Records
from events.sources import SourceAdded, SourceEdited, UploadSource
from tests.domain.jobs.processes import add_source, get, impatient, open_hub, other, writer
from tests.domain.jobs.ruled import Limits, admitted, asked, held, holds_of, under_rule
from tests.domain.jobs.stepping import FOLLOWERS


class Overtaken:
    """Records of a process that is overtaken once: just before such a write of its own, somebody writes the record as it is."""

    def __init__(self, records: Records, write: str) -> None:
        self.records = records
        self.write = write
        """Such as `replace job`."""
        self.version = 0
        """What they wrote; 0 before that."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.records, name)

        async def call(kind: Any, *args: Any, **kwargs: Any) -> Any:
            if self.write == f"{name} {kind.name}" and not self.version:
                there = await self.records.get(kind, args[0])
                assert there
                self.version = await self.records.replace(kind, there.id, there.body, there.version)
            return await method(kind, *args, **kwargs)

        return call


@pytest.fixture
async def hub(memory: Path) -> AsyncIterator[Hub]:
    """A hub with a source, a rule and followers."""
    async with open_hub(memory) as opened:
        await add_source(opened)
        ruled = under_rule(opened, Limits())
        yield replace(ruled, catalogue=replace(ruled.catalogue, followers=FOLLOWERS))


def overtaken(hub: Hub, write: str) -> tuple[Hub, Overtaken]:
    """The hub as a process has it that is overtaken before such a write."""
    records = Overtaken(hub.records, write)
    return other(hub, "overtaken", records=cast(Records, records)), records


async def upload(hub: Hub) -> Stored[Any]:
    """An upload that was asked for, as it is in the records."""
    return await JOBS.get(hub.records, (await ask(hub, UploadSource(source="s"))).job.id)


async def begun(hub: Hub, process: Hub) -> Attempt:
    """An attempt of that process, claimed before it is overtaken."""
    attempt = await claim(hub, (await upload(hub)).id, "first", Retry())
    assert attempt
    attempt.hub = process
    return attempt


async def source(hub: Hub) -> Any:
    """The source, whatever became of it."""
    found = await SOURCES.find_even_removed(hub.records, "s")
    assert found
    return found.value


# -- it reads again, and goes on ------------------------------------------------------------------------------------------


async def take(hub: Hub, process: Hub) -> None:
    assert await writers.take(process, "source/s", "j", 1) == ""
    assert await writer(hub) == "j.1"


async def close(hub: Hub, process: Hub) -> None:
    await writers.take(hub, "source/s", "j", 1)
    await writers.close(process, "source/s", "j", 2)
    assert await writer(hub) == "j.2"


async def switch(hub: Hub, process: Hub) -> None:
    await writers.take(hub, "source/s", "j", 1)
    await writers.switch(process, SOURCES, "s", "j.1", lambda noun: msgspec.structs.replace(noun, folder="x"))
    assert (await source(hub)).folder == "x"


async def free(hub: Hub, process: Hub) -> None:
    await writers.take(hub, "source/s", "j", 1)
    await writers.free(process, "source/s", "j.1")
    assert await writer(hub) == ""


async def edit(hub: Hub, process: Hub) -> None:
    await sources.edit(process, "s", disabled=True)
    assert (await source(hub)).disabled


async def remove(hub: Hub, process: Hub) -> None:
    await removals.remove_source(process, "s")
    assert (await source(hub)).deleted_at > 0


async def make_anew(hub: Hub, process: Hub) -> None:
    before = await source(hub)
    await removals.remove_source(hub, "s")
    await edits.add(process, SOURCES, "s", before, SourceAdded(source="s"))
    assert (await source(hub)).deleted_at == 0


async def follow(hub: Hub, process: Hub) -> None:
    plain = msgspec.to_builtins(SourceEdited(source="s"))
    stored = await SOURCES.get(hub.records, "s")
    stored = await SOURCES.replace(hub.records, stored, msgspec.structs.replace(stored.value, untold=(plain,), is_untold=True))
    await following.follow(process, SOURCES, stored)
    assert ((await source(hub)).untold, (await source(hub)).is_untold) == ((), False)


async def claim_it(hub: Hub, process: Hub) -> None:
    attempt = await claim(process, (await upload(hub)).id, "w", Retry())
    assert attempt
    assert (await get(hub, attempt.id)).state == "RUNNING"


async def beat(hub: Hub, process: Hub) -> None:
    attempt = await begun(hub, process)
    before = attempt.job.beat
    await attempt.beat()
    assert (await get(hub, attempt.id)).beat == before + 1


async def cancel(hub: Hub, process: Hub) -> None:
    id = (await upload(hub)).id
    await control.cancel(process, id)
    assert (await get(hub, id)).outcome == "CANCELED"


async def retry(hub: Hub, process: Hub) -> None:
    id = (await upload(hub)).id
    await control.cancel(hub, id)
    await control.retry(process, id)
    assert (await get(hub, id)).state == "QUEUED"


async def cancel_run(hub: Hub, process: Hub) -> None:
    id = (await pipelines.start_upload(hub, "s")).run_id
    await runs.cancel(process, id)
    assert (await RUNS.get(hub.records, id)).value.cancelled


async def admit(hub: Hub, process: Hub) -> None:
    id = await asked(process, "a")
    assert await held(hub, id) == [False]
    assert await admitted(hub) == await holds_of(hub, id)


async def give_back(hub: Hub, process: Hub) -> None:
    stored = await JOBS.get(hub.records, await asked(hub, "a"))
    job = msgspec.structs.replace(stored.value, state="FINISHED", outcome="CANCELED")
    await holds.give_back(process, await JOBS.replace(hub.records, stored, job))
    assert await admitted(hub) == set()


@pytest.mark.parametrize(
    ("write", "act"),
    [
        *(("replace source", act) for act in (take, close, switch, free, edit, remove, make_anew, follow)),
        *(("replace job", act) for act in (claim_it, beat, cancel, retry, admit)),
        *(("replace allowance", act) for act in (admit, give_back)),
        ("replace run", cancel_run),
    ],
)
async def test_who_is_overtaken_reads_again(hub: Hub, write: str, act: Callable[[Hub, Hub], Awaitable[None]]) -> None:
    """What was asked for happens, on top of what the other one wrote."""
    process, records = overtaken(hub, write)

    await act(hub, process)

    assert records.version


# -- theirs stands --------------------------------------------------------------------------------------------------------


async def send_it(hub: Hub, process: Hub) -> tuple[str, str]:
    return "job", (await ask(process, UploadSource(source="s"))).job.id


async def send_again(hub: Hub, process: Hub) -> tuple[str, str]:
    stored = await upload(hub)
    assert await resend(process, stored) is False
    return "job", stored.id


async def put_off(hub: Hub, process: Hub) -> tuple[str, str]:
    stored = await upload(hub)
    await postpone(process, stored)
    return "job", stored.id


async def call_dead(hub: Hub, process: Hub) -> tuple[str, str]:
    attempt = await begun(hub, process)
    assert await seize(process, attempt.id, 1) is None
    return "job", attempt.id


async def settle_run(hub: Hub, process: Hub) -> tuple[str, str]:
    id = (await pipelines.start_upload(hub, "s")).run_id
    await runs.cancel(hub, id)
    run = await RUNS.get(hub.records, id)
    await RUNS.replace(hub.records, run, msgspec.structs.replace(run.value, cancelled_at=1.0))
    await impatient(process).look_at_everything()
    return "run", id


async def note_garbage(hub: Hub, process: Hub) -> tuple[str, str]:
    await garbage.collect(hub)
    await hub.documents.create("gone.1")
    await hub.documents.seal("gone.1", {})
    await garbage.collect(process)
    return SEEN.kind.name, "seen"


async def forget_source(hub: Hub, process: Hub) -> tuple[str, str]:
    await removals.remove_source(hub, "s")
    await edits.forget(process, SOURCES, time.time() + 1, 10)
    return "source", "s"


async def forget_job(hub: Hub, process: Hub) -> tuple[str, str]:
    attempt = await begun(hub, hub)
    await attempt.finish(Failed(ValueError(), Retry(attempts=1)))
    job = msgspec.structs.replace(attempt.job, created_at=1.0, finished_at=1.0, untold=(), is_untold=False)
    await JOBS.replace(hub.records, attempt.stored, job)
    assert await retention.forget(process, 10) == 0
    return "job", attempt.id


@pytest.mark.parametrize(
    ("write", "act"),
    [
        *(("replace job", act) for act in (send_it, send_again, put_off, call_dead)),
        ("replace run", settle_run),
        ("replace garbage", note_garbage),
        ("delete source", forget_source),
        ("delete job", forget_job),
    ],
)
async def test_who_is_overtaken_lets_theirs_stand(
    hub: Hub, write: str, act: Callable[[Hub, Hub], Awaitable[tuple[str, str]]]
) -> None:
    """What need not happen, or is another's to do by now, does not, and nobody hears of an error."""
    process, records = overtaken(hub, write)

    kind, id = await act(hub, process)

    kinds = {each.name: each for each in hub.catalogue.kinds}
    there = await hub.records.get(kinds[kind], id)
    assert there
    assert there.version == records.version > 0
