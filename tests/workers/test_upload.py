"""UploadSource from a stored dump to current collections."""

import json
import random
import sqlite3
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from domain.data import plugins
from domain.data.sources import SOURCES, Source
from domain.errors import JobFailed, NotReady
from domain.hub import Hub
from events.sources import File, SourceDumped, SourceUploaded, UploadSource
from tests.workers.desk import HandJob, open_desk
from tests.workers.parsing import uploading, write
from workers.upload.handler import upload_source
from workers.upload.store import store

LINES = """
import json, os
def load_data(folder):
    with open(os.path.join(folder, "docs.ndjson")) as file:
        yield from map(json.loads, file)
"""


class Place:
    """A hub with a source `demo`, whose dump is what the test puts there."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        self.job: HandJob
        self.dumps = 0

    async def plugin(self, files: dict[str, str]) -> None:
        """Make, or change, the source's plugin."""
        folder = write(self.folder / "demo", {"manifest.json": uploading(), "parser.py": LINES, **files})
        manifest = plugins.read(folder)
        code = await plugins.snapshot(self.hub.files, folder, "demo")
        source = Source(created_at=1.0, folder=str(folder), code=code, manifest=manifest)
        if not await SOURCES.insert(self.hub.records, "demo", source):
            await SOURCES.change(self.hub.records, "demo", lambda old: msgspec.structs.replace(old, code=code, manifest=manifest))

    async def dump(self, documents: list[dict[str, Any]], release: str = "r1") -> SourceDumped:
        """Store a dump of these documents."""
        self.dumps += 1
        content = b"\n".join(map(orjson.dumps, documents))
        file = File(name="docs.ndjson", size=len(content), sha256=sha256(content).hexdigest())
        event = SourceDumped(source="demo", release=release, output=f"dump-{self.dumps}.1", files=(file,))
        path = self.folder / "docs.ndjson"
        path.write_bytes(content)
        await self.hub.files.put(f"dumps/{event.output}/demo/{release}/docs.ndjson", path)
        await SOURCES.change(self.hub.records, "demo", lambda source: source.with_output(event, 3))
        return event

    async def upload(self, *, force: bool = False) -> SourceUploaded:
        self.job = HandJob(self.hub, {"store": store})
        return await upload_source(UploadSource(source="demo", force=force, job_id=self.job.id), self.job)

    async def source(self) -> Source:
        return (await SOURCES.get(self.hub.records, "demo")).value

    async def stored(self, part: str = "demo") -> list[dict[str, Any]]:
        """The documents of the newest upload."""
        uploaded = (await self.source()).newest(SourceUploaded)
        assert uploaded is not None
        batches = [batch async for batch in self.hub.documents.scan(uploaded.parts[part].collection)]
        return [orjson.loads(document.body) for batch in batches for document in batch]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A hub with the source."""
    async with open_desk(tmp_path) as hub:
        place = Place(hub, tmp_path / "plugins")
        await place.plugin({})
        yield place


async def test_documents_are_stored_and_become_current(place: Place) -> None:
    """The noun lists the upload with its inputs; the collection is sealed with what belongs to it; the dump was pinned."""
    manifest = json.loads(uploading()) | {"__metadata__": {"license": "CC0"}}
    await place.plugin({"manifest.json": json.dumps(manifest)})
    dump = await place.dump([{"_id": "b", "n": 2}, {"_id": "a", "n": 1}])
    event = await place.upload()
    source = await place.source()
    assert source.newest(SourceUploaded) == event
    assert (event.release, event.dump, event.code, event.output) == ("r1", dump.output, source.code, place.job.output)
    assert (event.parts["demo"].collection, event.parts["demo"].count) == (f"{place.job.output}.demo", 2)
    assert await place.stored() == [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}]
    sealed = await place.hub.documents.describe(event.parts["demo"].collection)
    assert sealed.meta == {"source": "demo", "part": "demo", "release": "r1", "src_meta": {"license": "CC0"}}
    assert place.job.pinned == [dump.output]
    assert place.job.done[-1][0] == 2


async def test_a_dump_that_changed_is_not_uploaded(place: Place) -> None:
    """Bytes that are not those that were dumped end the job before anything is parsed, and the upload before stays."""
    await place.dump([{"_id": "a"}])
    await place.upload()
    dump = await place.dump([{"_id": "b", "n": 1}], "r2")
    await place.hub.files.put(f"dumps/{dump.output}/demo/r2/docs.ndjson", b'{"_id":"b","n":2}')

    with pytest.raises(JobFailed, match=r"docs\.ndjson is not what was dumped") as caught:
        await place.upload()

    assert caught.value.code == "DUMP_CHANGED"
    assert await place.stored() == [{"_id": "a"}]


async def test_a_parser_can_not_change_the_dump(place: Place) -> None:
    """One that writes to what it reads gives the same documents each time, from the same stored bytes."""
    writing = (
        LINES
        + """
