"""Files that come in parts, over every adapter of Files."""

import asyncio
import hashlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import parts
from domain.catalogue import CATALOGUE
from domain.errors import Conflict, Invalid
from domain.parts import Parts
from domain.ports.files import Files
from tests.adapters.places import Place, open_files
from tests.adapters.processes import process
from tests.adapters.test_files import read, stream


def sum_of(content: bytes) -> str:
    """Its SHA-256."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def coming(files: Files) -> Parts:
    """Parts over each adapter of Files."""
    return Parts(files)


async def test_parts_become_a_file(coming: Parts, files: Files) -> None:
    """Appended at the offset that is there, they are the file at `complete`, and are themselves gone."""
    assert await coming.held("u") == 0
    assert await coming.append("u", 0, stream(b"one ", b"two ")) == 8
    assert await coming.append("u", 8, stream(b"three")) == await coming.held("u") == 13
    assert await coming.append("u", 13, stream()) == 13
    await coming.complete("u", "people/file", 13, sum_of(b"one two three").upper())
    assert await read(files, "people/file") == b"one two three"
    assert [stored.path for stored in await files.find()] == ["people/file"]


async def test_an_empty_file_is_one(coming: Parts, files: Files) -> None:
    """Nothing has to come for it."""
    await coming.complete("u", "a", 0, sum_of(b""))
    assert await read(files, "a") == b""


@pytest.mark.parametrize("offset", [0, 2, 4, -1])
async def test_bytes_go_behind_those_that_are_there(coming: Parts, files: Files, offset: int) -> None:
    """At any other offset they are refused with the right one, and nothing is stored."""
    await coming.append("u", 0, stream(b"abc"))
    with pytest.raises(Conflict, match="3 bytes are there"):
        await coming.append("u", offset, stream(b"xyz"))
    await coming.complete("u", "a", 3, sum_of(b"abc"))


async def test_one_sender_wins_an_offset(coming: Parts, files: Files, files_place: Place) -> None:
    """Of many that append at the same offset at the same time, at two processes, one is confirmed and the others are refused."""
    async with open_files(files_place) as other:
        both, whole = (coming, Parts(other)), b""
        for _ in range(3):
            senders = [both[n % 2].append("u", len(whole), stream(bytes([n]) * (n + 1))) for n in range(8)]
            told = await asyncio.gather(*senders, return_exceptions=True)
            [winner] = [n for n, size in enumerate(told) if isinstance(size, int)]
            assert sum(isinstance(error, Conflict) for error in told) == 7
            whole += bytes([winner]) * (winner + 1)
        await coming.complete("u", "a", len(whole), sum_of(whole))
    assert await read(files, "a") == whole


async def test_another_process_goes_on(coming: Parts, files: Files, files_place: Place) -> None:
    """What one began another one continues and completes."""
    await coming.append("u", 0, stream(b"begun "))
    async with open_files(files_place) as other:
        await Parts(other).append("u", 6, stream(b"continued"))
        await Parts(other).complete("u", "a", 15, sum_of(b"begun continued"))
    assert await read(files, "a") == b"begun continued"


async def test_a_stream_that_breaks_off_is_kept_as_far_as_it_was_whole(
    coming: Parts, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Part by part: where the sender goes on, most of it needs not come again."""
    monkeypatch.setattr(parts, "SIZE", 1000)
    with pytest.raises(ConnectionResetError):
        await coming.append("u", 0, stream(b"a" * 700, b"b" * 2700, then=ConnectionResetError()))
    assert await coming.held("u") == 3000
    assert await coming.append("u", 3000, stream(b"c" * 5)) == 3005
    await coming.complete("u", "a", 3005, sum_of(b"a" * 700 + b"b" * 2300 + b"c" * 5))


async def test_what_is_not_as_told_does_not_appear(coming: Parts, files: Files) -> None:
    """Another size or checksum is refused, what is stored there stays, and so do the parts."""
    await files.put("a", b"old")
    await coming.append("u", 0, stream(b"abc"))
    for size in (2, 4):
        with pytest.raises(Conflict, match="3 bytes are there"):
            await coming.complete("u", "a", size, sum_of(b"abc"))
    with pytest.raises(Invalid, match=sum_of(b"abc")):
        await coming.complete("u", "a", 3, sum_of(b"abd"))
    assert await read(files, "a") == b"old"
    await coming.complete("u", "a", 3, sum_of(b"abc"))
    assert await read(files, "a") == b"abc"


