"""The record protocol as properties: whatever a few processes do to one hub's records, in whatever order, halting and dying at any
write, everything comes to a good end once others go on."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.data.sources import SOURCES
from domain.hub import Hub
from domain.jobs import chains
from domain.jobs.holds import ALLOWANCES
from domain.jobs.jobs import JOBS, Job
from domain.jobs.plans import RUNS
from domain.nouns import owner
from domain.ports.records import Records
from tests.domain.jobs.processes import add_source, nouns, open_hub, other
from tests.domain.jobs.stepping import ACTS, ROOM, TO_A_JOB, Step, World, fails
from tests.domain.jobs.versions import Recording, check_versions, most_active

WORK = (
    ("switch",),
    ("switch",),
    ("switch",),
    ("beat", "switch"),
    ("notice", "switch"),
    ("pin", "beat", "notice", "switch"),
    ("switch", "fail"),
    ("switch", "beat", "notice"),
    ("switch", "stop"),
    ("fail",),
    ("beat", "notice", "stop"),
    ("late",),
    ("away",),
    (),
)
"""What a handler may do."""
OFTEN = ("work",) * 10 + ("ask",) * 3 + ("settle", "settle", "go on", "cancel")
"""What is chosen more often than the rest, since the rest needs it."""
BEGIN = [Step("ask", 0), Step("ask", 1), Step("start", 0)]

steps = st.builds(
    Step,
    act=st.sampled_from([*OFTEN, *ACTS, *TO_A_JOB, "die"]),
    pick=st.integers(0, 3),
    words=st.sampled_from(WORK),
    halts=st.sampled_from([None, None, *range(7)]),
    before=st.booleans(),
    dies=st.sampled_from([False, False, True]),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(steps, min_size=10, max_size=30))
def test_everything_comes_to_a_good_end(memory: Path, taken: list[Step]) -> None:
    """Steps of several processes, then others go on until all is quiet, then those that halted wake up late."""
    asyncio.run(live(Path(tempfile.mkdtemp(dir=memory)), taken))


async def live(folder: Path, taken: list[Step]) -> None:
    """Take the steps, come to the end, and look at everything that was ever written."""
    async with open_hub(folder) as hub:
        recording = Recording(hub.records)
        world = World(other(hub, records=cast(Records, recording)))
        await add_source(world.hub)
        for step in [*BEGIN, *taken]:
            await world.take(step)
        await world.end()

        check_versions(recording)
        each, total = most_active(recording)
        assert each <= ROOM.each
        assert total <= ROOM.total
        jobs = {stored.id: stored.value for stored in await JOBS.every(hub.records)}
        assert {job.state for job in jobs.values()} <= {"FINISHED"}
        check_switches(recording, jobs)
        check_followed(recording, jobs)
        await check_outputs(world.hub)
        await check_runs(world.hub, jobs)
        assert [each.value.admitted for each in await ALLOWANCES.every(hub.records)] in ([], [{}])


def check_switches(recording: Recording, jobs: dict[str, Job]) -> None:
    """A job that switched has SUCCEEDED with that, and one that says that it made something has switched, once."""
    versions = [version for versions in recording.versions(SOURCES.kind.name) for version in versions]
    switched = {output["output"] for version in versions for output in version["outputs"]}
    made = [job.result["output"] for job in jobs.values() if job.result and job.result.get("output")]
    assert Counter(made) == Counter(switched)
    assert {jobs[owner(output)[0]].outcome for output in switched} <= {"SUCCEEDED"}


def check_followed(recording: Recording, jobs: dict[str, Job]) -> None:
    """Each event that was committed is followed exactly once, after it was committed, and nothing else is."""
    committed: set[str] = set()
    for kind, _, body in recording.written:
        if kind == SOURCES.kind.name and body:
            committed |= {event["id"] for event in body["untold"]}
        if kind == JOBS.kind.name and body:
            committed |= {each["id"] for each in body["events"] if fails(each.get("command", ""), each.get("outcome", ""))}
            assert not body["follower"] or body["cause_id"] in committed
    assert Counter(job.cause_id for job in jobs.values() if job.follower) == Counter(committed)


async def check_outputs(hub: Hub) -> None:
    """What a noun lists is there, whole; what none lists is gone."""
    listed = [event.output for noun in await nouns(hub) for event in noun.outputs]
    assert sorted(await hub.documents.names()) == sorted(listed)
    for output in listed:
        assert (await hub.documents.describe(output)).count == 1
    for stored in await SOURCES.find(hub.records, removed=True):
        assert (stored.value.writer, stored.value.untold) == ("", ())


async def check_runs(hub: Hub, jobs: dict[str, Job]) -> None:
    """No step that is ready was left, and no run waits for anybody but one that was cancelled."""
    for run in await RUNS.every(hub.records):
        found = {job.step: job for job in jobs.values() if job.run_id == run.id}
        assert chains.ready(run.value, found) == ()
        assert run.value.pending == ("cancel" if run.value.cancelled else "")
