"""A part of a file is never taken for the whole, whatever a server does between two requests."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.rawsite import Answer, answer, field, open_raw_site
from workers.dump.errors import DownloadFailed, DumpRefused
from workers.dump.fetch import Fetched, Fetcher


async def fetch(serve: Answer, folder: Path, attempts: int = 4) -> tuple[Fetched, list[bytes]]:
    """What is fetched from a server that answers so, and the requests that it took."""

    async def advance(more: int, total: int | None) -> None:
        """How far it is matters to nobody here."""

    async with open_raw_site(serve) as site, aiohttp.ClientSession(auto_decompress=False) as session:
        fetcher = Fetcher(session, folder, 10**6, attempts=attempts, pause=0.0)
        return await fetcher.fetch(site.url("/a.tsv"), None, advance), site.asked


def content(fetched: Fetched) -> bytes:
    """What was stored."""
    assert fetched.path is not None
    return fetched.path.read_bytes()


class Version(NamedTuple):
    """A file as it was on the server for some time."""

    body: bytes
    validators: tuple[bytes, ...]


class Act(NamedTuple):
    """What the server does with one request."""

    kind: str
    at: int
    changes: bool
    """Before it answers, the file is replaced."""


class Server:
    """Answers by a list of acts, after which it is honest. It never looks at If-Range, except where an act says so."""

    def __init__(self, versions: Sequence[Version], acts: Sequence[Act]) -> None:
        self.versions = list(versions)
        self.acts = list(acts)

    def current(self, act: Act) -> Version:
        """The file of now."""
        if act.changes and len(self.versions) > 1:
            self.versions.pop(0)
        return self.versions[0]

    def __call__(self, head: bytes) -> bytes:
        act = self.acts.pop(0) if self.acts else Act("honest", 0, False)
        body, validators = self.current(act)
        asked = field(head, "Range").removeprefix("bytes=").removesuffix("-")
        start = int(asked) if asked else 0
        if act.kind == "busy":
            return answer(b"", "503 Busy")
        if act.kind == "whole":
            return answer(body, "200 OK", *validators)
        if act.kind == "elsewhere":
            start = act.at % len(body)
            return part(body, start, len(body), *validators)
        if asked and start >= len(body):
            return answer(b"", "416 No", b"Content-Range: bytes */%d" % len(body))
        stop = min(len(body), start + 1 + act.at)
        match act.kind:
            case "chunked":
                return chunked(body, max(act.at, 2), *validators)
            case "short":
                return part(body, start, stop, *validators)
            case "mute":
                return part(body, start, stop)
            case "lying":
                return part(body, start, stop, *validators, said=len(body))
            case "cut":
                whole = part(body, start, len(body), *validators) if asked else answer(body, "200 OK", *validators)
                return whole[: whole.index(b"\r\n\r\n") + 4 + act.at]
        return part(body, start, len(body), *validators) if asked else answer(body, "200 OK", *validators)


def chunked(body: bytes, after: int, *headers: bytes) -> bytes:
    """A 200 that tells no length, and breaks off after so many bytes, if it has more."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + b"".join(header + b"\r\n" for header in headers)
    return head + (b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))[:after]


def part(body: bytes, start: int, stop: int, *headers: bytes, said: int = 0) -> bytes:
    """A 206; `said`: where it says that it ends, if that is not true."""
    place = b"Content-Range: bytes %d-%d/%d" % (start, (said or stop) - 1, len(body))
    return answer(body[start:stop], "206 Partial Content", place, *headers)


def versions(sizes: Sequence[int], kind: str) -> list[Version]:
    """Files of which no byte is like the one at the same place in another, and that differ in a validator, or have none."""
    made = []
    for number, size in enumerate(sizes):
        etag = b'ETag: "%d"' % number
        date = b"Last-Modified: Sat, 21 Nov 2026 10:00:%02d GMT" % number
        same = b"Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT"
        fields = {"etag": (etag,), "date": (date,), "both": (etag, same), "weak": (etag.replace(b'"', b'W/"', 1), date), "none": ()}
        made.append(Version(bytes((place + number * 50) % 256 for place in range(size)), fields[kind]))
    return made


