"""Releases that are judged: what is held, who accepts it, and what dies or races in between."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from domain.data import apis, builds, pipelines, sources
from domain.data.apis import APIS, Api
from domain.data.builds import BUILDS, Build
from domain.data.gates import Expected, Gates
from domain.errors import Invalid, NotReady
from domain.hub import Hub, Limits
from domain.jobs import garbage, overview
from domain.jobs.jobs import JOBS
from domain.nouns import Stored, Table, owner
from domain.ports.records import Records
from domain.ports.search import SearchRequest
from domain.query.parser import parse
from events.apis import CreateRelease, ReleaseCreated
from events.builds import RunBuild
from tests.domain.jobs.processes import Died, Mortal, go_on, other, registrations, work_off
from tests.services import need
from tests.workers.desk import HandJob, HandReport, N, open_desk
from tests.workers.uploads import add_source, upload
from workers.build.handler import run_build
from workers.build.merge import merge
from workers.context import JobContext
from workers.index.feed import feed
from workers.index.release import create_release

MAPPING = {"n": {"type": "integer"}, "word": {"type": "keyword"}}


async def prepare(hub: Hub, documents: int = 20) -> None:
    """A source, a build of it and an API, with as many documents served."""
    await add_source(hub, "a")
    await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("a",)))
    await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
    await load(hub, documents)
    assert not (await release(hub)).held


async def load(hub: Hub, documents: int, words: int | None = None) -> None:
    """A build of so many documents, as many of them as said with a word."""
    words = documents if words is None else words
    rows: list[dict[str, Any]] = [{"_id": f"{n:04}", "n": n, **({"word": f"w{n}"} if n < words else {})} for n in range(documents)]
    await upload(hub, "a", rows, MAPPING)
    await run_build(RunBuild(build="all"), HandJob(hub, {"merge": merge}))


async def release(hub: Hub, job: HandJob | None = None, *, force: bool = False) -> ReleaseCreated:
    """Make a release of the API."""
    return await create_release(CreateRelease(api="things", force=force), job or HandJob(hub, {"feed": feed}))


async def api(hub: Hub) -> Api:
    """The API as it is."""
    return (await APIS.get(hub.records, "things")).value


async def test_a_truncated_source_is_held_and_the_old_release_served_on(tmp_path: Path) -> None:
    """The reasons are in the event and the log; garbage collection keeps it, and nothing was switched."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        before = (await api(hub)).served
        await load(hub, 7)
        job = HandJob(hub, {"feed": feed})

        made = await release(hub, job)

        assert made.held == ("documents: 20 became 7 (65.0% lost, 10% may be)",)
        assert ("warning", made.held[0]) in job.lines
        now = await api(hub)
        assert (now.served, now.held(), [each.output for each in now.releases()]) == (before, made, [made.output, before])
        await garbage.collect(hub, age=0.0)
        assert sorted(await hub.search.names()) == sorted([made.output, before])


async def test_a_field_that_was_lost_is_held(tmp_path: Path) -> None:
    """As many documents as before, and a field of which half is gone."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        await load(hub, 20, words=9)

        made = await release(hub)

        assert [reason.split(":")[0] for reason in made.held] == ["field word"]


async def test_gates_are_set_for_builds_and_sources(tmp_path: Path) -> None:
    """What is asked of build and source is asked of the index; setting them builds nothing anew."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        version = (await BUILDS.get(hub.records, "all")).value.version
        wanted = (Expected(query="n:[0 TO 4]", least=5, most=5), Expected(query="word:w1", least=2))
        await builds.set_gates(hub, "all", Gates(lost=1.0, queries=wanted))
        await sources.set_gates(hub, "a", Gates(ids=("0003", "9999"), fields=("n", "absent")))
        with pytest.raises(Invalid):
            await builds.set_gates(hub, "all", Gates(lost=2.0))

        made = await release(hub, force=True)

        assert made.held == (
            "query word:w1: it finds 1 documents, and must find 2 at least",
            "field absent: it must be there, and no document has it",
            "documents that must be there and are not: 9999",
        )
        assert (await BUILDS.get(hub.records, "all")).value.version == version


async def test_a_mapping_that_finds_nothing_is_held_even_at_first(tmp_path: Path) -> None:
    """An API without a release stays without one, rather than serve what nobody can search."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "a")
        await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("a",)))
        await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
        await upload(hub, "a", [{"_id": "1", "n": 1}], {"properties": {"properties": {"n": {"type": "integer"}}}})
        await run_build(RunBuild(build="all"), HandJob(hub, {"merge": merge}))

        made = await release(hub)

        assert "nothing can be searched" in made.held[0]
        assert (await api(hub)).served == ""


async def test_accepting_serves_it_and_says_who(tmp_path: Path) -> None:
    """Once, with the reasons kept; a second time nothing changes, and what is not held can't be accepted."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        first = (await api(hub)).served
        await load(hub, 7)
        made = await release(hub)

        accepted = (await apis.accept(hub, "things", by="ada")).value
        again = await apis.accept(hub, "things", made.called, by="bob")

        event = accepted.release()
        assert event is not None
        assert (event.output, event.held, event.accepted_by, event.accepted_despite) == (made.output, (), "ada", made.held)
        assert again.value == accepted
        with pytest.raises(Invalid, match="does not hold"):
            await apis.accept(hub, "things", first, by="ada")
        with pytest.raises(Invalid, match="holds no release"):
            await apis.accept(hub, "things", by="ada")
        assert (await apis.switch(hub, "things", first)).value.served == first


