"""RunBuild: what is merged, what is refused, and when there is nothing to do."""

import random
import time
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from domain.canonical import document
from domain.data.builds import BUILDS, Build
from domain.data.merging import merged
from domain.data.pipelines import planned_pipeline
from domain.data.sources import SOURCES
from domain.errors import Conflict, Invalid, JobFailed, NotReady
from domain.hub import Hub, Limits
from events.builds import BuildFinished, RunBuild
from events.sources import SourceDumped, SourceUploaded
from tests.workers.desk import HandJob, open_desk
from tests.workers.uploads import add_source, read, upload
from workers.build import merge as merge_step
from workers.build.handler import run_build
from workers.build.merge import merge

KEYWORD = {"type": "keyword"}


async def build(hub: Hub, *, force: bool = False, job: HandJob | None = None) -> BuildFinished:
    """The event of building `all`."""
    return await run_build(RunBuild(build="all", force=force), job or HandJob(hub, {"merge": merge}))


async def configure(hub: Hub, *sources: str, **values: Any) -> None:
    """A build configuration named `all`."""
    await BUILDS.insert(hub.records, "all", Build(created_at=time.time(), sources=sources, **values))


async def two_sources(hub: Hub) -> None:
    """`a` and `b`, which share one of three ids."""
    await add_source(hub, "a")
    await add_source(hub, "b")
    await upload(hub, "a", [{"_id": "1", "a": {"x": 1}, "both": "a"}, {"_id": "2", "a": {}, "both": {"a": 1}}], {"a": KEYWORD})
    await upload(hub, "b", [{"_id": "2", "b": {}, "both": {"b": 1}}, {"_id": "3", "b": 1}], {"b": KEYWORD})


async def test_sources_are_merged_by_id(tmp_path: Path) -> None:
    """Shared ids become one document, the later part replaces top-level keys, and mapping and metadata are sealed with it."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, ".*", doc_type="thing", metadata={"contact": "us"})
        job = HandJob(hub, {"merge": merge})
        event = await build(hub, job=job)
        assert job.done == [(0, 4), (4, 4)]
        assert [orjson.loads(body) for body in await read(hub, event.output)] == [
            {"_id": "1", "a": {"x": 1}, "both": "a"},
            {"_id": "2", "a": {}, "b": {}, "both": {"b": 1}},
            {"_id": "3", "b": 1},
        ]
        assert (event.count, event.counts) == (3, {"a": 2, "b": 2})
        meta = (await hub.documents.describe(event.output)).meta
        assert meta["mapping"] == {"a": KEYWORD, "b": KEYWORD}
        assert meta["counts"] == {"parts": {"a": 2, "b": 2}, "shared": 1, "total": 3}
        metadata = meta["metadata"]
        assert (metadata["biothing_type"], metadata["contact"], metadata["stats"]) == ("thing", "us", {"total": 3})
        assert metadata["build_version"] == event.version
        assert metadata["src"]["a"]["version"] == "2026"
        assert metadata["src"]["a"]["stats"] == {"a": 2}
        assert metadata["src"]["a"]["license"] == "CC0"
        assert "download_date" not in metadata["src"]["a"]
        assert (await BUILDS.get(hub.records, "all")).value.outputs == (event,)


async def test_metadata_says_when_a_source_was_downloaded(tmp_path: Path) -> None:
    """The dump that the upload was parsed from, not a later one; uploads before it had none to tell of."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a")
        uploaded = (await SOURCES.get(hub.records, "a")).value.newest(SourceUploaded)
        assert uploaded is not None
        for name, at in ((uploaded.dump, 0.0), ("later", 1.0)):
            dump = SourceDumped(source="a", release="2026", output=name, at=at)
            await SOURCES.change(hub.records, "a", lambda source, dump=dump: source.with_output(dump, 3))  # type: ignore[misc]
        metadata = (await hub.documents.describe((await build(hub)).output)).meta["metadata"]
        assert metadata["src"]["a"]["download_date"] == "1970-01-01T00:00:00+00:00"


async def test_root_sources_define_the_ids(tmp_path: Path) -> None:
    """Parts that are no roots only add to documents of roots, and come after them."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b", root=("b",))
        event = await build(hub)
        bodies = [orjson.loads(body) for body in await read(hub, event.output)]
        assert bodies == [{"_id": "2", "a": {}, "b": {}, "both": {"a": 1}}, {"_id": "3", "b": 1}]


async def test_a_part_can_be_merged_key_by_key(tmp_path: Path) -> None:
    """A part of `merge_struct` adds to what others say."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b", merge_struct=("b",))
        event = await build(hub)
        assert orjson.loads((await read(hub, event.output))[1])["both"] == {"a": 1, "b": 1}