acts = st.builds(
    Act,
    st.sampled_from(["honest", "short", "mute", "lying", "cut", "whole", "elsewhere", "busy", "chunked"]),
    st.integers(0, 400),
    st.sampled_from([False, False, True]),
)


@settings(max_examples=250)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=4) | st.lists(st.just(300), min_size=2, max_size=4),
    kind=st.sampled_from(["etag", "date", "both", "weak", "none"]),
    plan=st.lists(acts, max_size=6),
)
def test_a_file_is_one_version_whole_or_nothing(sizes: list[int], kind: str, plan: list[Act]) -> None:
    """Cut, shortened, changed, sent from elsewhere: what is stored is every byte of one version, or the download fails."""
    offered = versions(sizes, kind)
    with TemporaryDirectory() as folder:
        try:
            fetched, _ = asyncio.run(fetch(Server(offered, plan), Path(folder)))
        except DownloadFailed:
            return
        assert content(fetched) in [version.body for version in offered]


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 700), max_size=12), kind=st.sampled_from(["etag", "date", "both"]))
def test_a_file_that_stays_arrives_however_often_it_is_cut(cuts: list[int], kind: str) -> None:
    """As long as each answer brings a new byte, the rest is asked for, and nothing twice."""
    [offered] = versions([900], kind)
    plan = [Act("cut", cut + 1, False) for cut in cuts]
    with TemporaryDirectory() as folder:
        fetched, asked = asyncio.run(fetch(Server([offered], plan), Path(folder)))
        assert content(fetched) == offered.body
    starts = [int(field(head, "Range")[6:-1] or 0) for head in asked]
    assert starts == list(itertools.takewhile(lambda start: start < 900, itertools.accumulate([0, *(cut + 1 for cut in cuts)])))


def test_parts_that_nobody_asked_for_are_put_together(tmp_path: Path) -> None:
    """A server that never sends more than 100 bytes is asked until the total that it announced is there, without a pause."""
    [offered] = versions([777], "etag")

    fetched, asked = asyncio.run(fetch(Server([offered], [Act("short", 99, False)] * 20), tmp_path, attempts=1))

    assert content(fetched) == offered.body
    assert len(asked) == 8


def test_a_file_whose_length_is_told_late(tmp_path: Path) -> None:
    """An answer in chunks that is cut tells no length; the part that completes it does."""
    [offered] = versions([300], "etag")

    fetched, asked = asyncio.run(fetch(Server([offered], [Act("chunked", 106, False)]), tmp_path, attempts=2))

    assert content(fetched) == offered.body
    assert [field(head, "Range") for head in asked] == ["", "bytes=99-"]


def test_a_file_that_is_never_the_same_ends(tmp_path: Path) -> None:
    """Each answer is of a new version and cut at the same place: that is no progress, and given up."""
    offered = versions([500] * 5, "etag") * 100

    with pytest.raises(DownloadFailed):
        asyncio.run(fetch(Server(offered, [Act("cut", 200, True)] * 400), tmp_path))


def test_a_part_without_a_total_is_not_the_whole(tmp_path: Path) -> None:
    """Where a server never says how long the file is, a part of it is not stored."""

    def serve(head: bytes) -> bytes:
        return answer(b"x" * 10, "206 Partial Content", b"Content-Range: bytes 0-9/*", b'ETag: "a"')

    with pytest.raises(DownloadFailed):
        asyncio.run(fetch(serve, tmp_path))


def test_more_than_the_part_that_was_announced(tmp_path: Path) -> None:
    """Bytes beyond the range that the answer names belong nowhere."""
    sent = []

    def serve(head: bytes) -> bytes:
        sent.append(head)
        if len(sent) == 1:
            return answer(b"x" * 20, "206 Partial Content", b"Content-Range: bytes 0-9/40", b'ETag: "a"')
        return answer(b"y" * 40, "200 OK", b'ETag: "a"')

    assert content(asyncio.run(fetch(serve, tmp_path))[0]) == b"y" * 40


def test_not_modified_that_was_not_asked_for(tmp_path: Path) -> None:
    """Where there is nothing that could be unmodified, the answer is refused."""
    with pytest.raises(DumpRefused, match="304"):
        asyncio.run(fetch(lambda head: answer(b"", "304 Not Modified"), tmp_path))
