"""How requests leave this machine: through the proxies, and trusting the certificates, that the environment names."""

import ipaddress
import os
import re
import ssl
import urllib.request
from pathlib import Path

import aiohttp
from yarl import URL

from domain.reach import open_socket
from workers.dump.errors import DumpRefused

HEADER = 2**16
"""Bytes that one response header may have, and the line before them."""
HEADERS = 1024
"""Response headers that an answer may have."""
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)


def open_session(trusted: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session for fetching files from servers whose certificates `trusted` covers, at addresses that NETWORKS allows."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusted, socket_factory=open_socket),
        timeout=TIMEOUT,
        auto_decompress=False,
        headers={"User-Agent": "leat"},
    )


def trust() -> ssl.SSLContext:
    """The certificates that servers are checked against: those of `REQUESTS_CA_BUNDLE` (a file, or a folder) and `SSL_CERT_FILE`,
    or the system's where neither is set. Reads files: to be called in a thread. Raises DumpRefused where they can't be read."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if (named := os.environ.get(variable)) and not Path(named).exists():
            raise DumpRefused(f"{variable} names {named}, which is not there: no certificate could be checked")
    try:
        if not bundle:
            return ssl.create_default_context()  # looks at SSL_CERT_FILE and SSL_CERT_DIR by itself
        is_folder = Path(bundle).is_dir()
        context = ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
        if named := os.environ.get("SSL_CERT_FILE"):
            context.load_verify_locations(named)
    except (ssl.SSLError, OSError) as error:
        raise DumpRefused(f"the certificates of REQUESTS_CA_BUNDLE or SSL_CERT_FILE can't be read: {error}") from error
    return context


def proxy_for(url: URL) -> URL | None:
    """The proxy by which `url` is asked for: that of `HTTP_PROXY` or `HTTPS_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` exempts the
    host. Small letters go before capitals. Raises DumpRefused where the proxy is not one of http."""
    proxies = urllib.request.getproxies_environment()
    named = proxies.get(url.scheme) or proxies.get("all")
    if not named or is_exempt(url.host or "", url.port, proxies.get("no", "")):
        return None
    if "://" not in named:
        named = f"http://{named}"
    try:
        proxy = URL(named)
    except ValueError as error:
        raise DumpRefused(f"the proxy of the environment is no address: {error}") from error
    if proxy.scheme not in ("http", "https") or not proxy.host:
        raise DumpRefused(
            f"the proxy of the environment is one of {proxy.scheme or 'nothing'}: files are fetched by http proxies only"
        )
    return proxy


def is_exempt(host: str, port: int | None, exempt: str) -> bool:
    """Does `NO_PROXY` name the host: itself, a domain that it belongs to, its address, a network of it, or `*`?"""
    host = host.lower().rstrip(".")
    address = _address(host)
    for entry in filter(None, re.split(r"[,\s]+", exempt.lower())):
        name, at = entry, None
        if match := re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", entry):
            name, at = match[1], int(match[2])
        name = name.strip("[]").removeprefix("*.").strip(".")
        if at in (None, port) and (entry == "*" or _covers(name, host, address)):
            return True
    return False


def _covers(name: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if address is None:
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        return address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
