"""Fetching over ftp and ftps: only if it changed, resumed, checked, limited."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from events.sources import File
from tests.workers.certificates import Certificates, make_certificates
from tests.workers.ftpsite import FtpSite, open_ftp_site
from tests.workers.rawsite import listening
from workers.dump import over_ftp
from workers.dump.errors import DownloadFailed, DumpRefused
from workers.dump.fetch import Fetched, Fetcher

CONTENT = bytes(range(256)) * 4000
MODIFIED = 1_795_000_000
DATE = "Wed, 18 Nov 2026 11:06:40 GMT"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of the servers here."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What is served: `genes.tsv`, and one with a name that has to be quoted."""
    served = tmp_path / "served"
    (served / "sub dir").mkdir(parents=True)
    for name in ("genes.tsv", "sub dir/é#.tsv"):
        (served / name).write_bytes(CONTENT)
        os.utime(served / name, (MODIFIED, MODIFIED))
    return served


@pytest.fixture
def site(folder: Path) -> Iterator[FtpSite]:
    """A server without TLS."""
    with open_ftp_site(folder) as opened:
        yield opened


async def fetch(url: str, folder: Path, previous: File | None = None, *, limit: int = 2 * 10**6, attempts: int = 3) -> Fetched:
    """As a dump fetches."""

    async def advance(more: int, total: int | None) -> None:
        """How far it is matters to nobody here."""

    async with aiohttp.ClientSession() as session:
        return await Fetcher(session, folder, limit, attempts=attempts, pause=0.0).fetch(url, previous, advance)


def content(fetched: Fetched) -> bytes:
    """What was stored."""
    assert fetched.path is not None
    return fetched.path.read_bytes()


async def test_a_file_arrives_with_its_date(site: FtpSite, tmp_path: Path) -> None:
    """The name is the path's, and the date names the release."""
    fetched = await fetch(site.url("/genes.tsv"), tmp_path)

    assert content(fetched) == CONTENT
    assert (fetched.name, fetched.last_modified) == ("genes.tsv", DATE)
    assert site.heard[:2] == ["USER anonymous", "PASS anonymous@"]


async def test_a_name_and_a_path_are_unquoted(site: FtpSite, tmp_path: Path) -> None:
    """User, password and path are what the percent signs stand for."""
    fetched = await fetch(site.url("/sub%20dir/%C3%A9%23.tsv;type=i", user="me:p%40ss@"), tmp_path)

    assert (fetched.name, content(fetched)) == ("é_.tsv", CONTENT)
    assert site.heard[:2] == ["USER me", "PASS p@ss"]


async def test_an_unchanged_file_is_not_transferred(site: FtpSite, tmp_path: Path) -> None:
    """Equal size and date say that it is the same; another size or date does not."""
    previous = File(name="genes.tsv", size=len(CONTENT), url=site.url("/genes.tsv"), last_modified=DATE)

    assert (await fetch(site.url("/genes.tsv"), tmp_path, previous)).previous is previous
    assert not any(line.startswith("RETR") for line in site.heard)
    os.utime(site.folder / "genes.tsv", (MODIFIED + 1, MODIFIED + 1))
    assert content(await fetch(site.url("/genes.tsv"), tmp_path, previous)) == CONTENT


async def test_a_cut_transfer_is_resumed(site: FtpSite, tmp_path: Path) -> None:
    """After each cut only the rest is asked for, and cuts that bring something on end nothing."""
    site.cuts = [100_000, 200_000, 300_000, 1, 1]

    assert content(await fetch(site.url("/genes.tsv"), tmp_path, attempts=2)) == CONTENT

    assert {line for line in site.heard if line.startswith("REST")} == {
        f"REST {place}" for place in (100_000, 300_000, 600_000, 600_001, 600_002)
    }


@pytest.mark.parametrize("unknown", [{"REST"}, {"MDTM"}, {"SIZE", "MDTM"}])
async def test_servers_that_cannot_resume(site: FtpSite, tmp_path: Path, unknown: set[str]) -> None:
    """Without REST, or a date to know the file by, it is begun anew."""
    site.unknown = unknown
    site.cuts = [100_000]

    assert content(await fetch(site.url("/genes.tsv"), tmp_path)) == CONTENT


async def test_transfers_that_bring_nothing_end(site: FtpSite, tmp_path: Path) -> None:
    """As often as is configured."""
    site.cuts = [0] * 10

    with pytest.raises(DownloadFailed, match="3 attempts"):
        await fetch(site.url("/genes.tsv"), tmp_path)


@pytest.mark.parametrize("size", [len(CONTENT), len(CONTENT) - 7, len(CONTENT) + 7])
async def test_a_file_that_changes_meanwhile_is_begun_anew(site: FtpSite, tmp_path: Path, size: int) -> None:
    """Shorter, longer or of the same size: what is stored is one version."""
    new = b"x" * size
    site.changes = [new]

    assert content(await fetch(site.url("/genes.tsv"), tmp_path)) == new


async def test_a_file_that_changes_between_two_parts(site: FtpSite, tmp_path: Path) -> None:
    """The part of the old one is thrown away."""
    site.cuts = [100_000]
    new = b"y" * len(CONTENT)
    fetching = asyncio.create_task(fetch(site.url("/genes.tsv"), tmp_path))
    await asyncio.to_thread(site.was_cut.wait, 10)
    (site.folder / "genes.tsv").write_bytes(new)

    assert content(await fetching) == new


