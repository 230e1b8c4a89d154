"""How much one address may ask of the published APIs, and whose address it is where proxies stand in front."""

import functools
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.endpoint.limits import Budgets
from gateway.rest.answers import fail


class Proxies:
    """The proxies whose word about who asks counts: addresses and networks. Raises ValueError for what is neither."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ip_network(network, strict=False) for network in networks]
        self.trusts = functools.lru_cache(1000)(self._trusts)

    def _trusts(self, address: str) -> bool:
        """Whether it is one of them."""
        try:
            read = ip_address(address)
        except ValueError:
            return False
        return any(read in network for network in self._networks)

    def client(self, request: web.Request) -> str:
        """The address that asks: the nearest one that is no trusted proxy, as `Forwarded`, or else `X-Forwarded-For`, tells. What a
        client itself writes there stands further away, so it is never believed."""
        nearest = request.remote or ""
        for address in reversed(_told(request)) if self._networks and self.trusts(nearest) else ():
            nearest = address
            if not self.trusts(address):
                break
        return nearest


def _told(request: web.Request) -> list[str]:
    """The addresses that proxies passed on, the farthest first."""
    if "Forwarded" in request.headers:
        return [_bare(element.get("for", "unknown")) for element in request.forwarded]
    lines = request.headers.getall("X-Forwarded-For", [])
    return [_bare(word) for line in lines for word in line.split(",") if word.strip()]


def _bare(text: str) -> str:
    """An address without the port, and the brackets, that it may have."""
    text = text.strip().strip('"')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@functools.lru_cache(10_000)
def _key(address: str) -> str:
    """Whose budget it is: an IPv6 client has a network of 2^64 addresses, so that is counted as one."""
    try:
        read = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(read, IPv6Address):
        return address
    return str(read.ipv4_mapped or ip_network((read, 64), strict=False))


def limited(handler: Handler, per_minute: int, proxies: Proxies) -> Handler:
    """The handler for at most so many requests a minute of one address, saved up for a minute; 429 beyond. 0: for any number."""
    if not per_minute:
        return handler
    budgets = Budgets(per_minute)

    async def counted(request: web.Request) -> web.StreamResponse:
        wait = budgets.spend(_key(proxies.client(request)), 1)
        if not wait:
            return await handler(request)
        answer = fail(429, "Too Many Requests", reason=f"an address may ask {per_minute} times a minute", max=per_minute)
        answer.headers["Retry-After"] = str(ceil(wait))
        answer.headers["RateLimit-Policy"] = f'"address";q={per_minute};w=60'
        answer.headers["RateLimit"] = f'"address";r=0;t={ceil(wait)}'
        return answer

    return counted