def load_more(folder):
    with open(os.path.join(folder, "docs.ndjson"), "a") as file:
        file.write('\\n{"_id": "more"}')
    yield from load_data(folder)
"""
    )
    await place.plugin({"parser.py": writing, "manifest.json": uploading(parser="parser:load_more")})
    dump = await place.dump([{"_id": "a"}])
    for _ in range(2):
        await place.upload(force=True)
        assert await place.stored() == [{"_id": "a"}, {"_id": "more"}]

    stored = place.hub.files.open(f"dumps/{dump.output}/demo/r1/docs.ndjson")
    assert b"".join([chunk async for chunk in stored]) == b'{"_id":"a"}'


async def test_the_same_inputs_are_uploaded_once(place: Place) -> None:
    """Same dump and same code: nothing is parsed, unless it is forced or the code changed."""
    await place.dump([{"_id": "a"}])
    first = await place.upload()
    second = await place.upload()
    assert (second.unchanged, second.output) == (True, first.output)
    forced = await place.upload(force=True)
    assert (forced.unchanged, forced.output) == (False, place.job.output)
    await place.plugin({"parser.py": LINES + "\n# another"})
    assert not (await place.upload()).unchanged


async def test_a_loss_of_documents_is_said(place: Place) -> None:
    """A tenth fewer than before is a day like others; more than that and the log has both counts. It is served all the same."""
    await place.dump([{"_id": str(number)} for number in range(20)])
    await place.upload()
    await place.dump([{"_id": str(number)} for number in range(18)], "r2")
    await place.upload()
    assert "warning" not in dict(place.job.lines)
    await place.dump([{"_id": "1"}], "r3")
    await place.upload()
    assert ("warning", "documents of demo: 1, in release r2 there were 18") in place.job.lines
    assert await place.stored() == [{"_id": "1"}]


async def test_what_a_restored_hub_lacks_is_uploaded_again(place: Place) -> None:
    """The upload before names a collection that is not there, was never sealed, or is empty: the next one does not take it for
    done, nor need it."""
    await place.dump([{"_id": "a"}])
    first = await place.upload()
    await place.hub.documents.drop(first.parts["demo"].collection)
    again = await place.upload()
    assert (again.unchanged, again.parts["demo"].count) == (False, 1)
    assert ("warning", f"gone from the documents, so it is made again: {first.parts['demo'].collection}") in place.job.lines
    await place.hub.documents.drop(again.parts["demo"].collection)
    await place.hub.documents.create(again.parts["demo"].collection)
    again = await place.upload()
    assert not again.unchanged
    with sqlite3.connect(place.hub.data / "documents" / f"{again.parts['demo'].collection}.sqlite") as file:
        file.execute("DELETE FROM documents")
    file.close()
    assert not (await place.upload()).unchanged


async def test_what_the_store_has_no_room_for_is_not_begun(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is that of the store, which a server does not tell, and not of the disk that this worker has."""
    await place.plugin({})
    await place.dump([{"_id": "a"}])
    await place.upload()
    room: int | None = 0

    async def told() -> int | None:
        return room

    monkeypatch.setattr(place.hub.documents, "room", told)
    with pytest.raises(JobFailed, match="0 bytes are free"):
        await place.upload(force=True)
    room = None
    await place.upload(force=True)


