"""InspectSource: what it stores, what it commits, and when it has nothing to do."""

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from domain.data.manifests import Manifest, Uploader
from domain.data.sources import SOURCES, Source, edit_mapping, follow_inspections
from domain.errors import NotReady
from domain.query.mappings import check
from events.sources import InspectSource
from tests.workers.desk import HandJob, open_desk
from tests.workers.uploads import add_source, read, upload
from workers.upload.inspect import inspect_source
from workers.upload.inspection import inspect

STEPS = {"inspect": inspect}


async def test_inspection_is_stored_and_its_mapping_committed(tmp_path: Path) -> None:
    """A document per path, a summary, and the suggested mapping where the part had none."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "genes")
        uploaded = await upload(
            hub, "genes", [{"_id": "1", "gene": {"symbol": "ABL1", "taxid": 9606}}, {"_id": "2", "note": "a b"}]
        )
        job = HandJob(hub, STEPS)
        event = await inspect_source(InspectSource(source="genes"), job)
        source = (await SOURCES.get(hub.records, "genes")).value
        assert source.outputs[0] == event
        assert event.upload == uploaded.output
        assert source.mapping["genes"]["gene"]["properties"]["taxid"] == {"type": "integer"}
        inspected = event.parts["genes"]
        rows = [orjson.loads(body) for body in await read(hub, inspected.collection)]
        assert [row["_id"] for row in rows] == ["_id", "gene", "gene.symbol", "gene.taxid", "note"]
        meta = (await hub.documents.describe(inspected.collection)).meta
        assert (meta["part"], meta["documents"], inspected.documents, inspected.paths) == ("genes", 2, 2, 5)
        assert job.pinned == [uploaded.parts["genes"].collection]
        assert job.done[-1] == (2, 2)


async def test_a_committed_mapping_is_left_alone(tmp_path: Path) -> None:
    """What somebody committed is never overwritten by a suggestion."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "genes")
        await upload(hub, "genes", [{"_id": "1", "x": 1}], mapping={"x": {"type": "long"}})
        await inspect_source(InspectSource(source="genes"), HandJob(hub, STEPS))
        assert (await SOURCES.get(hub.records, "genes")).value.mapping == {"genes": {"x": {"type": "long"}}}


async def test_a_suggestion_is_followed_until_somebody_edits(tmp_path: Path) -> None:
    """New fields and types of a later dump are taken up while nobody edited the mapping; afterwards what is not mapped is said."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "genes")

        async def inspected(*documents: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
            await upload(hub, "genes", list(documents))
            job = HandJob(hub, STEPS)
            await inspect_source(InspectSource(source="genes"), job)
            return (await SOURCES.get(hub.records, "genes")).value.mapping["genes"], [text for _, text in job.lines]

        first, _ = await inspected({"_id": "1", "x": 1, "gone": True})
        second, told = await inspected({"_id": "1", "x": "a b", "y": 2})
        assert (first["x"], set(second), second["x"]) == ({"type": "integer"}, {"x", "y"}, {"type": "text", "copy_to": ["all"]})
        assert [line.partition("mapping ")[2] for line in told if "fields of the mapping" in line] == [
            "1 added: y",
            "1 gone: gone",
            "1 of another type: x (from integer to text)",
        ]

        await edit_mapping(hub, "genes", "genes", {"y": {"type": "long"}})
        third, told = await inspected({"_id": "1", "x": "a b", "y": 2, "z": {"deep": 3}})
        assert third == {**second, "y": {"type": "long"}}
        assert "genes: 1 path not mapped: z.deep" in told
        assert "genes: 5 paths in 1 document, 0 warnings" in told

        await follow_inspections(hub, "genes", "genes")
        fourth, _ = await inspected({"_id": "1", "w": 1})
        assert fourth == {"w": {"type": "integer"}}


async def test_a_plugins_mapping_goes_before_a_suggestion(tmp_path: Path) -> None:
    """The mapping function's newest answer replaces its own and an inspection's, never one that somebody wrote; without the
    function the inspection's is taken again."""
    manifest = Manifest(uploaders=(Uploader(name="a", parser="p:f", mapping="p:g"),))
    source = Source(created_at=0, folder="", code="", manifest=manifest)
    suggested = source.with_derived({"a": {"x": {"type": "long"}}}, "inspection")
    given = suggested.with_derived({"a": {"y": {"type": "long"}}}, "plugin")
    assert given.with_derived({"a": {"x": {"type": "long"}}}, "inspection") == given
    newer = given.with_derived({"a": {"z": {"type": "long"}}}, "plugin")
    assert set(newer.mapping["a"]) == {"z"}
    gone = msgspec.structs.replace(newer, manifest=Manifest(uploaders=(Uploader(name="a", parser="p:f"),)))
    assert set(gone.with_derived({"a": {"x": {"type": "long"}}}, "inspection").mapping["a"]) == {"x"}
    written = newer.with_edited("a", {"w": {"type": "long"}})
    assert written.with_derived({"a": {}}, "plugin").with_derived({"a": {}}, "inspection") == written


async def test_the_same_upload_is_inspected_once(tmp_path: Path) -> None:
    """A second inspection of the same upload has nothing to do, unless forced, or lost; a new upload is looked at."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "genes")
        await upload(hub, "genes", [{"_id": "1"}])
        command = InspectSource(source="genes")
        first = await inspect_source(command, HandJob(hub, STEPS))
        again = await inspect_source(command, HandJob(hub))
        assert again.unchanged
        assert again.output == first.output
        forced = await inspect_source(InspectSource(source="genes", force=True), HandJob(hub, STEPS))
        assert forced.output != first.output
        await hub.documents.drop(forced.parts["genes"].collection)
        assert not (await inspect_source(command, HandJob(hub, STEPS))).unchanged
        await upload(hub, "genes", [{"_id": "1"}, {"_id": "2"}])
        assert (await inspect_source(command, HandJob(hub, STEPS))).parts["genes"].documents == 2


def nest(levels: int, *kinds: type) -> Any:
    """Objects and lists in turn, inside each other."""
    value: Any = 1
    for level in range(levels):
        value = {"x": value} if kinds[level % len(kinds)] is dict else [value, None]
    return value


DEEP: dict[str, dict[str, Any]] = {
    "objects": {"v": nest(99, dict)},
    "objects and lists": {"v": nest(99, dict, list)},
    "lists": {"v": nest(99, list)},
    "dots in a name": {".".join("a" * 3000): 1},
    "dots in names below each other": {"v": {".".join("a" * 19): {".".join("b" * 19): {".".join("b" * 19): 1}}}},
    "two names for a path": {"a..b": 1, "a": {"": {"b": 1}}},
    "two names for a deep path": nest(30, dict) | {".".join("x" * 25): 1},
}


@pytest.mark.parametrize("value", DEEP.values(), ids=DEEP.keys())
async def test_the_deepest_documents_are_inspected(tmp_path: Path, value: dict[str, Any]) -> None:
    """Whatever an upload takes is looked at; what lies deeper than an index goes is not mapped."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "deep")
        await upload(hub, "deep", [{"_id": "1"} | value])
        await inspect_source(InspectSource(source="deep"), HandJob(hub, STEPS))
        check((await SOURCES.get(hub.records, "deep")).value.mapping["deep"])


async def test_without_an_upload_it_is_refused(tmp_path: Path) -> None:
    """The source is named that was not uploaded."""
    async with open_desk(tmp_path) as hub:
        await add_source(hub, "genes")
        with pytest.raises(NotReady, match="genes has no upload"):
            await inspect_source(InspectSource(source="genes"), HandJob(hub, STEPS))
