"""CreateRelease and ValidateMapping: what is indexed, when it is served, and what is reported."""

import time
from pathlib import Path
from typing import Any

import pytest

from domain.data.apis import APIS, Api, switch
from domain.data.builds import BUILDS, Build
from domain.errors import JobFailed, NotReady, Unavailable
from domain.hub import Hub
from domain.ports.search import SearchRequest
from domain.query.parser import parse
from events.apis import CreateRelease, ReleaseCreated, ValidateMapping
from events.builds import BuildFinished, RunBuild
from tests.workers.desk import HandJob, open_desk
from tests.workers.uploads import add_source, upload
from workers.build.handler import run_build
from workers.build.merge import merge
from workers.index.feed import feed
from workers.index.release import create_release
from workers.index.validate import validate_mapping

INTEGER = {"n": {"type": "integer"}}


async def add_api(hub: Hub, documents: int = 3) -> BuildFinished:
    """A source, a build of it that was run, and an API of that."""
    await add_source(hub, "a")
    await upload(hub, "a", [{"_id": f"{number:04}", "n": number} for number in range(documents)], INTEGER)
    await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("a",)))
    await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
    return await build(hub)


async def build(hub: Hub) -> BuildFinished:
    """Run the build."""
    return await run_build(RunBuild(build="all", force=True), HandJob(hub, {"merge": merge}))


async def release(hub: Hub, job: HandJob | None = None, *, force: bool = False) -> ReleaseCreated:
    """Make a release of the API."""
    return await create_release(CreateRelease(api="things", force=force), job or HandJob(hub, {"feed": feed}))


async def served(hub: Hub) -> Api:
    """The API as it is."""
    return (await APIS.get(hub.records, "things")).value


async def test_a_release_is_indexed_and_served(tmp_path: Path) -> None:
    """The newest build becomes an index with its mapping and metadata, and the API serves it."""
    async with open_desk(tmp_path) as hub:
        built = await add_api(hub)
        event = await release(hub)
        assert (event.build, event.count, event.version) == (built.output, 3, built.version)
        api = await served(hub)
        assert (api.served, api.release()) == (event.output, event)
        spec, count = await hub.search.describe(event.output)
        assert (spec.mapping, spec.collection, count) == (INTEGER, built.output, 3)
        assert spec.meta["stats"] == {"total": 3}
        found = await hub.search.search(event.output, SearchRequest(query=parse("n:1")))
        assert [hit.id for hit in found.hits] == ["0001"]


@pytest.mark.parametrize("default", [False, True])
async def test_a_release_that_plain_words_search_nothing_in_says_so(tmp_path: Path, default: bool) -> None:
    """The job warns where no field is searched by default, and only there."""
    mapping = {"title": {"type": "text"} | ({"copy_to": ["all"]} if default else {})}
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "a")
        await upload(hub, "a", [{"_id": "1", "title": "a red house"}], mapping)
        await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("a",)))
        await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
        await build(hub)
        job = HandJob(hub, {"feed": feed})

        await release(hub, job)

        assert any("no field is searched by default" in text for _, text in job.lines) is not default


async def test_a_build_is_released_once(tmp_path: Path) -> None:
    """The newest build's release is there already, even where somebody rolled back from it; force makes another."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)
        first = await release(hub)
        await build(hub)
        second = await release(hub)
        await switch(hub, "things", first.output)
        again = await release(hub, HandJob(hub))
        assert (again.unchanged, again.output) == (True, second.output)
        assert (await served(hub)).served == first.output
        third = await release(hub, force=True)
        api = await served(hub)
        assert (api.served, [each.output for each in api.releases()]) == (third.output, [third.output, first.output])


async def test_a_release_whose_index_is_gone_is_made_again(tmp_path: Path) -> None:
    """Who loses the search engine's data gets it back by the next release, though nothing changed."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)
        first = await release(hub)
        await hub.search.drop(first.output)

        again = await release(hub)

        assert (again.unchanged, again.build) == (False, first.build)
        assert (await hub.search.describe(again.output))[1] == 3
        assert (await served(hub)).served == again.output


async def test_an_index_that_lacks_documents_is_not_served(tmp_path: Path) -> None:
    """Counts that differ fail the job with both numbers, and what was served stays."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)
        first = await release(hub)

        async def lossy(*arguments: Any) -> dict[str, Any]:
            return {"count": (await feed(*arguments))["count"] - 1}

        with pytest.raises(JobFailed, match="holds 2 documents, but the build has 3"):
            await release(hub, HandJob(hub, {"feed": lossy}), force=True)
        assert (await served(hub)).served == first.output


async def test_a_release_that_would_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for an index as large as the collection refuses the release, with the sizes."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)

        async def little() -> int:
            return 1000

        monkeypatch.setattr(hub.documents, "room", little)
        with pytest.raises(JobFailed, match="1,000 bytes are free"):
            await release(hub)


async def test_the_alias_is_a_courtesy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is served even if the engine did not move its alias, and the log says so."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)

        async def publish(alias: str, name: str | None) -> None:
            raise Unavailable("no answer")

        monkeypatch.setattr(hub.search, "publish", publish)
        job = HandJob(hub, {"feed": feed})
        event = await release(hub, job)
        assert (await served(hub)).served == event.output
        assert ("warning", "the alias things was not moved: no answer") in job.lines


async def test_without_a_build_it_is_refused(tmp_path: Path) -> None:
    """The build is named that has no output."""
    async with open_desk(tmp_path) as hub:
        await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=("a",)))
        await APIS.insert(hub.records, "things", Api(created_at=time.time(), build="all"))
        with pytest.raises(NotReady, match="all has no output"):
            await release(hub)


async def test_documents_that_do_not_fit_fail_the_release(tmp_path: Path) -> None:
    """The document and the path are named."""
    async with open_desk(tmp_path) as hub:
        await add_api(hub)
        await upload(hub, "a", [{"_id": "x1", "n": 1}, {"_id": "x2", "n": "many"}])
        await build(hub)
        with pytest.raises(JobFailed, match="x2: n") as raised:
            await release(hub)
        assert "x2" in raised.value.detail


async def test_mappings_are_tried(tmp_path: Path) -> None:
    """Problems name part, document and path; the scratch index is gone afterwards."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "a")
        documents = [{"_id": f"{number:05}", "n": number if number % 2000 else "none"} for number in range(5000)]
        await upload(hub, "a", documents, INTEGER)
        job = HandJob(hub)
        event = await validate_mapping(ValidateMapping(source="a"), job)
        assert event.documents == 1000
        assert [problem.split(":")[:3] for problem in event.problems] == [
            ["a", f" {id}", " n"] for id in ("00000", "02000", "04000")
        ]
        assert await hub.search.names() == []
        await upload(hub, "a", [{"_id": "1", "n": 5}], INTEGER)
        assert (await validate_mapping(ValidateMapping(source="a"), HandJob(hub))).problems == ()


async def test_a_mapping_that_the_engine_refuses_is_a_problem(tmp_path: Path) -> None:
    """What can't even be an index is reported with its path, and so is a part without mapping."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "a")
        await upload(hub, "a", [{"_id": "1", "n": 1}], {"n": {"type": "nonsense"}})
        event = await validate_mapping(ValidateMapping(source="a"), HandJob(hub))
        assert len(event.problems) == 1
        assert "nonsense" in event.problems[0]
        await add_source(hub, "b")
        await upload(hub, "b", [{"_id": "1", "n": 1}])
        event = await validate_mapping(ValidateMapping(source="b"), HandJob(hub))
        assert event.problems == ("b: no mapping is committed",)
