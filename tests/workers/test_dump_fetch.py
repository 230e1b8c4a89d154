"""Fetching a file over http: conditional, resumed, tried again, limited, checked."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from events.sources import File
from tests.workers.website import Website, body, conditional, cut
from workers.dump.check import check_content
from workers.dump.errors import DownloadFailed, DumpRefused
from workers.dump.fetch import Fetched, Fetcher
from workers.dump.names import name_of, safe_name, safe_release
from workers.dump.release import release_of

CONTENT = bytes(range(256)) * 400


class Client:
    """A fetcher at a web site."""

    def __init__(self, site: Website, server: TestServer, session: aiohttp.ClientSession, folder: Path) -> None:
        self.site = site
        self.server = server
        self.session = session
        self.folder = folder
        self.advanced: list[tuple[int, int | None]] = []

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    async def fetch(self, path: str, previous: File | None = None, limit: int = 10**6) -> Fetched:
        async def advance(more: int, total: int | None) -> None:
            self.advanced.append((more, total))

        fetcher = Fetcher(self.session, self.folder, limit, attempts=3, pause=0.001)
        return await fetcher.fetch(self.url(path), previous, advance)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A web site and a fetcher."""
    site = Website()
    application = web.Application()
    application.router.add_get("/{path:.*}", site.handle)
    async with TestServer(application) as server, aiohttp.ClientSession(auto_decompress=False) as session:
        yield Client(site, server, session, tmp_path)


def content(fetched: Fetched) -> bytes:
    """What was stored."""
    assert fetched.path is not None
    return fetched.path.read_bytes()


async def test_file_arrives_with_its_validators(client: Client) -> None:
    """A plain download has the content, the name of the URL and the server's validators."""
    client.site.put("/some%20genes.tsv", conditional(CONTENT, '"a"'))
    client.site.put("/some genes.tsv", conditional(CONTENT, '"a"'))
    fetched = await client.fetch("/some%20genes.tsv")
    assert content(fetched) == CONTENT
    assert (fetched.name, fetched.etag, fetched.last_modified) == ("some genes.tsv", '"a"', "Sat, 21 Nov 2026 10:00:00 GMT")
    assert client.advanced[0] == (0, len(CONTENT))
    assert sum(more for more, _ in client.advanced) == len(CONTENT)


async def test_unchanged_file_is_not_transferred(client: Client) -> None:
    """304 keeps what was there."""
    client.site.put("/a.tsv", conditional(CONTENT, '"a"'))
    previous = File(name="a.tsv", size=len(CONTENT), url=client.url("/a.tsv"), etag='"a"')
    fetched = await client.fetch("/a.tsv", previous)
    assert fetched.path is None
    assert fetched.previous is previous


async def test_server_that_ignores_conditions(client: Client) -> None:
    """200 with the same validators and the same size counts as unchanged; another size does not."""
    client.site.put("/a.tsv", body(CONTENT, ETag='"a"'))
    same = File(name="a.tsv", size=len(CONTENT), etag='"a"')
    assert (await client.fetch("/a.tsv", same)).path is None
    other = File(name="a.tsv", size=1, etag='"a"')
    assert content(await client.fetch("/a.tsv", other)) == CONTENT


async def test_cut_download_is_resumed(client: Client) -> None:
    """After a cut only the rest is asked for, under If-Range, and the bytes add up."""
    client.site.put("/a.tsv", cut(CONTENT, 70_000, ETag='"a"'), conditional(CONTENT, '"a"'))
    assert content(await client.fetch("/a.tsv")) == CONTENT
    resumed = client.site.asked[1]
    assert resumed["Range"] == "bytes=70000-"
    assert resumed["If-Range"] == '"a"'
    assert sum(more for more, _ in client.advanced) == len(CONTENT)


async def test_file_that_changed_meanwhile_starts_again(client: Client) -> None:
    """A new ETag after the cut means the whole new file, not a mixture."""
    new = CONTENT[::-1] + b"new"
    client.site.put("/a.tsv", cut(CONTENT, 70_000, ETag='"a"'), conditional(new, '"b"'))
    fetched = await client.fetch("/a.tsv")
    assert content(fetched) == new
    assert fetched.etag == '"b"'


async def test_without_validator_nothing_is_resumed(client: Client) -> None:
    """Where nothing says that it is still the same file, it is fetched from its beginning."""
    client.site.put("/a.tsv", cut(CONTENT, 70_000), body(CONTENT))
    assert content(await client.fetch("/a.tsv")) == CONTENT
    assert "Range" not in client.site.asked[1]


async def test_lie_about_the_length_fails(client: Client) -> None:
    """A server that always announces more than it sends is given up, with a reason."""
    client.site.put("/a.tsv", cut(CONTENT, 10))
    with pytest.raises(DownloadFailed, match="attempts"):
        await client.fetch("/a.tsv")
    assert len(client.site.asked) >= 3


async def test_busy_server_is_asked_again(client: Client) -> None:
    """503 is waited out."""
    client.site.put("/a.tsv", body(b"", 503, Retry_After="0"), body(CONTENT))
    assert content(await client.fetch("/a.tsv")) == CONTENT