async def test_without_a_dump_there_is_nothing_to_upload(place: Place) -> None:
    """It is refused with what is missing."""
    with pytest.raises(NotReady, match="no dump yet"):
        await place.upload()


FAILURES = {
    "no documents": ("def load_data(folder): return []", "gave no documents", "NO_DOCUMENTS"),
    "half-way": ("def load_data(folder):\n    yield {'_id': 'x'}\n    raise ValueError('bad line')", "bad line", "PLUGIN_FAILED"),
    "a repeated id": ("def load_data(folder): return [{'_id': 'x'}, {'_id': 'y'}, {'_id': 'x'}]", "'x'", "DUPLICATE_ID"),
}


@pytest.mark.parametrize(("parser", "said", "code"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_failed_upload_leaves_the_one_before(place: Place, parser: str, said: str, code: str) -> None:
    """The old collection stays current, and nothing of the new one is left."""
    await place.dump([{"_id": "a"}])
    await place.upload()
    collections = await place.hub.documents.names()
    await place.plugin({"parser.py": parser})
    with pytest.raises(JobFailed, match=said) as caught:
        await place.upload()
    assert caught.value.code == code
    assert await place.stored() == [{"_id": "a"}]
    assert await place.hub.documents.names() == collections


async def test_all_uploaders_of_a_source_are_one_upload(place: Place) -> None:
    """Each fills its own part; if one fails none becomes current."""
    manifest = json.loads(uploading())
    del manifest["uploader"]
    manifest["uploaders"] = [
        {"name": "genes", "parser": "parser:load_data", "on_duplicates": "error"},
        {"name": "names", "parser": "parser:load_names", "on_duplicates": "error", "parser_kwargs": {"prefix": "n"}},
    ]
    names = LINES + "\ndef load_names(folder, prefix):\n    yield {'_id': prefix}\n"
    await place.plugin({"manifest.json": json.dumps(manifest), "parser.py": names})
    await place.dump([{"_id": "a"}])
    event = await place.upload()
    assert {part: found.count for part, found in event.parts.items()} == {"genes": 1, "names": 1}
    assert await place.stored("names") == [{"_id": "n"}]


async def test_ignored_duplicates(place: Place) -> None:
    """Of one batch of 10 000 documents the last one counts, of several batches the first."""
    await place.plugin({"manifest.json": uploading(on_duplicates="ignore")})
    documents: list[dict[str, Any]] = [{"_id": "x", "n": 1}, {"_id": "x", "n": 2}]
    documents += [{"_id": f"y{number}"} for number in range(9999)]
    documents += [{"_id": "x", "n": 3}, {"_id": "z", "n": 1}, {"_id": "z", "n": 2}]
    await place.dump(documents)
    event = await place.upload()
    found = {document["_id"]: document.get("n") for document in await place.stored()}
    assert (found["x"], found["z"], len(found)) == (2, 2, 10001)
    assert (event.parts["demo"].count, event.parts["demo"].duplicates) == (10001, 3)


MERGES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "values": ([{"x": 1}, {"x": 2}, {"x": 1}], {"x": [1, 2]}),
    "lists, the new value first": ([{"x": [1, 2]}, {"x": [3, 2]}], {"x": [3, 2, 1]}),
    "objects": ([{"x": {"a": 1}}, {"x": {"b": 2}}], {"x": {"a": 1, "b": 2}}),
    "a list and an object": ([{"x": [1]}, {"x": {"a": 1}}], {"x": [{"a": 1}, 1]}),
    "an object and a value": ([{"x": {"a": 1}}, {"x": 5}], {"x": [5, {"a": 1}]}),
    "objects kept apart": (
        [{"x": {"a": 1}, "__aslistofdict__": "x"}, {"x": {"a": 2}, "__aslistofdict__": "x"}],
        {"x": [{"a": 2}, {"a": 1}]},
    ),
    "equal objects": ([{"x": {"a": 1}, "__aslistofdict__": "x"}] * 2, {"x": {"a": 1}}),
    "one alone": ([{"x": {"a": 1}, "__aslistofdict__": "x"}], {"x": {"a": 1}}),
}


@pytest.mark.parametrize(("documents", "merged"), MERGES.values(), ids=MERGES.keys())
async def test_merged_duplicates(place: Place, documents: list[dict[str, Any]], merged: dict[str, Any]) -> None:
    """Documents that share their `_id` become one, with nothing lost."""
    await place.plugin({"manifest.json": uploading(on_duplicates="merge")})
    await place.dump([{"_id": "a", **document} for document in documents])
    event = await place.upload()
    assert await place.stored() == [{"_id": "a", **merged}]
    assert event.parts["demo"].duplicates == len(documents) - 1


async def test_order_makes_no_difference_to_what_is_merged(place: Place) -> None:
    """Shuffled input gives the same documents, lists apart from their order."""
    rows = [{"_id": f"g{number % 50}", "values": [number]} for number in range(500)]
    await place.plugin({"manifest.json": uploading(on_duplicates="merge")})
    found = []
    for order in rows, random.Random(7).sample(rows, len(rows)):
        await place.dump(order)
        await place.upload()
        found.append([{**document, "values": sorted(document["values"])} for document in await place.stored()])
    assert found[0] == found[1]
    assert [len(document["values"]) for document in found[0]] == [10] * 50


async def test_parallel_jobs_fill_one_collection(place: Place) -> None:
    """With duplicates settled across them in the order of the jobs."""
    parser = "def load_data(number):\n    yield {'_id': 'shared', 'n': number}\n    yield {'_id': str(number)}\n"
    jobs = "def custom_jobs(self):\n    return [(number,) for number in range(4)]\n"
    manifest = uploading(on_duplicates="ignore", parallelizer="parser:custom_jobs")
    await place.plugin({"manifest.json": manifest, "parser.py": parser + jobs})
    await place.dump([])
    await place.upload()
    assert await place.stored() == [*({"_id": str(n)} for n in range(4)), {"_id": "shared", "n": 0}]


async def test_a_mapping_function_replaces_nobodys_mapping(place: Place) -> None:
    """What it gives is committed, and never replaces what somebody wrote; what Elasticsearch has and this has not is
    taken for what is like it, and one that no index takes is not used."""
    manifest = uploading(mapping="parser:custom_mapping")
    field = "{'type': 'short', 'fields': {'raw': {'type': 'keyword'}}}"
    mapping = LINES + f"\ndef custom_mapping(cls):\n    return {{'n': {field}}}\n"
    await place.plugin(
        {"manifest.json": manifest, "parser.py": LINES + "\ndef custom_mapping(cls):\n    return {'n': {'type': 'odd'}}\n"}
    )
    await place.dump([{"_id": "a", "n": 1}])
    await place.upload()
    assert (await place.source()).mapping == {}
    assert any(level == "warning" and "n:" in text for level, text in place.job.lines)
    await place.plugin({"manifest.json": manifest, "parser.py": mapping})
    await place.upload()
    assert (await place.source()).mapping == {"demo": {"n": {"type": "integer"}}}
    assert place.job.lines[-1] == ("warning", "the plugin's mapping of demo: found without .raw behind it: n")
    edited = {"n": {"type": "long"}}
    await SOURCES.change(place.hub.records, "demo", lambda source: source.with_edited("demo", edited))
    await place.upload(force=True)
    assert (await place.source()).mapping == {"demo": edited}
