"""The end of an attempt: in which order it is written, and what may fail without keeping the job from its end."""

from dataclasses import replace
from typing import Any, cast

import pytest

from domain.data.sources import SOURCES
from domain.errors import Unavailable
from domain.hub import Hub
from domain.jobs import ending, writers
from domain.jobs.asking import ask
from domain.jobs.attempts import Attempt, claim
from domain.jobs.retries import Retry
from domain.jobs.verdicts import Failed, Stopped, Succeeded, Waiting
from domain.ports.records import Records
from events.sources import SourceUploaded, UploadSource
from tests.domain.jobs.processes import BODY, Mortal, get, other, writer

FAILED = Failed(ValueError("a mistake"), Retry(attempts=1))


async def begun(hub: Hub) -> Attempt:
    """An upload that was asked for and claimed."""
    attempt = await claim(hub, (await ask(hub, UploadSource(source="s"))).job.id, "first", Retry())
    assert attempt
    return attempt


async def writing(hub: Hub) -> Attempt:
    """An upload that is the writer, and has written something."""
    attempt = await begun(hub)
    assert await writers.take(hub, "source/s", attempt.id, attempt.number) == ""
    await hub.documents.create(attempt.name)
    await hub.documents.write(attempt.name, [BODY])
    return attempt


async def test_the_order_of_an_end(hub: Hub) -> None:
    """The noun is fenced, then the job is FINISHED, then the noun is freed, then who waits for it is sent."""
    mortal = Mortal(hub.records)
    process = other(hub, records=cast(Records, mortal))
    waiting = await begun(process)
    attempt = await writing(process)
    await waiting.finish(Waiting(attempt.id))
    mortal.written.clear()

    await ending.end(process, attempt, FAILED, attempt.name)

    assert mortal.written == ["replace source", "replace job", "replace source", "replace job"]
    assert (await get(hub, attempt.id)).outcome == "FAILED"
    assert (await get(hub, waiting.id)).sent_at > 0
    assert await writer(hub) == ""


async def test_an_output_that_cannot_be_dropped_keeps_no_job_from_its_end(hub: Hub) -> None:
    """It is left to garbage collection."""

    class Away:
        """Documents that don't answer."""

        def __getattr__(self, name: str) -> Any:
            raise Unavailable("away")

    attempt = await writing(hub)
    await ending.end(replace(hub, documents=cast(Any, Away())), attempt, FAILED, attempt.name)

    assert (await get(hub, attempt.id)).outcome == "FAILED"
    assert await writer(hub) == ""
    assert await hub.documents.names() == [attempt.name]


@pytest.mark.parametrize(("verdict", "left"), [(FAILED, False), (Stopped(), False), (Waiting("another"), True)])
async def test_what_the_attempt_wrote_and_nobody_reads_is_dropped(hub: Hub, verdict: Any, left: bool) -> None:
    """Unless it was waiting: then it has written nothing, and nothing is looked for."""
    attempt = await writing(hub)

    await ending.end(hub, attempt, verdict, attempt.name)

    assert await hub.documents.names() == [attempt.name] * left


async def test_an_end_that_is_asked_for_again_goes_on_where_it_was(hub: Hub) -> None:
    """The store was away after the job's last change: that is not made twice, and the noun is freed."""
    attempt = await writing(hub)
    await attempt.finish(FAILED)
    seq = (await get(hub, attempt.id)).seq

    await ending.end(hub, attempt, FAILED, attempt.name)

    assert (await get(hub, attempt.id)).seq == seq
    assert await writer(hub) == ""


async def test_another_jobs_output_is_not_taken_for_its_own(hub: Hub) -> None:
    """Whether a job had switched is told by its own outputs alone."""
    before = await writing(hub)
    event = SourceUploaded(source="s", release="1", output=before.name, dump="", code="")
    await writers.switch(hub, SOURCES, "s", before.name, lambda noun: noun.with_output(event, 3))
    await ending.end(hub, before, Succeeded(event, switched=True), before.name)
    attempt = await writing(hub)

    await ending.end(hub, attempt, FAILED, attempt.name)

    assert (await get(hub, before.id)).outcome == "SUCCEEDED"
    assert (await get(hub, attempt.id)).outcome == "FAILED"


async def test_a_success_needs_no_fence(hub: Hub) -> None:
    """Nothing of the job can switch after it; so its end costs two writes, the job's and the noun's."""
    mortal = Mortal(hub.records)
    process = other(hub, records=cast(Records, mortal))
    attempt = await writing(process)
    event = SourceUploaded(source="s", release="1", output=attempt.name, dump="", code="")
    mortal.written.clear()

    await ending.end(process, attempt, Succeeded(event, switched=True), attempt.name)

    assert mortal.written == ["replace job", "replace source"]
    assert await hub.documents.names() == [attempt.name]