async def test_the_same_inputs_are_built_once(tmp_path: Path) -> None:
    """Nothing is done twice; a new upload, an edited configuration, an edited mapping, force, or a collection that a restored hub
    lacks make a new build."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b")
        first = await build(hub)
        again = await build(hub, job=HandJob(hub))
        assert again.unchanged
        assert again.output == first.output
        outputs = {first.output, (newest := await build(hub, force=True)).output}
        await hub.documents.drop(newest.output)
        outputs.add((await build(hub)).output)
        await upload(hub, "a", [{"_id": "1"}])
        outputs.add((await build(hub)).output)
        await BUILDS.change(hub.records, "all", lambda noun: msgspec.structs.replace(noun, version=2))
        outputs.add((await build(hub)).output)
        await SOURCES.change(hub.records, "b", lambda noun: msgspec.structs.replace(noun, mapping={"b": {"c": KEYWORD}}))
        outputs.add((await build(hub)).output)
        assert len(outputs) == 6


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Parts without upload or mapping, an unknown part, roots that are not built and contradicting mappings are all refused."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await add_source(hub, "c")
        await add_source(hub, "d")
        await upload(hub, "d", [{"_id": "1"}])
        await configure(hub, "a", "c", "d")
        with pytest.raises(NotReady, match="c was not uploaded yet; d has no mapping"):
            await build(hub)
        await BUILDS.change(hub.records, "all", lambda noun: msgspec.structs.replace(noun, sources=("e",)))
        with pytest.raises(Invalid, match="'e' is no part"):
            await build(hub)
        await BUILDS.change(hub.records, "all", lambda noun: msgspec.structs.replace(noun, sources=("a",), root=("b",)))
        with pytest.raises(NotReady, match="none of the root sources"):
            await build(hub)
        await upload(hub, "d", [{"_id": "1"}], {"a": {"type": "date"}})
        await BUILDS.change(hub.records, "all", lambda noun: msgspec.structs.replace(noun, sources=("a", "d"), root=()))
        with pytest.raises(Invalid, match="a: keyword in a, date in d"):
            await build(hub)


async def test_a_build_that_would_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for twice what is expected refuses the build, with the sizes."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b")

        async def little() -> int:
            return 1000

        monkeypatch.setattr(hub.documents, "room", little)
        with pytest.raises(JobFailed, match="1,000 bytes are free"):
            await build(hub)


async def test_any_number_of_parts_merges_like_a_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that end anywhere, in any number of parts, give what merging everything in memory gives, in order of `_id`."""
    monkeypatch.setattr(merge_step, "SCAN", 3)
    monkeypatch.setattr(merge_step, "BATCH", 5)
    chance = random.Random(7)
    async with open_desk(tmp_path) as hub:
        expected: dict[str, list[dict[str, Any]]] = {}
        for name in "abcd":
            ids = sorted(chance.sample([f"é{number}" if number % 2 else f"Z{number}" for number in range(40)], 17))
            documents = [{"_id": id, name: chance.random(), "last": name} for id in ids]
            for each in documents:
                expected.setdefault(each["_id"], []).append(each)
            await add_source(hub, name)
            await upload(hub, name, documents, {name: {"type": "float"}})
        await configure(hub, "[a-d]")
        event = await build(hub)
        wanted = [merged([document(each) for each in expected[id]], [False] * len(expected[id])) for id in sorted(expected)]
        assert await read(hub, event.output) == [each.body for each in wanted]


async def test_builds_of_one_day_differ_in_their_names(tmp_path: Path) -> None:
    """The second is called .2, also where the first ones are not kept any more, and its metadata say so."""
    async with open_desk(tmp_path, Limits(keep_collections=2)) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b", version_format="day")

        made = [await build(hub, force=True) for _ in range(4)]

        assert [event.version for event in made] == ["day", "day.2", "day.3", "day.4"]
        assert (await hub.documents.describe(made[-1].output)).meta["metadata"]["build_version"] == "day.4"


async def test_a_build_can_be_given_a_name(tmp_path: Path) -> None:
    """Then it is made even where nothing changed, once under that name; a name that is taken is refused."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b", version_format="day")
        first = await build(hub)
        named = RunBuild(build="all", version="for-the-paper")

        second = await run_build(named, HandJob(hub, {"merge": merge}))
        again = await run_build(named, HandJob(hub, {"merge": merge}))
        await build(hub, force=True)

        assert (first.version, second.version, again.unchanged) == ("day", "for-the-paper", True)
        with pytest.raises(Conflict, match="for-the-paper"):
            await run_build(named, HandJob(hub, {"merge": merge}))


async def test_a_disabled_source_gives_its_last_upload_with_a_word(tmp_path: Path) -> None:
    """What it gave before is merged, and the job warns of it by the name that lists have; a run asks nothing of it."""
    async with open_desk(tmp_path) as hub:
        await two_sources(hub)
        await configure(hub, "a", "b")
        [uploaded] = (await SOURCES.get(hub.records, "b")).value.outputs
        named = msgspec.structs.replace(uploaded, name="may.3")
        await SOURCES.change(hub.records, "b", lambda source: msgspec.structs.replace(source, disabled=True, outputs=(named,)))
        job = HandJob(hub, {"merge": merge})

        event = await build(hub, job=job)

        assert event.counts == {"a": 2, "b": 2}
        (word,) = [text for level, text in job.lines if level == "warning" and "disabled" in text]
        assert word.startswith("source b is disabled: its upload of 2")
        assert word.endswith("release may.3, is merged")
        known = {stored.id: stored.value for stored in await SOURCES.every(hub.records)}
        steps = planned_pipeline("all", (await BUILDS.get(hub.records, "all")).value, known, "api", force=False)
        assert [step.name for step in steps] == ["dump:a", "upload:a", "inspect:a", "build:all", "release:api"]
        await add_source(hub, "c")
        await SOURCES.change(hub.records, "c", lambda source: msgspec.structs.replace(source, disabled=True))
        await BUILDS.change(hub.records, "all", lambda build: msgspec.structs.replace(build, sources=("a", "c")))
        with pytest.raises(NotReady, match="c was not uploaded yet, and its source is disabled"):
            await build(hub)
