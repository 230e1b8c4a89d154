"""What every adapter of Documents promises."""

import asyncio
import random
from typing import Any

import orjson
import pytest

from domain.errors import Conflict, NotReady
from domain.ports.documents import BATCH_BYTES, Document, Documents
from tests.adapters.places import Place, document, open_documents
from tests.adapters.processes import process

ALL_JSON: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "largest": 2**63 - 1,
    "least": -(2**63),
    "unsigned": 2**64 - 1,
    "whole float": 3.0,
    "float": 0.1,
    "tiny": 5e-324,
    "text": "naïve 東京 🧬 \u0000 \\ \" ' \n",
    "list": [1, [2, [3, {}]], [], None, {"a": []}, {"$oid": "no"}],
    "dict": {"": 1, "a.b": {"$set": {"c.d": 2}}, "$where": "x", "_id": 3, "%2E": 5, "%": 6, "ключ": 7, "a.b.c": None},
    "a.b": 1,
    "$x": 2,
    "digest": "its own",
    "body": "its own",
}


async def fill(documents: Documents, name: str, *batches: list[Document], **meta: Any) -> None:
    """Create, write and seal a collection."""
    await documents.create(name)
    for batch in batches:
        await documents.write(name, batch)
    await documents.seal(name, meta)


async def read(documents: Documents, name: str, **options: Any) -> list[Document]:
    """A whole scan."""
    return [found async for batch in documents.scan(name, **options) for found in batch]


async def test_documents_come_back_as_they_went_in(documents: Documents) -> None:
    """Every JSON value, under any key, is read to the byte, with its digest, by scan and by id."""
    written = [document("all/JSON.$ 東京", **ALL_JSON), document("plain", a=1)]
    await fill(documents, "job.1", written)
    assert await read(documents, "job.1") == written
    assert await documents.get("job.1", ["plain", "nobody", written[0].id]) == {found.id: found.body for found in written}


async def test_integers_beyond_64_bits_come_back(documents: Documents) -> None:
    """Bytes with integers of any size, which other JSON writers make, are kept to the digit."""
    body = b'{"_id":"a","list":[-123456789012345678901234567890],"n":123456789012345678901234567890}'
    await fill(documents, "job.1", [Document("a", body, b"0" * 16)])
    assert await read(documents, "job.1") == [Document("a", body, b"0" * 16)]


async def test_describe_tells_count_size_and_meta(documents: Documents) -> None:
    """What was sealed with a collection is told by `seal` and ever after by `describe`."""
    meta = {"source": "clinvar", "mapping": {"a.b": {"type": "keyword", "$x": [1, None]}}, "": 2.5}
    await documents.create("job.1.part")
    await documents.write("job.1.part", [document(str(n)) for n in range(7)])
    sealed = await documents.seal("job.1.part", meta)
    assert (sealed.name, sealed.count, sealed.meta) == ("job.1.part", 7, meta)
    assert sealed.size > 0
    assert await documents.describe("job.1.part") == sealed


async def test_scans_are_ordered_by_the_bytes_of_ids(documents: Documents) -> None:
    """Whatever order they were written in, documents come by the UTF-8 bytes of their ids, in batches of the asked size."""
    ids = [f"{n}" for n in range(500)] + ["a", "B", "Z9", "Z10", "é", "e\u0301", "\uffff", "🧬", "x" * 900, "a b", "a.b", "$a", "~"]
    shuffled = random.Random(4).sample(ids, len(ids))
    await documents.create("job.1")
    for start in range(0, len(shuffled), 100):
        await documents.write("job.1", [document(id) for id in shuffled[start : start + 100]])
    await documents.seal("job.1", {})
    expected = sorted(ids, key=lambda id: id.encode())
    batches = [batch async for batch in documents.scan("job.1", batch=50)]
    assert [found.id for batch in batches for found in batch] == expected
    assert {len(batch) for batch in batches[:-1]} == {50}
    assert [found.id for found in await read(documents, "job.1", bodies=False)] == expected