async def test_complete_may_be_asked_again(coming: Parts, files: Files) -> None:
    """By whoever did not hear the answer, and by two at a time; but not for what was never there."""
    await coming.append("u", 0, stream(b"abc"))
    await asyncio.gather(*(coming.complete("u", "a", 3, sum_of(b"abc")) for _ in range(4)))
    await coming.complete("u", "a", 3, sum_of(b"abc"))
    assert [stored.path for stored in await files.find()] == ["a"]
    for path, content in (("a", b"abd"), ("b", b"abc")):
        with pytest.raises(Conflict, match="0 bytes are there"):
            await coming.complete("u", path, 3, sum_of(content))


async def test_abandoned_parts_are_gone(coming: Parts, files: Files) -> None:
    """Those of the one id; again is fine."""
    for id in ("u", "v"):
        await coming.append(id, 0, stream(b"abc"))
    await coming.abandon("u")
    await coming.abandon("u")
    assert (await coming.held("u"), await coming.held("v")) == (0, 3)
    with pytest.raises(Conflict, match="0 bytes"):
        await coming.append("u", 3, stream(b"def"))


async def test_what_nothing_came_to_is_listed(coming: Parts) -> None:
    """By when its newest part came."""
    assert await coming.left(time.time() + 60) == []
    for id in ("u", "v"):
        await coming.append(id, 0, stream(b"abc"))
    assert await coming.left(time.time() - 3600) == []
    assert await coming.left(time.time() + 3600) == ["u", "v"]


@pytest.mark.parametrize("id", ["a/b", "..", ""])
async def test_ids_stay_inside(coming: Parts, id: str) -> None:
    """An id that could lead to other files is refused."""
    with pytest.raises(Invalid):
        await coming.append(id, 0, stream(b"x"))
    with pytest.raises(Invalid):
        await coming.abandon(id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.lists(st.binary(max_size=40), max_size=4), max_size=5), size=st.integers(1, 50), number=st.uuids(version=4))
async def test_however_it_is_cut(
    coming: Parts, files: Files, monkeypatch: pytest.MonkeyPatch, cuts: list[list[bytes]], size: int, number: object
) -> None:
    """A file is what was appended, whatever the chunks, the appends and the parts were."""
    monkeypatch.setattr(parts, "SIZE", size)
    id, whole = str(number), b""
    for chunks in cuts:
        whole += b"".join(chunks)
        assert await coming.append(id, len(whole) - sum(map(len, chunks)), stream(*chunks)) == len(whole)
    await coming.complete(id, f"done/{id}", len(whole), sum_of(whole))
    assert await read(files, f"done/{id}") == whole


async def test_a_killed_sender_loses_nothing_that_was_confirmed(files_place: Place) -> None:
    """After kill -9 between and within appends, what was told is there, and the file can be completed with what comes behind."""
    confirmed = 0
    for _ in range(3):
        async with process("append_for_ever", files_place) as running:
            assert running.stdout
            for _ in range(5):
                confirmed = int(await running.stdout.readline())
            running.kill()
            told = [line for line in (await running.stdout.read()).splitlines(keepends=True) if line.endswith(b"\n")]
            confirmed = int(told[-1]) if told else confirmed
        async with open_files(files_place) as files:
            assert await Parts(files).held("u") >= confirmed
    async with open_files(files_place) as files:
        coming = Parts(files)
        held = await coming.held("u")
        content = b"".join(number.to_bytes(4, "big") for number in range(held // 4 + 1))
        assert await coming.append("u", held, stream(content[held:])) == len(content)
        await coming.complete("u", "a", len(content), sum_of(content))
        assert [stored.path for stored in await files.find()] == ["a"]


async def test_memory_does_not_grow_with_the_file(files_place: Place) -> None:
    """A file of 200 MB comes and is completed in much less memory than that."""
    async with process("append_large", files_place, 200_000_000) as running:
        out, errors = await running.communicate()
    assert running.returncode == 0, errors.decode()
    before, after = map(int, out.split())
    assert after - before < 120_000, "kilobytes"


async def test_what_was_abandoned_is_swept(coming: Parts, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long after the last piece the parts are gone; before, they stay. Other files are never touched."""
    await files.put("plugins/kept", b"kept")
    await coming.append("gone", 0, stream(b"begun"))
    await parts.sweep(files)
    assert await coming.held("gone") == 5

    monkeypatch.setattr(parts, "ABANDONED", -60.0)
    await parts.sweep(files)

    assert await coming.held("gone") == 0
    assert [stored.path for stored in await files.find()] == ["plugins/kept"]


def test_the_reaper_sweeps_parts() -> None:
    """It is a chore of every process."""
    assert "parts" in {chore.name for chore in CATALOGUE.chores}