async def test_a_newer_release_replaces_a_held_one(tmp_path: Path) -> None:
    """Held or not; a held one can't be rolled back to, and once replaced not be accepted."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        served = (await api(hub)).served
        await load(hub, 7)
        first = await release(hub)
        with pytest.raises(Invalid, match="leat release accept things"):
            await apis.switch(hub, "things", first.output)
        await load(hub, 8)
        second = await release(hub)
        assert [each.output for each in (await api(hub)).releases()] == [second.output, served]
        await load(hub, 21)

        third = await release(hub)

        now = await api(hub)
        assert (now.served, [each.output for each in now.releases()]) == (third.output, [third.output, served])
        with pytest.raises(Invalid):
            await apis.accept(hub, "things", second.output, by="ada")


async def test_a_held_release_is_held_until_somebody_looks(tmp_path: Path) -> None:
    """A run that finds nothing new says again that it is held; force makes it anew and judges it by the gates as they are."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        await load(hub, 7)
        made = await release(hub)

        again = await release(hub)
        await builds.set_gates(hub, "all", Gates(lost=0.8))
        forced = await release(hub, force=True)

        assert (again.unchanged, again.held) == (True, made.held)
        assert (forced.held, (await api(hub)).served) == ((), forced.output)


async def test_what_is_switched_meanwhile_is_judged_anew(tmp_path: Path) -> None:
    """A release is judged against what is served when it is switched to, also where somebody accepts or rolls back just then."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        await load(hub, 7)
        held = await release(hub)
        await load(hub, 7, words=7)

        class Slow(HandJob):
            async def switch(self, table: Table[N], id: str, changed: Any) -> Stored[N]:
                await apis.accept(hub, "things", held.output, by="ada")
                return await super().switch(table, id, changed)

        made = await release(hub, Slow(hub, {"feed": feed}), force=True)

        now = await api(hub)
        assert (made.held, now.served) == ((), made.output)
        assert [each.output for each in now.releases()] == [made.output, held.output]


async def test_what_was_served_last_is_kept_beside_the_newest(tmp_path: Path) -> None:
    """After a rollback the next release drops the bad one, not the good one; what was dropped is remembered for its readers."""
    async with open_desk(tmp_path, Limits(keep_indexes=2)) as hub:
        await prepare(hub)
        good = (await api(hub)).served
        await load(hub, 21)
        bad = await release(hub)
        await apis.switch(hub, "things", good)
        await load(hub, 22)

        newest = await release(hub)

        now = await api(hub)
        assert [each.output for each in now.releases()] == [newest.output, good]
        assert now.retired == (bad.output,)


async def test_a_rollback_is_possible_while_a_release_is_made(tmp_path: Path) -> None:
    """At once; the release is served when it is done."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        good = (await api(hub)).served
        await load(hub, 21)
        await release(hub)
        await load(hub, 22)

        async def slow(*arguments: Any) -> dict[str, Any]:
            await APIS.change(hub.records, "things", lambda noun: noun.with_writer("job.1"))
            assert (await apis.switch(hub, "things", good)).value.served == good
            return await feed(*arguments)

        made = await release(hub, HandJob(hub, {"feed": slow}))

        assert (await api(hub)).served == made.output


async def test_what_is_gone_is_not_rolled_back_to(tmp_path: Path) -> None:
    """An index that is not there is refused, and so is one whose documents are gone; what is served stays, and is told of."""
    async with open_desk(tmp_path) as hub:
        await prepare(hub)
        first = (await api(hub)).releases()[0]
        await load(hub, 21)
        second = await release(hub)
        assert await apis.gone(hub) == {"things": ""}
        await hub.search.drop(first.output)

        with pytest.raises(NotReady, match="what is served stays"):
            await apis.switch(hub, "things", first.output)

        assert (await api(hub)).served == second.output
        await hub.documents.drop(second.build)
        assert (await apis.gone(hub))["things"]