async def test_an_empty_file(site: FtpSite, tmp_path: Path) -> None:
    """It is a file."""
    (site.folder / "genes.tsv").write_bytes(b"")

    assert content(await fetch(site.url("/genes.tsv"), tmp_path)) == b""


@pytest.mark.parametrize("unknown", [set[str](), {"SIZE"}])
async def test_the_limit_holds(site: FtpSite, tmp_path: Path, unknown: set[str]) -> None:
    """Whether or not the server tells the size."""
    site.unknown = unknown

    with pytest.raises(DumpRefused, match="limit of 1000 bytes"):
        await fetch(site.url("/genes.tsv"), tmp_path, limit=1000)


@pytest.mark.parametrize(
    ("path", "user", "said"),
    [
        ("/absent.tsv", "", "550"),
        ("/genes.tsv", "me:wrong@", "530"),
        ("/sub%20dir/", "", "names a folder"),
        ("", "", "names a folder"),
        ("/a%0D%0ADELE%20genes.tsv", "", "line break"),
        ("/genes.tsv", "a%0Ab@", "line break"),
    ],
)
async def test_what_cannot_change_is_asked_once(site: FtpSite, tmp_path: Path, path: str, user: str, said: str) -> None:
    """With what the server said."""
    with pytest.raises(DumpRefused, match=said):
        await fetch(site.url(path, user=user), tmp_path)

    assert len([line for line in site.heard if line.startswith("USER")]) <= 1


async def test_nobody_there(tmp_path: Path) -> None:
    """That may pass."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(DownloadFailed, match=r"refused.*\(3 attempts\)"):
        await fetch(f"ftp://127.0.0.1:{port}/a", tmp_path)


@pytest.mark.parametrize("implicit", [False, True])
async def test_ftps(
    folder: Path, tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, implicit: bool
) -> None:
    """Control and data are secured, by AUTH TLS or from the first byte; a certificate that is not trusted is refused at once."""
    with open_ftp_site(folder, certificates.server, implicit=implicit) as site:
        with pytest.raises(DumpRefused, match="not trusted"):
            await fetch(site.url("/genes.tsv", "ftps"), tmp_path)
        assert not any(line.startswith("USER") for line in site.heard)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        site.cuts = [300_000]
        fetched = await fetch(site.url("/genes.tsv", "ftps", user="me:p%40ss@"), tmp_path)

    assert content(fetched) == CONTENT
    assert "PROT P" in site.heard
    assert "REST 300000" in site.heard


async def test_a_server_without_tls_gets_no_password(site: FtpSite, tmp_path: Path) -> None:
    """What is to be secured is not sent in the open instead."""
    with pytest.raises(DumpRefused, match=r"50[02]"):
        await fetch(site.url("/genes.tsv", "ftps", user="me:p%40ss@"), tmp_path)

    assert not any(line.startswith(("USER", "PASS")) for line in site.heard)


class Speaker:
    """A server that says what it is given, a line for each command, and then goes on silently or for ever."""

    def __init__(self, *lines: bytes, endless: bytes = b"") -> None:
        self.lines = [*lines]
        self.endless = endless

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in self.lines:
            writer.write(said + b"\r\n")
            await reader.readline()
        while self.endless:
            writer.write(self.endless)
            await writer.drain()
        await reader.read()


@pytest.mark.parametrize(
    ("speaker", "said"),
    [
        (Speaker(b"SSH-2.0-OpenSSH"), "SSH"),
        (Speaker(b"220 Hello", endless=b"331-more\r\n" * 1000), "does not end"),
        (Speaker(endless=b"220 " + b"x" * 10_000), "more than"),
    ],
    ids=["ssh", "an endless answer", "an endless line"],
)
async def test_what_is_no_ftp_is_asked_once(tmp_path: Path, speaker: Speaker, said: str) -> None:
    """Nor does it fill the memory."""
    async with listening(speaker.serve) as port:
        with pytest.raises(DumpRefused, match=said):
            await fetch(f"ftp://127.0.0.1:{port}/a", tmp_path)


@pytest.mark.parametrize("lines", [(), (b"220 Hello",)])
async def test_a_silent_server_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[bytes, ...]) -> None:
    """It is left, and so is the thread that waited for it."""
    monkeypatch.setattr(over_ftp, "ANSWER", 0.1)
    async with listening(Speaker(*lines).serve) as port:
        with pytest.raises(DownloadFailed, match="2 attempts"):
            await fetch(f"ftp://127.0.0.1:{port}/a", tmp_path, attempts=2)

        for thread in threading.enumerate():
            if thread.name.startswith("ftp"):
                await asyncio.to_thread(thread.join, 10)
                assert not thread.is_alive()


async def test_a_cancelled_fetch_leaves_no_thread(tmp_path: Path) -> None:
    """The connection is cut under the thread that reads from it."""
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 Hello\r\n")
        await reader.readline()
        heard.set()
        await reader.read()

    async with listening(serve) as port:
        fetching = asyncio.create_task(fetch(f"ftp://127.0.0.1:{port}/a", tmp_path))
        await heard.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        for thread in threading.enumerate():
            if thread.name.startswith("ftp"):
                await asyncio.to_thread(thread.join, 10)
                assert not thread.is_alive()
