"""Servers as the world has them: redirects, signed addresses, long headers, odd validators, proxies, certificates of one's own."""

import asyncio
import os
import string
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.sources import File
from tests.workers.certificates import Certificates, make_certificates
from tests.workers.rawsite import answer, field, listening, open_raw_site
from workers.dump.addresses import as_written, redirected
from workers.dump.connection import is_exempt, open_session, proxy_for, trust
from workers.dump.errors import DownloadFailed, DumpRefused
from workers.dump.fetch import Fetched, Fetcher

CONTENT = b"id\tname\n1\tABL1\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of the servers here."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the developer are for other hosts."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


async def fetch(url: str, folder: Path, previous: File | None = None) -> Fetched:
    """As a dump fetches."""

    async def advance(more: int, total: int | None) -> None:
        """How far it is matters to nobody here."""

    async with open_session(trust()) as session:
        return await Fetcher(session, folder, 10**6, attempts=3, pause=0.0).fetch(url, previous, advance)


def content(fetched: Fetched) -> bytes:
    """What was stored."""
    assert fetched.path is not None
    return fetched.path.read_bytes()


def line(head: bytes) -> bytes:
    """What a request asks for, as it came."""
    return head.split(b" ")[1]


written = st.text(st.sampled_from(string.ascii_letters + string.digits + "%/.-_~!$&'()*+,;=:@|^`{}[]\"<>\\"), max_size=40)


@given(
    path=written, query=st.text(st.sampled_from(string.ascii_letters + string.digits + "%/?.-_~!$&'()*+,;=:@|^`{}\""), min_size=1)
)
def test_an_address_is_sent_byte_for_byte(path: str, query: str) -> None:
    """Nothing is quoted, unquoted, sorted or shortened."""
    assert as_written(f"https://example.org/{path}?{query}").raw_path_qs == f"/{path}?{query}"


@given(st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=20))
def test_what_no_request_can_hold_is_quoted(path: str) -> None:
    """Blanks and letters beyond ASCII become what they stand for."""
    sent = as_written(f"https://example.org/x{path}y").raw_path_qs

    assert sent.isascii()
    assert " " not in sent
    assert urllib.parse.unquote_to_bytes(sent) == urllib.parse.unquote_to_bytes(f"/x{path}y".encode())


def test_hosts_beyond_ascii() -> None:
    """They are asked for by the name that the net knows them by."""
    assert as_written("https://bücher.example:8000/ä").raw_authority == "xn--bcher-kva.example:8000"


@pytest.mark.parametrize("url", ["http://example.org:99999/", "http://[::1/a", "http:///a"])
async def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    """It is refused at once."""
    with pytest.raises(DumpRefused, match=r"http:"):
        await fetch(url, tmp_path)


async def test_a_signed_address_holds_after_a_redirect(tmp_path: Path) -> None:
    """The store behind the redirect gets the signature as it was written."""
    signed = b"/b%2Fc/d+e%20f?X-Sig=a%2Fb%2B%3D+c&name=%C3%A9&empty=&list=x,y;z"

    def serve(head: bytes) -> bytes:
        return answer(CONTENT) if line(head) == signed else answer(b"", "302 Found", b"Location: " + signed)

    async with open_raw_site(serve) as site:
        fetched = await fetch(site.url("/start%2Fhere?a=%2f"), tmp_path)

    assert content(fetched) == CONTENT
    assert [line(head) for head in site.asked] == [b"/start%2Fhere?a=%2f", signed]


@pytest.mark.parametrize("place", ["absolute", "//host", "/path", "?query", "raw bytes"])
async def test_redirects_of_every_form(tmp_path: Path, place: str) -> None:
    """Absolute, without a scheme, a path, a query, with bytes beyond ASCII."""

    def serve(head: bytes) -> bytes:
        if line(head) != b"/x/a.tsv":
            return answer(CONTENT)
        here = b"//" + field(head, "Host").encode()
        target = {
            "absolute": b"http:" + here + b"/b",
            "//host": here + b"/b",
            "/path": b"/b",
            "?query": b"?v=2",
            "raw bytes": b"/\xe9\xc3\xa9",
        }
        return answer(b"", "307 Temporary Redirect", b"Location:  " + target[place])

    async with open_raw_site(serve) as site:
        assert content(await fetch(site.url("/x/a.tsv"), tmp_path)) == CONTENT

    assert line(site.asked[1]) == {"?query": b"/x/a.tsv?v=2", "raw bytes": b"/%E9%C3%A9"}.get(place, b"/b")