async def test_missing_file_fails_at_once(client: Client) -> None:
    """404 is not asked twice, and named."""
    client.site.put("/a.tsv", body(b"", 404))
    with pytest.raises(DumpRefused, match="404"):
        await client.fetch("/a.tsv")
    assert len(client.site.asked) == 1


@pytest.mark.parametrize("announced", [True, False])
async def test_size_limit(client: Client, announced: bool) -> None:
    """A file over the limit is refused, whether or not its length is announced."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(CONTENT)
        return response

    client.site.put("/a.tsv", body(CONTENT) if announced else endless)
    with pytest.raises(DumpRefused, match="limit of 1000 bytes"):
        await client.fetch("/a.tsv", limit=1000)


async def test_redirect_is_followed(client: Client) -> None:
    """The file is found at its new place and keeps the name of the URL that the manifest has."""
    client.site.put("/old.tsv", body(b"", 302, Location="/v2/new.tsv"))
    client.site.put("/v2/new.tsv", body(CONTENT))
    fetched = await client.fetch("/old.tsv")
    assert content(fetched) == CONTENT
    assert fetched.name == "old.tsv"


async def test_packing_added_on_the_way_is_undone(client: Client) -> None:
    """A server that packs in spite of `identity` does not change the file; a .gz stays one."""
    packed = gzip.compress(CONTENT)
    client.site.put("/a.tsv", body(packed, Content_Encoding="gzip"))
    client.site.put("/a.tsv.gz", body(packed, Content_Encoding="gzip"))
    assert content(await client.fetch("/a.tsv")) == CONTENT
    assert content(await client.fetch("/a.tsv.gz")) == packed


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=genes.tsv", "genes.tsv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x\\\\genes.tsv"', "genes.tsv"),
        ("attachment; filename*=UTF-8''g%C3%A8nes.tsv", "gènes.tsv"),
        ('attachment; filename=".."', "download"),
        ("attachment", "export"),
        ("", "export"),
    ],
)
def test_name_is_safe(disposition: str, name: str) -> None:
    """Content-Disposition names the file, and never a place."""
    url = "https://example.org/" if name == "download" else "https://example.org/export?format=tsv"
    assert name_of(url, disposition) == name


def test_a_release_that_a_server_names() -> None:
    """Without a date it is the ETag, of which a shell would obey nothing, else what the contents hash to."""
    file = Fetched(name="a", url="u", path=None, etag='W/"6a-b.1"')
    assert release_of([file], ["x"]) == "6a-b.1"
    assert release_of([msgspec.structs.replace(file, etag='"1;$(id) `é\udce9`"')], ["x"]) == "1___id______"
    assert len(release_of([msgspec.structs.replace(file, etag="")], ["x"])) == 12


def test_release_is_fit_for_a_path() -> None:
    """Whatever a server calls its release becomes one path component."""
    assert safe_release("Thu, 07 May 2020 13:40:12 GMT") == "Thu, 07 May 2020 13:40:12 GMT"
    assert safe_release(' 2026/11\n"x"') == "2026_11__x_"
    assert safe_release("é" * 200) == safe_name("é" * 200) == "é" * 100
    assert safe_release("2026\x9b1m\u2028x") == "2026_1m_x"
    assert safe_release("../../etc") == "_.._etc"
    with pytest.raises(DumpRefused):
        safe_release("..")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("genes.tsv", b"<!DOCTYPE html><p>Not here"),
        ("genes.tsv", b"\xef\xbb\xbf \n<!-- x --><HTML>"),
        ("download", b"<html>"),
        ("genes.tsv.gz", b"<html>"),
        ("genes.gz", b"id\tname"),
        ("genes.zip", b""),
        ("genes.xz", b"\x1f\x8b"),
    ],
)
def test_what_is_not_data_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    """An error page is not data, and a .gz that is none is not stored."""
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DumpRefused, match=name):
        check_content(tmp_path / "x", name)


def test_what_is_data_is_taken(tmp_path: Path) -> None:
    """HTML is welcome where the name says so, and an empty file may be meant."""
    path = tmp_path / "x"
    path.write_bytes(b"<html>")
    check_content(path, "list.html")
    path.write_bytes(gzip.compress(b"<html>"))
    check_content(path, "page.gz")
    path.write_bytes(b"")
    check_content(path, "genes.tsv")


async def test_server_that_falls_silent(client: Client) -> None:
    """A transfer that stands still is given up and resumed, not waited for without end."""
    silence = asyncio.Event()

    async def stalling(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"a"'})
        response.content_length = len(CONTENT)
        await response.prepare(request)
        await response.write(CONTENT[:1000])
        await silence.wait()
        return response

    client.site.put("/a.tsv", stalling, conditional(CONTENT, '"a"'))
    async with aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(sock_read=0.2)) as impatient:
        client.session = impatient
        assert content(await client.fetch("/a.tsv")) == CONTENT
    assert client.site.asked[1]["Range"] == "bytes=1000-"
    silence.set()