@pytest.mark.parametrize("engine", ["tantivy", "elasticsearch"])
async def test_either_engine_is_judged_alike(tmp_path: Path, engine: str) -> None:
    """What was lost, what must be there, what is gone: the same sentences."""
    async with open_desk(tmp_path, search="tantivy:" if engine == "tantivy" else need("elasticsearch")) as hub:
        try:
            await prepare(hub)
            first = (await api(hub)).releases()[0]
            await builds.set_gates(hub, "all", Gates(ids=("0001", "8888"), queries=(Expected(query="word:w1*", least=20),)))
            await load(hub, 17, words=5)

            made = await release(hub)
            await apis.accept(hub, "things", by="ada")

            assert made.held == (
                "documents: 20 became 17 (15.0% lost, 10% may be)",
                "field word: 20 of 20 documents had it, now 5 of 17 have (10% of its share may be lost)",
                "documents that must be there and are not: 8888",
                "query word:w1*: it finds 1 documents, and must find 20 at least",
            )
            await hub.search.drop(first.output)
            with pytest.raises(NotReady):
                await apis.switch(hub, "things", first.output)
            assert await apis.gone(hub) == {"things": ""}
        finally:
            for index in await hub.search.names():
                await hub.search.drop(index)


async def test_releases_have_names_that_roll_back_takes(tmp_path: Path) -> None:
    """Of two of one build the second is numbered; what several are called is refused with their outputs."""
    async with open_desk(tmp_path, Limits(keep_indexes=3)) as hub:
        await prepare(hub)
        first = (await api(hub)).releases()[0]
        second = await release(hub, force=True)

        assert second.name == f"{first.name}.2"
        assert (await apis.switch(hub, "things", first.name)).value.served == first.output
        assert (await apis.switch(hub, "things", second.output)).value.served == second.output

        def nameless(noun: Api) -> Api:
            outputs = tuple(msgspec.structs.replace(event, name="") for event in noun.releases())
            return msgspec.structs.replace(noun, outputs=outputs)

        await APIS.change(hub.records, "things", nameless)
        with pytest.raises(Invalid, match=second.output):
            await apis.switch(hub, "things", first.version)
        with pytest.raises(Invalid, match="it keeps"):
            await apis.switch(hub, "things", "19990101")


# -- deaths ---------------------------------------------------------------------------------------------------------------


async def in_this_process(command: CreateRelease, context: JobContext) -> ReleaseCreated:
    """The real handler; its heavy step runs here, so that it dies with its process."""

    async def child(step: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await feed(context.hub, arguments, HandReport(HandJob(context.hub)))

    cast(Any, context).child = child
    return await create_release(command, context)


def folder(within: Path, death: int) -> Path:
    """A data folder of its own for each death."""
    made = within / str(death)
    made.mkdir()
    return made


KNOWN = registrations(CreateRelease=in_this_process)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_who_dies_while_a_release_is_held_leaves_it_held_once(tmp_path: Path, before: bool) -> None:
    """For each write of the job: another process goes on, the old release is served on, and nothing is left behind."""
    death, lived = 0, False
    while not lived:
        async with open_desk(folder(tmp_path, death), Limits(quiet=0.0)) as desk:
            hub = replace(desk, catalogue=replace(desk.catalogue, followers=()))  # nobody is told
            await prepare(hub)
            served = (await api(hub)).served
            await load(hub, 7)
            mortal = Mortal(hub.records, death, before=before)
            process = other(hub, "mortal", records=cast(Records, mortal))
            try:
                await pipelines.start_release(process, "things", asked_by="me", key="1")
                await work_off(process, KNOWN)
            except Died:
                await pipelines.start_release(hub, "things", asked_by="me", key="1")
            await go_on(hub, KNOWN)

            (job,) = await JOBS.every(hub.records)
            now, run = await api(hub), await overview.view(hub, job.id)
            held = now.held()
            assert held is not None
            assert (job.value.outcome, run.state, now.served, now.writer) == ("SUCCEEDED", "HELD", served, "")
            assert owner(held.output)[0] == job.id
            assert sorted(await hub.search.names()) == sorted([held.output, served])
            assert [event["type"] for event in job.value.events].count("ReleaseCreated") == 1
            lived, death = not mortal.dead, death + 1
    assert death > 5


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_who_dies_while_accepting_has_accepted_or_has_not(tmp_path: Path, before: bool) -> None:
    """For each write: whoever asks again finds it done, or does it; it was accepted by one person and is served."""
    death, lived = 0, False
    while not lived:
        async with open_desk(folder(tmp_path, death)) as hub:
            await prepare(hub)
            served = (await api(hub)).served
            await load(hub, 7)
            held = await release(hub)
            mortal = Mortal(hub.records, death, before=before)
            try:
                await apis.accept(other(hub, "mortal", records=cast(Records, mortal)), "things", by="ada")
            except Died:
                assert (await api(hub)).served in (served, held.output)
            await apis.accept(hub, "things", held.output, by="bob")

            now = (await api(hub)).release()
            assert now is not None
            committed = not mortal.dead or not before
            assert (now.output, now.accepted_by) == (held.output, "ada" if committed else "bob")
            found = await hub.search.search(now.output, SearchRequest(query=parse("n:[0 TO 100]")))
            assert found.total == 7
            lived, death = not mortal.dead, death + 1