@pytest.mark.parametrize("location", [b"", b"ftp://example.org/a", b"file:///etc/passwd", b"http://[", b"mailto:x"])
async def test_redirects_that_lead_nowhere(tmp_path: Path, location: bytes) -> None:
    """They are refused at once, with what they say."""
    async with open_raw_site(lambda head: answer(b"", "302 Found", b"Location: " + location)) as site:
        with pytest.raises(DumpRefused, match="sends us"):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 1


async def test_redirects_in_a_circle(tmp_path: Path) -> None:
    """They end, once."""
    async with open_raw_site(lambda head: answer(b"", "302 Found", b"Location: /a")) as site:
        with pytest.raises(DumpRefused, match="more than 20 times"):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 21


def test_https_is_not_left() -> None:
    """From https nothing leads to http, not by way of another address either; what began with http may."""
    assert redirected("https://a.org/x", "https://a.org/x", "https://b.org/y") == "https://b.org/y"
    assert redirected("http://a.org/x", "https://a.org/x", "http://a.org/y") == "http://a.org/y"
    for location in ("http://a.org/x", "http://b.org/y"):
        with pytest.raises(DumpRefused, match="anybody on the way"):
            redirected("https://a.org/x", "https://b.org/x", location)


def test_a_name_and_password_stay_with_their_server() -> None:
    """An absolute redirect keeps them on the same host and port, and nowhere else."""
    first = "http://me:se%2Fcret@a.org:81/x"

    assert redirected(first, first, "http://a.org:81/y?z") == "http://me:se%2Fcret@a.org:81/y?z"
    assert redirected(first, first, "/y") == "http://me:se%2Fcret@a.org:81/y"
    assert redirected(first, first, "http://a.org/y") == "http://a.org/y"
    assert redirected(first, first, "http://b.org:81/y") == "http://b.org:81/y"


async def test_a_name_and_password_are_sent(tmp_path: Path) -> None:
    """As basic authentication, percent-encoding undone, and the path unchanged."""
    async with open_raw_site(lambda head: answer(CONTENT)) as site:
        await fetch(site.url("/a%2Fb").replace("://", "://me:p%40ss@"), tmp_path)

    assert field(site.asked[0], "Authorization") == "Basic bWU6cEBzcw=="
    assert line(site.asked[0]) == b"/a%2Fb"


async def test_headers_up_to_64_kilobytes(tmp_path: Path) -> None:
    """One long header, and many of them; beyond that it is refused, and not asked again."""
    lengthy = [b"X-Long: " + b"x" * 60_000, *(b"X-%d: y" % number for number in range(500))]

    async with open_raw_site(lambda head: answer(CONTENT, "200 OK", *lengthy)) as site:
        assert content(await fetch(site.url("/a"), tmp_path)) == CONTENT
    async with open_raw_site(lambda head: answer(CONTENT, "200 OK", b"X-Long: " + b"x" * 70_000)) as site:
        with pytest.raises(DumpRefused, match="can't be read"):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 No", "403 No", "404 No", "410 Gone", "451 No", "501 No", "505 No", "300 Many", "204 No"]
)
async def test_what_cannot_change_is_asked_once(tmp_path: Path, status: str) -> None:
    """The answer is named."""
    async with open_raw_site(lambda head: answer(b"", status)) as site:
        with pytest.raises(DumpRefused, match=status[:3]):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 1


@pytest.mark.parametrize("status", ["408 Late", "425 Early", "429 Many", "500 Oh", "502 Oh", "503 Oh", "507 Full", "522 Oh"])
async def test_what_may_pass_is_asked_again(tmp_path: Path, status: str) -> None:
    """As often as is configured, then the job may try later."""
    async with open_raw_site(lambda head: answer(b"", status, b"Retry-After: \xb2")) as site:
        with pytest.raises(DownloadFailed, match=status[:3]):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 3


async def test_what_is_no_http_is_asked_once(tmp_path: Path) -> None:
    """A mail server answers the same tomorrow."""
    async with open_raw_site(lambda head: b"220 mail.example.org ESMTP\r\n\r\n") as site:
        with pytest.raises(DumpRefused, match="can't be read"):
            await fetch(site.url("/a"), tmp_path)

    assert len(site.asked) == 1


async def test_validators_that_are_no_text(tmp_path: Path) -> None:
    """They are forgotten, and the file is stored all the same."""
    odd = (b'ETag: "\xe9"', b"Last-Modified: \xff yesterday")

    async with open_raw_site(lambda head: answer(CONTENT, "200 OK", *odd)) as site:
        fetched = await fetch(site.url("/a"), tmp_path)

    assert (fetched.etag, fetched.last_modified, content(fetched)) == ("", "", CONTENT)