async def test_batches_of_large_documents_are_short(documents: Documents) -> None:
    """A scan's batches end by bytes too: large documents come in several, and each once."""
    large = [document(f"{number:03}", text="x" * (BATCH_BYTES // 100)) for number in range(300)]
    await fill(documents, "job.1", large)
    batches = [batch async for batch in documents.scan("job.1", batch=1000)]
    assert [found for batch in batches for found in batch] == large
    assert max(map(len, batches)) <= 100


async def test_a_scan_may_be_cut_on_both_sides(documents: Documents) -> None:
    """`after` is left out, `until` is the last; both need not be there themselves."""
    await fill(documents, "job.1", [document(id) for id in "bdfhjl"])

    async def ids(**options: str) -> str:
        return "".join(found.id for found in await read(documents, "job.1", **options))

    assert await ids(after="d") == "fhjl"
    assert await ids(after="e") == "fhjl"
    assert await ids(until="f") == "bdf"
    assert await ids(until="g", after="b") == "df"
    assert await ids(after="l") == ""
    assert await ids(until="a") == ""


async def test_a_scan_may_leave_bodies_out(documents: Documents) -> None:
    """Without bodies there are ids and digests."""
    written = [document("a", n=1), document("b", n=2)]
    await fill(documents, "job.1", written)
    assert await read(documents, "job.1", bodies=False) == [found._replace(body=b"") for found in written]


@pytest.mark.parametrize("apart", [False, True])
async def test_a_repeated_id_is_a_conflict_that_names_it(documents: Documents, apart: bool) -> None:
    """Two documents of one id, in one batch or in two, are refused in `write` or in `seal`, and nothing becomes readable."""
    batches = [[document("a"), document("twice", n=1)], [document("b"), document("twice", n=2)]]
    with pytest.raises(Conflict, match="twice"):
        await fill(documents, "job.1", *(batches if apart else [batches[0] + batches[1]]))
    with pytest.raises(NotReady):
        await documents.describe("job.1")
    await fill(documents, "job.1", [document("a")])
    assert await read(documents, "job.1") == [document("a")]


async def test_what_is_not_sealed_can_not_be_opened(documents: Documents) -> None:
    """An absent or unsealed collection is NotReady for describe, scan and get, but is listed once it exists."""
    await documents.create("unsealed.1")
    await documents.write("unsealed.1", [document("a")])
    for name in ("unsealed.1", "absent.1"):
        with pytest.raises(NotReady, match=name):
            await documents.describe(name)
        with pytest.raises(NotReady, match=name):
            await read(documents, name)
        with pytest.raises(NotReady, match=name):
            await documents.get(name, ["a"])
    assert await documents.names() == ["unsealed.1"]


async def test_names_lists_all(documents: Documents) -> None:
    """Sealed and unsealed collections are listed in order, whatever characters a part's name has."""
    names = ["a.1", "b.2.part one", "b.2.ünï/../x", "b.2.%2e", "c.1"]
    for name in names:
        await documents.create(name)
    await documents.seal("c.1", {})
    assert await documents.names() == sorted(names)


async def test_create_drops_what_was_there(documents: Documents) -> None:
    """Creating under the name of an unsealed or a sealed collection starts empty and unsealed."""
    await documents.create("job.1")
    await documents.write("job.1", [document("old")])
    await fill(documents, "job.1", [document("newer")], n=1)
    assert await documents.get("job.1", ["newer", "old"]) == {"newer": document("newer").body}
    await documents.create("job.1")
    with pytest.raises(NotReady):
        await documents.get("job.1", ["newer"])
    await documents.write("job.1", [document("newest")])
    await documents.seal("job.1", {"n": 2})
    assert await documents.get("job.1", ["newest", "newer"]) == {"newest": document("newest").body}
    assert (await documents.describe("job.1")).meta == {"n": 2}


async def test_an_empty_collection_is_one(documents: Documents) -> None:
    """A collection without documents is sealed, described and scanned."""
    await documents.create("job.1")
    await documents.write("job.1", [])
    await documents.seal("job.1", {})
    assert (await documents.describe("job.1")).count == 0
    assert await read(documents, "job.1") == []
    assert await documents.get("job.1", ["a"]) == {}


async def test_drop_takes_everything_away(documents: Documents) -> None:
    """Dropped collections, sealed or not, are gone for good; dropping what is absent is fine."""
    await fill(documents, "sealed.1", [document("a")])
    assert await documents.get("sealed.1", ["a"])
    await documents.create("unsealed.1")
    await documents.write("unsealed.1", [document("a")])
    for name in ("sealed.1", "unsealed.1", "absent.1"):
        await documents.drop(name)
        with pytest.raises(NotReady):
            await documents.get(name, ["a"])
    assert await documents.names() == []


async def test_a_drop_under_a_reader_is_safe(documents: Documents, documents_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan whose collection is dropped by somebody else gives every document or says NotReady: never a part as the whole."""
    monkeypatch.setattr("adapters.sqlite.documents.SEEN", 0.0)
    await fill(documents, "job.1", [document(f"{n:05}", fill="x" * 1000) for n in range(3000)])
    assert await documents.get("job.1", ["00001"])
    read: list[str] = []
    async with open_documents(documents_place) as other:
        try:
            async for batch in documents.scan("job.1", batch=100):
                if not read:
                    await other.drop("job.1")
                read += [found.id for found in batch]
        except NotReady:
            return
        finally:
            with pytest.raises(NotReady):
                await documents.get("job.1", ["00001"])
    assert len(read) == 3000


async def test_many_ids_at_once(documents: Documents) -> None:
    """Getting more ids than a query would hold works too."""
    await fill(documents, "job.1", [document(f"{n:05}", n=n) for n in range(2000)])
    found = await documents.get("job.1", [f"{n:05}" for n in range(0, 4000, 2)])
    assert sorted(found) == [f"{n:05}" for n in range(0, 2000, 2)]
    assert await documents.get("job.1", []) == {}


async def test_large_documents_and_batches(documents: Documents) -> None:
    """Documents of a megabyte, more of them in one batch than a server puts in one reply, are kept whole."""
    batch = [document(f"{n:02}", text=str(n) * 600_000) for n in range(20)]
    await fill(documents, "job.1", batch)
    assert await read(documents, "job.1", batch=7) == batch


async def test_collections_are_written_at_the_same_time(documents: Documents) -> None:
    """Writers of several collections, and readers beside them, don't meet."""

    async def write(name: str) -> None:
        await documents.create(name)
        for start in range(0, 600, 200):
            await documents.write(name, [document(f"{name}-{n:04}") for n in range(start, start + 200)])
        await documents.seal(name, {})
        assert [found.id for found in await read(documents, name)] == [f"{name}-{n:04}" for n in range(600)]

    await asyncio.gather(*(write(f"job{n}.1") for n in range(5)))


async def test_a_scan_may_be_left(documents: Documents) -> None:
    """Who breaks off a scan, or is cancelled in it, leaves nothing behind that harms the next one."""
    await fill(documents, "job.1", [document(f"{n:04}") for n in range(1000)])
    async for batch in documents.scan("job.1", batch=10):
        assert len(batch) == 10
        break
    cancelled = asyncio.ensure_future(read(documents, "job.1", batch=10))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert len(await read(documents, "job.1")) == 1000


async def test_another_process_reads_what_is_sealed(documents: Documents, documents_place: Place) -> None:
    """What one opener sealed another one reads at once."""
    async with open_documents(documents_place) as other:
        await fill(other, "job.1", [document("a", n=1)])
        assert await documents.get("job.1", ["a"]) == {"a": document("a", n=1).body}
        assert await documents.names() == ["job.1"]


async def test_another_process_may_take_a_collection_away(
    documents: Documents, documents_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has read a collection notices at the next look that another process dropped it, or made it anew."""
    monkeypatch.setattr("adapters.sqlite.documents.SEEN", 0.0)
    async with open_documents(documents_place) as other:
        await fill(other, "job.1", [document("a", n=1), document("b")])
        assert await documents.get("job.1", ["a"]) == {"a": document("a", n=1).body}
        await other.drop("job.1")
        with pytest.raises(NotReady):
            await documents.get("job.1", ["a"])
        await fill(other, "job.1", [document("a", n=1)])
        assert len(await documents.get("job.1", ["a", "b"])) == 1
        await fill(other, "job.1", [document("a", n=2), document("b")])
        assert await documents.get("job.1", ["a"]) == {"a": document("a", n=2).body}


async def test_a_killed_writer_leaves_what_is_known_as_unsealed(documents_place: Place) -> None:
    """After kill -9 a sealed collection is whole; the one that was being written is listed, can't be opened, and can be dropped."""
    async with process("write_documents_for_ever", documents_place) as running:
        assert running.stdout
        assert await running.stdout.readline()
        running.kill()
    async with open_documents(documents_place) as documents:
        assert await documents.names() == ["sealed.1", "torn.1"]
        assert len(await read(documents, "sealed.1")) == 2000
        assert (await documents.describe("sealed.1")).meta == {"part": "a"}
        with pytest.raises(NotReady):
            await documents.describe("torn.1")
        await documents.drop("torn.1")
        assert await documents.names() == ["sealed.1"]


async def test_a_kill_at_any_point_tears_nothing(documents_place: Place) -> None:
    """After kill -9 around sealing, each collection is whole or not ready, and what had been sealed is whole."""
    said: list[str] = []
    async with process("seal_documents_for_ever", documents_place) as running:
        assert running.stdout
        while len(said) < 5:
            said.append((await running.stdout.readline()).decode().strip())
        running.kill()
    async with open_documents(documents_place) as documents:
        for name in set(await documents.names()) - set(said):
            try:
                assert (await documents.describe(name)).count == len(await read(documents, name)) == 300
            except NotReady:
                continue
        for name in said:
            assert len(await read(documents, name)) == 300


async def test_bodies_are_json_that_anybody_reads(documents: Documents) -> None:
    """Bodies are the JSON that was written, sorted keys and all."""
    await fill(documents, "job.1", [document("a", z=1, b={"y": 1, "x": 2})])
    [found] = await read(documents, "job.1")
    assert found.body == b'{"_id":"a","b":{"x":2,"y":1},"z":1}'
    assert orjson.loads(found.body)["z"] == 1


async def test_ping(documents: Documents) -> None:
    """What is open answers."""
    await documents.ping()
