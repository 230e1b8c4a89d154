"""Downloads reach no address that only the hub's own network should."""

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.reach import PRIVATE, check_literal, may_reach
from tests.workers.ftpsite import open_ftp_site
from tests.workers.rawsite import answer, open_raw_site
from workers.dump.connection import open_session, trust
from workers.dump.errors import DumpRefused
from workers.dump.fetch import Fetcher

link_local = st.ip_addresses(network="169.254.0.0/16") | st.ip_addresses(network="fe80::/10")
private = st.sampled_from(PRIVATE).flatmap(lambda network: st.ip_addresses(network=str(network)))
CLOUDS = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")


async def fetch(url: str, folder: Path, *networks: str) -> bytes:
    """What is fetched where these networks may be reached."""

    async def advance(more: int, total: int | None) -> None:
        """How far it is matters to nobody here."""

    async with open_session(trust()) as session:
        fetcher = Fetcher(session, folder, 10**6, networks=networks, attempts=3, pause=0.0)
        fetched = await fetcher.fetch(url, None, advance)
    assert fetched.path is not None
    return fetched.path.read_bytes()


@given(link_local)
def test_link_local_addresses_have_to_be_named(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """`private` does not stand for them; their own network does."""
    assert not may_reach(str(address), ("private",))
    assert may_reach(str(address), ("169.254.0.0/16", "fe80::/10"))


@given(private)
def test_private_addresses_are_allowed_by_a_word(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """But for those where clouds tell credentials."""
    assert not may_reach(str(address), ())
    assert may_reach(str(address), ("private",)) != (str(address) in CLOUDS)


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_counts_in_every_spelling(address: ipaddress.IPv4Address) -> None:
    """Mapped, translated or tunnelled, it is reached all the same."""
    number = int(address)
    mapped, translated = (0xFFFF << 32) + number, (0x64FF9B << 96) + number
    tunnelled = (0x2002 << 112) + (number << 80)

    for spelt in (mapped, translated, tunnelled):
        assert may_reach(str(ipaddress.IPv6Address(spelt)), ()) == may_reach(str(address), ())


@pytest.mark.parametrize("address", CLOUDS)
def test_where_clouds_tell_credentials(address: str) -> None:
    """Only a network that names it, whatever network it lies in."""
    assert not may_reach(address, ("private",))
    assert may_reach(address, (f"{address}/128" if ":" in address else address,))


def test_public_addresses_need_no_word() -> None:
    """Nor does `fe80` in the middle of one matter."""
    assert may_reach("93.184.215.14", ())
    assert may_reach("2606:2800:21f:fe80::1", ())


@pytest.mark.parametrize("scheme", ["http", "ftp"])
async def test_nothing_is_said_to_who_may_not_be_reached(tmp_path: Path, scheme: str) -> None:
    """No byte arrives there, by name or by address; where it is allowed, the file comes."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/a.tsv").write_bytes(b"1")
    async with open_raw_site(lambda head: answer(b"1")) as site:
        with open_ftp_site(tmp_path / "site") as ftp:
            port = site.port if scheme == "http" else ftp.port
            for host in ("127.0.0.1", "localhost"):
                with pytest.raises(DumpRefused, match=r"internal address.*LEAT_DOWNLOAD_NETWORKS"):
                    await fetch(f"{scheme}://{host}:{port}/a.tsv", tmp_path)

            assert not site.asked
            assert await fetch(f"{scheme}://127.0.0.1:{port}/a.tsv", tmp_path, "127.0.0.0/8") == b"1"


async def test_a_redirect_leads_nowhere_else(tmp_path: Path) -> None:
    """Each address on the way is looked at when it is connected to."""
    async with (
        open_raw_site(lambda head: answer(b"secret")) as inner,
        open_raw_site(lambda head: answer(b"", "302 Found", f"Location: http://127.0.0.2:{inner.port}/".encode())) as outer,
    ):
        with pytest.raises(DumpRefused, match="internal address"):
            await fetch(outer.url("/a.tsv"), tmp_path, "127.0.0.1/32")

    assert len(outer.asked) == 1
    assert not inner.asked


async def test_a_name_that_has_another_address_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the address that is connected to: a name is resolved once for both."""
    asked: list[Any] = []

    def resolve(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", int(port)))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    for scheme in ("http", "ftp"):
        with pytest.raises(DumpRefused, match="internal address"):
            await fetch(f"{scheme}://data.example.org/a.tsv", tmp_path, "private")
    assert asked == ["data.example.org"] * 2


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]"])
async def test_a_proxy_is_asked_for_no_internal_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """However it is spelt. The proxy itself may be anywhere: the operator named it."""
    async with open_raw_site(lambda head: answer(b"1")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        monkeypatch.setenv("no_proxy", "")

        with pytest.raises(DumpRefused, match="internal address"):
            await fetch(f"http://{host}/latest/meta-data", tmp_path, "private")
        assert not proxy.asked
        assert await fetch("http://data.example.org/a.tsv", tmp_path) == b"1"


def test_names_are_the_proxys_to_look_up() -> None:
    """But for this machine's own."""
    check_literal("data.example.org", ())
    with pytest.raises(PermissionError):
        check_literal("LocalHost.", ())