async def test_what_is_said_to_be_packed_strangely_is_told(tmp_path: Path) -> None:
    """The file is taken as it came, with a word for the log."""
    async with open_raw_site(lambda head: answer(CONTENT, "200 OK", b"Content-Encoding: UTF-8")) as site:
        fetched = await fetch(site.url("/a"), tmp_path)

    assert content(fetched) == CONTENT
    assert fetched.warnings == ("a is said to be packed as utf-8: it is taken as it came",)


# -- certificates ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_certificates_that_the_environment_names(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A server of one's own authority is trusted where either variable names it, and refused at once where none does."""
    async with open_raw_site(lambda head: answer(CONTENT), certificates.context()) as site:
        with pytest.raises(DumpRefused, match="not trusted"):
            await fetch(site.url("/a", "https"), tmp_path)
        monkeypatch.setenv(variable, str(certificates.authority))
        assert content(await fetch(site.url("/a", "https"), tmp_path)) == CONTENT


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The variable is named, instead of every server being distrusted."""
    monkeypatch.setenv(variable, str(tmp_path / "none.pem"))

    with pytest.raises(DumpRefused, match=variable):
        trust()


async def test_http_on_a_port_of_https(tmp_path: Path) -> None:
    """A server that speaks no TLS will not tomorrow."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", "400 Bad Request"))

    async with listening(serve) as port:
        with pytest.raises(DumpRefused, match="no secure connection"):
            await fetch(f"https://127.0.0.1:{port}/a", tmp_path)


# -- proxies --------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_tunnels(to: int, wants: bytes = b"") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A proxy that tunnels every CONNECT to the port `to`, and what it was asked. `wants`: a line that requests need."""
    asked: list[bytes] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        if wants not in head:
            writer.write(answer(b"", "407 Proxy Authentication Required"))
            return
        there, back = await asyncio.open_connection("127.0.0.1", to)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async with listening(serve) as port:
        yield port, asked


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_http_by_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The proxy is asked for the whole address, as it was written, also behind a redirect, and shown the name it wants."""

    def serve(head: bytes) -> bytes:
        if line(head).startswith(b"http://one.example/"):
            return answer(b"", "302 Found", b"Location: http://two.example/b%2Fc?d=%2F")
        return answer(CONTENT)

    async with open_raw_site(serve) as proxy:
        monkeypatch.setenv(variable, proxy.url("").replace("://", "://me:pass@"))
        assert content(await fetch("http://one.example/a%2fb", tmp_path)) == CONTENT

    assert [line(head) for head in proxy.asked] == [b"http://one.example/a%2fb", b"http://two.example/b%2Fc?d=%2F"]
    assert {field(head, "Proxy-Authorization") for head in proxy.asked} == {"Basic bWU6cGFzcw=="}


async def test_https_by_a_proxy(tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a tunnel, with the server's certificate checked; a proxy that refuses is not asked again."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    async with (
        open_raw_site(lambda head: answer(CONTENT), certificates.context()) as site,
        open_tunnels(site.port, b"Proxy-Authorization: Basic bWU6cGFzcw==") as (port, asked),
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass@127.0.0.1:{port}")
        assert content(await fetch("https://localhost/a", tmp_path)) == CONTENT
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(DumpRefused, match="407"):
            await fetch("https://localhost/a", tmp_path)

    assert [head.split(b"\r\n")[0] for head in asked] == [b"CONNECT localhost:443 HTTP/1.1"] * 2


async def test_hosts_without_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY is looked at for each address."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.0/8")

    async with open_raw_site(lambda head: answer(CONTENT)) as site:
        assert content(await fetch(site.url("/a"), tmp_path)) == CONTENT


@pytest.mark.parametrize(
    ("host", "port", "exempt", "is_one"),
    [
        ("a.example.org", 80, "example.org", True),
        ("a.example.org", 80, " .example.org , x", True),
        ("a.example.org", 80, "*.EXAMPLE.org", True),
        ("badexample.org", 80, "example.org", False),
        ("example.org", 8080, "example.org:8080", True),
        ("example.org", 80, "example.org:8080", False),
        ("anything", 80, "*", True),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("11.1.2.3", 80, "10.0.0.0/8 localhost", False),
        ("::1", 80, "::1", True),
        ("::1", 80, "[::1]:80", True),
        ("example.org", 80, "", False),
        ("example.org", 80, ",.,", False),
    ],
)
def test_exemptions(host: str, port: int, exempt: str, is_one: bool) -> None:
    """Hosts, domains, ports, addresses and networks, as other programs read them."""
    assert is_exempt(host, port, exempt) is is_one


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://", "http://x:y:z"])
def test_proxies_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """They are told, instead of being passed by."""
    monkeypatch.setenv("HTTP_PROXY", proxy)

    with pytest.raises(DumpRefused, match="proxy"):
        proxy_for(as_written("http://example.org/"))
